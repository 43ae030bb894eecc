#include "ember/nn/layers.h"
#include "ember/error.h"
#include "ember/functional.h"
#include "ember/nn/init.h"

#include <cmath>

namespace ember::nn {

static std::string pairText(Pair pair) { return "(" + std::to_string(pair.height) + ", " + std::to_string(pair.width) + ")"; }

// As PyTorch prints what may be one number or two.
static std::string shortPairText(Pair pair) { return pair.height == pair.width ? std::to_string(pair.height) : pairText(pair); }

static const char *boolText(bool value) { return value ? "True" : "False"; }

static std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  for (int precision = 1; precision < 17; ++precision) {
    char shorter[32];
    std::snprintf(shorter, sizeof shorter, "%.*g", precision, value);
    if (std::strtod(shorter, nullptr) == value) {
      std::string shortest = shorter;
      bool looksWhole = shortest.find_first_of(".en") == std::string::npos;
      return looksWhole ? shortest + ".0" : shortest;
    }
  }
  return text;
}

// The bias's range, which is the weight's too: both follow from the fan-in.
static Tensor uniformBias(int64_t size, int64_t fanIn, ScalarType dtype) {
  double bound = fanIn > 0 ? 1 / std::sqrt(static_cast<double>(fanIn)) : 0;
  return init::uniform_(empty({size}, dtype), -bound, bound);
}

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool withBias, ScalarType dtype)
    : inFeatures(in_features), outFeatures(out_features) {
  weight = register_parameter("weight", init::kaiming_uniform_(empty({out_features, in_features}, dtype), std::sqrt(5.0)));
  if (withBias)
    bias = register_parameter("bias", uniformBias(out_features, in_features, dtype));
}

Tensor LinearImpl::forward(const Tensor &input) { return functional::linear(input, weight, bias); }

std::string LinearImpl::extra_repr() const {
  return "in_features=" + std::to_string(inFeatures) + ", out_features=" + std::to_string(outFeatures) + std::string(", bias=") +
         boolText(bias.defined());
}

static void checkPadding(const Conv2dOptions &options) {
  const std::string &word = options.padding.word, &mode = options.padding_mode;
  if (!word.empty() && word != "same" && word != "valid")
    throw Error("Invalid padding string '" + word + "', should be one of {'same', 'valid'}");
  if (word == "same" && (options.stride.height != 1 || options.stride.width != 1))
    throw Error("padding='same' is not supported for strided convolutions");
  if (mode != "zeros" && mode != "reflect" && mode != "replicate" && mode != "circular")
    throw Error("padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got padding_mode='" + mode + "'");
}

Conv2dImpl::Conv2dImpl(int64_t in_channels, int64_t out_channels, Pair kernel_size, Conv2dOptions options)
    : inChannels(in_channels), outChannels(out_channels), kernelSize(kernel_size), options(options) {
  if (options.groups < 1)
    throw Error("groups must be a positive integer");
  if (in_channels % options.groups != 0)
    throw Error("in_channels must be divisible by groups");
  if (out_channels % options.groups != 0)
    throw Error("out_channels must be divisible by groups");
  checkPadding(options);
  int64_t perGroup = in_channels / options.groups;
  Tensor values = empty({out_channels, perGroup, kernel_size.height, kernel_size.width}, options.dtype);
  weight = register_parameter("weight", init::kaiming_uniform_(values, std::sqrt(5.0)));
  if (options.bias)
    bias =
        register_parameter("bias", uniformBias(out_channels, perGroup * kernel_size.height * kernel_size.width, options.dtype));
}

// An odd number of rows or columns for "same" has the larger half after the image.
std::array<int64_t, 4> Conv2dImpl::borders() const {
  if (options.padding.word != "same")
    return {options.padding.width, options.padding.width, options.padding.height, options.padding.height};
  int64_t wide = options.dilation.width * (kernelSize.width - 1), high = options.dilation.height * (kernelSize.height - 1);
  return {wide / 2, wide - wide / 2, high / 2, high - high / 2};
}

Tensor Conv2dImpl::forward(const Tensor &input) {
  auto both = [](Pair pair) { return std::vector<int64_t>{pair.height, pair.width}; };
  auto [left, right, top, bottom] = borders();
  Tensor image = input;
  std::vector<int64_t> padding = {top, left};
  if (options.padding_mode != "zeros" || left != right || top != bottom) {
    std::string mode = options.padding_mode == "zeros" ? "constant" : options.padding_mode;
    image = functional::pad(input, {left, right, top, bottom}, mode);
    padding = {0, 0};
  }
  return functional::conv2d(image, weight, bias, both(options.stride), padding, both(options.dilation), options.groups);
}

std::string Conv2dImpl::extra_repr() const {
  std::string text = std::to_string(inChannels) + ", " + std::to_string(outChannels) + ", kernel_size=" + pairText(kernelSize) +
                     ", stride=" + pairText(options.stride);
  if (!options.padding.word.empty())
    text += ", padding=" + options.padding.word;
  else if (options.padding.height != 0 || options.padding.width != 0)
    text += ", padding=" + pairText(options.padding);
  if (options.dilation.height != 1 || options.dilation.width != 1)
    text += ", dilation=" + pairText(options.dilation);
  if (options.groups != 1)
    text += ", groups=" + std::to_string(options.groups);
  text += options.bias ? "" : ", bias=False";
  return text + (options.padding_mode == "zeros" ? "" : ", padding_mode=" + options.padding_mode);
}

BatchNorm2dImpl::BatchNorm2dImpl(int64_t num_features, BatchNormOptions options) : numFeatures(num_features), options(options) {
  if (options.affine) {
    weight = register_parameter("weight", ones({num_features}, options.dtype));
    bias = register_parameter("bias", zeros({num_features}, options.dtype));
  }
  if (!options.track_running_stats)
    return;
  running_mean = register_buffer("running_mean", zeros({num_features}, options.dtype));
  running_var = register_buffer("running_var", ones({num_features}, options.dtype));
  num_batches_tracked = register_buffer("num_batches_tracked", zeros({}, kInt64));
}

Tensor BatchNorm2dImpl::forward(const Tensor &input) {
  if (input.dim() != 4)
    throw Error("expected 4D input (got " + std::to_string(input.dim()) + "D input)");
  Operand momentum = options.momentum.value_or(0);
  if (options.track_running_stats && !options.momentum)
    momentum = 1 / (num_batches_tracked + 1).to(kFloat64);
  return functional::batch_norm(input, running_mean, running_var, weight, bias, training || !options.track_running_stats,
                                momentum, options.eps, num_batches_tracked);
}

std::string BatchNorm2dImpl::extra_repr() const {
  return std::to_string(numFeatures) + ", eps=" + numberText(options.eps) +
         ", momentum=" + (options.momentum ? numberText(*options.momentum) : "None") + ", affine=" + boolText(options.affine) +
         ", track_running_stats=" + boolText(options.track_running_stats);
}

Tensor ReLUImpl::forward(const Tensor &input) { return functional::relu(input, inplace); }
Tensor TanhImpl::forward(const Tensor &input) { return input.tanh(); }
Tensor SigmoidImpl::forward(const Tensor &input) { return input.sigmoid(); }

GELUImpl::GELUImpl(std::string approximate) : approximate(std::move(approximate)) {
  if (this->approximate != "none" && this->approximate != "tanh")
    throw Error("approximate argument must be either none or tanh.");
}
Tensor GELUImpl::forward(const Tensor &input) { return functional::gelu(input, approximate); }
std::string GELUImpl::extra_repr() const { return "approximate='" + approximate + "'"; }

SoftmaxImpl::SoftmaxImpl(std::optional<int64_t> dim) : dim(dim) {}
Tensor SoftmaxImpl::forward(const Tensor &input) { return functional::softmax(input, dim); }
std::string SoftmaxImpl::extra_repr() const { return "dim=" + (dim ? std::to_string(*dim) : "None"); }

static std::vector<int64_t> sizes(Pair pair) { return {pair.height, pair.width}; }

MaxPool2dImpl::MaxPool2dImpl(Pair kernel_size, MaxPoolOptions options) : kernelSize(kernel_size), options(options) {}
Tensor MaxPool2dImpl::forward(const Tensor &input) {
  return functional::max_pool2d(input, sizes(kernelSize), sizes(options.stride.value_or(kernelSize)), sizes(options.padding),
                                sizes(options.dilation), options.ceil_mode);
}
std::pair<Tensor, Tensor> MaxPool2dImpl::forward_with_indices(const Tensor &input) {
  return functional::max_pool2d_with_indices(input, sizes(kernelSize), sizes(options.stride.value_or(kernelSize)),
                                             sizes(options.padding), sizes(options.dilation), options.ceil_mode);
}
std::string MaxPool2dImpl::extra_repr() const {
  return "kernel_size=" + shortPairText(kernelSize) + ", stride=" + shortPairText(options.stride.value_or(kernelSize)) +
         ", padding=" + shortPairText(options.padding) + ", dilation=" + shortPairText(options.dilation) +
         ", ceil_mode=" + boolText(options.ceil_mode);
}

AvgPool2dImpl::AvgPool2dImpl(Pair kernel_size, AvgPoolOptions options) : kernelSize(kernel_size), options(options) {}
Tensor AvgPool2dImpl::forward(const Tensor &input) {
  return functional::avg_pool2d(input, sizes(kernelSize), sizes(options.stride.value_or(kernelSize)), sizes(options.padding),
                                options.ceil_mode, options.count_include_pad, options.divisor_override);
}
std::string AvgPool2dImpl::extra_repr() const {
  return "kernel_size=" + shortPairText(kernelSize) + ", stride=" + shortPairText(options.stride.value_or(kernelSize)) +
         ", padding=" + shortPairText(options.padding);
}

FlattenImpl::FlattenImpl(int64_t start_dim, int64_t end_dim) : startDim(start_dim), endDim(end_dim) {}
Tensor FlattenImpl::forward(const Tensor &input) { return input.flatten(startDim, endDim); }
std::string FlattenImpl::extra_repr() const {
  return "start_dim=" + std::to_string(startDim) + ", end_dim=" + std::to_string(endDim);
}

DropoutImpl::DropoutImpl(double p, bool inplace) : probability(p), inplace(inplace) {
  if (!(p >= 0 && p <= 1))
    throw Error("dropout probability has to be between 0 and 1, but got " + numberText(p));
}
Tensor DropoutImpl::forward(const Tensor &input) { return functional::dropout(input, probability, training, inplace); }
std::string DropoutImpl::extra_repr() const { return "p=" + numberText(probability) + ", inplace=" + boolText(inplace); }

std::shared_ptr<Module> SequentialImpl::operator[](const Index &index) const {
  CallSite site(index.where);
  int64_t place = index.number < 0 ? index.number + size() : index.number;
  if (place < 0 || place >= size())
    throw Error("index " + std::to_string(index.number) + " is out of range");
  return all_children()[place].second;
}

Tensor SequentialImpl::forward(const Tensor &input) {
  Tensor value = input;
  for (const auto &[name, child] : all_children())
    value = (*child)(value);
  return value;
}

Tensor MSELoss::operator()(const Tensor &input, const Tensor &target, std::source_location where) const {
  return functional::mse_loss(input, target, reduction, where);
}

Tensor CrossEntropyLoss::operator()(const Tensor &input, const Tensor &target, std::source_location where) const {
  return functional::cross_entropy(input, target, options, where);
}

} // namespace ember::nn
