// Every op's gradient against central differences, in double, through the compiled path.
#include <ember/ember.h>

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

namespace F = ember::functional;
using ember::Tensor;

namespace {

struct Case {
  const char *name;
  std::vector<ember::Shape> shapes;
  std::function<Tensor(const std::vector<Tensor> &)> function;
  double low = -1.5, high = 1.5; // where inputs are drawn
};

const std::vector<Case> &cases() {
  static const std::vector<Case> all = {
      {"add", {{3, 4}, {4}}, [](auto &x) { return x[0] + x[1]; }},
      {"sub", {{3, 1}, {4}}, [](auto &x) { return x[0] - x[1]; }},
      {"mul", {{3, 4}, {3, 1}}, [](auto &x) { return x[0] * x[1]; }},
      {"div", {{3, 4}, {4}}, [](auto &x) { return x[0] / x[1]; }, 0.5, 1.5},
      {"pow", {{5}, {5}}, [](auto &x) { return x[0].pow(x[1]); }, 0.5, 2},
      {"neg", {{5}}, [](auto &x) { return -x[0]; }},
      {"abs", {{5}}, [](auto &x) { return x[0].abs(); }},
      {"exp", {{5}}, [](auto &x) { return x[0].exp(); }},
      {"expm1", {{5}}, [](auto &x) { return x[0].expm1(); }},
      {"log", {{5}}, [](auto &x) { return x[0].log(); }, 0.5, 2},
      {"log1p", {{5}}, [](auto &x) { return x[0].log1p(); }, -0.5, 2},
      {"sqrt", {{5}}, [](auto &x) { return x[0].sqrt(); }, 0.5, 2},
      {"rsqrt", {{5}}, [](auto &x) { return x[0].rsqrt(); }, 0.5, 2},
      {"reciprocal", {{5}}, [](auto &x) { return x[0].reciprocal(); }, 0.5, 2},
      {"sin", {{5}}, [](auto &x) { return x[0].sin(); }},
      {"cos", {{5}}, [](auto &x) { return x[0].cos(); }},
      {"tanh", {{5}}, [](auto &x) { return x[0].tanh(); }},
      {"sigmoid", {{5}}, [](auto &x) { return x[0].sigmoid(); }},
      {"relu", {{9}}, [](auto &x) { return x[0].relu(); }},
      {"erf", {{5}}, [](auto &x) { return x[0].erf(); }},
      {"maximum", {{5}, {5}}, [](auto &x) { return maximum(x[0], x[1]); }},
      {"minimum", {{5}, {5}}, [](auto &x) { return minimum(x[0], x[1]); }},
      {"where", {{6}, {6}}, [](auto &x) { return where(x[0] > 0, x[0] * x[1], x[1]); }},
      {"matmul", {{3, 4}, {4, 5}}, [](auto &x) { return matmul(x[0], x[1]); }},
      {"batched_matmul", {{2, 3, 4}, {4, 5}}, [](auto &x) { return matmul(x[0], x[1]); }},
      {"vector_matmul", {{4}, {4, 5}}, [](auto &x) { return matmul(x[0], x[1]); }},
      {"sum", {{3, 4, 2}}, [](auto &x) { return x[0].sum({0, 2}); }},
      {"mean", {{3, 4}}, [](auto &x) { return x[0].mean({1}, true) * x[0]; }},
      {"amax", {{3, 7}}, [](auto &x) { return x[0].amax({1}); }},
      {"var", {{3, 7}}, [](auto &x) { return x[0].var({1}); }},
      {"reshape", {{3, 4}}, [](auto &x) { return x[0].reshape({2, 6}) * x[0].reshape({2, 6}); }},
      {"permute", {{3, 4, 2}}, [](auto &x) { return x[0].permute({2, 0, 1}).exp(); }},
      {"expand", {{3, 1}}, [](auto &x) { return x[0].expand({3, 4}).sin(); }},
      {"slice", {{5, 6}}, [](auto &x) { return x[0].slice(1, 1, 6, 2).exp(); }},
      {"select", {{5, 6}}, [](auto &x) { return x[0].select(0, 3) * x[0].select(0, 1); }},
      {"cat", {{2, 3}, {4, 3}}, [](auto &x) { return ember::cat({x[0], x[1]}, 0).exp(); }},
      {"stack", {{2, 3}, {2, 3}}, [](auto &x) { return ember::stack({x[0], x[1]}, 1).exp(); }},
      {"gather",
       {{3, 4}},
       [](auto &x) { return ember::gather(x[0], 1, ember::tensor<int64_t>({{0, 3}, {1, 1}, {2, 0}})).exp(); }},
      {"index_select", {{5, 3}}, [](auto &x) { return ember::index_select(x[0], 0, ember::tensor<int64_t>({4, 1, 4})).exp(); }},
      {"scatter_add",
       {{3, 4}, {3, 2}},
       [](auto &x) { return ember::scatter_add(x[0], 1, ember::tensor<int64_t>({{0, 0}, {1, 3}, {2, 0}}), x[1]).exp(); }},
      {"softmax", {{3, 7}}, [](auto &x) { return F::softmax(x[0], 1); }},
      {"log_softmax", {{3, 7}}, [](auto &x) { return F::log_softmax(x[0], 1); }},
      {"gelu", {{7}}, [](auto &x) { return F::gelu(x[0]); }},
      {"gelu_tanh", {{7}}, [](auto &x) { return F::gelu(x[0], "tanh"); }},
      {"linear", {{3, 4}, {5, 4}, {5}}, [](auto &x) { return F::linear(x[0], x[1], x[2]); }},
      {"conv2d", {{2, 3, 5, 6}, {4, 3, 3, 3}, {4}}, [](auto &x) { return F::conv2d(x[0], x[1], x[2], {1, 1}, {1, 1}); }},
      {"conv2d_strided", {{1, 2, 7, 6}, {3, 2, 3, 2}}, [](auto &x) { return F::conv2d(x[0], x[1], {}, {2, 3}, {1, 0}); }},
      {"conv2d_dilated", {{1, 2, 7, 7}, {3, 2, 3, 3}}, [](auto &x) { return F::conv2d(x[0], x[1], {}, {1, 1}, {2, 2}, {2, 2}); }},
      {"conv2d_grouped",
       {{1, 4, 5, 5}, {6, 2, 3, 3}},
       [](auto &x) { return F::conv2d(x[0], x[1], {}, {1, 1}, {1, 1}, {1, 1}, 2); }},
      {"max_pool2d", {{2, 2, 6, 6}}, [](auto &x) { return F::max_pool2d(x[0], {2, 2}); }},
      {"max_pool2d_padded", {{1, 2, 7, 7}}, [](auto &x) { return F::max_pool2d(x[0], {3, 3}, {2, 2}, {1, 1}); }},
      {"avg_pool2d", {{1, 2, 7, 7}}, [](auto &x) { return F::avg_pool2d(x[0], {3, 3}, {2, 2}, {1, 1}); }},
      {"batch_norm",
       {{4, 3, 2, 2}, {3}, {3}},
       [](auto &x) {
         return F::batch_norm(x[0], ember::zeros({3}, ember::kFloat64), ember::ones({3}, ember::kFloat64), x[1], x[2], true);
       }},
      {"conv2d_of_gathered",
       {{1, 2, 5, 4}, {4, 2, 3, 2}},
       [](auto &x) {
         Tensor rows = ember::tensor<int64_t>({2, 1, 0, 1, 2, 3, 4, 3, 2}),
                columns = ember::tensor<int64_t>({2, 1, 0, 1, 2, 3, 2, 1});
         return F::conv2d(ember::index_select(ember::index_select(x[0], 2, rows), 3, columns), x[1]);
       }},
      {"batch_norm_eval",
       {{4, 3, 2, 2}, {3}, {3}},
       [](auto &x) {
         Tensor mean = ember::full({3}, 0.25, ember::kFloat64), variance = ember::full({3}, 2, ember::kFloat64);
         return F::batch_norm(x[0], mean, variance, x[1], x[2], false);
       }},
      {"batch_norm_plain", {{5, 3}}, [](auto &x) { return F::batch_norm(x[0], {}, {}, {}, {}, true); }},
      {"dropout",
       {{4, 6}},
       [](auto &x) {
         ember::manual_seed(3); // the same mask for every difference
         return F::dropout(x[0] * x[0], 0.4);
       }},
      {"mse_loss", {{3, 4}, {3, 4}}, [](auto &x) { return F::mse_loss(x[0], x[1]); }},
      {"cross_entropy", {{3, 5}}, [](auto &x) { return F::cross_entropy(x[0], ember::tensor<int64_t>({4, 0, 2})); }},
      {"in_place_on_a_view",
       {{3, 4}},
       [](auto &x) {
         Tensor y = x[0] * 2;
         Tensor row = y.select(0, 1);
         row.mul_(x[0].select(0, 2));
         return y.exp();
       }},
  };
  return all;
}

void PrintTo(const Case &own, std::ostream *out) { *out << own.name; }
class Gradient : public testing::TestWithParam<Case> {};

// A scalar of the outputs that weighs every element differently.
Tensor weighed(const Tensor &output) {
  std::vector<double> weights(output.numel());
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = std::cos(1.0 + static_cast<double>(i));
  return (output * ember::from_vector(weights, output.sizes())).sum();
}

std::vector<Tensor> draw(const Case &test) {
  ember::manual_seed(3);
  std::vector<Tensor> inputs;
  for (const ember::Shape &shape : test.shapes)
    inputs.push_back(ember::rand(shape, ember::kFloat64) * (test.high - test.low) + test.low);
  for (Tensor &input : inputs)
    input = input.detach().clone().requires_grad_();
  return inputs;
}

TEST_P(Gradient, MatchesCentralDifferences) {
  const Case &test = GetParam();
  std::vector<Tensor> inputs = draw(test);
  weighed(test.function(inputs)).backward();
  constexpr double step = 1e-6;
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<double> gradient = inputs[i].grad().to_vector<double>(), values = inputs[i].detach().to_vector<double>();
    for (size_t j = 0; j < values.size(); ++j) {
      double at[2];
      for (int side = 0; side < 2; ++side) {
        std::vector<double> moved = values;
        moved[j] += side ? step : -step;
        std::vector<Tensor> probe = inputs;
        probe[i] = ember::from_vector(moved, inputs[i].sizes());
        ember::NoGradGuard noGrad;
        at[side] = weighed(test.function(probe)).item<double>();
      }
      double expected = (at[1] - at[0]) / (2 * step);
      EXPECT_NEAR(gradient[j], expected, 1e-6 * std::max(1.0, std::abs(expected))) << "input " << i << ", element " << j;
    }
  }
}

TEST_P(Gradient, HasASecondOne) {
  const Case &test = GetParam();
  std::vector<Tensor> inputs = draw(test);
  std::vector<Tensor> first = ember::autograd::grad({weighed(test.function(inputs))}, {inputs[0]}, {}, true, true);
  if (!first[0].requires_grad())
    return; // linear: the gradient is constant
  std::vector<Tensor> second = ember::autograd::grad({weighed(first[0])}, {inputs[0]}, {}, false, false, true);
  if (second[0].defined()) {
    for (double value : second[0].to_vector<double>())
      EXPECT_TRUE(std::isfinite(value));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Gradient, testing::ValuesIn(cases()), [](const auto &info) { return info.param.name; });

} // namespace
