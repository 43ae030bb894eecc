// Computes when compiling what depends on constants alone.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::passes {

/// Replaces ops on constants by constants, where the reference gives the bits that the compiled op would (ops without a
/// tolerance) and the result has no NaN, whose bits are the processor's. One number for all elements stays one; a table is
/// computed when it is no larger than what it is made of, or than 1024 elements.
void foldConstants(mlir::func::FuncOp function);

} // namespace ember::passes
