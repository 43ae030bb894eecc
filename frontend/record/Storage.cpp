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

// The strides, and the offset of the first element.
static std::pair<Shape, int64_t> placeInStorage(const TensorImpl &tensor) {
  ArrayRef<int64_t> shape = tensor.storage->base->type.getShape();
  Shape sizes(shape.begin(), shape.end()), strides = rowMajor(sizes);
  int64_t offset = 0;
  for (const ViewStep &step : tensor.chain) {
    if (step.kind == ViewStep::Kind::Slice)
      for (size_t dim = 0; dim < sizes.size(); ++dim)
        offset += step.parameters[dim] * strides[dim];
    strides = stepStrides(step, sizes, strides);
    sizes = step.sizes;
  }
  return {strides, offset};
}

Shape TensorImpl::strides() const { return placeInStorage(*this).first; }
int64_t TensorImpl::offset() const { return placeInStorage(*this).second; }

ScalarType TensorImpl::dtype() const { return Recorder::dtypeOf(storage->base->type.getElementType()); }

bool TensorImpl::requiresGrad() const {
  for (const ViewStep &step : llvm::reverse(chain)) {
    if (step.kind == ViewStep::Kind::Leaf || step.kind == ViewStep::Kind::History)
      return true;
    if (step.kind == ViewStep::Kind::Detach)
      return false;
  }
  return storage->base->requiresGrad;
}

bool TensorImpl::isLeaf() const {
  if (!requiresGrad())
    return true;
  requireCurrent();
  return chain.empty() ? storage->base->leaf != nullptr : !givesGradientOn();
}

bool TensorImpl::givesGradientOn() const {
  ViewStep::Kind kind = chain.back().kind;
  if (kind == ViewStep::Kind::Leaf || kind == ViewStep::Kind::History)
    return kind == ViewStep::Kind::History;
  return versionMade == storage->version ? attached : requiresGrad();
}

static const char *const kAmbiguous =
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view "
    "and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you "
    "want the inplace to be tracked).";

// Of a chain: without gradients, and not detached since.
static bool madeWithout(ArrayRef<ViewStep> chain) {
  bool without = false;
  for (const ViewStep &step : chain)
    without = step.kind != ViewStep::Kind::Detach && (without || !step.tracked);
  return without;
}

void TensorImpl::requireCurrent() const {
  bool isDetached = llvm::any_of(chain, [](const ViewStep &step) { return step.kind == ViewStep::Kind::Detach; });
  if (versionMade != storage->version && !isDetached && storage->base->requiresGrad && madeWithout(chain))
    throw Error("A view was created in no_grad mode and its base or another view of its base has been modified inplace with grad "
                "mode enabled. " +
                std::string(kAmbiguous));
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
  if (hooks && hooksVersion == version)
    record->hooks = hooks;
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
  if (writes)
    *writes = {version, base->function};
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
  impl->attached = gradMode() && impl->chain.back().kind != ViewStep::Kind::Detach && tensor.impl->requiresGrad();
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

static Value applyStep(Recorder &recorder, Value value, const ViewStep &step, bool tracked) {
  GradMode mode(tracked);
  Value result = emitStep(recorder, value, step);
  recorder.recordOf(result).isAlias = true;
  return result;
}

// A view that takes gradients on is recorded with them; one that does not, or is a leaf of its own, is not.
static bool tracksStep(const TensorImpl &view) {
  return view.chain.back().kind == ViewStep::Kind::Leaf || view.givesGradientOn();
}

// A view that requires a gradient but gives none on has one that goes nowhere, and so has what is made of it.
static Value withGradient(Recorder &recorder, TensorImpl &view, Value value) {
  if (recorder.recordOf(value).tracked || !view.requiresGrad() || !isa<FloatType>(getElementTypeOrSelf(value.getType())))
    return value;
  Value own = recorder.emit<CopyOp>(value);
  Recorded &record = recorder.recordOf(own);
  record.gradSlot = std::make_shared<GradSlot>();
  record.gradSlot->isNowhere = true;
  record.tracked = record.isAlias = true;
  view.setIdentity(recorder, own);
  return own;
}

Value read(const Tensor &tensor) {
  if (!tensor.defined())
    throw Error("expected a tensor, found an undefined one");
  Recorder &recorder = Recorder::get();
  if (gradMode())
    tensor.impl->requireCurrent();
  // Up to what has a value already; without recursion.
  SmallVector<TensorImpl *> views;
  TensorImpl *impl = tensor.impl.get();
  Value value;
  while (impl->isView() && !(value = impl->identity(recorder))) {
    views.push_back(impl);
    if (impl->parent->chain.size() + 1 != impl->chain.size()) { // it has become another view since
      value = recorder.valueOf(impl->storage->base);
      for (const ViewStep &step : ArrayRef(impl->chain).drop_back())
        value = applyStep(recorder, value, step, step.tracked);
      break;
    }
    impl = impl->parent.get();
  }
  if (!value) {
    GradMode mode(gradMode() && (views.empty() || tracksStep(*views.back())));
    value = recorder.valueOf(impl->storage->base);
  }
  for (TensorImpl *view : llvm::reverse(views)) {
    value = applyStep(recorder, value, view->chain.back(), tracksStep(*view));
    view->setIdentity(recorder, value);
  }
  return gradMode() && tensor.impl->isView() ? withGradient(recorder, *tensor.impl, value) : value;
}

bool goesNowhere(const Tensor &tensor) {
  Recorded &record = Recorder::get().recordOf(read(tensor));
  return record.gradSlot && record.gradSlot->isNowhere;
}

NodeRef nodeOf(const Tensor &tensor) {
  if (tensor.defined() && !tensor.impl->isView())
    return tensor.impl->storage->base;
  return Recorder::get().nodeOf(read(tensor));
}

std::shared_ptr<Buffer> contents(const Tensor &tensor) { return Recorder::get().materialize(nodeOf(tensor)); }

std::shared_ptr<HookList> hooksFor(const Tensor &tensor) {
  Recorder &recorder = Recorder::get();
  TensorImpl &impl = *tensor.impl;
  NodeRef node = nodeOf(tensor);
  if (node->leaf && !node->leaf->isNowhere)
    return {node->leaf, &node->leaf->hooks};
  Recorded &record = recorder.recordOf(recorder.valueOf(node));
  if (!record.hooks)
    record.hooks = std::make_shared<HookList>();
  if (impl.isView()) { // its value may be made anew
    impl.hooks = record.hooks;
    impl.hooksVersion = impl.storage->version;
  }
  return record.hooks;
}

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

[[noreturn]] static void refuseWrite() {
  throw Error("A view was created in no_grad mode and is being modified inplace with grad mode enabled. " +
              std::string(kAmbiguous));
}

void requireWritable(const Tensor &tensor) {
  if (!gradMode())
    return;
  ArrayRef<ViewStep> chain(tensor.impl->chain);
  if (madeWithout(chain) && tensor.impl->requiresGrad())
    refuseWrite();
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
    bases.push_back(applyStep(recorder, bases.back(), step, step.tracked));
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
  bool hasHistory = llvm::any_of(impl.chain, [](const ViewStep &step) { return step.kind == ViewStep::Kind::History; });
  if (gradMode() && hasHistory && impl.chain.back().kind != ViewStep::Kind::History)
    throw Error("a view of a detached tensor that was written in place with gradients is being used in an in-place operation: "
                "write to that tensor itself");
  if (gradMode() && madeWithout(impl.chain) && carriesGradient)
    refuseWrite();
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
  recorder.recordOf(before).retained = nullptr; // what is kept is the gradient of what the tensor holds
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

std::string tensorTypeName(ScalarType dtype) {
  constexpr const char *names[] = {"torch.DoubleTensor", "torch.FloatTensor", "CPUBFloat16Type",   "torch.HalfTensor",
                                   "torch.LongTensor",   "torch.IntTensor",   "torch.ShortTensor", "torch.CharTensor",
                                   "torch.ByteTensor",   "torch.BoolTensor"};
  return names[static_cast<int>(dtype)];
}

void Recorder::refuseOverwritten(Value value, Operation *op) const {
  Value memory = value;
  while (recordOf(memory).isAlias)
    memory = memory.getDefiningOp()->getOperand(0);
  const Overwritten *own = recordOf(memory).overwritten.get();
  if (!own)
    return;
  auto type = cast<RankedTensorType>(value.getType());
  std::string sizes, function;
  for (int64_t size : type.getShape())
    sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  if (value.getDefiningOp() == op) // a result, by the name that it had; an operand, by the one that it has now
    function = own->function;
  else if (recordOf(value).tracked && !recordOf(value).gradSlot)
    function = memory == value ? own->writes->function : "AsStridedBackward0";
  if (StringRef(function).starts_with("Copy"))
    function = "torch::autograd::" + function;
  if (!function.empty())
    function = ", which is output 0 of " + function + ",";
  throw Error("one of the variables needed for gradient computation has been modified by an inplace operation: [" +
              tensorTypeName(dtypeOf(type.getElementType())) + " [" + sizes + "]]" + function + " is at version " +
              std::to_string(own->writes->version) + "; expected version " + std::to_string(own->version) +
              " instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
              "torch.autograd.set_detect_anomaly(True).");
}

} // namespace ember::record
