// Ops that are defined by a graph of others become that graph.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace ember::passes {

/// Replaces every DecomposableOp of `function` by its graph, until none is left. Runs before kernels are formed, and after
/// `bindArgument`: what a constant decides (training) is decided here, and no code for the other side is made.
void decompose(mlir::func::FuncOp function);

/// Replaces an argument of `function` by a constant and takes it out of the signature: the program for one value of `training`.
void bindArgument(mlir::func::FuncOp function, unsigned number, mlir::DenseElementsAttr value);

} // namespace ember::passes
