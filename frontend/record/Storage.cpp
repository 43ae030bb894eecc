#include "record/Storage.h"

#include "ir/ops/Constant.h"
#include "ir/ops/View.h"
#include <cstring>

using namespace mlir;
using namespace ember::ir;

namespace ember::record {

// ---- tensors

int64_t wrapDim(int64_t dim, int64_t rank) {
  int64_t least = rank == 0 ? -1 : -rank, most = rank == 0 ? 0 : rank - 1;
  if (dim < least || dim > most)
    throw Error("Dimension out of range (expected to be in range of [" + std::to_string(least) + ", " + std::to_string(most) +
                "], but got " + std::to_string(dim) + ")");
  return dim < 0 ? dim + std::max<int64_t>(rank, 1) : dim;
}
std::string shapeText(const Shape &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Shape TensorImpl::sizes() const {
  if (!chain.empty())
    return chain.back().sizes;
  ArrayRef<int64_t> shape = storage->base->type.getShape();
  return Shape(shape.begin(), shape.end());
}

static Shape rowMajor(const Shape &sizes) {
  Shape strides(sizes.size(), 1);
  for (size_t dim = sizes.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * std::max<int64_t>(sizes[dim], 1);
  return strides;
}

// Dimensions of the operand that lie on in memory are one run of elements; each run must be some dimensions of the result.
std::optional<Shape> reshapedStrides(const Shape &from, const Shape &strides, const Shape &to) {
  if (llvm::is_contained(from, 0))
    return from == to ? strides : rowMajor(to);
  Shape result(to.size(), 1);
  size_t place = to.size();
  int64_t run = 1, step = strides.empty() ? 1 : strides.back(), taken = 1;
  for (size_t dim = from.size(); dim-- > 0;) {
    run *= from[dim];
    bool goesOn = dim > 0 && (from[dim - 1] == 1 || strides[dim - 1] == run * step);
    if (goesOn)
      continue;
    for (; place > 0 && (taken < run || to[place - 1] == 1); --place) {
      result[place - 1] = taken * step;
      taken *= to[place - 1];
    }
    if (taken != run)
      return std::nullopt;
    if (dim > 0)
      step = strides[dim - 1];
    run = taken = 1;
  }
  if (from.empty())
    place = 0; // a scalar as ones
  return place == 0 ? std::optional(result) : std::nullopt;
}

static Shape stepStrides(const ViewStep &step, const Shape &from, const Shape &strides) {
  Shape result(step.sizes.size());
  switch (step.kind) {
  case ViewStep::Kind::Reshape:
    return *reshapedStrides(from, strides, step.sizes);
  case ViewStep::Kind::Transpose:
    for (size_t dim = 0; dim < result.size(); ++dim)
      result[dim] = strides[step.parameters[dim]];
    return result;
  case ViewStep::Kind::Slice:
    for (size_t dim = 0; dim < result.size(); ++dim)
      result[dim] = strides[dim] * step.parameters[result.size() + dim];
    return result;
  case ViewStep::Kind::Expand:
    for (size_t dim = 0; dim < from.size(); ++dim) {
      size_t own = dim + result.size() - from.size();
      result[own] = from[dim] == step.sizes[own] ? strides[dim] : 0;
    }
    return result;
  case ViewStep::Kind::Detach:
  case ViewStep::Kind::Leaf:
  case ViewStep::Kind::History:
    return strides;
  }
  llvm_unreachable("seven kinds of view");
}

Shape TensorImpl::strides() const {
  ArrayRef<int64_t> shape = storage->base->type.getShape();
  Shape sizes(shape.begin(), shape.end()), strides = rowMajor(sizes);
  for (const ViewStep &step : chain) {
    strides = stepStrides(step, sizes, strides);
    sizes = step.sizes;
  }
  return strides;
}

ScalarType TensorImpl::dtype() const { return Recorder::dtypeOf(storage->base->type.getElementType()); }

bool TensorImpl::requiresGrad() const {
  for (const ViewStep &step : llvm::reverse(chain)) {
    if (step.kind == ViewStep::Kind::Leaf || step.kind == ViewStep::Kind::History)
      return true;
    if (step.kind == ViewStep::Kind::Detach || !step.tracked)
      return false;
  }
  return storage->base->requiresGrad;
}

bool TensorImpl::isLeaf() const {
  if (!requiresGrad())
    return true;
  return chain.empty() ? storage->base->leaf != nullptr : chain.back().kind == ViewStep::Kind::Leaf;
}

const char *TensorImpl::function() const {
  if (chain.empty())
    return storage->base->function;
  if (chain.back().kind == ViewStep::Kind::History)
    return chain.back().history->function;
  return storage->version == versionMade ? chain.back().function : "AsStridedBackward0"; // made anew from what was written
}

Value TensorImpl::identity(const Recorder &recorder) const {
  if (maker != &recorder) // what follows is the maker's thread's
    return Value();
  bool isAlive = record && record->value && record->number == number && version == storage->version;
  return isAlive ? record->value : Value();
}

void TensorImpl::setIdentity(const Recorder &recorder, Value value) {
  if (maker != &recorder)
    return;
  record = &recorder.recordOf(value);
  number = record->number;
  version = storage->version;
  if (gradient && !record->gradSlot && record->tracked)
    record->retained = gradient;
}

void TensorImpl::become(ViewStep step) {
  auto before = std::make_shared<TensorImpl>(*this);
  chain.push_back(std::move(step));
  parent = std::move(before);
  versionMade = storage->version;
  maker = &Recorder::get();
  record = nullptr;
}

void Storage::replace(NodeRef contents) {
  base = std::move(contents);
  ++version;
}

Tensor tensorOf(NodeRef node) {
  auto impl = std::make_shared<TensorImpl>();
  impl->storage = std::make_shared<Storage>();
  impl->storage->base = std::move(node);
  return Tensor(std::move(impl));
}

Tensor viewOf(const Tensor &tensor, ViewStep step) {
  auto impl = std::make_shared<TensorImpl>();
  impl->storage = tensor.impl->storage;
  impl->chain = tensor.impl->chain;
  impl->chain.push_back(std::move(step));
  impl->parent = tensor.impl;
  impl->versionMade = impl->storage->version;
  impl->maker = &Recorder::get();
  return Tensor(std::move(impl));
}

// ---- reading

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

static Value emitStep(Recorder &recorder, Value value, const ViewStep &step) {
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
  case ViewStep::Kind::Leaf: {
    Value own = recorder.emit<CopyOp>(value);
    recorder.recordOf(own).gradSlot = step.leaf;
    recorder.recordOf(own).tracked = true;
    return own;
  }
  case ViewStep::Kind::History:
    return recorder.emit<WithHistoryOp>(value, recorder.valueOf(step.history));
  }
  llvm_unreachable("seven kinds of view");
}

// With gradients or without, as the view was made.
static Value applyStep(Recorder &recorder, Value value, const ViewStep &step) {
  GradMode mode(step.tracked);
  Value result = emitStep(recorder, value, step);
  recorder.recordOf(result).isAlias = true;
  return result;
}

Value read(const Tensor &tensor) {
  if (!tensor.defined())
    throw Error("expected a tensor, found an undefined one");
  Recorder &recorder = Recorder::get();
  // Up to what has a value already; without recursion.
  SmallVector<TensorImpl *> views;
  TensorImpl *impl = tensor.impl.get();
  Value value;
  while (impl->isView() && !(value = impl->identity(recorder))) {
    views.push_back(impl);
    if (impl->parent->chain.size() + 1 != impl->chain.size()) { // it has become another view since
      value = recorder.valueOf(impl->storage->base);
      for (const ViewStep &step : ArrayRef(impl->chain).drop_back())
        value = applyStep(recorder, value, step);
      break;
    }
    impl = impl->parent.get();
  }
  if (!value) {
    bool flows = views.empty() || (views.back()->chain[0].tracked && views.back()->chain[0].kind != ViewStep::Kind::Detach);
    GradMode mode(gradMode() && flows);
    value = recorder.valueOf(impl->storage->base);
  }
  for (TensorImpl *view : llvm::reverse(views)) {
    value = applyStep(recorder, value, view->chain.back());
    view->setIdentity(recorder, value);
  }
  return value;
}

NodeRef nodeOf(const Tensor &tensor) {
  if (!tensor.impl->isView())
    return tensor.impl->storage->base;
  return Recorder::get().nodeOf(read(tensor));
}

std::shared_ptr<Buffer> contents(const Tensor &tensor) { return Recorder::get().materialize(nodeOf(tensor)); }

// ---- writing

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
  case ViewStep::Kind::Leaf:
  case ViewStep::Kind::History:
    return changed;
  case ViewStep::Kind::Expand:
    throw Error("unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation.");
  }
  llvm_unreachable("seven kinds of view");
}

void requireWritable(const Tensor &tensor) {
  if (!gradMode())
    return;
  ArrayRef<ViewStep> chain(tensor.impl->chain);
  auto refuse = [](bool isView) {
    throw Error(std::string(isView ? "a view of a leaf" : "a leaf") +
                " Variable that requires grad is being used in an in-place operation.");
  };
  for (size_t i = chain.size(); i-- > 0;) {
    if (chain[i].kind == ViewStep::Kind::Detach)
      return;
    if (chain[i].kind == ViewStep::Kind::Leaf) // what was detached and made a leaf is no view to autograd
      refuse(i + 1 < chain.size() || (i > 0 && chain[i - 1].kind != ViewStep::Kind::Detach));
  }
  const NodeRef &base = tensor.impl->storage->base;
  if (base->leaf && base->requiresGrad)
    refuse(tensor.impl->isView());
}

// The base with `value` where the view looks.
static Value writeThrough(Recorder &recorder, const TensorImpl &impl, Value value) {
  SmallVector<Value> bases{recorder.valueOf(impl.storage->base)};
  ArrayRef<ViewStep> chain(impl.chain);
  for (const ViewStep &step : chain.drop_back(chain.empty() ? 0 : 1))
    bases.push_back(applyStep(recorder, bases.back(), step));
  for (size_t i = chain.size(); i-- > 0;)
    value = writeBack(recorder, bases[i], value, chain[i]);
  return value;
}

// A write without gradients: through a detached view, or where none are recorded.
static bool isDetached(const TensorImpl &impl) {
  return !gradMode() || llvm::any_of(impl.chain, [](const ViewStep &step) { return step.kind == ViewStep::Kind::Detach; });
}

void write(const Tensor &tensor, Value value, const char *function) {
  Recorder &recorder = Recorder::get();
  TensorImpl &impl = *tensor.impl;
  Storage &storage = *impl.storage;
  NodeRef old = storage.base;
  Value before = recorder.valueOf(old);
  if (value.getType() != RankedTensorType::get(impl.sizes(), getElementTypeOrSelf(before.getType())))
    throw Error("output with shape " + std::to_string(tensor.numel()) + " elements does not match what is written to it");
  bool detached = isDetached(impl), carriesGradient = recorder.requiresGrad(value);
  bool madeWithout = false, hasHistory = false;
  for (const ViewStep &step : impl.chain) {
    madeWithout = step.kind != ViewStep::Kind::Detach && (madeWithout || !step.tracked);
    hasHistory |= step.kind == ViewStep::Kind::History;
  }
  if (gradMode() && hasHistory && impl.chain.back().kind != ViewStep::Kind::History)
    throw Error("a view of a detached tensor that was written in place with gradients is being used in an in-place operation: "
                "write to that tensor itself");
  if (gradMode() && madeWithout && (carriesGradient || (old->requiresGrad && !detached)))
    throw Error(
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case "
        "is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace "
        "either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want "
        "the inplace to be tracked).");
  Value whole = writeThrough(recorder, impl, value);
  if (detached) { // the contents change, what they are the gradient of does not
    bool keepsHistory = old->requiresGrad && !old->leaf;
    GradMode mode(keepsHistory);
    if (keepsHistory)
      whole = recorder.emit<WithHistoryOp>(whole, before);
    else if (carriesGradient)
      whole = recorder.emit<DetachOp>(whole);
  }
  NodeRef fresh = recorder.nodeOf(whole);
  fresh->function = detached ? old->function : impl.isView() ? "CopySlices" : function;
  fresh->retained = old->retained;
  recorder.recordOf(whole).retained = old->retained;
  if (old->leaf && old->requiresGrad)
    recorder.makeLeaf(fresh, old->leaf); // the parameter stays the leaf it was
  else if (old->leaf)
    fresh->leaf = old->leaf;
  recorder.noteWrite(impl.storage, before);
  storage.replace(fresh);
  if (detached && carriesGradient) { // this view has a gradient of its own from now on
    NodeRef history = recorder.nodeOf(value);
    history->function = function;
    ViewStep step{ViewStep::Kind::History, impl.sizes(), {}};
    step.history = std::move(history);
    impl.become(std::move(step));
  }
}

void Recorder::refuseOverwritten(Value value) const {
  Value memory = value;
  while (recordOf(memory).isAlias)
    memory = memory.getDefiningOp()->getOperand(0);
  if (!recordOf(memory).overwritten)
    return;
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
