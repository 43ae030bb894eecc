// Initialisers: PyTorch's torch.nn.init, drawing the same numbers for the same seed (pytorch 2.11; CPU generator).
#pragma once

#include "ember/tensor.h"

#include <string>

namespace ember::nn::init {

/// Fans of a weight of two or more dimensions: size(1) · receptive field, size(0) · receptive field.
struct Fans {
  int64_t in, out;
};
Fans calculate_fans(const Tensor &weight, Here where = Here::current());

/// The gain that keeps the variance of activations: linear, convolutions, sigmoid 1; tanh 5/3; relu √2; leaky_relu √(2/(1+a²));
/// selu 3/4. Throws for another name.
double calculate_gain(const std::string &nonlinearity, double parameter = 0.01, Here where = Here::current());

/// Each fills in place, without recording gradients, and returns its tensor. The last argument is the place that mistakes are
/// told with.
Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Here where = Here::current());
Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Here where = Here::current());
Tensor constant_(Tensor tensor, double value, Here where = Here::current());
Tensor zeros_(Tensor tensor, Here where = Here::current());
Tensor ones_(Tensor tensor, Here where = Here::current());
/// Bound √3 · gain · √(2 / (fan_in + fan_out)). Source: Glorot & Bengio, AISTATS 2010.
Tensor xavier_uniform_(Tensor tensor, double gain = 1, Here where = Here::current());
Tensor xavier_normal_(Tensor tensor, double gain = 1, Here where = Here::current());
/// Bound √3 · gain / √fan. mode: "fan_in" or "fan_out". Source: He et al., ICCV 2015.
Tensor kaiming_uniform_(Tensor tensor, double a = 0, const std::string &mode = "fan_in",
                        const std::string &nonlinearity = "leaky_relu", Here where = Here::current());
Tensor kaiming_normal_(Tensor tensor, double a = 0, const std::string &mode = "fan_in",
                       const std::string &nonlinearity = "leaky_relu", Here where = Here::current());

/// Normal numbers cut off below `a` and above `b`, by the inverse of their distribution.
Tensor trunc_normal_(Tensor tensor, double mean = 0, double std = 1, double a = -2, double b = 2, Here where = Here::current());
/// Rows (or columns, where there are fewer) of length `gain` that are orthogonal to each other, of a tensor that is flattened
/// behind its first dimension. Source: Saxe et al., ICLR 2014.
Tensor orthogonal_(Tensor tensor, double gain = 1, Here where = Here::current());
/// A matrix of normal numbers with this share of zeros in each column, rounded up. Source: Martens, ICML 2010.
Tensor sparse_(Tensor tensor, double sparsity, double std = 0.01, Here where = Here::current());
/// The identity matrix; the kernel of a convolution, of rank 3 to 5, that gives each channel as it is.
Tensor eye_(Tensor tensor, Here where = Here::current());
Tensor dirac_(Tensor tensor, int64_t groups = 1, Here where = Here::current());

} // namespace ember::nn::init
