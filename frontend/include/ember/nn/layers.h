// The layers: PyTorch's modules of the same names, defaults and initial values.
#pragma once

#include "ember/functional.h"
#include "ember/nn/module.h"

#include <array>
#include <concepts>
#include <optional>

namespace ember::nn {

/// Height and width; one number stands for both.
struct Pair {
  int64_t height, width;
  Pair(int64_t both) : height(both), width(both) {}
  Pair(int64_t height, int64_t width) : height(height), width(width) {}
};

/// The handle NAME of a layer: its constructor takes PARAMETERS, and tells mistakes with the caller's line.
/// (0 is no pointer: hence the template.)
#define EMBER_LAYER(NAME, PARAMETERS, ...)                                                                                       \
  class NAME : public ModuleHolder<NAME##Impl> {                                                                                 \
  public:                                                                                                                        \
    explicit NAME PARAMETERS : ModuleHolder(where, std::in_place, __VA_ARGS__) {}                                                \
    template <std::same_as<std::shared_ptr<NAME##Impl>> Pointer> explicit NAME(Pointer impl) : ModuleHolder(std::move(impl)) {}  \
  }

/// y = x Wᵀ + b. input: (*, in_features), output: (*, out_features). weight: (out_features, in_features), uniform in
/// ±1/√in_features, then bias likewise.
class LinearImpl : public Module {
public:
  LinearImpl(int64_t in_features, int64_t out_features, bool bias = true, ScalarType dtype = kFloat32);
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

  Tensor weight, bias;

private:
  int64_t inFeatures, outFeatures;
};
EMBER_LAYER(Linear,
            (int64_t in_features, int64_t out_features, bool bias = true, ScalarType dtype = kFloat32,
             Here where = Here::current()),
            in_features, out_features, bias, dtype);

/// Rows and columns at each border; or "same" (the output is as large as the input) or "valid" (none).
struct Padding : Pair {
  std::string word;
  Padding(int64_t both) : Pair(both) {}
  Padding(int64_t height, int64_t width) : Pair(height, width) {}
  template <size_t N> Padding(const char (&word)[N]) : Pair(0), word(word) {}
};

struct Conv2dOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  std::string padding_mode = "zeros"; // or "reflect", "replicate", "circular"
  ScalarType dtype = kFloat32;
};

/// Cross-correlation. input: (N, in_channels, H, W) or without N, output: (N, out_channels, H', W'),
/// H' = (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1.
class Conv2dImpl : public Module {
public:
  Conv2dImpl(int64_t in_channels, int64_t out_channels, Pair kernel_size, Conv2dOptions options = {});
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

  Tensor weight, bias;

private:
  std::array<int64_t, 4> borders() const; // left, right, top, bottom

  int64_t inChannels, outChannels;
  Pair kernelSize;
  Conv2dOptions options;
};
EMBER_LAYER(Conv2d,
            (int64_t in_channels, int64_t out_channels, Pair kernel_size, Conv2dOptions options = {},
             Here where = Here::current()),
            in_channels, out_channels, kernel_size, std::move(options));

struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1; // nullopt: running statistics are plain averages over all batches
  bool affine = true, track_running_stats = true;
  ScalarType dtype = kFloat32;
};

/// Normalises each channel over the batch (training, or where no running statistics are tracked) or by the running statistics
/// (eval). input: (N, C, H, W). Not affine: `weight` and `bias` are undefined; not tracked: the running statistics are.
class BatchNorm2dImpl : public Module {
public:
  explicit BatchNorm2dImpl(int64_t num_features, BatchNormOptions options = {});
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

private:
  int64_t numFeatures;
  BatchNormOptions options;
};
EMBER_LAYER(BatchNorm2d, (int64_t num_features, BatchNormOptions options = {}, Here where = Here::current()), num_features,
            options);

/// A layer without state that applies one function, element by element or along a dimension.
#define EMBER_ACTIVATION(NAME)                                                                                                   \
  class NAME##Impl : public Module {                                                                                             \
  public:                                                                                                                        \
    Tensor forward(const Tensor &input) override;                                                                                \
  };                                                                                                                             \
  EMBER_MODULE(NAME)

EMBER_ACTIVATION(Tanh);
EMBER_ACTIVATION(Sigmoid);
#undef EMBER_ACTIVATION

/// inplace: the input is written, and is the result.
class ReLUImpl : public Module {
public:
  explicit ReLUImpl(bool inplace = false) : inplace(inplace) {}
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override { return inplace ? "inplace=True" : ""; }

private:
  bool inplace;
};
EMBER_LAYER(ReLU, (bool inplace = false, Here where = Here::current()), inplace);

/// x Φ(x); approximate is "none" (erf) or "tanh".
class GELUImpl : public Module {
public:
  explicit GELUImpl(std::string approximate = "none");
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

private:
  std::string approximate;
};
EMBER_LAYER(GELU, (std::string approximate = "none", Here where = Here::current()), std::move(approximate));

/// functional::softmax.
class SoftmaxImpl : public Module {
public:
  explicit SoftmaxImpl(std::optional<int64_t> dim = {});
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

private:
  std::optional<int64_t> dim;
};
EMBER_LAYER(Softmax, (std::optional<int64_t> dim = {}, Here where = Here::current()), dim);

struct MaxPoolOptions {
  std::optional<Pair> stride = {}; // the kernel's
  Pair padding = 0, dilation = 1;  // elements of a window lie `dilation` apart
  bool ceil_mode = false;          // sizes are rounded up
};

/// The largest value of each window. Without a stride the windows do not overlap. input: (N, C, H, W) or (C, H, W).
class MaxPool2dImpl : public Module {
public:
  explicit MaxPool2dImpl(Pair kernel_size, MaxPoolOptions options = {});
  MaxPool2dImpl(Pair kernel_size, Pair stride, Pair padding = 0) : MaxPool2dImpl(kernel_size, MaxPoolOptions{stride, padding}) {}
  Tensor forward(const Tensor &input) override;
  /// PyTorch's return_indices: also where in the input's plane each value was found, h W + w.
  std::pair<Tensor, Tensor> forward_with_indices(const Tensor &input);
  std::string extra_repr() const override;

private:
  Pair kernelSize;
  MaxPoolOptions options;
};
class MaxPool2d : public ModuleHolder<MaxPool2dImpl> {
public:
  explicit MaxPool2d(Pair kernel_size, MaxPoolOptions options = {}, Here where = Here::current())
      : ModuleHolder(where, std::in_place, kernel_size, options) {}
  MaxPool2d(Pair kernel_size, Pair stride, Pair padding = 0, Here where = Here::current())
      : ModuleHolder(where, std::in_place, kernel_size, stride, padding) {}
  template <std::same_as<std::shared_ptr<MaxPool2dImpl>> Pointer>
  explicit MaxPool2d(Pointer impl) : ModuleHolder(std::move(impl)) {}
};

struct AvgPoolOptions {
  std::optional<Pair> stride = {}; // the kernel's
  Pair padding = 0;
  bool ceil_mode = false, count_include_pad = true;
  std::optional<int64_t> divisor_override = {}; // instead of the number of elements
};

/// The mean of each window; borders count unless told. input: (N, C, H, W) or (C, H, W).
class AvgPool2dImpl : public Module {
public:
  explicit AvgPool2dImpl(Pair kernel_size, AvgPoolOptions options = {});
  AvgPool2dImpl(Pair kernel_size, Pair stride, Pair padding = 0) : AvgPool2dImpl(kernel_size, AvgPoolOptions{stride, padding}) {}
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

private:
  Pair kernelSize;
  AvgPoolOptions options;
};
class AvgPool2d : public ModuleHolder<AvgPool2dImpl> {
public:
  explicit AvgPool2d(Pair kernel_size, AvgPoolOptions options = {}, Here where = Here::current())
      : ModuleHolder(where, std::in_place, kernel_size, options) {}
  AvgPool2d(Pair kernel_size, Pair stride, Pair padding = 0, Here where = Here::current())
      : ModuleHolder(where, std::in_place, kernel_size, stride, padding) {}
  template <std::same_as<std::shared_ptr<AvgPool2dImpl>> Pointer>
  explicit AvgPool2d(Pointer impl) : ModuleHolder(std::move(impl)) {}
};

/// Joins dimensions start_dim…end_dim into one.
class FlattenImpl : public Module {
public:
  explicit FlattenImpl(int64_t start_dim = 1, int64_t end_dim = -1);
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

private:
  int64_t startDim, endDim;
};
EMBER_LAYER(Flatten, (int64_t start_dim = 1, int64_t end_dim = -1, Here where = Here::current()), start_dim, end_dim);

/// In training, zeroes each element with probability p and scales the rest by 1 / (1 - p). inplace: the input is written then,
/// and is the result.
class DropoutImpl : public Module {
public:
  explicit DropoutImpl(double p = 0.5, bool inplace = false);
  Tensor forward(const Tensor &input) override;
  std::string extra_repr() const override;

private:
  double probability;
  bool inplace;
};
EMBER_LAYER(Dropout, (double p = 0.5, bool inplace = false, Here where = Here::current()), p, inplace);

/// Modules one after the other, named 0, 1, …, or as told. Write them in braces: C++ makes what stands in braces in the order
/// written, so that weights are drawn in PyTorch's order; what stands in parentheses it makes in any (gcc from the last on).
class SequentialImpl : public Module {
public:
  template <typename... Holders> explicit SequentialImpl(const Holders &...holders) {
    (adopt(std::to_string(all_children().size()), holders.ptr()), ...);
  }
  template <typename Holder> void push_back(const Holder &holder, Here where = Here::current()) {
    push_back(std::to_string(all_children().size()), holder, where);
  }
  template <typename Holder> void push_back(std::string name, const Holder &holder, Here where = Here::current()) {
    CallSite site(where);
    adopt(std::move(name), holder.ptr());
  }
  Tensor forward(const Tensor &input) override;
  /// How many modules there are, and the one at a place, from the end where negative.
  int64_t size() const { return static_cast<int64_t>(all_children().size()); }
  std::shared_ptr<Module> operator[](const Index &index) const;
};

class Sequential : public ModuleHolder<SequentialImpl> {
public:
  template <typename... Holders>
  explicit Sequential(const Holders &...holders) : ModuleHolder<SequentialImpl>(std::make_shared<SequentialImpl>(holders...)) {}
  std::shared_ptr<Module> operator[](const Index &index) const { return (**this)[index]; }
};

/// Mean (or sum) of the squared differences; input and target of one shape.
class MSELoss {
public:
  explicit MSELoss(std::string reduction = "mean") : reduction(std::move(reduction)) {}
  Tensor operator()(const Tensor &input, const Tensor &target,
                    std::source_location where = std::source_location::current()) const;

private:
  std::string reduction;
};

/// Negative log-likelihood of the targets under softmax: functional::cross_entropy.
class CrossEntropyLoss {
public:
  explicit CrossEntropyLoss(std::string reduction = "mean") : options{.reduction = std::move(reduction)} {}
  explicit CrossEntropyLoss(functional::CrossEntropyOptions options) : options(std::move(options)) {}
  Tensor operator()(const Tensor &input, const Tensor &target,
                    std::source_location where = std::source_location::current()) const;

private:
  functional::CrossEntropyOptions options;
};

#undef EMBER_LAYER

} // namespace ember::nn
