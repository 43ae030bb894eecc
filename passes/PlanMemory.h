// Where every value of a function of kernels lies in memory.
#pragma once

#include "ir/SizeExpr.h"
#include "ir/TargetModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace ember::passes {

/// A value's place: an argument's or result's memory, or an offset in the arena.
struct Place {
  enum class Kind { Arena, Argument, Result };
  Kind kind = Kind::Arena;
  unsigned number = 0; // Argument, Result
  ir::SizeExpr offset; // Arena: bytes
};

struct MemoryPlan {
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::SmallVector<int64_t> resultAlias; // by result: the argument whose memory it takes over, or -1
  ir::SizeExpr arenaBytes;
  int64_t peakBytes = 0, liveBytes = 0; // of the static part: the arena's end, and the largest set of live bytes
};

/// Plans a function made by formKernels, and sets `in_place` on the kernels that write a result into an operand's memory.
/// Arguments with the attribute `ember.donated` may be taken over by a result of the same type. Kernels that may fault never come
/// after a write into a donated argument.
MemoryPlan planMemory(mlir::func::FuncOp function, const ir::TargetModel &target);

/// Bytes of a tensor, rounded up to the arena's alignment where static.
ir::SizeExpr paddedBytes(mlir::RankedTensorType type);

} // namespace ember::passes
