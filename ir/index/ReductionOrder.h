// The order in which a reduction combines its terms: a function of the op's shape, axes and dtype alone.
#pragma once

#include "mlir/IR/Operation.h"
#include <cstdint>

namespace ember::ir {

/// How the flattened reduced positions are combined; see ReductionOp.
struct ReductionOrder {
  int64_t block;    // consecutive positions combined before blocks are
  int64_t partials; // interleaved partials within a block, a power of two
};

/// The order of reduction op `op` (anything with ReductionOp): 64 partials where the operand's last dimension is reduced (they
/// fill vector lanes), 1 where it is not (lanes run along the columns).
ReductionOrder reductionOrder(mlir::Operation *op);

} // namespace ember::ir
