// Normalization with running statistics.
#include "ember/functional.h"

#include "functions/Build.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Normalization.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember::functional {

static void requireChannels(const Tensor &tensor, const char *name, const Tensor &input) {
  if (!tensor.defined())
    return;
  if (tensor.numel() != input.size(1) || tensor.dim() != 1)
    throw Error(std::string(name) + " should contain " + std::to_string(input.size(1)) + " elements not " +
                std::to_string(tensor.numel()));
  if (tensor.dtype() != input.dtype())
    throw Error("batch_norm: " + std::string(name) + " is " + dtype_name(tensor.dtype()) + ", expected " +
                dtype_name(input.dtype()) + " as the input is");
}

static void check(const Tensor &input, const Tensor &runningMean, const Tensor &runningVar, const Tensor &weight,
                  const Tensor &bias, bool training) {
  if (!input.is_floating_point())
    throw Error("batch_norm: the input is " + dtype_name(input.dtype()) + ", expected floats");
  if (input.dim() < 2)
    throw Error("batch_norm: the input is " + shapeText(input.sizes()) + ", expected at least 2 dimensions");
  if (!training && !(runningMean.defined() && runningVar.defined()))
    throw Error(std::string(runningMean.defined() ? "running_var" : "running_mean") + " must be defined in evaluation mode");
  requireChannels(runningMean, "running_mean", input);
  requireChannels(runningVar, "running_var", input);
  requireChannels(weight, "weight", input);
  requireChannels(bias, "bias", input);
  int64_t values = 1; // of a channel
  for (int64_t dim = 0; dim < input.dim(); ++dim)
    values *= dim == 1 ? 1 : input.size(dim);
  if (training && values == 1)
    throw Error("Expected more than 1 value per channel when training, got input size torch.Size(" + shapeText(input.sizes()) +
                ")");
}

// The mode is part of the program, like dropout's: a model in evaluation computes no statistics.
Tensor batch_norm(const Tensor &input, Tensor running_mean, Tensor running_var, const Tensor &weight, const Tensor &bias,
                  bool training, const Operand &momentum, double eps, Tensor num_batches_tracked, Here where) {
  Entry entry(where);
  check(input, running_mean, running_var, weight, bias, training);
  auto channels = [&](const Tensor &tensor, double otherwise) {
    return tensor.defined() ? record::read(tensor) : broadcastTo(number(otherwise, input.dtype()), {input.size(1)});
  };
  Value own = record::read(input), scale = channels(weight, 1), shift = channels(bias, 0), mean = channels(running_mean, 0),
        variance = channels(running_var, 1), mode = number(training, kBool), share = value(momentum, kFloat64, {}),
        epsilon = number(eps, kFloat64),
        batches = num_batches_tracked.defined() ? record::read(num_batches_tracked) : number(0, kInt64);
  auto op = entry.recorder.emit<BatchNormOp>(own, scale, shift, mean, variance, mode, share, epsilon, batches)
                .getDefiningOp<BatchNormOp>();
  if (training) {
    NoGradGuard noGrad;
    if (running_mean.defined())
      record::write(running_mean, entry.recorder.emit<DetachOp>(op.getNextMean()));
    if (running_var.defined())
      record::write(running_var, entry.recorder.emit<DetachOp>(op.getNextVar()));
    if (num_batches_tracked.defined())
      record::write(num_batches_tracked, entry.recorder.emit<DetachOp>(op.getNextBatches()));
  }
  return made(op.getResult(), "NativeBatchNormBackward0");
}

} // namespace ember::functional
