// A group of ops as one kernel: what fusion proposes and generators take.
#pragma once

#include "ir/index/Access.h"
#include "ir/interfaces/Interfaces.h"
#include "llvm/ADT/SetVector.h"
#include <functional>

namespace ember::kernel {

/// Ops in order, the values they read from outside, and the values that leave. Built from a kernel's region or from a
/// candidate list of ops that are not yet in one.
struct Group {
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::SmallVector<mlir::Value> inputs, outputs;
  bool sharesMemory = false; // some output stands in an input's memory

  static Group of(llvm::ArrayRef<mlir::Operation *> ops, llvm::ArrayRef<mlir::Value> outputs);
  static Group of(mlir::Operation *kernelOp);
  bool contains(mlir::Operation *op) const { return op && members.contains(op); }
  bool isInput(mlir::Value value) const { return !contains(value.getDefiningOp()); }

private:
  llvm::SmallPtrSet<mlir::Operation *, 16> members;
};

/// One read of an input, at a flat row-major element address.
struct Read {
  mlir::Value input;
  ir::Expr address;
  llvm::SmallVector<ir::Cond> guards; // those that the ranges do not show to hold
};

/// What pulling values at points meets: every read of an input, and every reduction or contraction with its point.
struct Trace {
  std::vector<Read> reads;
  std::vector<std::pair<mlir::Operation *, llvm::SmallVector<ir::Expr>>> heroes; // stops there
  unsigned elements = 0, views = 0;                                              // scalar ops and views walked, a measure of work
  unsigned mostElements = UINT_MAX, mostViews = UINT_MAX;
  /// A value that is read at several places, such as in shifted sums of shifted sums, is computed for each of them. Where several
  /// ops would be walked far more often than they are there, following ends: no kernel is made of them.
  void endWhereTooOften(const Group &group);
  bool isTooOften() const { return elements >= mostElements || views >= mostViews; }
  /// Values with several readers, and where they were followed from: once from each place, or `x = x * x` n times would be
  /// followed 2^n times.
  struct Place {
    llvm::SmallVector<ir::Expr> point;
    llvm::SmallVector<ir::Cond> guards;
    bool operator==(const Place &other) const;
  };
  llvm::DenseMap<mlir::Value, std::vector<Place>> followed;
};

/// Why a group is refused of which a trace is too often.
inline constexpr const char *kTooOften = "it would compute its values too often";

/// Follows `value` at `point` through elementwise and view ops of the group down to inputs and heroes (reductions,
/// contractions), emitting nothing.
void trace(const Group &group, ir::Space &space, mlir::Value value, llvm::ArrayRef<ir::Expr> point,
           llvm::ArrayRef<ir::Cond> guards, Trace &out);

/// The flat row-major address of `point` in a tensor of this type.
ir::Expr addressOf(ir::Space &space, mlir::RankedTensorType type, llvm::ArrayRef<ir::Expr> point);

/// Appends the guards that do not follow from the ranges; false when one can never hold.
void addGuards(ir::Space &space, llvm::ArrayRef<ir::Cond> conds, llvm::SmallVectorImpl<ir::Cond> &guards);

} // namespace ember::kernel
