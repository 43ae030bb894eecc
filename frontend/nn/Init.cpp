#include "ember/nn/init.h"
#include "ember/error.h"

#include <cmath>

namespace ember::nn::init {

Fans calculate_fans(const Tensor &weight) {
  if (weight.dim() < 2)
    throw Error("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
  int64_t field = 1;
  for (int64_t dim = 2; dim < weight.dim(); ++dim)
    field *= weight.size(dim);
  return {weight.size(1) * field, weight.size(0) * field};
}

double calculate_gain(const std::string &nonlinearity, double parameter) {
  if (nonlinearity == "linear" || nonlinearity == "conv2d" || nonlinearity == "sigmoid")
    return 1;
  if (nonlinearity == "tanh")
    return 5.0 / 3;
  if (nonlinearity == "relu")
    return std::sqrt(2.0);
  if (nonlinearity == "leaky_relu")
    return std::sqrt(2.0 / (1 + parameter * parameter));
  throw Error("Unsupported nonlinearity " + nonlinearity);
}

Tensor uniform_(Tensor tensor, double low, double high) {
  NoGradGuard noGrad;
  tensor.uniform_(low, high);
  return tensor;
}

Tensor normal_(Tensor tensor, double mean, double std) {
  NoGradGuard noGrad;
  tensor.normal_(mean, std);
  return tensor;
}

Tensor constant_(Tensor tensor, double value) {
  NoGradGuard noGrad;
  tensor.fill_(value);
  return tensor;
}

Tensor zeros_(Tensor tensor) { return constant_(std::move(tensor), 0); }
Tensor ones_(Tensor tensor) { return constant_(std::move(tensor), 1); }

static double xavierDeviation(const Tensor &tensor, double gain) {
  Fans fans = calculate_fans(tensor);
  return gain * std::sqrt(2.0 / static_cast<double>(fans.in + fans.out));
}

Tensor xavier_uniform_(Tensor tensor, double gain) {
  double bound = std::sqrt(3.0) * xavierDeviation(tensor, gain);
  return uniform_(std::move(tensor), -bound, bound);
}

Tensor xavier_normal_(Tensor tensor, double gain) {
  double deviation = xavierDeviation(tensor, gain);
  return normal_(std::move(tensor), 0, deviation);
}

static double kaimingDeviation(const Tensor &tensor, double a, const std::string &mode, const std::string &nonlinearity) {
  if (mode != "fan_in" && mode != "fan_out")
    throw Error("Mode " + mode + " not supported, please use one of ['fan_in', 'fan_out']");
  Fans fans = calculate_fans(tensor);
  return calculate_gain(nonlinearity, a) / std::sqrt(static_cast<double>(mode == "fan_in" ? fans.in : fans.out));
}

Tensor kaiming_uniform_(Tensor tensor, double a, const std::string &mode, const std::string &nonlinearity) {
  double bound = std::sqrt(3.0) * kaimingDeviation(tensor, a, mode, nonlinearity);
  return uniform_(std::move(tensor), -bound, bound);
}

Tensor kaiming_normal_(Tensor tensor, double a, const std::string &mode, const std::string &nonlinearity) {
  double deviation = kaimingDeviation(tensor, a, mode, nonlinearity);
  return normal_(std::move(tensor), 0, deviation);
}

} // namespace ember::nn::init
