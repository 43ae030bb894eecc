// Functions of neural networks, made of primitives as PyTorch defines them.
#include "ember/functional.h"

#include "functions/Build.h"
#include "ir/ops/Convolution.h"
#include "ir/ops/GatherScatter.h"
#include "ir/ops/Reduction.h"
#include "ir/ops/View.h"

#include <cmath>

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember::functional {

Tensor relu(const Tensor &input, bool inplace, Here where) { return inplace ? Tensor(input).relu_(where) : input.relu(where); }

Tensor gelu(const Tensor &input, const std::string &approximate, Here where) {
  Entry entry(where);
  auto n = [&](double number) { return Operand(number, where); };
  if (approximate == "none")
    return named(input * n(0.5) * ((input * n(M_SQRT1_2)).erf(where) + n(1.0)), "GeluBackward0");
  if (approximate != "tanh")
    throw Error("approximate argument must be either none or tanh.");
  Tensor inner = (input + input * input * input * n(0.044715)) * n(M_SQRT2 * M_2_SQRTPI * 0.5);
  return named(input * n(0.5) * (inner.tanh(where) + n(1.0)), "GeluBackward0");
}

// The dimension that a softmax goes along. None told: PyTorch's choice.
static int64_t softmaxDim(const Tensor &input, std::optional<int64_t> told, const char *function) {
  int64_t rank = input.dim(), dim = wrapDim(told.value_or(rank == 0 || rank == 1 || rank == 3 ? 0 : 1), rank);
  if (!input.is_floating_point())
    throw Error(std::string("\"") + (dim + 1 >= rank ? std::string(function) + "_lastdim" : "softmax") +
                "_kernel_impl\" not implemented for '" + scalarTypeName(input.dtype()) + "'");
  if (!told)
    record::warnOnce(std::string("Implicit dimension choice for ") + function +
                     " has been deprecated. Change the call to include dim=X as an argument.");
  return dim;
}

// The input less its largest element along `dim`, which gets no gradient. Unlike amax this takes a dimension without elements: a
// softmax of nothing is nothing.
static Tensor shifted(const Tensor &input, int64_t dim, Here where) {
  if (input.dim() == 0)
    return input - input.amax({}, true, where).detach();
  Shape kept = input.sizes();
  kept[dim] = 1;
  record::Recorder &recorder = record::Recorder::get();
  Value largest = recorder.emit<MaxOp>(record::read(input), ArrayRef<int64_t>(dim));
  return input - made(recorder.emit<ReshapeOp>(typeOf(kept, input.dtype()), largest), "").detach();
}

Tensor softmax(const Tensor &input, std::optional<int64_t> told, Here where) {
  Entry entry(where);
  int64_t dim = softmaxDim(input, told, "softmax");
  if (input.dim() == 0)
    return ones_like(input);
  Tensor powers = shifted(input, dim, where).exp(where);
  return named(powers / powers.sum({dim}, true, where), "SoftmaxBackward0");
}

Tensor log_softmax(const Tensor &input, std::optional<int64_t> told, Here where) {
  Entry entry(where);
  int64_t dim = softmaxDim(input, told, "log_softmax");
  Tensor own = shifted(input, dim, where);
  return named(own - own.exp(where).sum({dim}, true, where).log(where), "LogSoftmaxBackward0");
}

Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias, Here where) {
  Entry entry(where);
  if (input.dtype() != weight.dtype())
    throw Error("mat1 and mat2 must have the same dtype, but got " + scalarTypeName(input.dtype()) + " and " +
                scalarTypeName(weight.dtype()));
  if (input.dim() == 0)
    throw Error("both arguments to matmul need to be at least 1D, but they are 0D and " + std::to_string(weight.dim()) + "D");
  int64_t in = weight.size(1);
  int64_t last = input.dim() == 0 ? 1 : input.size(-1), rows = input.numel() / std::max<int64_t>(last, 1);
  if (last != in)
    throw Error("mat1 and mat2 shapes cannot be multiplied (" + std::to_string(rows) + "x" + std::to_string(last) + " and " +
                std::to_string(in) + "x" + std::to_string(weight.size(0)) + ")");
  Tensor flat = input.dim() == 2 ? input : input.reshape({rows, in}, where);
  Tensor result = matmul(flat, weight.t(where), where);
  if (bias.defined())
    result = named(Operand(result, where) + Operand(bias, where), "AddmmBackward0");
  if (input.dim() == 2)
    return result;
  Shape shape = input.sizes();
  shape.back() = weight.size(0);
  return result.reshape(shape, where);
}

static void checkConvolution(const Tensor &input, const Tensor &weight, const Tensor &bias, const Shape &stride,
                             const Shape &padding, const Shape &dilation, int64_t groups) {
  if (weight.dim() != 4 || input.size(1) != weight.size(1) * groups)
    throw Error("Given groups=" + std::to_string(groups) + ", weight of size " + shapeText(weight.sizes()) + ", expected input" +
                shapeText(input.sizes()) + " to have " + std::to_string(weight.size(1) * groups) + " channels, but got " +
                std::to_string(input.size(1)) + " channels instead");
  if (input.dtype() != weight.dtype())
    throw Error("Input type (" + cppTypeName(input.dtype()) + ") and " + (bias.defined() ? "bias" : "weight") + " type (" +
                cppTypeName(weight.dtype()) + ") should be the same");
  if (bias.defined() && (bias.dim() != 1 || bias.size(0) != weight.size(0)))
    throw Error("Given weight of size " + shapeText(weight.sizes()) + ", expected bias to be 1-dimensional with " +
                std::to_string(weight.size(0)) + " elements, but got bias of size " + shapeText(bias.sizes()) + " instead");
  if (weight.size(2) < 1 || weight.size(3) < 1)
    throw Error("kernel size should be greater than zero, but got kernel_height: " + std::to_string(weight.size(2)) +
                " kernel_width: " + std::to_string(weight.size(3)));
  for (int d = 0; d < 2; ++d) {
    if (stride[d] < 1)
      throw Error("non-positive stride is not supported");
    if (padding[d] < 0)
      throw Error("negative padding is not supported");
    if (dilation[d] < 1)
      throw Error("dilation should be greater than zero, but got " + shapeText(dilation));
    int64_t padded, span; // any numbers may stand in options
    if (__builtin_mul_overflow(padding[d], 2, &padded) || __builtin_add_overflow(padded, input.size(2 + d), &padded) ||
        __builtin_mul_overflow(dilation[d], weight.size(2 + d) - 1, &span) || __builtin_add_overflow(span, 1, &span))
      throw Error("padding " + shapeText(padding) + " or dilation " + shapeText(dilation) + " is too large");
    if (span > padded)
      throw Error("Calculated padded input size per channel: (" + std::to_string(input.size(2) + 2 * padding[0]) + " x " +
                  std::to_string(input.size(3) + 2 * padding[1]) + "). Kernel size: (" + std::to_string(weight.size(2)) + " x " +
                  std::to_string(weight.size(3)) + "). Kernel size can't be greater than actual input size");
  }
}

Tensor conv2d(const Tensor &input, const Tensor &weight, const Tensor &bias, Shape stride, Shape padding, Shape dilation,
              int64_t groups, Here where) {
  Entry entry(where);
  if (input.dim() == 3)
    return conv2d(input.unsqueeze(0, where), weight, bias, stride, padding, dilation, groups, where).squeeze(0, where);
  if (input.dim() != 4)
    throw Error("Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: " + shapeText(input.sizes()));
  checkConvolution(input, weight, bias, stride, padding, dilation, groups);
  Value out = entry.recorder.emit<Conv2dOp>(record::read(weight), record::read(input), ArrayRef<int64_t>(stride),
                                            ArrayRef<int64_t>(padding), ArrayRef<int64_t>(dilation), groups);
  Tensor result = made(out, "ConvolutionBackward0");
  if (!bias.defined())
    return result;
  return named(Operand(result, where) + Operand(bias.reshape({1, bias.size(0), 1, 1}, where), where), "ConvolutionBackward0");
}

Tensor embedding(const Tensor &indices, const Tensor &weight, Here where) {
  Entry entry(where);
  record::NodeRef rows = record::nodeOf(indices);
  if (indices.dtype() != kInt64)
    throw Error("Expected tensor for argument #1 'indices' to have scalar type Long; but got " + dtype_name(indices.dtype()));
  if (rows->buffer)
    for (int64_t i = 0; i < indices.numel(); ++i) {
      int64_t row = static_cast<const int64_t *>(rows->buffer->data)[i];
      if (row < 0 || row >= weight.size(0))
        throw Error("index out of range in self");
    }
  return made(entry.recorder.emit<TakeOp>(record::read(weight), record::read(indices), 0), "EmbeddingBackward0");
}

} // namespace ember::functional
