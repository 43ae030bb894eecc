#include "codegen/kernel/Cost.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::kernel {

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

SizeExpr bytesOf(RankedTensorType type) { return elementCount(type) * SizeExpr(byteWidth(type.getElementType())); }

SizeExpr reducedCount(Operation *op) {
  SizeExpr count = 1;
  for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
    count = count * size;
  return count;
}

SizeExpr flopsOf(Operation *op) {
  if (auto scatter = dyn_cast<ScatterOp>(op))
    return scatter.accumulates() ? elementCount(typeOf(op->getOperand(scatter.updateOperand()))) : SizeExpr(0);
  if (isa<ViewOp>(op) || op->getNumOperands() == 0)
    return 0;
  SizeExpr elements = elementCount(typeOf(op->getResult(0)));
  if (isa<ContractionOp>(op))
    return elements * reducedCount(op) * SizeExpr(2);
  if (isa<ReductionOp>(op))
    return elements * reducedCount(op);
  if (auto scalar = dyn_cast<ScalarOp>(op))
    return elements * SizeExpr(scalar.cost());
  return elements;
}

SizeExpr smaller(const SizeExpr &a, const SizeExpr &b) {
  if (a.isConstant() && b.isConstant())
    return *a.constant() < *b.constant() ? a : b;
  return a; // which is smaller is known at run time alone
}

// A view reads no more elements than it gives; any other op reads its whole operand.
SizeExpr bytesReadOf(const Group &group, Value input) {
  SizeExpr whole = bytesOf(typeOf(input)), width = byteWidth(typeOf(input).getElementType());
  std::optional<SizeExpr> most;
  for (Operation *op : group.ops) {
    auto view = dyn_cast<ViewOp>(op);
    for (auto [number, operand] : llvm::enumerate(op->getOperands())) {
      if (operand != input)
        continue;
      bool isMoved = view && number < view.movedOperands();
      SizeExpr read = isMoved ? smaller(whole, elementCount(typeOf(op->getResult(0))) * width) : whole;
      if (auto scatter = dyn_cast<ScatterOp>(op); scatter && number == 0 && group.sharesMemory)
        read = 0; // the base is not copied
      most = !most || smaller(*most, read) == *most ? read : *most;
    }
  }
  return most.value_or(SizeExpr(0));
}

SizeExpr bytesWrittenOf(const Group &group, Value output) {
  if (auto scatter = dyn_cast_or_null<ScatterOp>(output.getDefiningOp()); scatter && group.sharesMemory)
    return bytesOf(typeOf(output.getDefiningOp()->getOperand(scatter.updateOperand())));
  return bytesOf(typeOf(output));
}

} // namespace

Cost costOf(const Group &group) {
  Cost cost;
  for (Operation *op : group.ops)
    cost.flops = cost.flops + flopsOf(op);
  for (Value input : group.inputs)
    cost.bytesRead = cost.bytesRead + bytesReadOf(group, input);
  for (Value output : group.outputs)
    cost.bytesWritten = cost.bytesWritten + bytesWrittenOf(group, output);
  return cost;
}

double evaluate(const SizeExpr &size, const std::map<std::string, int64_t> &sizes) {
  double sum = 0;
  for (const auto &[monomial, coefficient] : size.terms()) {
    double product = static_cast<double>(coefficient);
    for (const std::string &name : monomial) {
      auto known = sizes.find(name);
      product *= known == sizes.end() ? 1.0 : static_cast<double>(known->second);
    }
    sum += product;
  }
  return sum;
}

} // namespace ember::kernel
