#include "ember/nn/init.h"
#include "ember/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ember::nn::init {

Fans calculate_fans(const Tensor &weight, Here where) {
  CallSite site(where);
  if (weight.dim() < 2)
    throw Error("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
  int64_t field = 1;
  for (int64_t dim = 2; dim < weight.dim(); ++dim)
    field *= weight.size(dim);
  return {weight.size(1) * field, weight.size(0) * field};
}

double calculate_gain(const std::string &nonlinearity, double parameter, Here where) {
  CallSite site(where);
  for (const char *name :
       {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"})
    if (nonlinearity == name)
      return 1;
  if (nonlinearity == "selu")
    return 3.0 / 4;
  if (nonlinearity == "tanh")
    return 5.0 / 3;
  if (nonlinearity == "relu")
    return std::sqrt(2.0);
  if (nonlinearity == "leaky_relu")
    return std::sqrt(2.0 / (1 + parameter * parameter));
  throw Error("Unsupported nonlinearity " + nonlinearity);
}

Tensor uniform_(Tensor tensor, double low, double high, Here where) {
  CallSite site(where);
  NoGradGuard noGrad;
  tensor.uniform_(low, high);
  return tensor;
}

Tensor normal_(Tensor tensor, double mean, double std, Here where) {
  CallSite site(where);
  NoGradGuard noGrad;
  tensor.normal_(mean, std);
  return tensor;
}

Tensor constant_(Tensor tensor, double value, Here where) {
  CallSite site(where);
  NoGradGuard noGrad;
  tensor.fill_(value);
  return tensor;
}

Tensor zeros_(Tensor tensor, Here where) { return constant_(std::move(tensor), 0, where); }
Tensor ones_(Tensor tensor, Here where) { return constant_(std::move(tensor), 1, where); }

static double xavierDeviation(const Tensor &tensor, double gain) {
  Fans fans = calculate_fans(tensor);
  return gain * std::sqrt(2.0 / static_cast<double>(fans.in + fans.out));
}

Tensor xavier_uniform_(Tensor tensor, double gain, Here where) {
  CallSite site(where);
  double bound = std::sqrt(3.0) * xavierDeviation(tensor, gain);
  return uniform_(std::move(tensor), -bound, bound);
}

Tensor xavier_normal_(Tensor tensor, double gain, Here where) {
  CallSite site(where);
  double deviation = xavierDeviation(tensor, gain);
  return normal_(std::move(tensor), 0, deviation);
}

static double kaimingDeviation(const Tensor &tensor, double a, const std::string &mode, const std::string &nonlinearity) {
  if (mode != "fan_in" && mode != "fan_out")
    throw Error("Mode " + mode + " not supported, please use one of ['fan_in', 'fan_out']");
  Fans fans = calculate_fans(tensor);
  return calculate_gain(nonlinearity, a) / std::sqrt(static_cast<double>(mode == "fan_in" ? fans.in : fans.out));
}

Tensor kaiming_uniform_(Tensor tensor, double a, const std::string &mode, const std::string &nonlinearity, Here where) {
  CallSite site(where);
  double bound = std::sqrt(3.0) * kaimingDeviation(tensor, a, mode, nonlinearity);
  return uniform_(std::move(tensor), -bound, bound);
}

Tensor kaiming_normal_(Tensor tensor, double a, const std::string &mode, const std::string &nonlinearity, Here where) {
  CallSite site(where);
  double deviation = kaimingDeviation(tensor, a, mode, nonlinearity);
  return normal_(std::move(tensor), 0, deviation);
}

static Tensor setValues(Tensor tensor, const std::vector<double> &values) {
  NoGradGuard noGrad;
  tensor.copy_(from_vector(values, tensor.sizes()));
  return tensor;
}

// Newton's steps on erf from an approximation by logarithms (Winitzki, 2008).
static double inverseErf(double y) {
  if (std::fabs(y) >= 1)
    return y * INFINITY;
  double l = std::log1p(-y * y), t = 2 / (M_PI * 0.147) + l / 2,
         x = std::copysign(std::sqrt(std::sqrt(t * t - l / 0.147) - t), y);
  for (int step = 0; step < 3; ++step)
    x -= (std::erf(x) - y) / (M_2_SQRTPI * std::exp(-x * x));
  return x;
}

Tensor trunc_normal_(Tensor tensor, double mean, double std, double a, double b, Here where) {
  CallSite site(where);
  auto below = [&](double limit) { return (1 + std::erf((limit - mean) / std / std::sqrt(2.0))) / 2; };
  uniform_(tensor, 2 * below(a) - 1, 2 * below(b) - 1);
  std::vector<double> values = tensor.detach().to_vector<double>();
  for (double &value : values)
    value = std::clamp(inverseErf(value) * std * std::sqrt(2.0) + mean, a, b);
  return setValues(std::move(tensor), values);
}

// Columns from the first on, each without its part along those before it. A second time removes what rounding left.
static void orthonormalize(std::vector<std::vector<double>> &columns) {
  for (size_t j = 0; j < columns.size(); ++j) {
    std::vector<double> &own = columns[j];
    for (size_t i = 0; i < 2 * j; ++i) {
      const std::vector<double> &other = columns[i % j];
      double along = std::inner_product(own.begin(), own.end(), other.begin(), 0.0);
      for (size_t k = 0; k < own.size(); ++k)
        own[k] -= along * other[k];
    }
    double length = std::sqrt(std::inner_product(own.begin(), own.end(), own.begin(), 0.0));
    for (double &value : own)
      value /= length;
  }
}

Tensor orthogonal_(Tensor tensor, double gain, Here where) {
  CallSite site(where);
  if (tensor.dim() < 2)
    throw Error("Only tensors with 2 or more dimensions are supported");
  if (tensor.numel() == 0)
    return tensor;
  int64_t rows = tensor.size(0), width = tensor.numel() / rows;
  std::vector<double> values = randn({rows, width}, tensor.dtype()).to_vector<double>();
  bool isWide = rows < width;
  auto at = [&](size_t column, size_t place) -> double & {
    return values[isWide ? column * width + place : place * width + column];
  };
  std::vector<std::vector<double>> columns(std::min(rows, width), std::vector<double>(std::max(rows, width)));
  for (size_t j = 0; j < columns.size(); ++j)
    for (size_t k = 0; k < columns[j].size(); ++k)
      columns[j][k] = at(j, k);
  orthonormalize(columns);
  for (size_t j = 0; j < columns.size(); ++j)
    for (size_t k = 0; k < columns[j].size(); ++k)
      at(j, k) = gain * columns[j][k];
  return setValues(std::move(tensor), values);
}

Tensor sparse_(Tensor tensor, double sparsity, double std, Here where) {
  CallSite site(where);
  if (tensor.dim() != 2)
    throw Error("Only tensors with 2 dimensions are supported");
  normal_(tensor, 0, std);
  std::vector<double> values = tensor.detach().to_vector<double>();
  int64_t rows = tensor.size(0), width = tensor.size(1), zeros = static_cast<int64_t>(std::ceil(sparsity * rows));
  for (int64_t column = 0; column < width; ++column) {
    std::vector<int64_t> order = default_generator().permutation(rows);
    for (int64_t i = 0; i < zeros; ++i)
      values[order[i] * width + column] = 0;
  }
  return setValues(std::move(tensor), values);
}

Tensor eye_(Tensor tensor, Here where) {
  CallSite site(where);
  if (tensor.dim() != 2)
    throw Error("Only tensors with 2 dimensions are supported");
  std::vector<double> values(tensor.numel());
  for (int64_t i = 0; i < std::min(tensor.size(0), tensor.size(1)); ++i)
    values[i * tensor.size(1) + i] = 1;
  return setValues(std::move(tensor), values);
}

Tensor dirac_(Tensor tensor, int64_t groups, Here where) {
  CallSite site(where);
  if (tensor.dim() < 3 || tensor.dim() > 5)
    throw Error("Only tensors with 3, 4, or 5 dimensions are supported");
  if (groups < 1 || tensor.size(0) % groups != 0)
    throw Error("dim 0 must be divisible by groups");
  int64_t window = 1, middle = 0; // elements of a kernel's plane, and where its middle lies
  for (int64_t dim = 2; dim < tensor.dim(); ++dim) {
    window *= tensor.size(dim);
    middle = middle * tensor.size(dim) + tensor.size(dim) / 2;
  }
  std::vector<double> values(tensor.numel());
  int64_t each = tensor.size(0) / groups;
  for (int64_t group = 0; group < groups; ++group)
    for (int64_t i = 0; i < std::min(each, tensor.size(1)); ++i)
      values[((group * each + i) * tensor.size(1) + i) * window + middle] = 1;
  return setValues(std::move(tensor), values);
}

} // namespace ember::nn::init
