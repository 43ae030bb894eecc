// Values computed again where they are read instead of kept in memory.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::passes {

/// The op after which most bytes are kept for later ones: in a training step, about where backward begins.
mlir::Operation *opAtPeak(mlir::func::FuncOp function);

/// Ops after `split` that read what was computed up to it read recomputed values where that keeps fewer bytes alive: the smallest
/// cut of what must be kept decides. Elementwise ops and views are computed again; contractions, reductions and random draws
/// never. Equal bits. Returns the bytes no longer kept over the split; 0: nothing was changed.
int64_t rematerialize(mlir::func::FuncOp function, mlir::Operation *split);

} // namespace ember::passes
