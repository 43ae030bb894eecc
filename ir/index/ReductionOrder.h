// The order in which a reduction combines its terms: a function of the op's shape, axes and dtype alone.
#pragma once

#include "mlir/IR/Operation.h"
#include <cstdint>

namespace ember::ir {

/// How the reduced positions are combined. The last run of adjacent reduced dimensions is cut into blocks of kBlock * partials
/// positions, each `partials` interleaved chains from the neutral state in rising order; kBlock blocks are combined, in rising
/// order, to a block of the next size, those to the run's state; leading reduced dimensions combine the states of their runs in
/// rising order; then one tree (p with p + P/2, …). So no chain of additions grows with the length but by its 16384th part.
struct ReductionOrder {
  static constexpr int64_t kBlock = 128;
  int64_t partials; // a power of two
  unsigned lastRun; // how many of the last reduced loops are adjacent dimensions of the operand
  bool isWindow;    // few positions (pooling): one chain over all of them
};

/// 64 partials where the operand's last dimension is reduced (they fill vector lanes), 1 where it is not (lanes run along the
/// columns). A function of the op's axes alone.
ReductionOrder reductionOrder(mlir::Operation *op);

/// How many combinations a term goes through at most before the tree; a size that is not known counts as 1024.
double longestChain(mlir::Operation *op);

} // namespace ember::ir
