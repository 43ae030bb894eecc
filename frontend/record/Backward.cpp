// backward(): gradient rules are recorded at once, by the engine that the autodiff pass uses.
#include "record/Recorder.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Constant.h"
#include "ir/ops/CustomFunction.h"
#include "ir/ops/Gradient.h"
#include "passes/Autodiff.h"
#include "record/CustomFunction.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::record {

static const char *const kSecondTime =
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True "
    "if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.";

// The hooks of a value, null where there are none. Of a leaf they stay with its gradient.
static std::shared_ptr<HookList> hooksOf(const Recorded &record) {
  std::shared_ptr<HookList> hooks = record.hooks;
  if (record.gradSlot && !record.gradSlot->isNowhere)
    hooks = {record.gradSlot, &record.gradSlot->hooks};
  return hooks && !hooks->empty() ? hooks : nullptr;
}

void Recorder::refuseUndone() const {
  throw Error("backward: a program failed that a hook or a function's backward had computed: the gradients are lost");
}

Value Recorder::callHooks(Value value, Value gradient) {
  std::shared_ptr<HookList> hooks = hooksOf(recordOf(value)); // one of them may have the last of its tensor's handles dropped
  return hooks ? read(withinBackward([&] { return hooks->call(tensorOf(nodeOf(gradient))); })) : gradient;
}

SmallVector<Value> Recorder::gradientValues(ArrayRef<Value> outputs, ArrayRef<Value> cotangents, ArrayRef<Value> inputs,
                                            bool retainGraph, bool createGraph) {
  passes::GradientRequest request;
  request.outputs.assign(outputs.begin(), outputs.end());
  request.cotangents.assign(cotangents.begin(), cotangents.end());
  request.inputs.assign(inputs.begin(), inputs.end());
  auto flowsThrough = [&](Value value) {
    Recorded &record = recordOf(value);
    return record.tracked && !record.gradSlot;
  };
  SmallVector<Recorded *> visited;
  auto visit = [&](Operation *op, ArrayRef<bool> needs) {
    SmallVector<Value> reads;
    cast<DifferentiableOp>(op).vjpReads(needs, reads);
    Recorded &own = recordOf(op->getResult(0));
    // Where a view starts is no tensor that PyTorch would keep: nothing is freed with it.
    llvm::erase_if(reads, [&](Value read) {
      auto type = cast<RankedTensorType>(read.getType());
      return type.getRank() == 0 && type.getElementType().isInteger(64) && !isa<CustomFunctionOp>(op);
    });
    if (!reads.empty() && own.freed)
      throw Error(kSecondTime);
    for (Value read : reads) {
      Recorded &record = recordOf(read);
      refuseOverwritten(read, op);
      if (isPending(record) && record.wasMissed)
        *record.wasMissed = true; // it was computed once, and not kept
    }
    if (!reads.empty())
      visited.push_back(&own);
  };
  auto isHooked = [&](Value value) { return hooksOf(recordOf(value)) != nullptr; };
  auto hasRule = [](Operation *op) { return isa<CustomFunctionOp>(op); };
  auto applyRule = [&](Operation *op, ArrayRef<Value> cotangents, ArrayRef<bool> needs) {
    std::shared_ptr<CustomFunction> function = recordOf(op->getResult(0)).function; // also if its op goes meanwhile
    return function->apply(*this, cast<CustomFunctionOp>(op), cotangents, needs);
  };
  auto complete = [&](Value value, Value gradient) { return callHooks(value, gradient); };
  request.flowsThrough = flowsThrough;
  request.visit = visit;
  request.hasRule = hasRule;
  request.applyRule = applyRule;
  if (HookList::anywhere()) {
    request.isHooked = isHooked;
    request.complete = complete;
  }
  struct UnderWay {
    std::vector<const passes::GradientRequest *> &list;
    ~UnderWay() { list.pop_back(); }
  } underWay{backwards};
  backwards.push_back(&request);
  GradMode mode(createGraph);
  SmallVector<Value> built = passes::buildGradients(opBuilder, request);
  if (!retainGraph)
    for (Recorded *record : visited)
      for (Value result : record->value.getDefiningOp()->getResults())
        recordOf(result).freed = true;
  // A value that a handle has already (the cotangent itself, another input's gradient) gets an identity of its own, and so does
  // one with a gradient that nobody asked for (what a hook returned).
  llvm::DenseSet<Value> given;
  auto isOwn = [&](Value value) {
    const Recorded &record = recordOf(value);
    return !record.isLeaf && record.holder.expired() && given.insert(value).second && (createGraph || !record.tracked);
  };
  for (Value &value : built)
    if (value && !isOwn(value))
      value = emit<CopyOp>(value);
  return built;
}

// The leaves that outputs depend on, and what retains its gradient on the way, in the order in which they are met.
void Recorder::leavesBelow(ArrayRef<Value> outputs, SmallVectorImpl<Value> &values,
                           std::vector<std::shared_ptr<GradSlot>> &gradSlots) const {
  SmallVector<Value> work(llvm::reverse(outputs));
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    Recorded &record = recordOf(value);
    if (!record.tracked || !seen.insert(value).second)
      continue;
    if (const auto &slot = record.gradSlot ? record.gradSlot : record.retained) {
      values.push_back(value);
      gradSlots.push_back(slot);
    }
    if (record.gradSlot)
      continue;
    if (record.freed) // also where what made it is gone
      throw Error(kSecondTime);
    for (Value operand : llvm::reverse(value.getDefiningOp()->getOperands()))
      work.push_back(operand);
  }
}

// Whether outputs depend on what a backward has gone through and left nothing of but its value.
bool Recorder::isGoneBelow(ArrayRef<Value> outputs) const {
  SmallVector<Value> work(outputs);
  llvm::DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    const Recorded &record = recordOf(value);
    if (!record.tracked || record.gradSlot || !seen.insert(value).second)
      continue;
    if (record.isLeaf && record.freed)
      return true;
    llvm::append_range(work, value.getDefiningOp()->getOperands());
  }
  return false;
}

// Of what a backward has freed, only that between inputs and outputs matters.
std::vector<NodeRef> Recorder::gradients(ArrayRef<NodeRef> outputs, ArrayRef<NodeRef> cotangents, ArrayRef<NodeRef> inputs,
                                         bool retainGraph, bool createGraph) {
  SmallVector<Value> from, seeds, to;
  for (const NodeRef &output : outputs)
    from.push_back(valueOf(output));
  if (isGoneBelow(from)) // what inputs it led to is not known
    throw Error(kSecondTime);
  for (const NodeRef &cotangent : cotangents)
    seeds.push_back(valueOf(cotangent));
  for (const NodeRef &input : inputs)
    to.push_back(valueOf(input));
  std::vector<NodeRef> results;
  for (Value value : gradientValues(from, seeds, to, retainGraph, createGraph))
    results.push_back(value ? nodeOf(value) : nullptr);
  return results;
}

void Recorder::backward(const NodeRef &output, const NodeRef &cotangent, bool retainGraph, bool createGraph) {
  std::vector<std::shared_ptr<GradSlot>> gradSlots;
  SmallVector<Value> leafValues;
  leavesBelow({valueOf(output)}, leafValues, gradSlots);
  SmallVector<Value> results = gradientValues({valueOf(output)}, {valueOf(cotangent)}, leafValues, retainGraph, createGraph);
  GradMode mode(createGraph);
  for (size_t i = 0; i < gradSlots.size(); ++i) {
    if (!results[i] || gradSlots[i]->isNowhere)
      continue;
    Tensor gradient = tensorOf(nodeOf(results[i]));
    Tensor before, sum;
    do { // another thread may add its own meanwhile
      before = gradSlots[i]->get();
      sum = before.defined() ? before + gradient : gradient;
    } while (!gradSlots[i]->replace(before, sum));
    noteGradient(gradSlots[i], before);
  }
}

} // namespace ember::record
