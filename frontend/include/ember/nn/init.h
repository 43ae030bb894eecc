// Initialisers: PyTorch's torch.nn.init, drawing the same numbers for the same seed (pytorch 2.11; CPU generator).
#pragma once

#include "ember/tensor.h"

#include <string>

namespace ember::nn::init {

/// Fans of a weight of two or more dimensions: size(1) · receptive field, size(0) · receptive field.
struct Fans {
  int64_t in, out;
};
Fans calculate_fans(const Tensor &weight);

/// The gain that keeps the variance of activations: linear, conv2d, sigmoid 1; tanh 5/3; relu √2; leaky_relu √(2/(1+a²)).
/// Throws for another name.
double calculate_gain(const std::string &nonlinearity, double parameter = 0.01);

/// Each fills in place, without recording gradients, and returns its tensor.
Tensor uniform_(Tensor tensor, double low = 0, double high = 1);
Tensor normal_(Tensor tensor, double mean = 0, double std = 1);
Tensor constant_(Tensor tensor, double value);
Tensor zeros_(Tensor tensor);
Tensor ones_(Tensor tensor);
/// Bound √3 · gain · √(2 / (fan_in + fan_out)). Source: Glorot & Bengio, AISTATS 2010.
Tensor xavier_uniform_(Tensor tensor, double gain = 1);
Tensor xavier_normal_(Tensor tensor, double gain = 1);
/// Bound √3 · gain / √fan. mode: "fan_in" or "fan_out". Source: He et al., ICCV 2015.
Tensor kaiming_uniform_(Tensor tensor, double a = 0, const std::string &mode = "fan_in",
                        const std::string &nonlinearity = "leaky_relu");
Tensor kaiming_normal_(Tensor tensor, double a = 0, const std::string &mode = "fan_in",
                       const std::string &nonlinearity = "leaky_relu");

} // namespace ember::nn::init
