#include "ir/interpret/Interpreter.h"

#include "ir/EmberDialect.h"
#include "ir/SizeBinding.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Kernel.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace ember::ir {

namespace {

using Sizes = std::map<std::string, int64_t>;
using Values = llvm::DenseMap<Value, ReferenceTensor>;

RankedTensorType resolved(RankedTensorType type, const Sizes &sizes) {
  SmallVector<int64_t> shape;
  for (const SizeExpr &size : dimSizes(type))
    shape.push_back(size.evaluate(sizes));
  return RankedTensorType::get(shape, type.getElementType());
}

// The names of dynamic sizes, learnt from the arguments.
LogicalResult matchArguments(func::FuncOp function, ArrayRef<ReferenceTensor> arguments, Sizes &sizes) {
  SmallVector<RankedTensorType> types;
  SmallVector<SmallVector<int64_t>> shapes;
  for (auto [number, argument] : llvm::enumerate(arguments)) {
    types.push_back(cast<RankedTensorType>(function.getArgument(number).getType()));
    shapes.push_back(llvm::to_vector<4>(argument.shape()));
    if (argument.type.getElementType() != types.back().getElementType())
      return function.emitError("argument ") << number << " is " << argument.type << ", expected " << types.back();
  }
  if (std::optional<unsigned> misfit = bindSizes(types, shapes, sizes))
    return function.emitError("argument ") << *misfit << " is " << arguments[*misfit].type << ", expected " << types[*misfit]
                                           << (sizes.empty() ? "" : " with ") << sizesText(sizes);
  return success();
}

LogicalResult runBlock(Block &block, Values &values, const Sizes &sizes);

LogicalResult runOp(Operation &op, Values &values, const Sizes &sizes) {
  if (auto kernel = dyn_cast<KernelOp>(op)) {
    Block &body = kernel.getBody().front();
    for (auto [argument, input] : llvm::zip_equal(body.getArguments(), kernel.getInputs()))
      values[argument] = ReferenceTensor(values.at(input));
    if (failed(runBlock(body, values, sizes)))
      return failure();
    for (auto [result, yielded] : llvm::zip_equal(kernel.getOutputs(), body.getTerminator()->getOperands()))
      values[result] = ReferenceTensor(values.at(yielded));
    return success();
  }
  SmallVector<const ReferenceTensor *> operands;
  for (Value operand : op.getOperands())
    operands.push_back(&values.find(operand)->second);
  SmallVector<RankedTensorType> types;
  for (Type type : op.getResultTypes())
    types.push_back(resolved(cast<RankedTensorType>(type), sizes));
  auto results = evaluateOp(&op, operands, types);
  if (failed(results))
    return failure();
  for (auto [value, result] : llvm::zip_equal(op.getResults(), *results))
    values[value] = std::move(result);
  return success();
}

LogicalResult runBlock(Block &block, Values &values, const Sizes &sizes) {
  for (Operation &op : block.without_terminator())
    if (failed(runOp(op, values, sizes)))
      return failure();
  return success();
}

ReferenceTensor evaluateElementwise(ScalarOp op, ArrayRef<const ReferenceTensor *> operands, RankedTensorType type) {
  ReferenceTensor result = ReferenceTensor::zeros(type);
  SmallVector<Scalar> args(operands.size(), Scalar::integer(0));
  for (int64_t flat = 0; flat < result.size(); ++flat) {
    for (auto [arg, operand] : llvm::zip_equal(args, operands))
      arg = operand->at(operand->type.getRank() == 0 ? 0 : flat);
    result.set(flat, op.evaluateScalar(args));
  }
  return result;
}

} // namespace

FailureOr<std::vector<ReferenceTensor>> evaluateOp(Operation *op, ArrayRef<const ReferenceTensor *> operands,
                                                   ArrayRef<RankedTensorType> resultTypes) {
  std::vector<ReferenceTensor> results;
  if (auto reference = dyn_cast<ReferenceOp>(op)) {
    for (RankedTensorType type : resultTypes)
      results.push_back(ReferenceTensor::zeros(type));
    if (failed(reference.evaluate(operands, results)))
      return failure();
  } else if (auto scalar = dyn_cast<ScalarOp>(op)) {
    results.push_back(evaluateElementwise(scalar, operands, resultTypes[0]));
  } else {
    return op->emitOpError("has no reference: it is no part of a finished program");
  }
  for (ReferenceTensor &result : results)
    for (int64_t flat = 0; flat < result.size(); ++flat)
      result.set(flat, roundTo(result.type.getElementType(), result.at(flat)));
  return results;
}

FailureOr<std::vector<ReferenceTensor>> interpret(func::FuncOp function, std::vector<ReferenceTensor> arguments) {
  if (arguments.size() != function.getNumArguments())
    return function.emitError("expected ") << function.getNumArguments() << " arguments, found " << arguments.size();
  Sizes sizes;
  Values values;
  if (failed(matchArguments(function, arguments, sizes)))
    return failure();
  for (auto [number, argument] : llvm::enumerate(function.getArguments())) {
    values[argument] = std::move(arguments[number]);
  }
  Block &block = function.getBody().front();
  if (failed(runBlock(block, values, sizes)))
    return failure();
  std::vector<ReferenceTensor> results;
  for (Value result : block.getTerminator()->getOperands())
    results.push_back(values.at(result));
  return results;
}

} // namespace ember::ir
