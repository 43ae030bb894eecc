// Runs before simplification: a product with a computed 1 is one it knows.
#include "passes/FoldConstants.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Splat.h"

#include <cmath>

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

constexpr int64_t kLargestTable = 1024;

bool isExact(Operation *op) {
  if (auto scalar = dyn_cast<ScalarOp>(op))
    return scalar.foldsExactly();
  return isa<ViewOp, ReductionOp>(op) && !isa<ToleranceOp>(op);
}

// The one number of an elementwise op whose operands are each one number.
std::optional<Scalar> numberOf(Operation *op) {
  auto scalar = dyn_cast<ScalarOp>(op);
  if (!scalar || op->getNumOperands() == 0)
    return std::nullopt;
  SmallVector<Scalar> args;
  for (Value operand : op->getOperands()) {
    std::optional<Scalar> number = splatOf(operand);
    if (!number)
      return std::nullopt;
    args.push_back(*number);
  }
  Scalar number = roundTo(getElementTypeOrSelf(op->getResult(0).getType()), scalar.evaluateScalar(args));
  return number.isReal() && std::isnan(number.real()) ? std::nullopt : std::optional(number);
}

// The table that an op makes of tables.
DenseElementsAttr tableOf(Operation *op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (!type.hasStaticShape() || op->getNumOperands() == 0)
    return {};
  std::vector<ReferenceTensor> operands;
  int64_t given = kLargestTable;
  for (Value operand : op->getOperands()) {
    auto constant = operand.getDefiningOp<ConstantOp>();
    if (!constant)
      return {};
    given = std::max(given, cast<RankedTensorType>(operand.getType()).getNumElements());
  }
  if (type.getNumElements() > given)
    return {};
  for (Value operand : op->getOperands())
    operands.push_back(referenceOf(cast<ElementsAttr>(operand.getDefiningOp<ConstantOp>().getValue())));
  SmallVector<const ReferenceTensor *> pointers;
  for (const ReferenceTensor &operand : operands)
    pointers.push_back(&operand);
  auto results = evaluateOp(op, pointers, {type});
  if (failed(results) || llvm::any_of(results->front().reals, [](double value) { return std::isnan(value); }))
    return {};
  return constantOf(results->front());
}

// A splat that moves stays where it is: views of it are found by whoever asks for the number.
bool isMovedNumber(Operation *op) { return isa<ViewOp>(op) && splatOf(op->getResult(0)); }

} // namespace

void foldConstants(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front().without_terminator())) {
    if (op.getNumResults() != 1 || !isExact(&op) || isMovedNumber(&op))
      continue;
    builder.setInsertionPoint(&op);
    Value folded;
    if (std::optional<Scalar> number = numberOf(&op))
      folded = splatLike(builder, op.getLoc(), cast<RankedTensorType>(op.getResult(0).getType()), *number);
    else if (DenseElementsAttr table = tableOf(&op))
      folded = ConstantOp::create(builder, op.getLoc(), table);
    if (!folded)
      continue;
    op.getResult(0).replaceAllUsesWith(folded);
    op.erase();
  }
}

} // namespace ember::passes
