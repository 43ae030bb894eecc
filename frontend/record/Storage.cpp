#include "record/Storage.h"

#include "ir/ops/Constant.h"
#include "ir/ops/View.h"
#include <cstring>

using namespace mlir;
using namespace ember::ir;

namespace ember::record {

Shape TensorImpl::sizes() const {
  if (!chain.empty())
    return chain.back().sizes;
  ArrayRef<int64_t> shape = storage->base->type.getShape();
  return Shape(shape.begin(), shape.end());
}

ScalarType TensorImpl::dtype() const { return Recorder::dtypeOf(storage->base->type.getElementType()); }

Tensor tensorOf(NodeRef node) {
  auto impl = std::make_shared<TensorImpl>();
  impl->storage = std::make_shared<Storage>();
  impl->storage->base = std::move(node);
  return Tensor(std::move(impl));
}

Tensor viewOf(const Tensor &tensor, ViewStep step) {
  auto impl = std::make_shared<TensorImpl>(*tensor.impl);
  impl->chain.push_back(std::move(step));
  return Tensor(std::move(impl));
}

// Starts vary from run to run: each is an argument of its own, also where it is 0 or equals another. Dimensions that are taken
// whole start at 0 in every run.
static SmallVector<Value> startValues(Recorder &recorder, Type base, const ViewStep &step) {
  SmallVector<Value> values;
  for (auto [dim, size] : llvm::enumerate(step.sizes)) {
    bool isWhole = size == cast<RankedTensorType>(base).getDimSize(dim);
    int64_t start = step.parameters[dim];
    values.push_back(isWhole ? recorder.constant(0, kInt64) : read(full({}, static_cast<double>(start), kInt64)));
  }
  return values;
}

static Value applyStep(Recorder &recorder, Value value, const ViewStep &step) {
  Type element = getElementTypeOrSelf(value.getType());
  auto type = RankedTensorType::get(step.sizes, element);
  switch (step.kind) {
  case ViewStep::Kind::Reshape:
    return recorder.emit<ReshapeOp>(type, value);
  case ViewStep::Kind::Expand:
    return recorder.emit<BroadcastOp>(type, value);
  case ViewStep::Kind::Transpose:
    return recorder.emit<TransposeOp>(value, step.parameters);
  case ViewStep::Kind::Slice: {
    size_t rank = step.sizes.size();
    ArrayRef<int64_t> parameters(step.parameters);
    return recorder.emit<SliceOp>(type, value, startValues(recorder, value.getType(), step), parameters.drop_front(rank));
  }
  case ViewStep::Kind::Detach:
    return recorder.emit<DetachOp>(value);
  }
  llvm_unreachable("five kinds of view");
}

// The base of a step's operand with `changed` written where the step looks.
static Value writeBack(Recorder &recorder, Value base, Value changed, const ViewStep &step) {
  switch (step.kind) {
  case ViewStep::Kind::Reshape:
    return recorder.emit<ReshapeOp>(base.getType(), changed);
  case ViewStep::Kind::Transpose: {
    SmallVector<int64_t> inverse(step.parameters.size());
    for (auto [i, dim] : llvm::enumerate(step.parameters))
      inverse[dim] = i;
    return recorder.emit<TransposeOp>(changed, inverse);
  }
  case ViewStep::Kind::Slice: {
    size_t rank = step.sizes.size();
    ArrayRef<int64_t> parameters(step.parameters);
    return recorder.emit<UpdateSliceOp>(base, changed, startValues(recorder, base.getType(), step), parameters.drop_front(rank));
  }
  case ViewStep::Kind::Detach:
    return changed;
  case ViewStep::Kind::Expand:
    throw Error("unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation.");
  }
  llvm_unreachable("five kinds of view");
}

static Value replay(Recorder &recorder, Value value, ArrayRef<ViewStep> chain) {
  for (const ViewStep &step : chain)
    value = applyStep(recorder, value, step);
  return value;
}

Value read(const Tensor &tensor) {
  if (!tensor.defined())
    throw Error("expected a tensor, found an undefined one");
  Recorder &recorder = Recorder::get();
  return replay(recorder, recorder.valueOf(tensor.impl->storage->base), tensor.impl->chain);
}

NodeRef nodeOf(const Tensor &tensor) {
  if (!tensor.impl->isView())
    return tensor.impl->storage->base;
  return Recorder::get().nodeOf(read(tensor));
}

std::shared_ptr<Buffer> contents(const Tensor &tensor) { return Recorder::get().materialize(nodeOf(tensor)); }

void requireWritable(const Tensor &tensor) {
  const Storage &storage = *tensor.impl->storage;
  if (!gradMode() || !storage.base->leaf || !storage.base->requiresGrad)
    return;
  bool isDetached = llvm::any_of(tensor.impl->chain, [](const ViewStep &step) { return step.kind == ViewStep::Kind::Detach; });
  if (isDetached)
    return;
  throw Error(tensor.impl->isView() ? "a view of a leaf Variable that requires grad is being used in an in-place operation."
                                    : "a leaf Variable that requires grad is being used in an in-place operation.");
}

void write(const Tensor &tensor, Value value) {
  Recorder &recorder = Recorder::get();
  Storage &storage = *tensor.impl->storage;
  SmallVector<Value> bases{recorder.valueOf(storage.base)};
  ArrayRef<ViewStep> chain(tensor.impl->chain);
  for (const ViewStep &step : chain.drop_back(chain.empty() ? 0 : 1))
    bases.push_back(applyStep(recorder, bases.back(), step));
  if (value.getType() != RankedTensorType::get(tensor.impl->sizes(), getElementTypeOrSelf(bases[0].getType())))
    throw Error("output with shape " + std::to_string(tensor.numel()) + " elements does not match what is written to it");
  for (size_t i = chain.size(); i-- > 0;)
    value = writeBack(recorder, bases[i], value, chain[i]);
  NodeRef old = storage.base;
  NodeRef fresh = recorder.nodeOf(value);
  fresh->function = tensor.impl->isView() ? "CopySlices" : "";
  if (old->leaf && old->requiresGrad)
    recorder.makeLeaf(fresh, old->leaf); // under no_grad: the parameter stays the leaf it was
  else if (old->leaf)
    fresh->leaf = old->leaf;
  recorder.noteWrite(tensor.impl->storage, bases[0]);
  storage.base = fresh;
  ++storage.version;
}

void refuseOverwritten(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  std::string sizes;
  for (int64_t size : type.getShape())
    sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  throw Error("one of the variables needed for gradient computation has been modified by an inplace operation: [torch." +
              std::string(type.getElementType().isF64() ? "DoubleTensor" : "FloatTensor") + " [" + sizes +
              "]]. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
              "torch.autograd.set_detect_anomaly(True).");
}

} // namespace ember::record
