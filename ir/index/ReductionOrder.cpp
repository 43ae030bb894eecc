#include "ir/index/ReductionOrder.h"

#include "ir/interfaces/Interfaces.h"

#include <cmath>

using namespace mlir;

namespace ember::ir {

// The operand's last dimension is reduced where its last index follows the last reduced loop alone. Asked of the op's axes: a
// windowed reduction (pooling) has short windows and runs its lanes along the outputs.
ReductionOrder reductionOrder(Operation *op) {
  auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes");
  if (!axes)
    return {1, 1, true};
  if (axes.empty())
    return {1, 1, false};
  int64_t rank = cast<RankedTensorType>(op->getOperand(0).getType()).getRank();
  unsigned run = 1;
  while (run < axes.size() && axes[axes.size() - run - 1] == axes[axes.size() - run] - 1)
    ++run;
  return {axes.asArrayRef().back() == rank - 1 ? 64 : 1, run, false};
}

double longestChain(Operation *op) {
  ReductionOrder order = reductionOrder(op);
  double leading = 1, run = 1;
  SmallVector<SizeExpr> sizes = cast<IndexedOp>(op).reducedSizes();
  for (auto [i, size] : llvm::enumerate(sizes))
    (i + order.lastRun < sizes.size() ? leading : run) *= size.constant().value_or(1024);
  constexpr double block = ReductionOrder::kBlock;
  double chain = std::ceil(run / order.partials);
  if (order.isWindow || chain <= block)
    return leading > 1 ? chain + leading : chain;
  double blocks = std::ceil(chain / block), states = leading * std::ceil(blocks / block);
  return block + std::min(blocks, block) + (states > 1 ? states : 0);
}

} // namespace ember::ir
