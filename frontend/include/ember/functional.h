// Functions of neural networks: PyTorch's torch.nn.functional.
#pragma once

#include "ember/tensor.h"

namespace ember::functional {

Tensor relu(const Tensor &input, Here where = Here::current());
/// x Φ(x); "none": by erf, "tanh": by the tanh formula.
Tensor gelu(const Tensor &input, const std::string &approximate = "none", Here where = Here::current());
Tensor softmax(const Tensor &input, int64_t dim, Here where = Here::current());
Tensor log_softmax(const Tensor &input, int64_t dim, Here where = Here::current());
/// input (*, in) times weight (out, in) transposed, plus bias (out) where defined.
Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias = {}, Here where = Here::current());
/// input (N, C, H, W), weight (O, C/groups, KH, KW).
Tensor conv2d(const Tensor &input, const Tensor &weight, const Tensor &bias = {}, Shape stride = {1, 1}, Shape padding = {0, 0},
              Shape dilation = {1, 1}, int64_t groups = 1, Here where = Here::current());
Tensor max_pool2d(const Tensor &input, Shape kernel, Shape stride = {}, Shape padding = {0, 0}, Here where = Here::current());
Tensor avg_pool2d(const Tensor &input, Shape kernel, Shape stride = {}, Shape padding = {0, 0}, Here where = Here::current());
/// Normalises (N, C, …) over all dimensions but 1: by the batch's statistics in training, else by the running ones. Training
/// moves running_mean and running_var in place, by `momentum` towards the batch's (of n elements, the variance divided by n - 1).
/// Undefined: running statistics, which are then not kept (training alone); weight (1) and bias (0).
Tensor batch_norm(const Tensor &input, Tensor running_mean, Tensor running_var, const Tensor &weight, const Tensor &bias,
                  bool training, const Operand &momentum = 0.1, double eps = 1e-5, Here where = Here::current());
/// Training: each element is 0 with probability p, else divided by 1 - p. Draws two words of the default generator an element.
Tensor dropout(const Tensor &input, double p = 0.5, bool training = true, Here where = Here::current());
/// reduction: "mean", "sum" or "none".
Tensor mse_loss(const Tensor &input, const Tensor &target, const std::string &reduction = "mean", Here where = Here::current());
/// input (N, C), target int64 (N): labels out of range throw here, before anything is computed.
Tensor cross_entropy(const Tensor &input, const Tensor &target, const std::string &reduction = "mean",
                     Here where = Here::current());
/// Rows of weight (V, D) by index.
Tensor embedding(const Tensor &indices, const Tensor &weight, Here where = Here::current());

} // namespace ember::functional
