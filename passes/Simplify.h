// Fewer ops for the same bits.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::passes {

/// Applies the ops' own folds, merges equal ops and drops what nobody reads: one walk, producers first. Every result keeps its
/// bits. Copies and detached values are their operands afterwards, so it comes after differentiation.
void simplify(mlir::func::FuncOp function);

/// Erases ops without effect whose results nobody reads, whole chains of them.
void dropDead(mlir::Block &block);

} // namespace ember::passes
