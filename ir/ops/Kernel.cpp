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
  return success();
}

} // namespace ember::ir

#include "ir/ops/Kernel.family.inc"
