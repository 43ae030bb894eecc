// Where every value of a function of kernels lies in memory.
#pragma once

#include "ir/SizeExpr.h"
#include "ir/TargetModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace ember::passes {

/// A value's place: an argument's or result's memory, or a slot of the arena.
struct Place {
  enum class Kind { Arena, Argument, Result };
  Kind kind = Kind::Arena;
  unsigned number = 0; // of the argument, the result, or the slot
};

/// Arena memory that one value, or a chain of values each written over the one before, needs while kernels first to last run.
struct Slot {
  ir::SizeExpr bytes; // exact: the arena rounds them up
  int64_t first, last;
  int64_t offset = -1; // where no size of the program has a name
};

/// How well a plan does: no arena is smaller than the largest set of bytes that live at once.
struct Certificate {
  int64_t arenaBytes = 0, liveBytes = 0;
};

struct MemoryPlan {
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::SmallVector<int64_t> resultAlias; // by result: the argument whose memory it takes over, or -1
  llvm::SmallVector<Slot> slots;
  bool isStatic = true;    // no slot's size has a name: offsets are known; else the runtime finds them at entry
  Certificate certificate; // where static

  /// The plan for these sizes: offsets by slot. Throws std::bad_alloc where they have no place in memory.
  Certificate offsetsFor(const std::map<std::string, int64_t> &sizes, llvm::SmallVectorImpl<int64_t> &offsets) const;
};

/// Plans a function made by formKernels, and sets `in_place` on the kernels that write a result into an operand's memory.
/// Arguments with the attribute `ember.donated` may be taken over by a result of the same type. Kernels that may fault never come
/// after a write into a donated argument.
MemoryPlan planMemory(mlir::func::FuncOp function, const ir::TargetModel &target);

/// The plan in words, a line for each kernel and one for the arena: for these sizes, or for none where it is static.
std::string describePlan(mlir::func::FuncOp function, const MemoryPlan &plan, const std::map<std::string, int64_t> &sizes);

} // namespace ember::passes
