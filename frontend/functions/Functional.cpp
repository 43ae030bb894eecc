// Functions of neural networks, made of primitives as PyTorch defines them.
#include "ember/functional.h"

#include "functions/Build.h"
#include "ir/ops/Convolution.h"
#include "ir/ops/GatherScatter.h"
#include "ir/ops/Pooling.h"

#include <cmath>

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember::functional {

static Tensor named(Tensor tensor, const char *function) {
  record::nodeOf(tensor)->function = function;
  return tensor;
}

Tensor relu(const Tensor &input, Here where) { return input.relu(where); }

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

Tensor softmax(const Tensor &input, int64_t dim, Here where) {
  Entry entry(where);
  dim = wrapDim(dim, input.dim());
  if (input.dim() == 0)
    return ones_like(input);
  Tensor powers = (input - input.amax({dim}, true, where).detach()).exp(where);
  return named(powers / powers.sum({dim}, true, where), "SoftmaxBackward0");
}

Tensor log_softmax(const Tensor &input, int64_t dim, Here where) {
  Entry entry(where);
  dim = wrapDim(dim, input.dim());
  Tensor shifted = input - input.amax({dim}, true, where).detach();
  return named(shifted - shifted.exp(where).sum({dim}, true, where).log(where), "LogSoftmaxBackward0");
}

Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias, Here where) {
  Entry entry(where);
  if (input.dtype() != weight.dtype())
    throw Error("mat1 and mat2 must have the same dtype, but got " + dtype_name(input.dtype()) + " and " +
                dtype_name(weight.dtype()));
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

Tensor conv2d(const Tensor &input, const Tensor &weight, const Tensor &bias, Shape stride, Shape padding, Shape dilation,
              int64_t groups, Here where) {
  Entry entry(where);
  if (input.dim() != 4)
    throw Error("Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: " + shapeText(input.sizes()));
  if (weight.dim() != 4 || input.size(1) != weight.size(1) * groups)
    throw Error("Given groups=" + std::to_string(groups) + ", weight of size " + shapeText(weight.sizes()) + ", expected input" +
                shapeText(input.sizes()) + " to have " + std::to_string(weight.size(1) * groups) + " channels, but got " +
                std::to_string(input.size(1)) + " channels instead");
  if (input.dtype() != weight.dtype())
    throw Error("Input type (" + dtype_name(input.dtype()) + ") and weight type (" + dtype_name(weight.dtype()) +
                ") should be the same");
  for (int d = 0; d < 2; ++d) {
    int64_t padded = input.size(2 + d) + 2 * padding[d], span = dilation[d] * (weight.size(2 + d) - 1) + 1;
    if (stride[d] < 1)
      throw Error("non-positive stride is not supported");
    if (span > padded)
      throw Error("Calculated padded input size per channel: (" + std::to_string(input.size(2) + 2 * padding[0]) + " x " +
                  std::to_string(input.size(3) + 2 * padding[1]) + "). Kernel size: (" + std::to_string(weight.size(2)) + " x " +
                  std::to_string(weight.size(3)) + "). Kernel size can't be greater than actual input size");
  }
  Value out = entry.recorder.emit<Conv2dOp>(record::read(weight), record::read(input), ArrayRef<int64_t>(stride),
                                            ArrayRef<int64_t>(padding), ArrayRef<int64_t>(dilation), groups);
  Tensor result = made(out, "ConvolutionBackward0");
  if (!bias.defined())
    return result;
  return named(Operand(result, where) + Operand(bias.reshape({1, bias.size(0), 1, 1}, where), where), "ConvolutionBackward0");
}

static void checkPool(const Tensor &input, const Shape &kernel, const Shape &stride, const Shape &padding) {
  if (input.dim() != 4)
    throw Error("non-empty 3D or 4D (batch mode) tensor expected for input");
  for (int d = 0; d < 2; ++d) {
    if (kernel[d] < 1 || stride[d] < 1)
      throw Error("kernel size and stride should be greater than zero");
    if (padding[d] < 0 || 2 * padding[d] > kernel[d])
      throw Error("pad should be at most half of effective kernel size, but got pad=" + std::to_string(padding[d]) +
                  ", kernel_size=" + std::to_string(kernel[d]));
    if (kernel[d] > input.size(2 + d) + 2 * padding[d])
      throw Error("Given input size: (" + std::to_string(input.size(1)) + "x" + std::to_string(input.size(2)) + "x" +
                  std::to_string(input.size(3)) + "). Calculated output size is too small: the kernel is (" +
                  std::to_string(kernel[0]) + "x" + std::to_string(kernel[1]) + ")");
  }
}

Tensor max_pool2d(const Tensor &input, Shape kernel, Shape stride, Shape padding, Here where) {
  Entry entry(where);
  if (stride.empty())
    stride = kernel;
  checkPool(input, kernel, stride, padding);
  return made(entry.recorder.emit<MaxPool2dOp>(record::read(input), ArrayRef<int64_t>(kernel), ArrayRef<int64_t>(stride),
                                               ArrayRef<int64_t>(padding)),
              "MaxPool2DWithIndicesBackward0");
}

Tensor avg_pool2d(const Tensor &input, Shape kernel, Shape stride, Shape padding, Here where) {
  Entry entry(where);
  if (stride.empty())
    stride = kernel;
  checkPool(input, kernel, stride, padding);
  Tensor sums = made(entry.recorder.emit<WindowSumOp>(record::read(input), ArrayRef<int64_t>(kernel), ArrayRef<int64_t>(stride),
                                                      ArrayRef<int64_t>(padding)),
                     "");
  return named(sums / Operand(static_cast<double>(kernel[0] * kernel[1]), where), "AvgPool2DBackward0");
}

static Tensor reduced(Tensor losses, const std::string &reduction, Here where, const char *function) {
  if (reduction == "none")
    return losses;
  if (reduction == "sum")
    return named(losses.sum(where), function);
  if (reduction == "mean")
    return named(losses.mean(where), function);
  throw Error(reduction + " is not a valid value for reduction");
}

Tensor mse_loss(const Tensor &input, const Tensor &target, const std::string &reduction, Here where) {
  Entry entry(where);
  Tensor difference = Operand(input, where) - Operand(target, where);
  return reduced(difference * difference, reduction, where, "MseLossBackward0");
}

Tensor cross_entropy(const Tensor &input, const Tensor &target, const std::string &reduction, Here where) {
  Entry entry(where);
  if (input.dim() != 2)
    throw Error("cross_entropy: expected input of shape (N, C), found " + shapeText(input.sizes()));
  if (target.dtype() != kInt64)
    throw Error("expected scalar type Long but found " + std::string(target.dtype() == kInt32 ? "Int" : "Float"));
  if (target.dim() != 1 || target.size(0) != input.size(0))
    throw Error("Expected input batch_size (" + std::to_string(input.size(0)) + ") to match target batch_size (" +
                std::to_string(target.dim() ? target.size(0) : 0) + ").");
  // Labels in memory are looked at now: nothing is recorded of a step with a bad one.
  record::NodeRef labels = record::nodeOf(target);
  if (labels->buffer)
    for (int64_t i = 0; i < target.size(0); ++i) {
      int64_t label = static_cast<const int64_t *>(labels->buffer->data)[i];
      if (label < 0 || label >= input.size(1))
        throw Error("Target " + std::to_string(label) + " is out of bounds.");
    }
  Tensor chosen = gather(log_softmax(input, 1, where), 1, target.unsqueeze(1, where), where).squeeze(1, where);
  return reduced(-chosen, reduction, where, "NllLossBackward0");
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
