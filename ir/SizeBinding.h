// Named sizes of a program at entry: what each name is, and whether all shapes agree on it.
#pragma once

#include "ir/EmberDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::ir {

using SizeValues = std::map<std::string, int64_t>;

/// Finds the sizes by name from shapes of tensors of these types. The number of the first tensor that does not fit, or nothing.
/// `sizes` then holds what was found of the names so far.
std::optional<unsigned> bindSizes(llvm::ArrayRef<mlir::RankedTensorType> types, llvm::ArrayRef<llvm::SmallVector<int64_t>> shapes,
                                  SizeValues &sizes);

/// Whether a dimension is `c*name + d`, so that its size says what the name is.
bool tells(mlir::RankedTensorType type, const std::string &name);

/// `[B, 64, 2*S]`.
std::string dimsText(mlir::RankedTensorType type);
/// `B = 3, S = 5`.
std::string sizesText(const SizeValues &sizes);

/// The least and largest value of a named size: attribute `ember.size.B = array<i64: 0, 64>` of the function. A name without one
/// takes any.
struct SizeRange {
  int64_t least = 0, most = INT64_MAX;
};
std::map<std::string, SizeRange> sizeRanges(mlir::func::FuncOp function);
/// What attributes that say ranges may not be, in one line; empty where they are good.
std::string rangesFault(mlir::func::FuncOp function);
void setSizeRanges(mlir::func::FuncOp function, const std::map<std::string, SizeRange> &ranges);
/// What is wrong with a size, `the size B is 0, expected at least 1`; empty when all are in range.
std::string outOfRange(const std::map<std::string, SizeRange> &ranges, const SizeValues &sizes);

} // namespace ember::ir
