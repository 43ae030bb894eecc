// Views on tensors, and writes in place.
#include "ember/tensor.h"

#include "ir/ops/Constant.h"
#include "ir/ops/View.h"
#include "record/Storage.h"
#include <algorithm>

using namespace mlir;
using namespace ember::ir;
using namespace ember::record;

namespace ember {

// ---- views

static Shape completeShape(const Tensor &tensor, Shape shape) {
  Shape wanted = shape;
  int64_t known = 1, open = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1 && open >= 0)
      throw Error("only one dimension can be inferred");
    if (shape[i] == -1)
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

static Tensor reshaped(const Tensor &tensor, Shape shape, const char *function) {
  return viewOf(tensor, {ViewStep::Kind::Reshape, std::move(shape), {}, function});
}

static bool isViewable(const Tensor &tensor, const Shape &shape) {
  bool isRowMajor = llvm::all_of(tensor.impl->chain, [](const ViewStep &step) {
    return step.kind == ViewStep::Kind::Reshape || step.kind == ViewStep::Kind::Detach;
  });
  if (isRowMajor)
    return true;
  return reshapedStrides(tensor.sizes(), tensor.impl->strides(), shape).has_value();
}

Tensor Tensor::view(Shape shape, Here where) const {
  CallSite site(where);
  shape = completeShape(*this, std::move(shape));
  if (!isViewable(*this, shape))
    throw Error("view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
                "contiguous subspaces). Use .reshape(...) instead.");
  return reshaped(*this, std::move(shape), "ViewBackward0");
}
Tensor Tensor::reshape(Shape shape, Here where) const {
  Entry entry(where);
  shape = completeShape(*this, std::move(shape));
  if (isViewable(*this, shape))
    return reshaped(*this, std::move(shape), "ViewBackward0");
  auto type = RankedTensorType::get(shape, entry.recorder.elementType(dtype()));
  NodeRef copy = entry.recorder.nodeOf(entry.recorder.emit<ReshapeOp>(type, read(*this)));
  copy->function = "UnsafeViewBackward0";
  return tensorOf(copy);
}
bool Tensor::is_contiguous() const {
  Shape own = sizes(), strides = impl->strides();
  int64_t expected = 1;
  for (size_t dim = own.size(); dim-- > 0; expected *= own[dim])
    if (own[dim] != 1 && strides[dim] != expected)
      return numel() == 0;
  return true;
}
Tensor Tensor::contiguous(Here where) const { return is_contiguous() ? *this : clone(where); }
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
static Tensor permuted(const Tensor &tensor, Shape dims, Here where, const char *function) {
  CallSite site(where);
  Size own = tensor.sizes();
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
  return viewOf(tensor, {ViewStep::Kind::Transpose, sizes, dims, function});
}
Tensor Tensor::permute(Shape dims, Here where) const { return permuted(*this, std::move(dims), where, "PermuteBackward0"); }
static Tensor transposed(const Tensor &tensor, int64_t dim0, int64_t dim1, Here where, const char *function) {
  Shape dims(tensor.dim());
  for (size_t i = 0; i < dims.size(); ++i)
    dims[i] = static_cast<int64_t>(i);
  if (dims.empty())
    return tensor;
  std::swap(dims[wrapDim(dim0, tensor.dim())], dims[wrapDim(dim1, tensor.dim())]);
  return permuted(tensor, dims, where, function);
}
Tensor Tensor::transpose(int64_t dim0, int64_t dim1, Here where) const {
  CallSite site(where);
  return transposed(*this, dim0, dim1, where, "TransposeBackward0");
}
Tensor Tensor::t(Here where) const {
  CallSite site(where);
  if (dim() > 2)
    throw Error("t() expects a tensor with <= 2 dimensions, but self is " + std::to_string(dim()) + "D");
  return dim() < 2 ? *this : transposed(*this, 0, 1, where, "TBackward0");
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
    else if (shape[i] < 0 && existing == 1)
      throw Error("The expanded size of the tensor (" + std::to_string(shape[i]) + ") isn't allowed" +
                  (place < 0 ? " in a leading, non-existing dimension " + std::to_string(i) : ", expected -1 or a size"));
    else if (existing != 1 && existing != shape[i])
      throw Error("The expanded size of the tensor (" + std::to_string(shape[i]) + ") must match the existing size (" +
                  std::to_string(existing) + ") at non-singleton dimension " + std::to_string(i) +
                  ".  Target sizes: " + shapeText(shape) + ".  Tensor sizes: " + shapeText(own));
  }
  return viewOf(*this, {ViewStep::Kind::Expand, target, {}, "ExpandBackward0"});
}
Tensor Tensor::squeeze(Here where) const {
  CallSite site(where);
  Size all = sizes();
  Shape shape;
  std::copy_if(all.begin(), all.end(), std::back_inserter(shape), [](int64_t size) { return size != 1; });
  return reshaped(*this, shape, "SqueezeBackward0");
}
Tensor Tensor::squeezed(int64_t dim, Here where) const {
  CallSite site(where);
  Size shape = sizes();
  dim = wrapDim(dim, shape.size());
  if (shape.empty() || shape[dim] != 1)
    return *this;
  shape.erase(shape.begin() + dim);
  return reshaped(*this, shape, "SqueezeBackward1");
}
Tensor Tensor::unsqueeze(int64_t dim, Here where) const {
  CallSite site(where);
  Size shape = sizes();
  shape.insert(shape.begin() + wrapDim(dim, shape.size() + 1), 1);
  return reshaped(*this, shape, "UnsqueezeBackward0");
}
Tensor Tensor::operator[](const Index &index) const {
  CallSite site(index.where);
  if (dim() == 0)
    throw Error("invalid index of a 0-dim tensor. Use `tensor.item<T>()` to convert a 0-dim tensor to a number");
  return select(0, index.number, index.where);
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
  return viewOf(*this, {ViewStep::Kind::Slice, sizes, parameters, "SliceBackward0"});
}
Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length, Here where) const {
  CallSite site(where);
  int64_t size = this->size(dim);
  if (start < 0 || length < 0 || length > size - start)
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
  return reshaped(slice(dim, index, index + 1, 1, where), shape, "SelectBackward0");
}

// ---- writes

namespace record {

void overwrite(const Tensor &target, Value value, const char *function) {
  Recorder &recorder = Recorder::get();
  if (gradMode() && target.requires_grad()) {
    SmallVector<Value> starts(target.dim(), recorder.constant(0, kInt64));
    SmallVector<int64_t> strides(target.dim(), 1);
    value = recorder.emit<UpdateSliceOp>(read(target), value, starts, strides);
  }
  write(target, value, function);
}

Tensor &copyOver(Tensor &target, const Tensor &source, Here where, const char *function) {
  Entry entry(where);
  requireWritable(target);
  Tensor from = source.dtype() == target.dtype() ? source : source.to(target.dtype());
  if (from.sizes() != target.sizes())
    from = from.expand(target.sizes(), where);
  // An identity of its own: the source may be written or kept by others.
  overwrite(target, entry.recorder.emit<CopyOp>(read(from)), function);
  return target;
}

} // namespace record

Tensor &Tensor::copy_(const Tensor &source, Here where) { return copyOver(*this, source, where, "CopyBackwards"); }
Tensor &Tensor::fill_(double value, Here where) {
  return copyOver(*this, full({}, value, dtype(), where), where, "FillBackward0");
}
Tensor &Tensor::zero_(Here where) {
  CallSite site(where);
  return copyOver(*this, full({}, 0, dtype()), where, "ZeroBackward0");
}

} // namespace ember
