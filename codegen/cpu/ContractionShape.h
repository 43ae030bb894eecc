// A contraction as rows x depth times depth x columns.
#pragma once

#include "codegen/kernel/Group.h"

namespace ember::cpu {

/// A loop of a kernel and how often it turns.
struct Dim {
  ir::Expr loop;
  ir::SizeExpr size;
};

ir::SizeExpr sizeOf(llvm::ArrayRef<Dim> dims);

/// For each batch: result(row, column) = sum over depth of left(row, depth) * right(depth, column). Vector lanes run along the
/// columns. Loops of size 1 are no dimensions.
struct ContractionShape {
  mlir::Operation *op = nullptr;
  ir::Expr batch; // one loop over all batch dimensions
  ir::SizeExpr batchSize = 1;
  llvm::SmallVector<Dim> rows, columns, depth;
  unsigned left = 0, right = 1;      // the op's operands that are read at rows and at columns
  llvm::SmallVector<ir::Expr> loops; // the op's loops, of the result and reduced, by these

  /// The result's last dimensions are rows: lanes run across its memory.
  bool isSwapped() const { return left == 1; }
  llvm::ArrayRef<ir::Expr> point() const;
};

/// The contraction that a group holds; null when it holds none or several.
mlir::Operation *contractionOf(const kernel::Group &group);

/// The shapes that together compute the op. Mostly one; where an operand is inside only if a loop of the result and a reduced one
/// add up to a multiple of s (the gradient of a strided convolution), one for each remainder of the former, with those turns of
/// the latter that fit.
std::vector<ContractionShape> contractionShapes(const kernel::Group &group, mlir::Operation *op, ir::Space &space,
                                                unsigned lanes);

} // namespace ember::cpu
