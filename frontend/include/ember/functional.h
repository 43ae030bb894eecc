// Functions of neural networks: PyTorch's torch.nn.functional.
#pragma once

#include "ember/tensor.h"

#include <optional>
#include <utility>

namespace ember::functional {

/// inplace: the input is written, and is the result.
Tensor relu(const Tensor &input, bool inplace = false, Here where = Here::current());
/// x Φ(x); "none": by erf, "tanh": by the tanh formula.
Tensor gelu(const Tensor &input, const std::string &approximate = "none", Here where = Here::current());
/// exp(x) / sum of exp(x) along `dim`, and its logarithm; float. No dim: 0 for an input of rank 0, 1 or 3, else 1, with a
/// warning, as in PyTorch.
Tensor softmax(const Tensor &input, std::optional<int64_t> dim = {}, Here where = Here::current());
Tensor log_softmax(const Tensor &input, std::optional<int64_t> dim = {}, Here where = Here::current());
/// input (*, in) times weight (out, in) transposed, plus bias (out) where defined.
Tensor linear(const Tensor &input, const Tensor &weight, const Tensor &bias = {}, Here where = Here::current());
/// input (N, C, H, W) or (C, H, W), weight (O, C/groups, KH, KW), bias (O).
Tensor conv2d(const Tensor &input, const Tensor &weight, const Tensor &bias = {}, Shape stride = {1, 1}, Shape padding = {0, 0},
              Shape dilation = {1, 1}, int64_t groups = 1, Here where = Here::current());
/// input (N, C, H, W) or (C, H, W); no stride: the kernel's. ceil_mode: sizes are rounded up, a window may reach beyond the
/// border. Elements of a window lie `dilation` apart.
Tensor max_pool2d(const Tensor &input, Shape kernel, Shape stride = {}, Shape padding = {0, 0}, Shape dilation = {1, 1},
                  bool ceil_mode = false, Here where = Here::current());
/// The same, and where in the input's plane each maximum was found: h W + w, int64.
std::pair<Tensor, Tensor> max_pool2d_with_indices(const Tensor &input, Shape kernel, Shape stride = {}, Shape padding = {0, 0},
                                                  Shape dilation = {1, 1}, bool ceil_mode = false, Here where = Here::current());
/// As max_pool2d. The sum of a window is divided by the number of its elements, borders included unless told, or by
/// divisor_override.
Tensor avg_pool2d(const Tensor &input, Shape kernel, Shape stride = {}, Shape padding = {0, 0}, bool ceil_mode = false,
                  bool count_include_pad = true, std::optional<int64_t> divisor_override = {}, Here where = Here::current());
/// Borders before and after the last dimension, then the one before it, …. mode: "constant" (of `value`; negative borders cut),
/// "reflect", "replicate" or "circular".
Tensor pad(const Tensor &input, const Shape &borders, const std::string &mode = "constant", double value = 0,
           Here where = Here::current());
/// Normalises (N, C, …) over all dimensions but 1: by the batch's statistics in training, else by the running ones. Training
/// moves running_mean and running_var in place, by `momentum` towards the batch's (of n elements, the variance divided by n - 1).
/// A batch without elements leaves them; one of a single value a channel cannot be normalized. Undefined: running statistics,
/// which are then not kept (training alone); weight (1) and bias (0). num_batches_tracked, a rank-0 int64 where it is defined,
/// counts batches in training.
Tensor batch_norm(const Tensor &input, Tensor running_mean, Tensor running_var, const Tensor &weight, const Tensor &bias,
                  bool training, const Operand &momentum = 0.1, double eps = 1e-5, Tensor num_batches_tracked = {},
                  Here where = Here::current());
/// Training: each element is 0 with probability p, else divided by 1 - p. Draws two words of the default generator an element.
Tensor dropout(const Tensor &input, double p = 0.5, bool training = true, bool inplace = false, Here where = Here::current());
/// reduction: "mean", "sum" or "none". A target of another shape is broadcast, with a warning.
Tensor mse_loss(const Tensor &input, const Tensor &target, const std::string &reduction = "mean", Here where = Here::current());
struct CrossEntropyOptions {
  Tensor weight = {};             // (C), a factor for each class; undefined: 1
  int64_t ignore_index = -100;    // samples with this label count for nothing
  std::string reduction = "mean"; // over the factors of the samples' classes
  double label_smoothing = 0;     // this share of a target is spread over all classes
};
/// input (C), (N, C) or (N, C, …). target: the classes, int64, of the input's shape without C; or shares of all classes, of the
/// input's shape. Labels out of range throw here, before anything is computed, where they are in memory.
Tensor cross_entropy(const Tensor &input, const Tensor &target, const CrossEntropyOptions &options, Here where = Here::current());
Tensor cross_entropy(const Tensor &input, const Tensor &target, const std::string &reduction = "mean",
                     Here where = Here::current());
/// Rows of weight (V, D) by index.
Tensor embedding(const Tensor &indices, const Tensor &weight, Here where = Here::current());

} // namespace ember::functional
