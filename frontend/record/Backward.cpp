// backward(): gradient rules are recorded at once, by the engine that the autodiff pass uses.
#include "record/Recorder.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Gradient.h"
#include "passes/Autodiff.h"
#include "record/Storage.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::record {

static const char *const kSecondTime =
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True "
    "if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.";

std::vector<NodeRef> Recorder::gradients(ArrayRef<NodeRef> outputs, ArrayRef<NodeRef> cotangents, ArrayRef<NodeRef> inputs,
                                         bool retainGraph, bool createGraph) {
  passes::GradientRequest request;
  for (const NodeRef &output : outputs) {
    if (output->tapeFreed && !output->value)
      throw Error(kSecondTime);
    request.outputs.push_back(valueOf(output));
  }
  for (const NodeRef &cotangent : cotangents)
    request.cotangents.push_back(valueOf(cotangent));
  for (const NodeRef &input : inputs)
    request.inputs.push_back(valueOf(input));
  auto flowsThrough = [&](Value value) { return tracked.contains(value) && !leafSlots.contains(value); };
  SmallVector<Operation *> visited;
  auto visit = [&](Operation *op, ArrayRef<bool> needs) {
    SmallVector<Value> reads;
    cast<DifferentiableOp>(op).vjpReads(needs, reads);
    if (!reads.empty() && freed.contains(op))
      throw Error(kSecondTime);
    for (Value read : reads)
      if (overwritten.contains(read))
        refuseOverwritten(read);
    if (!reads.empty())
      visited.push_back(op);
  };
  request.flowsThrough = flowsThrough;
  request.visit = visit;
  bool previous = gradMode();
  gradMode() = createGraph;
  SmallVector<Value> built;
  try {
    built = passes::buildGradients(opBuilder, request);
  } catch (...) {
    gradMode() = previous;
    throw;
  }
  gradMode() = previous;
  if (!retainGraph)
    freed.insert(visited.begin(), visited.end());
  std::vector<NodeRef> results;
  for (Value value : built) {
    if (!value) {
      results.push_back(nullptr);
      continue;
    }
    auto known = nodes.find(value);
    // A value that a handle has already (the cotangent itself, another input's gradient) gets an identity of its own.
    results.push_back(nodeOf(known == nodes.end() ? value : emit<CopyOp>(value)));
  }
  return results;
}

void Recorder::backward(const NodeRef &output, const NodeRef &cotangent, bool retainGraph, bool createGraph) {
  // The leaves that the output depends on, in the order in which they are met.
  std::vector<NodeRef> leaves;
  std::vector<std::shared_ptr<GradSlot>> slots;
  SmallVector<Value> work{valueOf(output)};
  llvm::DenseSet<Value> seen;
  SmallVector<Value> leafValues;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!tracked.contains(value) || !seen.insert(value).second)
      continue;
    if (auto slot = leafSlots.find(value); slot != leafSlots.end()) {
      leafValues.push_back(value);
      slots.push_back(slot->second);
      continue;
    }
    for (Value operand : llvm::reverse(value.getDefiningOp()->getOperands()))
      work.push_back(operand);
  }
  // Old contents of a parameter may have no handle any more: a node for the time of this call stands for each.
  std::vector<NodeRef> temporary;
  for (Value value : leafValues) {
    auto node = std::make_shared<Node>();
    node->type = cast<RankedTensorType>(value.getType());
    node->value = value;
    temporary.push_back(node);
  }
  std::vector<NodeRef> results;
  try {
    results = gradients({output}, {cotangent}, temporary, retainGraph, createGraph);
  } catch (...) {
    for (const NodeRef &node : temporary)
      node->value = {};
    throw;
  }
  for (const NodeRef &node : temporary)
    node->value = {};
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!results[i])
      continue;
    Tensor gradient = tensorOf(results[i]);
    if (!slots[i]->gradient.defined()) {
      slots[i]->gradient = gradient;
      continue;
    }
    bool previous = gradMode();
    gradMode() = createGraph;
    slots[i]->gradient = slots[i]->gradient + gradient;
    gradMode() = previous;
  }
}

} // namespace ember::record
