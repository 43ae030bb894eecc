// The order in which a reduction combines its terms: a function of the op's shape, axes and dtype alone.
#pragma once

#include "mlir/IR/Operation.h"
#include <cstdint>

namespace ember::ir {

/// How the reduced positions are combined: `partials` interleaved chains, in rising order of the positions, over the last
/// run of adjacent reduced dimensions; leading reduced dimensions continue the same chains; then one tree (p with p + P/2, …).
struct ReductionOrder {
  int64_t partials; // a power of two
  unsigned lastRun; // how many of the last reduced loops are adjacent dimensions of the operand
};

/// 64 partials where the operand's last dimension is reduced (they fill vector lanes), 1 where it is not (lanes run along the
/// columns). A function of the op's axes alone.
ReductionOrder reductionOrder(mlir::Operation *op);

} // namespace ember::ir
