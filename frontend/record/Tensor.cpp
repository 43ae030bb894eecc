// Tensor's own methods: shape, values, autograd.
#include "ember/tensor.h"

#include "ir/interpret/Bytes.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/View.h"
#include "record/Storage.h"
#include <algorithm>
#include <cstring>
#include <ostream>

using namespace mlir;
using namespace ember::ir;
using namespace ember::record;

namespace ember {

bool is_floating(ScalarType dtype) { return dtype <= kFloat16; }

std::string dtype_name(ScalarType dtype) {
  constexpr const char *names[] = {"float64", "float32", "bfloat16", "float16", "int64",
                                   "int32",   "int16",   "int8",     "uint8",   "bool"};
  return std::string("torch.") + names[static_cast<int>(dtype)];
}

std::ostream &operator<<(std::ostream &stream, ScalarType dtype) { return stream << dtype_name(dtype); }

std::ostream &operator<<(std::ostream &stream, const Size &size) {
  stream << "torch.Size([";
  for (size_t i = 0; i < size.size(); ++i)
    stream << (i ? ", " : "") << size[i];
  return stream << "])";
}

static void requireDefined(const Tensor &tensor) {
  if (!tensor.defined())
    throw Error("expected a tensor, found an undefined one");
}

bool Tensor::is_same(const Tensor &other) const {
  if (impl == other.impl)
    return true;
  return impl && other.impl && impl->storage == other.impl->storage && impl->chain.empty() && other.impl->chain.empty();
}
Size Tensor::sizes() const {
  requireDefined(*this);
  return impl->sizes();
}
int64_t Tensor::dim() const { return static_cast<int64_t>(sizes().size()); }
int64_t Tensor::numel() const {
  int64_t count = 1;
  for (int64_t size : sizes())
    count *= size;
  return count;
}
ScalarType Tensor::dtype() const {
  requireDefined(*this);
  return impl->dtype();
}

int64_t Tensor::size(int64_t dim, Here where) const {
  CallSite site(where);
  Size own = sizes();
  if (own.empty())
    throw Error("Dimension specified as " + std::to_string(dim) + " but tensor has no dimensions");
  return own.at(wrapDim(dim, own.size()));
}

// ---- values

namespace record {
std::vector<char> bytesOf(const Tensor &tensor, ScalarType dtype) {
  Tensor converted = tensor.dtype() == dtype ? tensor : tensor.detach().to(dtype);
  std::shared_ptr<Buffer> buffer = contents(converted);
  size_t count = tensor.numel() * ember_rt_dtype_size(static_cast<uint32_t>(dtype));
  auto *bytes = static_cast<char *>(buffer->data);
  return {bytes, bytes + count};
}
} // namespace record

template <typename T> std::vector<T> Tensor::to_vector(Here where) const {
  Entry entry(where);
  NoGradGuard noGrad;
  std::vector<char> bytes = bytesOf(*this, dtype_of<T>());
  std::vector<T> values(numel());
  if constexpr (std::is_same_v<T, bool>) {
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = bytes[i] != 0;
  } else {
    if (!bytes.empty())
      std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

template <typename T> T Tensor::item(Here where) const {
  CallSite site(where);
  if (numel() != 1)
    throw Error("a Tensor with " + std::to_string(numel()) + " elements cannot be converted to Scalar");
  return to_vector<T>(where)[0];
}

template <typename T> const T *Tensor::data_ptr(Here where) const {
  Entry entry(where);
  if (requires_grad())
    throw Error("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  if (dtype() != dtype_of<T>())
    throw Error("expected scalar type " + dtype_name(dtype_of<T>()) + " but found " + dtype_name(dtype()));
  NodeRef node = record::nodeOf(*this);
  std::shared_ptr<Buffer> buffer = entry.recorder.materialize(node);
  if (impl->isView())
    impl->exposed = node; // a view's memory must outlive this call
  return static_cast<const T *>(buffer->data);
}

#define EMBER_INSTANTIATE(T)                                                                                                     \
  template std::vector<T> Tensor::to_vector<T>(Here) const;                                                                      \
  template T Tensor::item<T>(Here) const;                                                                                        \
  template const T *Tensor::data_ptr<T>(Here) const;
EMBER_INSTANTIATE(double)
EMBER_INSTANTIATE(float)
EMBER_INSTANTIATE(int64_t)
EMBER_INSTANTIATE(int32_t)
EMBER_INSTANTIATE(uint8_t)
EMBER_INSTANTIATE(bool)
#undef EMBER_INSTANTIATE

// ---- autograd

// A view that requires a gradient of its own, its base requiring none; and back.
static void setLeafView(TensorImpl &impl, bool requiresGrad) {
  if (!requiresGrad) {
    std::shared_ptr<GradSlot> gradient = impl.gradient;
    impl = TensorImpl(*impl.parent);
    impl.gradient = std::move(gradient);
    return;
  }
  if (!impl.gradient)
    impl.gradient = std::make_shared<GradSlot>();
  ViewStep step{ViewStep::Kind::Leaf, impl.sizes(), {}};
  step.leaf = impl.gradient;
  impl.become(std::move(step));
}

Tensor &Tensor::requires_grad_(bool requires_grad, Here where) {
  Entry entry(where);
  if (requires_grad && !is_floating_point())
    throw Error("only Tensors of floating point dtype can require gradients");
  NodeRef &base = impl->storage->base;
  if (!is_leaf() && !requires_grad)
    throw Error("you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
                "that doesn't require differentiation use var_no_grad = var.detach().");
  if (this->requires_grad() == requires_grad)
    return *this;
  if (impl->isView()) {
    setLeafView(*impl, requires_grad);
    return *this;
  }
  // Uses so far stay without gradient: the flag is for a new identity of the same contents.
  std::shared_ptr<GradSlot> slot = base->leaf ? base->leaf : std::make_shared<GradSlot>();
  NodeRef fresh;
  if (base->buffer) {
    fresh = entry.recorder.memoryNode(base->type, base->buffer);
  } else {
    NoGradGuard noGrad;
    fresh = entry.recorder.nodeOf(entry.recorder.emit<CopyOp>(entry.recorder.valueOf(base)));
  }
  fresh->leaf = slot;
  if (requires_grad)
    entry.recorder.makeLeaf(fresh, slot);
  base = fresh;
  return *this;
}

bool Tensor::requires_grad() const { return impl && impl->requiresGrad(); }
bool Tensor::is_leaf() const { return !impl || impl->isLeaf(); }

void Tensor::retain_grad(Here where) {
  Entry entry(where);
  if (!requires_grad())
    throw Error("can't retain_grad on Tensor that has requires_grad=False");
  if (is_leaf())
    return;
  NodeRef node = record::nodeOf(*this);
  std::shared_ptr<GradSlot> &slot = impl->isView() ? impl->gradient : node->retained;
  if (!slot)
    slot = std::make_shared<GradSlot>();
  entry.recorder.recordOf(entry.recorder.valueOf(node)).retained = slot;
}

bool Tensor::retains_grad() const {
  requireDefined(*this);
  return !is_leaf() && (impl->isView() ? impl->gradient : impl->storage->base->retained) != nullptr;
}

Tensor Tensor::grad() const {
  requireDefined(*this);
  const NodeRef &base = impl->storage->base;
  const std::shared_ptr<GradSlot> &slot = impl->isView() ? impl->gradient : base->leaf ? base->leaf : base->retained;
  return slot ? slot->get() : Tensor();
}
void Tensor::set_grad(const Tensor &gradient, Here where) {
  CallSite site(where);
  requireDefined(*this);
  if (gradient.defined() && gradient.dtype() != dtype())
    throw Error("assigned grad has data of a different type");
  if (gradient.defined() && gradient.sizes() != sizes())
    throw Error("assigned grad has data of a different size");
  std::lock_guard lock(Recorder::get().mutex);
  const NodeRef &base = impl->storage->base;
  std::shared_ptr<GradSlot> &slot = impl->isView() ? impl->gradient : base->leaf || is_leaf() ? base->leaf : base->retained;
  if (!slot && gradient.defined())
    slot = std::make_shared<GradSlot>();
  if (slot)
    slot->set(gradient);
}

// What the number-th output's gradient starts from: 1, or the given gradient in the output's dtype.
static Tensor seedOf(const Tensor &output, const Tensor &gradient, size_t number, Here where) {
  if (!gradient.defined() && output.numel() != 1)
    throw Error("grad can be implicitly created only for scalar outputs");
  if (!gradient.defined())
    return ones(output.sizes(), output.dtype());
  if (gradient.sizes() != output.sizes()) {
    std::string index = "[" + std::to_string(number) + "] has a shape of torch.Size(";
    throw Error("Mismatch in shape: grad_output" + index + shapeText(gradient.sizes()) + ") and output" + index +
                shapeText(output.sizes()) + ").");
  }
  return gradient.dtype() == output.dtype() ? gradient : gradient.to(output.dtype(), where);
}

void Tensor::backward(const Tensor &gradient, bool retain_graph, bool create_graph, Here where) const {
  Entry entry(where);
  requireDefined(*this);
  if (!requires_grad())
    throw Error("element 0 of tensors does not require grad and does not have a grad_fn");
  NodeRef output = record::nodeOf(*this);
  Tensor seed = seedOf(*this, gradient, 0, where);
  entry.recorder.backward(output, record::nodeOf(seed), retain_graph || create_graph, create_graph);
}

Tensor Tensor::detach() const {
  requireDefined(*this);
  return viewOf(*this, {ViewStep::Kind::Detach, sizes(), {}, ""});
}

void Tensor::set_data(const Tensor &source, Here where) {
  CallSite site(where);
  requireDefined(*this);
  std::lock_guard lock(Recorder::get().mutex);
  NodeRef old = impl->storage->base;
  NoGradGuard noGrad;
  NodeRef from = record::nodeOf(source);
  NodeRef fresh = from->buffer ? Recorder::get().memoryNode(from->type, from->buffer)
                               : Recorder::get().nodeOf(Recorder::get().emit<CopyOp>(Recorder::get().valueOf(from)));
  if (old->leaf && old->requiresGrad)
    Recorder::get().makeLeaf(fresh, old->leaf);
  impl->storage->replace(fresh);
}

namespace autograd {
std::vector<Tensor> grad(const std::vector<Tensor> &outputs, const std::vector<Tensor> &inputs,
                         const std::vector<Tensor> &grad_outputs, bool retain_graph, bool create_graph, bool allow_unused,
                         Here where) {
  Entry entry(where);
  if (!grad_outputs.empty() && grad_outputs.size() != outputs.size())
    throw Error("got " + std::to_string(outputs.size()) + " tensors and " + std::to_string(grad_outputs.size()) + " gradients");
  std::vector<NodeRef> from, seeds, to;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].requires_grad())
      throw Error("element " + std::to_string(i) + " of tensors does not require grad and does not have a grad_fn");
    from.push_back(record::nodeOf(outputs[i]));
    seeds.push_back(record::nodeOf(seedOf(outputs[i], grad_outputs.empty() ? Tensor() : grad_outputs[i], i, where)));
  }
  for (const Tensor &input : inputs) {
    if (!input.requires_grad())
      throw Error("One of the differentiated Tensors does not require grad");
    if (!goesNowhere(input))
      to.push_back(record::nodeOf(input));
  }
  std::vector<NodeRef> found = entry.recorder.gradients(from, seeds, to, retain_graph || create_graph, create_graph);
  std::vector<Tensor> results;
  size_t next = 0;
  for (const Tensor &input : inputs) {
    NodeRef node = goesNowhere(input) ? nullptr : found[next++];
    if (!node && !allow_unused)
      throw Error(
          "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is "
          "the desired behavior.");
    results.push_back(node ? tensorOf(node) : Tensor());
  }
  return results;
}
} // namespace autograd

} // namespace ember
