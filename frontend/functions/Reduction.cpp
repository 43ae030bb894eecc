// Reductions, and what is made of them.
#include "ir/ops/Reduction.h"
#include "functions/Build.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/View.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember {

static SmallVector<int64_t> axesOf(const Tensor &input, const Shape &dims) {
  SmallVector<int64_t> axes;
  for (int64_t dim : dims)
    axes.push_back(wrapDim(dim, input.dim()));
  if (dims.empty())
    for (int64_t dim = 0; dim < input.dim(); ++dim)
      axes.push_back(dim);
  llvm::sort(axes);
  if (auto twice = std::adjacent_find(axes.begin(), axes.end()); twice != axes.end())
    throw Error("dim " + std::to_string(*twice) + " appears multiple times in the list of dims");
  if (input.dim() == 0)
    axes.clear();
  return axes;
}

static Value keepDims(Value reduced, const Tensor &input, ArrayRef<int64_t> axes, bool keepdim) {
  if (!keepdim)
    return reduced;
  Shape shape = input.sizes();
  for (int64_t axis : axes)
    shape[axis] = 1;
  return record::Recorder::get().emit<ReshapeOp>(RankedTensorType::get(shape, getElementTypeOrSelf(reduced.getType())), reduced);
}

static int64_t countOf(const Tensor &input, ArrayRef<int64_t> axes) {
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= input.size(axis);
  return count;
}

Tensor Tensor::sum(Shape dims, bool keepdim, Here where) const {
  Entry entry(where);
  SmallVector<int64_t> axes = axesOf(*this, dims);
  ScalarType result = is_floating_point() ? dtype() : kInt64;
  Value sum = entry.recorder.emit<SumOp>(value(*this, result), axes);
  return made(keepDims(sum, *this, axes, keepdim), dims.empty() ? "SumBackward0" : "SumBackward1");
}
Tensor Tensor::sum(Here where) const { return sum({}, false, where); }

Tensor Tensor::mean(Shape dims, bool keepdim, Here where) const {
  Entry entry(where);
  if (!is_floating_point())
    throw Error("mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: " +
                scalarTypeName(dtype()));
  Tensor total = sum(dims, keepdim, where);
  Tensor result = total / Operand(static_cast<double>(countOf(*this, axesOf(*this, dims))), where);
  record::nodeOf(result)->function = dims.empty() ? "MeanBackward0" : "MeanBackward1";
  return result;
}
Tensor Tensor::mean(Here where) const { return mean({}, false, where); }

Tensor Tensor::amax(Shape dims, bool keepdim, Here where) const {
  Entry entry(where);
  SmallVector<int64_t> axes = axesOf(*this, dims);
  if (countOf(*this, axes) == 0 && dims.empty())
    throw Error("amax(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
                "argument.");
  for (int64_t axis : axes)
    if (size(axis) == 0)
      throw Error("amax(): Expected reduction dim " + std::to_string(axis) + " to have non-zero size.");
  ScalarType numbers = dtype() == kBool ? kUInt8 : dtype();
  Value largest = entry.recorder.emit<MaxOp>(value(*this, numbers), axes);
  if (dtype() == kBool)
    largest = value(made(largest, ""), kBool);
  return made(keepDims(largest, *this, axes, keepdim), "AmaxBackward0");
}
Tensor Tensor::max(Here where) const {
  CallSite site(where);
  if (numel() == 0)
    throw Error("max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
                "argument.");
  Tensor result = amax({}, false, where);
  record::nodeOf(result)->function = "MaxBackward1";
  return result;
}
Tensor Tensor::argmax(Here where) const {
  CallSite site(where);
  if (numel() == 0)
    throw Error("argmax(): Expected reduction dim to be specified for input.numel() == 0.");
  return reshape({-1}, where).argmax(0, false, where);
}
Tensor Tensor::argmax(int64_t dim, bool keepdim, Here where) const {
  Entry entry(where);
  SmallVector<int64_t> axes = axesOf(*this, {dim});
  if (countOf(*this, axes) == 0)
    throw Error("argmax(): Expected reduction dim " + std::to_string(dim) + " to have non-zero size.");
  if (dtype() == kBool)
    throw Error("\"argmax_cpu\" not implemented for 'Bool'");
  return made(keepDims(entry.recorder.emit<ArgmaxOp>(record::read(*this), axes), *this, axes, keepdim), "");
}

// Two passes: the mean, then the squared distances from it.
Tensor Tensor::var(Shape dims, int64_t correction, bool keepdim, Here where) const {
  Entry entry(where);
  if (!is_floating_point())
    throw Error("std and var only support floating point and complex dtypes");
  Tensor centred = *this - mean(dims, true, where);
  double divisor = std::max<double>(0, static_cast<double>(countOf(*this, axesOf(*this, dims)) - correction));
  Tensor result = (centred * centred).sum(dims, keepdim, where) / Operand(divisor, where);
  record::nodeOf(result)->function = "VarBackward0";
  return result;
}

bool equal(const Tensor &a, const Tensor &b, Here where) {
  CallSite site(where);
  if (a.sizes() != b.sizes() || a.dtype() != b.dtype())
    return false;
  NoGradGuard noGrad;
  return a.numel() == 0 || (a != b).to(kInt64).sum().item<int64_t>() == 0;
}

bool allclose(const Tensor &a, const Tensor &b, double rtol, double atol, Here where) {
  CallSite site(where);
  NoGradGuard noGrad;
  Shape shape = broadcastShapes(a.sizes(), b.sizes());
  std::vector<double> x = a.expand(shape).to_vector<double>(), y = b.expand(shape).to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) {
    double error = std::abs(x[i] - y[i]); // from an infinity nothing but itself is near
    if (x[i] != y[i] && !(std::isfinite(error) && error <= atol + rtol * std::abs(y[i])))
      return false;
  }
  return true;
}

} // namespace ember
