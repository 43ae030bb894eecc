// Groups of ops that are to be kernels, before any kernel op exists.
#pragma once

#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace ember::passes {

/// Cloned into every reader: costs nothing, or less than reading it from memory. Constants, views, what has no operands.
bool isFree(mlir::Operation *op);

/// Bytes of a tensor, where sizes known only at run time count as 64.
int64_t estimatedBytes(mlir::Value value);
/// Whether a function returns the value: it has memory of its own then.
bool isReturned(mlir::Value value);

/// The mark of an op that is computed again for later readers: it joins no group of ops before them.
inline constexpr llvm::StringLiteral kRecomputed = "ember.recomputed";

/// Ops that compute, in the block's order.
using OpGroup = llvm::SmallVector<mlir::Operation *>;

/// What groups of one block need to know of it.
class BlockOps {
public:
  explicit BlockOps(mlir::Block &block);

  int64_t position(mlir::Operation *op) const { return positions.lookup(op); }
  /// The computing ops that a value comes from, through free ones, and those free ones.
  void sources(mlir::Value value, llvm::SetVector<mlir::Operation *> &computing, llvm::SetVector<mlir::Operation *> &free) const;
  /// The group's ops with the free ops they read, in the block's order.
  OpGroup withFreeOps(llvm::ArrayRef<mlir::Operation *> group) const;
  /// The values of a group that something outside reads. Free ops are in a group only where they are returned.
  llvm::SmallVector<mlir::Value> outputsOf(llvm::ArrayRef<mlir::Operation *> group) const;
  /// The values from outside that a group with its free ops reads.
  llvm::SmallVector<mlir::Value> inputsOf(llvm::ArrayRef<mlir::Operation *> withFree) const;
  mlir::Block &block;

private:
  bool leaves(mlir::Value value, const llvm::SmallPtrSetImpl<mlir::Operation *> &members) const;
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
};

} // namespace ember::passes
