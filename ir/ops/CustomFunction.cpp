#include "ir/ops/CustomFunction.h"

using namespace mlir;

namespace ember::ir {

LogicalResult CustomFunctionOp::verify() {
  if (getOutputs().getTypes() != getResults().getTypes())
    return emitOpError("custom_function: results have types ")
           << getResults().getTypes() << ", expected those of the outputs, " << getOutputs().getTypes();
  return success();
}

// Of the outputs as they were computed: the recorder has another rule.
SmallVector<Value> CustomFunctionOp::buildVjp(OpBuilder &, ValueRange cotangents, ArrayRef<bool>) {
  SmallVector<Value> gradients(cotangents.begin(), cotangents.end());
  gradients.resize(getNumOperands());
  return gradients;
}

void CustomFunctionOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (llvm::is_contained(needs.slice(getOutputs().size(), getInputs().size()), true))
    llvm::append_range(reads, getSaved());
}

} // namespace ember::ir

#include "ir/ops/CustomFunction.family.inc"
