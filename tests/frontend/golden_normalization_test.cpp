// Batch normalization, forward, backward and running statistics, against PyTorch's (tests/golden/make_normalization.py).
#include "GoldenFile.h"

#include <cmath>
#include <gtest/gtest.h>

namespace nn = ember::nn;
using ember::Tensor;

namespace {

// Relative to the largest number of the tensor: sums cancel.
void expectClose(const Tensor &found, const Tensor &expected, const std::string &what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  std::vector<double> have = found.detach().to_vector<double>(), want = expected.to_vector<double>();
  double largest = 1;
  for (double value : want)
    largest = std::max(largest, std::abs(value));
  double unit = expected.dtype() == ember::kFloat64 ? 1e-13 : 2e-6;
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_NEAR(have[i], want[i], unit * largest) << what << ", element " << i;
}

struct Expected {
  bool training, affine, tracked;
  nn::BatchNormOptions options;

  explicit Expected(const std::string &name, ember::ScalarType dtype) {
    auto says = [&](const char *word) { return name.find(word) != std::string::npos; };
    training = says("train_");
    affine = !says("_plain_");
    tracked = !says("_untracked_");
    bool isAverage = says("_none_");
    options = {.eps = isAverage ? 1e-3 : 1e-5,
               .momentum = isAverage ? std::nullopt : std::optional(says("_1.0_") ? 1.0 : 0.1),
               .affine = affine,
               .track_running_stats = tracked,
               .dtype = dtype};
  }
};

TEST(GoldenNormalization, ForwardBackwardAndStatisticsAsPyTorch) {
  int checked = 0;
  for (auto &[name, tensors] : golden::read("normalization.txt")) {
    SCOPED_TRACE(name);
    const std::vector<Tensor> &inputs = tensors["in"];
    Expected expected(name, inputs[0].dtype());
    nn::BatchNorm2d norm(inputs[0].size(1), expected.options);
    norm->train(expected.training);
    {
      ember::NoGradGuard noGrad;
      for (auto [own, role] : {std::pair(norm->weight, "weight"), std::pair(norm->bias, "bias"),
                               std::pair(norm->running_mean, "first_mean"), std::pair(norm->running_var, "first_var")})
        if (own.defined())
          own.copy_(tensors[role].at(0));
    }
    for (size_t batch = 0; batch < inputs.size(); ++batch) {
      Tensor x = inputs[batch].clone().requires_grad_();
      Tensor y = norm(x);
      y.backward(tensors["cotangent"][batch]);
      expectClose(y, tensors["out"][batch], "out");
      expectClose(x.grad(), tensors["grad_in"][batch], "grad_in");
    }
    if (expected.affine) {
      expectClose(norm->weight.grad(), tensors["grad_weight"][0], "grad_weight");
      expectClose(norm->bias.grad(), tensors["grad_bias"][0], "grad_bias");
    }
    if (expected.tracked) {
      EXPECT_FALSE(norm->running_mean.requires_grad());
      expectClose(norm->running_mean, tensors["mean"][0], "mean");
      expectClose(norm->running_var, tensors["var"][0], "var");
      EXPECT_EQ(norm->num_batches_tracked.item<int64_t>(), tensors["count"][0].item<int64_t>());
    }
    ++checked;
  }
  EXPECT_EQ(checked, 60);
}

// As PyTorch 1.13: a batch without elements is counted, moves no statistics and has gradients of 0.
TEST(BatchNorm, ABatchWithoutElementsMovesNothing) {
  for (bool training : {true, false})
    for (ember::Shape shape : {ember::Shape{0, 3, 4, 4}, ember::Shape{2, 3, 0, 4}, ember::Shape{0, 3, 1, 1}}) {
      nn::BatchNorm2d norm(3);
      norm->train(training);
      norm->running_mean.fill_(2);
      Tensor x = ember::ones(shape).requires_grad_(), y = norm(x);
      y.sum().backward();
      EXPECT_EQ(y.sizes(), x.sizes());
      EXPECT_EQ(x.grad().sizes(), x.sizes());
      EXPECT_EQ(norm->running_mean.to_vector<float>(), std::vector<float>(3, 2));
      EXPECT_EQ(norm->running_var.to_vector<float>(), std::vector<float>(3, 1));
      EXPECT_EQ(norm->weight.grad().to_vector<float>(), std::vector<float>(3, 0));
      EXPECT_EQ(norm->bias.grad().to_vector<float>(), std::vector<float>(3, 0));
      EXPECT_EQ(norm->num_batches_tracked.item<int64_t>(), training);
    }
}

TEST(BatchNorm, MistakesAreOneLine) {
  namespace F = ember::functional;
  Tensor x = ember::ones({2, 3, 4, 4}), three = ember::ones({3}), four = ember::ones({4}), none;
  auto messageOf = [](auto call) -> std::string {
    try {
      call();
    } catch (const ember::Error &error) {
      return error.message();
    }
    return "";
  };
  EXPECT_EQ(messageOf([&] { F::batch_norm(x, none, none, three, three, false); }),
            "running_mean must be defined in evaluation mode");
  EXPECT_EQ(messageOf([&] { F::batch_norm(x, four, four, three, three, true); }), "running_mean should contain 3 elements not 4");
  EXPECT_EQ(messageOf([&] { F::batch_norm(x, three, three, four, four, true); }), "weight should contain 3 elements not 4");
  EXPECT_EQ(messageOf([&] { F::batch_norm(x, three, three, three.to(ember::kFloat64), three, true); }),
            "batch_norm: weight is torch.float64, expected torch.float32 as the input is");
  EXPECT_EQ(messageOf([&] { F::batch_norm(ember::ones({1, 3}), three, three, three, three, true); }),
            "Expected more than 1 value per channel when training, got input size torch.Size([1, 3])");
  EXPECT_EQ(messageOf([&] { nn::BatchNorm2d(3)(ember::ones({1, 3, 1, 1})); }),
            "Expected more than 1 value per channel when training, got input size torch.Size([1, 3, 1, 1])");
  EXPECT_EQ(messageOf([&] { F::batch_norm(ember::ones({1, 0, 1, 1}), {}, {}, {}, {}, true); }),
            "Expected more than 1 value per channel when training, got input size torch.Size([1, 0, 1, 1])");
  EXPECT_EQ(messageOf([&] { F::batch_norm(three, three, three, three, three, true); }),
            "batch_norm: the input is [3], expected at least 2 dimensions");
  EXPECT_EQ(messageOf([&] { F::batch_norm(x.to(ember::kInt64), three, three, three, three, true); }),
            "batch_norm: the input is torch.int64, expected floats");
}

} // namespace
