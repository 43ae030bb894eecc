// Tensor's own methods: shape, values, autograd, views, writes.
#include "ember/tensor.h"

#include "ir/interpret/Bytes.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Gradient.h"
#include "record/Storage.h"
#include <algorithm>
#include <cstring>
#include <ostream>

using namespace mlir;
using namespace ember::ir;
using namespace ember::record;

namespace ember {

// Every call from outside: the recorder's lock, and the user's line.
#define EMBER_ENTER(WHERE)                                                                                                       \
  CallSite callSite(WHERE);                                                                                                      \
  Recorder &recorder = Recorder::get();                                                                                          \
  std::lock_guard lock(recorder.mutex);                                                                                          \
  recorder.enter()

bool is_floating(ScalarType dtype) { return dtype <= kFloat16; }

std::string dtype_name(ScalarType dtype) {
  constexpr const char *names[] = {"float64", "float32", "bfloat16", "float16", "int64",
                                   "int32",   "int16",   "int8",     "uint8",   "bool"};
  return std::string("torch.") + names[static_cast<int>(dtype)];
}

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

static int64_t wrapDim(int64_t dim, int64_t rank) {
  int64_t least = rank == 0 ? -1 : -rank, most = rank == 0 ? 0 : rank - 1;
  if (dim < least || dim > most)
    throw Error("Dimension out of range (expected to be in range of [" + std::to_string(least) + ", " + std::to_string(most) +
                "], but got " + std::to_string(dim) + ")");
  return dim < 0 ? dim + std::max<int64_t>(rank, 1) : dim;
}
int64_t Tensor::size(int64_t dim) const {
  Size own = sizes();
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
  EMBER_ENTER(where);
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
  EMBER_ENTER(where);
  if (requires_grad())
    throw Error("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  if (dtype() != dtype_of<T>())
    throw Error("expected scalar type " + dtype_name(dtype_of<T>()) + " but found " + dtype_name(dtype()));
  NodeRef node = record::nodeOf(*this);
  std::shared_ptr<Buffer> buffer = recorder.materialize(node);
  if (impl->isView()) { // a view's memory must outlive this call: it becomes a storage of its own behind the handle
    impl->storage = std::make_shared<Storage>();
    impl->storage->base = node;
    impl->chain.clear();
  }
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

Tensor &Tensor::requires_grad_(bool requires_grad, Here where) {
  EMBER_ENTER(where);
  if (requires_grad && !is_floating_point())
    throw Error("only Tensors of floating point dtype can require gradients");
  NodeRef &base = impl->storage->base;
  if (!is_leaf())
    throw Error("you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
                "that doesn't require differentiation use var_no_grad = var.detach().");
  if (base->requiresGrad == requires_grad)
    return *this;
  // Uses so far stay without gradient: the flag is for a new identity of the same contents.
  std::shared_ptr<GradSlot> slot = base->leaf ? base->leaf : std::make_shared<GradSlot>();
  NodeRef fresh;
  if (base->buffer) {
    fresh = recorder.memoryNode(base->type, base->buffer);
  } else {
    NoGradGuard noGrad;
    fresh = recorder.nodeOf(recorder.emit<CopyOp>(recorder.valueOf(base)));
  }
  fresh->leaf = slot;
  if (requires_grad)
    recorder.makeLeaf(fresh, slot);
  base = fresh;
  return *this;
}

bool Tensor::requires_grad() const {
  if (!impl)
    return false;
  bool detached = std::any_of(impl->chain.begin(), impl->chain.end(),
                              [](const ViewStep &step) { return step.kind == ViewStep::Kind::Detach; });
  return !detached && impl->storage->base->requiresGrad && impl->viewRequiresGrad;
}
bool Tensor::is_leaf() const { return !requires_grad() || (impl->chain.empty() && impl->storage->base->leaf != nullptr); }

Tensor Tensor::grad() const {
  requireDefined(*this);
  return impl->storage->base->leaf ? impl->storage->base->leaf->get() : Tensor();
}
void Tensor::set_grad(const Tensor &gradient) {
  requireDefined(*this);
  std::lock_guard lock(Recorder::get().mutex);
  NodeRef &base = impl->storage->base;
  if (!base->leaf) {
    if (!gradient.defined())
      return;
    base->leaf = std::make_shared<GradSlot>();
  }
  base->leaf->set(gradient);
}

static std::string shapeText(const Shape &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
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
  EMBER_ENTER(where);
  requireDefined(*this);
  if (!requires_grad())
    throw Error("element 0 of tensors does not require grad and does not have a grad_fn");
  NodeRef output = record::nodeOf(*this);
  Tensor seed = seedOf(*this, gradient, 0, where);
  recorder.backward(output, record::nodeOf(seed), retain_graph || create_graph, create_graph);
}

Tensor Tensor::detach() const {
  requireDefined(*this);
  return viewOf(*this, {ViewStep::Kind::Detach, sizes(), {}});
}

void Tensor::set_data(const Tensor &source) {
  std::lock_guard lock(Recorder::get().mutex);
  NodeRef old = impl->storage->base;
  NoGradGuard noGrad;
  NodeRef from = record::nodeOf(source);
  NodeRef fresh = from->buffer ? Recorder::get().memoryNode(from->type, from->buffer)
                               : Recorder::get().nodeOf(Recorder::get().emit<CopyOp>(Recorder::get().valueOf(from)));
  if (old->leaf && old->requiresGrad)
    Recorder::get().makeLeaf(fresh, old->leaf);
  impl->storage->base = fresh;
}

namespace autograd {
std::vector<Tensor> grad(const std::vector<Tensor> &outputs, const std::vector<Tensor> &inputs,
                         const std::vector<Tensor> &grad_outputs, bool retain_graph, bool create_graph, bool allow_unused,
                         Here where) {
  EMBER_ENTER(where);
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
    to.push_back(record::nodeOf(input));
  }
  std::vector<Tensor> results;
  for (const NodeRef &node : recorder.gradients(from, seeds, to, retain_graph || create_graph, create_graph)) {
    if (!node && !allow_unused)
      throw Error(
          "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is "
          "the desired behavior.");
    results.push_back(node ? tensorOf(node) : Tensor());
  }
  return results;
}
} // namespace autograd

// ---- views

static Shape completeShape(const Tensor &tensor, Shape shape) {
  Shape wanted = shape;
  int64_t known = 1, open = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1 && open < 0)
      open = static_cast<int64_t>(i);
    else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known))
      throw Error("invalid shape dimension " + std::to_string(shape[i]));
  }
  if (open >= 0 && known > 0)
    shape[open] = tensor.numel() / known;
  if (open >= 0 ? (known == 0 || known * shape[open] != tensor.numel()) : known != tensor.numel())
    throw Error("shape '" + shapeText(wanted) + "' is invalid for input of size " + std::to_string(tensor.numel()));
  return shape;
}

Tensor Tensor::view(Shape shape, Here where) const { return reshape(std::move(shape), where); }
Tensor Tensor::reshape(Shape shape, Here where) const {
  CallSite site(where);
  return viewOf(*this, {ViewStep::Kind::Reshape, completeShape(*this, std::move(shape)), {}});
}
Tensor Tensor::flatten(int64_t start, int64_t end, Here where) const {
  CallSite site(where);
  Size own = sizes();
  if (own.empty())
    return reshape({1}, where);
  start = wrapDim(start, own.size());
  end = wrapDim(end, own.size());
  if (start > end)
    throw Error("flatten() has invalid args: start_dim cannot come after end_dim");
  Shape shape(own.begin(), own.begin() + start);
  int64_t joined = 1;
  for (int64_t dim = start; dim <= end; ++dim)
    joined *= own[dim];
  shape.push_back(joined);
  shape.insert(shape.end(), own.begin() + end + 1, own.end());
  return reshape(shape, where);
}
Tensor Tensor::permute(Shape dims, Here where) const {
  CallSite site(where);
  Size own = sizes();
  if (dims.size() != own.size())
    throw Error("permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering "
                "of dimensions i.e. input.dim() = " +
                std::to_string(own.size()) + " is not equal to len(dims) = " + std::to_string(dims.size()));
  Shape sizes;
  std::vector<bool> seen(own.size());
  for (int64_t &dim : dims) {
    dim = wrapDim(dim, own.size());
    if (seen[dim])
      throw Error("permute(): duplicate dims are not allowed.");
    seen[dim] = true;
    sizes.push_back(own[dim]);
  }
  return viewOf(*this, {ViewStep::Kind::Transpose, sizes, dims});
}
Tensor Tensor::transpose(int64_t dim0, int64_t dim1, Here where) const {
  CallSite site(where);
  Shape dims(dim());
  for (size_t i = 0; i < dims.size(); ++i)
    dims[i] = static_cast<int64_t>(i);
  if (dims.empty())
    return *this;
  std::swap(dims[wrapDim(dim0, dim())], dims[wrapDim(dim1, dim())]);
  return permute(dims, where);
}
Tensor Tensor::t(Here where) const {
  CallSite site(where);
  if (dim() > 2)
    throw Error("t() expects a tensor with <= 2 dimensions, but self is " + std::to_string(dim()) + "D");
  return dim() < 2 ? *this : transpose(0, 1, where);
}
Tensor Tensor::expand(Shape shape, Here where) const {
  CallSite site(where);
  Size own = sizes();
  if (shape.size() < own.size())
    throw Error("expand: the number of sizes provided (" + std::to_string(shape.size()) +
                ") must be greater or equal to the number of dimensions in the tensor (" + std::to_string(own.size()) + ")");
  Shape target = shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t place = static_cast<int64_t>(i + own.size()) - static_cast<int64_t>(shape.size());
    int64_t existing = place < 0 ? 1 : own[place];
    if (shape[i] == -1 && place >= 0)
      target[i] = existing;
    else if (existing != 1 && existing != shape[i])
      throw Error("The expanded size of the tensor (" + std::to_string(shape[i]) + ") must match the existing size (" +
                  std::to_string(existing) + ") at non-singleton dimension " + std::to_string(i) +
                  ".  Target sizes: " + shapeText(shape) + ".  Tensor sizes: " + shapeText(own));
  }
  return viewOf(*this, {ViewStep::Kind::Expand, target, {}});
}
Tensor Tensor::squeeze(int64_t dim, Here where) const {
  CallSite site(where);
  Size shape = sizes();
  dim = wrapDim(dim, shape.size());
  if (shape.empty() || shape[dim] != 1)
    return *this;
  shape.erase(shape.begin() + dim);
  return reshape(shape, where);
}
Tensor Tensor::unsqueeze(int64_t dim, Here where) const {
  CallSite site(where);
  Size shape = sizes();
  shape.insert(shape.begin() + wrapDim(dim, shape.size() + 1), 1);
  return reshape(shape, where);
}
Tensor Tensor::slice(int64_t dim, int64_t start, int64_t end, int64_t step, Here where) const {
  CallSite site(where);
  if (step < 1)
    throw Error("slice step must be positive");
  Size own = sizes();
  if (own.empty())
    throw Error("slice() cannot be applied to a 0-dim tensor.");
  dim = wrapDim(dim, own.size());
  auto clamp = [&](int64_t index) { return std::clamp<int64_t>(index < 0 ? index + own[dim] : index, 0, own[dim]); };
  start = clamp(start);
  end = std::max(clamp(end), start);
  Shape sizes = own, parameters(2 * own.size(), 0);
  std::fill(parameters.begin() + own.size(), parameters.end(), 1);
  sizes[dim] = (end - start + step - 1) / step;
  parameters[dim] = start;
  parameters[own.size() + dim] = step;
  return viewOf(*this, {ViewStep::Kind::Slice, sizes, parameters});
}
Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length, Here where) const {
  CallSite site(where);
  int64_t size = this->size(dim);
  if (start < 0 || length < 0 || start + length > size)
    throw Error("start (" + std::to_string(start) + ") + length (" + std::to_string(length) + ") exceeds dimension size (" +
                std::to_string(size) + ").");
  return slice(dim, start, start + length, 1, where);
}
Tensor Tensor::select(int64_t dim, int64_t index, Here where) const {
  CallSite site(where);
  int64_t rank = this->dim();
  if (rank == 0)
    throw Error("select() cannot be applied to a 0-dim tensor.");
  dim = wrapDim(dim, rank);
  int64_t size = this->size(dim);
  if (index < -size || index >= size)
    throw Error("index " + std::to_string(index) + " is out of bounds for dimension " + std::to_string(dim) + " with size " +
                std::to_string(size));
  index = index < 0 ? index + size : index;
  Size shape = sizes();
  shape.erase(shape.begin() + dim);
  return slice(dim, index, index + 1, 1, where).reshape(shape, where);
}

// ---- writes

Tensor &Tensor::copy_(const Tensor &source, Here where) {
  EMBER_ENTER(where);
  requireWritable(*this);
  Tensor from = source.dtype() == dtype() ? source : source.to(dtype());
  if (from.sizes() != sizes())
    from = from.expand(sizes(), where);
  // An identity of its own: the source may be written or kept by others.
  write(*this, recorder.emit<CopyOp>(read(from)));
  return *this;
}
Tensor &Tensor::fill_(double value, Here where) { return copy_(full({}, value, dtype()), where); }
Tensor &Tensor::zero_(Here where) { return fill_(0, where); }

// ---- factories

// Throws PyTorch's texts where there is no such number.
static int64_t bytesOf(const Shape &shape, ScalarType dtype) {
  auto bytes = static_cast<int64_t>(ember_rt_dtype_size(static_cast<uint32_t>(dtype)));
  bool overflows = false;
  for (int64_t size : shape) {
    if (size < 0)
      throw Error("Trying to create tensor with negative dimension " + std::to_string(size) + ": " + shapeText(shape));
    overflows |= __builtin_mul_overflow(bytes, size, &bytes);
  }
  if (overflows && std::find(shape.begin(), shape.end(), 0) == shape.end())
    throw Error("Storage size calculation overflowed with sizes=" + shapeText(shape));
  return overflows ? 0 : bytes;
}

Tensor empty(Shape shape, ScalarType dtype, Here where) {
  CallSite site(where);
  Recorder &recorder = Recorder::get();
  std::lock_guard lock(recorder.mutex);
  size_t bytes = bytesOf(shape, dtype);
  auto buffer = std::make_shared<Buffer>(bytes);
  std::memset(buffer->data, 0, bytes);
  return tensorOf(recorder.memoryNode(RankedTensorType::get(shape, recorder.elementType(dtype)), buffer));
}
Tensor zeros(Shape shape, ScalarType dtype, Here where) { return empty(std::move(shape), dtype, where); }
Tensor ones(Shape shape, ScalarType dtype, Here where) { return full(std::move(shape), 1, dtype, where); }

Tensor full(Shape shape, double value, ScalarType dtype, Here where) {
  Tensor tensor = empty(std::move(shape), dtype, where);
  NodeRef node = tensor.impl->storage->base;
  ReferenceTensor one = ReferenceTensor::zeros(RankedTensorType::get({}, node->type.getElementType()));
  one.set(
      0, roundTo(node->type.getElementType(), one.isReal() ? Scalar::real(value) : Scalar::integer(static_cast<int64_t>(value))));
  int64_t width = byteWidth(node->type.getElementType());
  char bytes[8];
  writeBytes(one, bytes);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    std::memcpy(static_cast<char *>(node->buffer->data) + i * width, bytes, width);
  return tensor;
}
Tensor from_bytes(const void *bytes, Shape shape, ScalarType dtype, Here where) {
  Tensor tensor = empty(std::move(shape), dtype, where);
  std::memcpy(tensor.impl->storage->base->buffer->data, bytes,
              tensor.numel() * ember_rt_dtype_size(static_cast<uint32_t>(dtype)));
  return tensor;
}
Tensor arange(int64_t end, Here where) {
  Tensor tensor = empty({std::max<int64_t>(end, 0)}, kInt64, where);
  auto *values = static_cast<int64_t *>(tensor.impl->storage->base->buffer->data);
  for (int64_t i = 0; i < end; ++i)
    values[i] = i;
  return tensor;
}
Tensor zeros_like(const Tensor &other, Here where) { return zeros(other.sizes(), other.dtype(), where); }
Tensor ones_like(const Tensor &other, Here where) { return ones(other.sizes(), other.dtype(), where); }
Tensor runtime_scalar(double value, ScalarType dtype) { return full({}, value, dtype); }

Tensor copy_rows(const Tensor &tensor, const std::vector<int64_t> &rows, Here where) {
  CallSite site(where);
  std::lock_guard lock(Recorder::get().mutex);
  NoGradGuard noGrad;
  std::shared_ptr<Buffer> source = contents(tensor);
  Shape shape = tensor.sizes();
  int64_t count = shape[0],
          width = tensor.numel() / std::max<int64_t>(count, 1) * ember_rt_dtype_size(static_cast<uint32_t>(tensor.dtype()));
  shape[0] = static_cast<int64_t>(rows.size());
  Tensor result = empty(shape, tensor.dtype());
  auto *to = static_cast<char *>(result.impl->storage->base->buffer->data);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= count)
      throw Error("index " + std::to_string(rows[i]) + " is out of bounds for dimension 0 with size " + std::to_string(count));
    std::memcpy(to + i * width, static_cast<char *>(source->data) + rows[i] * width, width);
  }
  return result;
}

Tensor load_npy(const std::string &path, Here where) {
  CallSite site(where);
  ember_array array;
  char error[512];
  if (ember_rt_read_npy(path.c_str(), &array, error, sizeof error) != 0)
    throw Error(error);
  Tensor tensor = from_bytes(array.data, Shape(array.dims, array.dims + array.rank), static_cast<ScalarType>(array.dtype));
  ember_rt_free(array.data);
  return tensor;
}
void save_npy(const std::string &path, const Tensor &tensor, Here where) {
  CallSite site(where);
  std::lock_guard lock(Recorder::get().mutex);
  Shape shape = tensor.sizes();
  char error[512];
  if (ember_rt_write_npy(path.c_str(), static_cast<uint32_t>(tensor.dtype()), static_cast<uint32_t>(shape.size()), shape.data(),
                         contents(tensor)->data, error, sizeof error) != 0)
    throw Error(error);
}

} // namespace ember
