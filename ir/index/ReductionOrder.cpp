#include "ir/index/ReductionOrder.h"

#include "ir/interfaces/Interfaces.h"

using namespace mlir;

namespace ember::ir {

// The operand's last dimension is reduced where its last index follows the last reduced loop alone. Asked of the op's axes: a
// windowed reduction (pooling) has short windows and runs its lanes along the outputs.
ReductionOrder reductionOrder(Operation *op) {
  auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes");
  if (!axes || axes.empty())
    return {1, 1};
  int64_t rank = cast<RankedTensorType>(op->getOperand(0).getType()).getRank();
  unsigned run = 1;
  while (run < axes.size() && axes[axes.size() - run - 1] == axes[axes.size() - run] - 1)
    ++run;
  return {axes.asArrayRef().back() == rank - 1 ? 64 : 1, run};
}

} // namespace ember::ir
