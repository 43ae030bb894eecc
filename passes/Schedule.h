// The order of kernels.
#pragma once

#include "ir/TargetModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::passes {

/// Orders the kernels of a function made by formKernels so that fewer bytes are alive at once, where that lowers the most there
/// are. Kernels that may fault stay before those that write results: a fault must find donated arguments as they were.
void scheduleKernels(mlir::func::FuncOp function, const ir::TargetModel &target);

} // namespace ember::passes
