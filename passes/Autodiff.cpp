#include "passes/Autodiff.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Arithmetic.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

// Ops between inputs and outputs, producers first, without recursion: programs may be chains of a million ops.
class Path {
public:
  Path(const GradientRequest &request) : request(request) {
    wanted.insert(request.inputs.begin(), request.inputs.end());
    for (Value output : request.outputs)
      walk(output);
  }

  SmallVector<Operation *> ops;
  bool isActive(Value value) const { return active.contains(value); }

private:
  void walk(Value from) {
    SmallVector<std::pair<Value, bool>> work{{from, false}};
    while (!work.empty()) {
      auto [value, operandsDone] = work.pop_back_val();
      Operation *op = value.getDefiningOp();
      if (operandsDone) {
        finish(op);
        continue;
      }
      if (wanted.contains(value)) // others may stand further up
        active.insert(value);
      if (!op || !isa<DifferentiableOp>(op) || !request.flowsThrough(value) || !seen.insert(op).second)
        continue;
      work.push_back({value, true});
      for (Value operand : op->getOperands())
        work.push_back({operand, false});
    }
  }

  void finish(Operation *op) {
    if (llvm::none_of(op->getOperands(), [&](Value operand) { return active.contains(operand); }))
      return;
    ops.push_back(op);
    active.insert(op->result_begin(), op->result_end());
  }

  const GradientRequest &request;
  llvm::DenseSet<Value> wanted, active;
  llvm::DenseSet<Operation *> seen;
};

} // namespace

SmallVector<Value> buildGradients(OpBuilder &builder, const GradientRequest &request) {
  Path path(request);
  llvm::DenseMap<Value, Value> gradients;
  auto contribute = [&](Value value, Value gradient, Location loc) {
    Value &sum = gradients[value];
    sum = sum ? AddOp::create(builder, loc, sum, gradient).getResult() : gradient;
  };
  for (auto [output, cotangent] : llvm::zip_equal(request.outputs, request.cotangents))
    contribute(output, cotangent, output.getLoc());
  for (Operation *op : llvm::reverse(path.ops)) {
    SmallVector<Value> cotangents;
    for (Value result : op->getResults())
      cotangents.push_back(gradients.lookup(result));
    if (llvm::none_of(cotangents, [](Value cotangent) { return cotangent != nullptr; }))
      continue;
    SmallVector<bool> needs;
    for (Value operand : op->getOperands())
      needs.push_back(path.isActive(operand));
    if (request.visit)
      request.visit(op, needs);
    SmallVector<Value> own = cast<DifferentiableOp>(op).buildVjp(builder, cotangents, needs);
    for (unsigned i = 0; i < own.size(); ++i)
      if (needs[i] && own[i])
        contribute(op->getOperand(i), own[i], op->getLoc());
  }
  SmallVector<Value> results;
  for (Value input : request.inputs)
    results.push_back(gradients.lookup(input));
  return results;
}

} // namespace ember::passes
