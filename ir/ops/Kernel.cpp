#include "ir/ops/Kernel.h"

using namespace mlir;

namespace ember::ir {

LogicalResult KernelOp::verify() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("kernel '") << getLabel() << "': the region's arguments must have the operands' types";
  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("kernel '") << getLabel() << "': the region must end in ember.yield";
  if (yield.getValues().getTypes() != getOutputs().getTypes())
    return emitOpError("kernel '") << getLabel() << "': ember.yield must have the results' types";
  ArrayRef<int64_t> pairs = getInPlace().value_or(ArrayRef<int64_t>());
  for (size_t i = 0; i < pairs.size(); i += 2)
    if (pairs.size() % 2 != 0 || pairs[i] < 0 || pairs[i] >= getNumResults() || pairs[i + 1] < 0 ||
        pairs[i + 1] >= getNumOperands() || getResult(pairs[i]).getType() != getOperand(pairs[i + 1]).getType())
      return emitOpError("kernel '") << getLabel() << "': in_place must list pairs of a result and an operand of one type";
  return success();
}

} // namespace ember::ir

#include "ir/ops/Kernel.family.inc"
