// Long sums of few results become sums of sums, which threads can share.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::passes {

/// Cuts a sum over one run of adjacent dimensions, of known length and with few results, at the blocks that its order has anyway
/// (ir/index/ReductionOrder.h): the same additions, so the same bits, but of many rows instead of one. Runs before kernels are
/// formed, whether they are fused or not.
void splitSums(mlir::func::FuncOp function);

} // namespace ember::passes
