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
  bool isWanted(Value value) const { return wanted.contains(value); }

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

// Tells when gradients are complete: those of an op's results when its turn comes, others after the last reader's.
class Completion {
public:
  Completion(GradientRequest &request, const Path &path) : request(request) {
    if (!request.isHooked)
      return;
    llvm::DenseSet<Operation *> makers(path.ops.begin(), path.ops.end());
    auto isMade = [&](Value value) { return makers.contains(value.getDefiningOp()); };
    for (Operation *op : path.ops)
      for (Value operand : op->getOperands())
        if (!isMade(operand) && request.isHooked(operand))
          ++readers[operand];
    for (Value output : request.outputs)
      if (!isMade(output) && readers.try_emplace(output, 0).second)
        tell(output);
  }

  void before(Operation *op) {
    for (Value result : op->getResults())
      tell(result);
  }
  void after(Operation *op) {
    if (readers.empty())
      return;
    for (Value operand : op->getOperands())
      if (auto found = readers.find(operand); found != readers.end() && --found->second == 0)
        tell(operand);
  }

private:
  void tell(Value value) {
    if (!request.isHooked || !request.isHooked(value))
      return;
    if (Value gradient = request.gathered.lookup(value))
      request.gathered[value] = request.complete(value, gradient);
  }

  GradientRequest &request;
  llvm::DenseMap<Value, int64_t> readers; // whose turn has not come, of hooked values that no op on the path makes
};

} // namespace

SmallVector<Value> buildGradients(OpBuilder &builder, GradientRequest &request) {
  Path path(request);
  auto contribute = [&](Value value, Value gradient, Location loc) {
    Value &sum = request.gathered[value];
    sum = sum ? AddOp::create(builder, loc, sum, gradient).getResult() : gradient;
  };
  auto take = [&](Value result) { // nothing else reads it, unless it was asked for
    Value gradient = request.gathered.lookup(result);
    if (gradient && !path.isWanted(result))
      request.gathered.erase(result);
    return gradient;
  };
  auto isThere = [](Value gradient) { return gradient != nullptr; };
  auto gradientsOf = [&](Operation *op, ArrayRef<Value> cotangents, ArrayRef<bool> needs, bool hasRule) {
    if (!hasRule && llvm::none_of(cotangents, isThere))
      return SmallVector<Value>(op->getNumOperands());
    if (request.visit)
      request.visit(op, needs);
    return hasRule ? request.applyRule(op, cotangents, needs) : cast<DifferentiableOp>(op).buildVjp(builder, cotangents, needs);
  };
  llvm::DenseSet<Value> notGiven; // by a rule of the caller's, or for want of one that was not given
  auto takeTurn = [&](Operation *op) {
    SmallVector<Value> cotangents;
    for (Value result : op->getResults())
      cotangents.push_back(take(result));
    bool isReached = llvm::any_of(cotangents, isThere);
    if (!isReached && llvm::none_of(op->getResults(), [&](Value result) { return notGiven.contains(result); }))
      return;
    SmallVector<bool> needs;
    for (Value operand : op->getOperands())
      needs.push_back(path.isActive(operand));
    bool hasRule = request.hasRule && request.hasRule(op);
    SmallVector<Value> gradients = gradientsOf(op, cotangents, needs, hasRule);
    for (auto [operand, gradient, isNeeded] : llvm::zip(op->getOperands(), gradients, needs)) {
      if (isNeeded && gradient)
        contribute(operand, gradient, op->getLoc());
      else if (isNeeded && (hasRule || !isReached))
        notGiven.insert(operand);
    }
  };
  for (auto [output, cotangent] : llvm::zip_equal(request.outputs, request.cotangents))
    contribute(output, cotangent, output.getLoc());
  Completion completion(request, path);
  for (Operation *op : llvm::reverse(path.ops)) {
    completion.before(op);
    takeTurn(op);
    completion.after(op);
  }
  SmallVector<Value> results;
  for (Value input : request.inputs)
    results.push_back(request.gathered.lookup(input));
  return results;
}

} // namespace ember::passes
