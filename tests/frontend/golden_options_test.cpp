// Losses, pooling, convolution and padding under their options, against PyTorch's (tests/golden/make_options.py).
#include "GoldenFile.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

namespace F = ember::functional;
namespace nn = ember::nn;
using ember::Tensor;

namespace {

using Tensors = std::vector<Tensor>;

// `kernel=2,stride=1`.
class Options {
public:
  explicit Options(const std::string &text) {
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');)
      values[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  const std::string &text(const std::string &name) const { return values.at(name); }
  bool has(const std::string &name) const { return values.count(name); }
  int64_t whole(const std::string &name) const { return std::stoll(values.at(name)); }
  double real(const std::string &name) const { return std::stod(values.at(name)); }

private:
  std::map<std::string, std::string> values;
};

Tensor crossEntropy(const Options &options, const Tensors &in) {
  F::CrossEntropyOptions own{.ignore_index = options.whole("ignore"),
                             .reduction = options.text("reduction"),
                             .label_smoothing = options.real("smoothing")};
  if (options.whole("weight")) {
    int64_t classes = in[0].size(in[0].dim() == 1 ? 0 : 1);
    std::vector<double> factors;
    for (int64_t i = 0; i < classes; ++i)
      factors.push_back(0.5 + 1.5 * static_cast<double>(i) / static_cast<double>(classes - 1));
    own.weight = ember::from_vector(factors, {classes});
  }
  return nn::CrossEntropyLoss(own)(in[0], in[1]);
}

Tensor maxPool(const Options &options, const Tensors &in) {
  return nn::MaxPool2d(options.whole("kernel"), nn::MaxPoolOptions{.stride = options.whole("stride"),
                                                                   .padding = options.whole("padding"),
                                                                   .ceil_mode = options.whole("ceil") != 0})(in[0]);
}

// The values times their places: both must be right.
Tensor placesOfMaxima(const Options &options, const Tensors &in) {
  nn::MaxPool2d pool(options.whole("kernel"), nn::MaxPoolOptions{.stride = options.whole("stride"),
                                                                 .padding = options.whole("padding"),
                                                                 .dilation = options.whole("dilation"),
                                                                 .ceil_mode = options.whole("ceil") != 0});
  auto [values, places] = pool->forward_with_indices(in[0]);
  EXPECT_TRUE(ember::equal(values, pool(in[0])));
  return values * (places.to(ember::kFloat64) + 1);
}

Tensor averagePool(const Options &options, const Tensors &in) {
  nn::AvgPoolOptions own{.stride = options.whole("stride"),
                         .padding = options.whole("padding"),
                         .ceil_mode = options.whole("ceil") != 0,
                         .count_include_pad = options.whole("include") != 0};
  if (options.whole("divisor"))
    own.divisor_override = options.whole("divisor");
  return nn::AvgPool2d(options.whole("kernel"), own)(in[0]);
}

Tensor convolution(const Options &options, const Tensors &in) {
  nn::Conv2dOptions own{.stride = options.whole("stride"),
                        .dilation = options.whole("dilation"),
                        .groups = options.whole("groups"),
                        .padding_mode = options.text("mode"),
                        .dtype = ember::kFloat64};
  if (options.text("padding") == "same")
    own.padding = "same";
  else if (options.text("padding") == "valid")
    own.padding = "valid";
  else
    own.padding = options.whole("padding");
  nn::Conv2d conv(2, 4, nn::Pair(3, 2), own);
  conv->weight = in[1]; // what forward reads
  conv->bias = in[2];
  return conv(in[0]);
}

Tensor padded(const Options &options, const Tensors &in) {
  ember::Shape borders;
  for (int i = 0; options.has("b" + std::to_string(i)); ++i)
    borders.push_back(options.whole("b" + std::to_string(i)));
  return F::pad(in[0], borders, options.text("mode"), options.text("mode") == "constant" ? 0.5 : 0);
}

const std::map<std::string, std::function<Tensor(const Options &, const Tensors &)>> kKinds = {
    {"cross_entropy", crossEntropy}, {"max_pool", maxPool}, {"max_pool_places", placesOfMaxima},
    {"avg_pool", averagePool},       {"conv", convolution}, {"pad", padded}};

void expectClose(const Tensor &found, const Tensor &expected, const std::string &what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  std::vector<double> a = found.detach().to_vector<double>(), b = expected.to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-13 * std::max(1.0, std::abs(b[i]))) << what << ", element " << i;
}

class GoldenOptions : public testing::TestWithParam<std::string> {};

TEST_P(GoldenOptions, ValueAndGradientsAsPyTorch) {
  int checked = 0;
  for (auto &[name, values] : golden::read("options.txt")) {
    size_t colon = name.find(':');
    if (name.substr(0, colon) != GetParam())
      continue;
    SCOPED_TRACE(name);
    Tensors inputs;
    for (const Tensor &in : values["in"])
      inputs.push_back(in.is_floating_point() ? in.clone().requires_grad_() : in);
    Tensor out = kKinds.at(GetParam())(Options(name.substr(colon + 1)), inputs);
    out.backward(values["cotangent"].at(0));
    expectClose(out, values["out"].at(0), "out");
    size_t next = 0;
    for (const Tensor &input : inputs)
      if (input.requires_grad())
        expectClose(input.grad(), values["grad"].at(next++), "gradient");
    ++checked;
  }
  EXPECT_GT(checked, 4);
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenOptions,
                         testing::Values("cross_entropy", "max_pool", "max_pool_places", "avg_pool", "conv", "pad"),
                         [](const auto &info) { return info.param; });

// ---- what is refused

struct Refusal {
  const char *name;
  std::function<void()> call;
  const char *text;
};

Tensor ones(ember::Shape shape) { return ember::ones(std::move(shape)); }
Tensor labels(ember::Shape shape) { return ember::zeros(std::move(shape), ember::kInt64); }

const std::vector<Refusal> &refusals() {
  static const std::vector<Refusal> all = {
      {"classes_and_samples", [] { F::cross_entropy(ones({3, 2}), labels({2})); },
       "Expected input batch_size (3) to match target batch_size (2)."},
      {"places", [] { F::cross_entropy(ones({2, 3, 2}), labels({2, 3})); }, "Expected target size [2, 2], got [2, 3]"},
      {"one_sample", [] { F::cross_entropy(ones({3}), labels({1})); }, "size mismatch (got input: [3], target: [1])"},
      {"many_targets", [] { F::cross_entropy(ones({2, 3}), ones({2, 2})); },
       "0D or 1D target tensor expected, multi-target not supported"},
      {"whole_shares", [] { F::cross_entropy(ones({2, 3}), labels({2, 3})); },
       "Expected floating point type for target with class probabilities, got Long"},
      {"ignored_shares", [] { F::cross_entropy(ones({2, 3}), ones({2, 3}), F::CrossEntropyOptions{.ignore_index = 1}); },
       "ignore_index is not supported for floating point target"},
      {"negative_label", [] { F::cross_entropy(ones({2, 3}), ember::tensor<int64_t>({0, -1})); }, "Target -1 is out of bounds."},
      {"smoothing", [] { F::cross_entropy(ones({2, 3}), labels({2}), F::CrossEntropyOptions{.label_smoothing = 2}); },
       "label_smoothing must be between 0.0 and 1.0. Got: 2"},
      {"weight", [] { F::cross_entropy(ones({2, 3}), labels({2}), F::CrossEntropyOptions{.weight = ones({2})}); },
       "weight tensor should be defined either for all 3 classes or no classes but got weight tensor of shape: [2]"},
      {"reduction", [] { F::cross_entropy(ones({2, 3}), labels({2}), "x"); }, "x is not a valid value for reduction"},
      {"small_image", [] { F::avg_pool2d(ones({1, 1, 2, 2}), {3, 3}); },
       "Given input size: (1x2x2). Calculated output size: (1x0x0). Output size is too small"},
      {"divisor", [] { F::avg_pool2d(ones({1, 1, 3, 3}), {2, 2}, {}, {0, 0}, false, true, 0); }, "divisor must be not zero"},
      {"negative_padding", [] { F::max_pool2d(ones({1, 1, 3, 3}), {2, 2}, {}, {-1, 0}); },
       "pad must be non-negative, but got pad: -1"},
      {"wide_padding", [] { F::max_pool2d(ones({1, 1, 9, 9}), {3, 3}, {}, {3, 0}, {2, 1}); },
       "pad should be at most half of effective kernel size, but got pad=3, kernel_size=3 and dilation=2"},
      {"pool_dilation", [] { F::max_pool2d(ones({1, 1, 9, 9}), {3, 3}, {}, {0, 0}, {2, 0}); },
       "dilation should be greater than zero, but got dilation: 0"},
      {"wide_window", [] { F::max_pool2d(ones({1, 1, 4, 9}), {3, 3}, {}, {0, 0}, {2, 1}); },
       "Given input size: (1x4x9). Calculated output size: (1x0x3). Output size is too small"},
      {"leaf_in_place", [] { nn::ReLU(true)(ones({2}).requires_grad_()); },
       "a leaf Variable that requires grad is being used in an in-place operation."},
      {"softmax_of_labels", [] { F::softmax(ember::tensor<int64_t>({1, 2}), 0); },
       "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'"},
      {"log_softmax_of_flags", [] { F::log_softmax(ones({2, 2}).to(ember::kBool), 0); },
       "\"softmax_kernel_impl\" not implemented for 'Bool'"},
      {"max_pool_of_labels", [] { F::max_pool2d(ones({1, 1, 4, 4}).to(ember::kInt64), {2, 2}); },
       "\"max_pool2d\" not implemented for 'Long'"},
      {"avg_pool_of_numbers", [] { F::avg_pool2d(ones({1, 1, 4, 4}).to(ember::kInt32), {2, 2}); },
       "\"avg_pool2d\" not implemented for 'Int'"},
      {"empty_kernel", [] { nn::Conv2d(1, 1, 0)(ones({1, 1, 3, 3})); },
       "kernel size should be greater than zero, but got kernel_height: 0 kernel_width: 0"},
      {"softmax_axis", [] { F::softmax(ones({3}), 1); },
       "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
      {"flat_image", [] { F::max_pool2d(ones({3, 3}), {2, 2}); }, "non-empty 3D or 4D (batch mode) tensor expected for input"},
      {"wraps_twice",
       [] { nn::Conv2d(1, 1, 3, nn::Conv2dOptions{.padding = 4, .padding_mode = "circular"})(ones({1, 1, 3, 3})); },
       "Padding value causes wrapping around more than once."},
      {"mode", [] { nn::Conv2d(1, 1, 3, nn::Conv2dOptions{.padding_mode = "foo"}); },
       "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got padding_mode='foo'"},
      {"strided_same", [] { nn::Conv2d(1, 1, 3, nn::Conv2dOptions{.stride = 2, .padding = "same"}); },
       "padding='same' is not supported for strided convolutions"},
      {"word", [] { nn::Conv2d(1, 1, 3, nn::Conv2dOptions{.padding = "foo"}); },
       "Invalid padding string 'foo', should be one of {'same', 'valid'}"},
      {"bias", [] { F::conv2d(ones({1, 1, 3, 3}), ones({1, 1, 2, 2}), ones({2})); },
       "Given weight of size [1, 1, 2, 2], expected bias to be 1-dimensional with 1 elements, but got bias of size [2] instead"},
      {"convolution_padding", [] { F::conv2d(ones({1, 1, 3, 3}), ones({1, 1, 2, 2}), {}, {1, 1}, {-1, 0}); },
       "negative padding is not supported"},
      {"dilation", [] { F::conv2d(ones({1, 1, 3, 3}), ones({1, 1, 2, 2}), {}, {1, 1}, {0, 0}, {0, 0}); },
       "dilation should be greater than zero, but got [0, 0]"},
      {"odd_borders", [] { F::pad(ones({2, 2}), {1, 1, 1}); }, "Padding length must be divisible by 2"},
      {"many_borders", [] { F::pad(ones({2}), {1, 1, 1, 1}); }, "Padding length too large"},
      {"betas", [] { ember::optim::AdamW({ones({2}).requires_grad_()}, {.beta2 = 1.5}); },
       "Invalid beta parameter at index 1: 1.5"},
  };
  return all;
}

TEST(Options, WhatIsRefusedHasPyTorchsText) {
  for (const Refusal &refusal : refusals()) {
    SCOPED_TRACE(refusal.name);
    try {
      refusal.call();
      ADD_FAILURE() << "expected an error";
    } catch (const ember::Error &error) {
      EXPECT_EQ(error.message(), refusal.text);
    }
  }
}

TEST(Options, LayersPrintThem) {
  auto text = [](const auto &layer) { return layer->repr(); };
  EXPECT_EQ(text(nn::Conv2d(1, 1, 3, nn::Conv2dOptions{.padding = "same"})),
            "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=same)");
  EXPECT_EQ(text(nn::Conv2d(1, 1, 3, nn::Conv2dOptions{.padding = 1, .padding_mode = "circular"})),
            "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), padding_mode=circular)");
  EXPECT_EQ(text(nn::MaxPool2d(2, nn::MaxPoolOptions{.ceil_mode = true})),
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=True)");
  EXPECT_EQ(text(nn::MaxPool2d(3, nn::MaxPoolOptions{.stride = nn::Pair(1, 2), .dilation = nn::Pair(2, 1)})),
            "MaxPool2d(kernel_size=3, stride=(1, 2), padding=0, dilation=(2, 1), ceil_mode=False)");
  EXPECT_EQ(text(nn::ReLU(true)), "ReLU(inplace=True)");
  EXPECT_EQ(text(nn::Dropout(0.25, true)), "Dropout(p=0.25, inplace=True)");
  EXPECT_EQ(text(nn::BatchNorm2d(3, nn::BatchNormOptions{.momentum = std::nullopt, .affine = false})),
            "BatchNorm2d(3, eps=1e-05, momentum=None, affine=False, track_running_stats=True)");
}

TEST(Options, SoftmaxPicksItsDimension) {
  const std::pair<ember::Shape, int64_t> rows[] = {{{}, 0}, {{4}, 0}, {{2, 4}, 1}, {{2, 4, 3}, 0}, {{2, 4, 3, 2}, 1}};
  for (const auto &[shape, dim] : rows) {
    Tensor x = ember::randn(shape, ember::kFloat64);
    EXPECT_TRUE(ember::equal(F::softmax(x), F::softmax(x, dim))) << shape.size();
    EXPECT_TRUE(ember::equal(nn::Softmax()(x), F::softmax(x, dim))) << shape.size();
    EXPECT_TRUE(ember::equal(F::log_softmax(x), F::log_softmax(x, dim))) << shape.size();
  }
  EXPECT_EQ(nn::Softmax()->repr(), "Softmax(dim=None)");
  for (int64_t dim : {0, 1}) // a softmax of nothing is nothing
    for (Tensor x : {ember::ones({2, 0}).requires_grad_(), ember::ones({0, 2}).requires_grad_()}) {
      EXPECT_EQ(F::softmax(x, dim).sizes(), x.sizes());
      F::log_softmax(x, dim).sum().backward();
      EXPECT_EQ(x.grad().sizes(), x.sizes());
    }
}

// In place: the input is what comes out, and gradients are those of the plain layer.
TEST(Options, LayersInPlace) {
  for (bool inPlace : {false, true}) {
    Tensor x = ember::tensor<double>({-2, 3, -1, 4}).requires_grad_(), y = x * 2;
    Tensor z = nn::ReLU(inPlace)(y);
    EXPECT_EQ(z.is_same(y), inPlace);
    EXPECT_EQ(y.detach().to_vector<double>()[0], inPlace ? 0 : -4);
    (z * z).sum().backward();
    EXPECT_EQ(x.grad().to_vector<double>(), (std::vector<double>{0, 24, 0, 32}));
    ember::manual_seed(4);
    Tensor w = ember::ones({100}).requires_grad_(), v = w * 3;
    nn::Dropout dropout(0.5, inPlace);
    Tensor dropped = dropout(v);
    EXPECT_EQ(dropped.is_same(v), inPlace);
    dropped.sum().backward();
    std::vector<float> values = dropped.detach().to_vector<float>(), gradient = w.grad().to_vector<float>();
    EXPECT_EQ(values, gradient);
    EXPECT_NE(std::count(values.begin(), values.end(), 0.0f), 0);
    dropout->eval();
    EXPECT_TRUE(dropout(v).is_same(v));
  }
}

TEST(Options, ModulesHavePaths) {
  nn::Sequential net(nn::Linear(2, 3), nn::Sequential(nn::ReLU(), nn::Linear(3, 1)));
  std::string paths;
  for (const auto &[path, module] : net->named_modules())
    paths += path + ":" + module->type_name() + " ";
  EXPECT_EQ(paths, ":Sequential 0:Linear 1:Sequential 1.0:ReLU 1.1:Linear ");
  nn::Sequential named;
  named->push_back("first", nn::Linear(2, 3));
  named->push_back("second", nn::ReLU());
  EXPECT_EQ(named->repr(), "Sequential(\n  (first): Linear(in_features=2, out_features=3, bias=True)\n  (second): ReLU()\n)");
  EXPECT_EQ(named(ember::ones({1, 2})).sizes(), ember::Shape({1, 3}));
}

} // namespace
