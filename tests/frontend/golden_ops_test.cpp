// Values and gradients of functions against PyTorch's (tests/golden/make_ops.py).
#include "GoldenFile.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <set>

namespace F = ember::functional;
using ember::Tensor;

namespace {

using Tensors = std::vector<Tensor>;

Tensors batchNorm(const Tensors &in, bool training) {
  Tensor mean = in[3].clone(), var = in[4].clone();
  Tensor y = F::batch_norm(in[0], mean, var, in[1], in[2], training);
  return {y, mean, var};
}

Tensor writeToView(const Tensor &x, const Tensor &value) {
  Tensor y = x * 2;
  y.select(0, 1).copy_(value);
  y.select(1, 1).mul_(3);
  return y;
}

const std::map<std::string, std::function<Tensors(const Tensors &)>> kFunctions = {
    {"add", [](const Tensors &in) { return Tensors{in[0] + in[1]}; }},
    {"sub", [](const Tensors &in) { return Tensors{in[0] - in[1]}; }},
    {"mul", [](const Tensors &in) { return Tensors{in[0] * in[1]}; }},
    {"div", [](const Tensors &in) { return Tensors{in[0] / in[1]}; }},
    {"pow_scalar", [](const Tensors &in) { return Tensors{in[0].pow(3)}; }},
    {"maximum", [](const Tensors &in) { return Tensors{ember::maximum(in[0], in[1])}; }},
    {"minimum", [](const Tensors &in) { return Tensors{ember::minimum(in[0], in[1])}; }},
    {"exp", [](const Tensors &in) { return Tensors{in[0].exp()}; }},
    {"expm1", [](const Tensors &in) { return Tensors{in[0].expm1()}; }},
    {"sin", [](const Tensors &in) { return Tensors{in[0].sin()}; }},
    {"cos", [](const Tensors &in) { return Tensors{in[0].cos()}; }},
    {"tanh", [](const Tensors &in) { return Tensors{in[0].tanh()}; }},
    {"sigmoid", [](const Tensors &in) { return Tensors{in[0].sigmoid()}; }},
    {"relu", [](const Tensors &in) { return Tensors{in[0].relu()}; }},
    {"erf", [](const Tensors &in) { return Tensors{in[0].erf()}; }},
    {"abs", [](const Tensors &in) { return Tensors{in[0].abs()}; }},
    {"neg", [](const Tensors &in) { return Tensors{-in[0]}; }},
    {"sign", [](const Tensors &in) { return Tensors{in[0].sign()}; }},
    {"floor", [](const Tensors &in) { return Tensors{in[0].floor()}; }},
    {"ceil", [](const Tensors &in) { return Tensors{in[0].ceil()}; }},
    {"round", [](const Tensors &in) { return Tensors{in[0].round()}; }},
    {"trunc", [](const Tensors &in) { return Tensors{in[0].trunc()}; }},
    {"log", [](const Tensors &in) { return Tensors{in[0].log()}; }},
    {"log1p", [](const Tensors &in) { return Tensors{in[0].log1p()}; }},
    {"sqrt", [](const Tensors &in) { return Tensors{in[0].sqrt()}; }},
    {"rsqrt", [](const Tensors &in) { return Tensors{in[0].rsqrt()}; }},
    {"reciprocal", [](const Tensors &in) { return Tensors{in[0].reciprocal()}; }},
    {"gelu", [](const Tensors &in) { return Tensors{F::gelu(in[0])}; }},
    {"gelu_tanh", [](const Tensors &in) { return Tensors{F::gelu(in[0], "tanh")}; }},
    {"softmax_last", [](const Tensors &in) { return Tensors{F::softmax(in[0], -1)}; }},
    {"softmax_first", [](const Tensors &in) { return Tensors{F::softmax(in[0], 0)}; }},
    {"log_softmax", [](const Tensors &in) { return Tensors{F::log_softmax(in[0], 1)}; }},
    {"sum_all", [](const Tensors &in) { return Tensors{in[0].sum()}; }},
    {"sum_middle", [](const Tensors &in) { return Tensors{in[0].sum({1})}; }},
    {"sum_kept", [](const Tensors &in) { return Tensors{in[0].sum({0, 2}, true)}; }},
    {"mean_outer", [](const Tensors &in) { return Tensors{in[0].mean({0, 2})}; }},
    {"amax", [](const Tensors &in) { return Tensors{in[0].amax({1})}; }},
    {"var", [](const Tensors &in) { return Tensors{in[0].var({1})}; }},
    {"var_biased", [](const Tensors &in) { return Tensors{in[0].var({0, 1}, 0)}; }},
    {"matmul", [](const Tensors &in) { return Tensors{ember::matmul(in[0], in[1])}; }},
    {"matmul_dot", [](const Tensors &in) { return Tensors{ember::matmul(in[0], in[1])}; }},
    {"matmul_vector_right", [](const Tensors &in) { return Tensors{ember::matmul(in[0], in[1])}; }},
    {"matmul_vector_left", [](const Tensors &in) { return Tensors{ember::matmul(in[0], in[1])}; }},
    {"matmul_batched", [](const Tensors &in) { return Tensors{ember::matmul(in[0], in[1])}; }},
    {"matmul_broadcast", [](const Tensors &in) { return Tensors{ember::matmul(in[0], in[1])}; }},
    {"matmul_shared", [](const Tensors &in) { return Tensors{ember::matmul(in[0], in[1])}; }},
    {"linear", [](const Tensors &in) { return Tensors{F::linear(in[0], in[1], in[2])}; }},
    {"conv2d", [](const Tensors &in) { return Tensors{F::conv2d(in[0], in[1], in[2])}; }},
    {"conv2d_stride_padding", [](const Tensors &in) { return Tensors{F::conv2d(in[0], in[1], in[2], {2, 2}, {1, 1})}; }},
    {"conv2d_dilation", [](const Tensors &in) { return Tensors{F::conv2d(in[0], in[1], in[2], {1, 1}, {2, 2}, {2, 2})}; }},
    {"conv2d_groups", [](const Tensors &in) { return Tensors{F::conv2d(in[0], in[1], in[2], {1, 1}, {1, 1}, {1, 1}, 2)}; }},
    {"conv2d_uneven", [](const Tensors &in) { return Tensors{F::conv2d(in[0], in[1], in[2], {1, 2}, {0, 2})}; }},
    {"conv2d_pointwise", [](const Tensors &in) { return Tensors{F::conv2d(in[0], in[1], in[2])}; }},
    {"max_pool2d", [](const Tensors &in) { return Tensors{F::max_pool2d(in[0], {2, 2})}; }},
    {"max_pool2d_overlap", [](const Tensors &in) { return Tensors{F::max_pool2d(in[0], {3, 3}, {2, 2}, {1, 1})}; }},
    {"avg_pool2d", [](const Tensors &in) { return Tensors{F::avg_pool2d(in[0], {2, 2})}; }},
    {"avg_pool2d_overlap", [](const Tensors &in) { return Tensors{F::avg_pool2d(in[0], {3, 3}, {2, 2}, {1, 1})}; }},
    {"batch_norm_train", [](const Tensors &in) { return batchNorm(in, true); }},
    {"batch_norm_eval", [](const Tensors &in) { return batchNorm(in, false); }},
    {"mse_mean", [](const Tensors &in) { return Tensors{F::mse_loss(in[0], in[1])}; }},
    {"mse_sum", [](const Tensors &in) { return Tensors{F::mse_loss(in[0], in[1], "sum")}; }},
    {"cross_entropy", [](const Tensors &in) { return Tensors{F::cross_entropy(in[0], in[1])}; }},
    {"cross_entropy_sum", [](const Tensors &in) { return Tensors{F::cross_entropy(in[0], in[1], "sum")}; }},
    {"cross_entropy_none", [](const Tensors &in) { return Tensors{F::cross_entropy(in[0], in[1], "none")}; }},
    {"embedding", [](const Tensors &in) { return Tensors{F::embedding(in[0], in[1])}; }},
    {"cat", [](const Tensors &in) { return Tensors{ember::cat({in[0], in[1], in[0]}, 1)}; }},
    {"stack", [](const Tensors &in) { return Tensors{ember::stack({in[0], in[1]}, 1)}; }},
    {"gather", [](const Tensors &in) { return Tensors{ember::gather(in[0], 1, in[1])}; }},
    {"scatter_add", [](const Tensors &in) { return Tensors{ember::scatter_add(in[0], 1, in[1], in[2])}; }},
    {"index_select", [](const Tensors &in) { return Tensors{ember::index_select(in[0], 1, in[1])}; }},
    {"where", [](const Tensors &in) { return Tensors{ember::where(in[0] > in[1], in[0], in[1] * 2)}; }},
    {"views",
     [](const Tensors &in) { return Tensors{in[0].permute({2, 0, 1}).slice(0, 1, 4).reshape({3, -1}).t().slice(0, 0, 12, 2)}; }},
    {"write_to_view", [](const Tensors &in) { return Tensors{writeToView(in[0], in[1])}; }},
};

// The sums that give a value are long at most 60 terms, in another order than PyTorch's.
void expectClose(const Tensor &found, const Tensor &expected) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  std::vector<double> a = found.detach().to_vector<double>(), b = expected.to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-13 * std::max(1.0, std::abs(b[i]))) << "element " << i;
}

void checkCase(const std::string &name, golden::Case &values) {
  SCOPED_TRACE(name);
  auto function = kFunctions.find(name);
  ASSERT_NE(function, kFunctions.end()) << "the golden file has a case that this test does not know";
  Tensors inputs;
  bool normalises = name.starts_with("batch_norm"); // its last two inputs are running statistics
  for (const Tensor &in : values["in"])
    inputs.push_back(in.is_floating_point() && !(normalises && inputs.size() >= 3) ? in.clone().requires_grad_() : in);
  Tensors outputs = function->second(inputs);
  outputs[0].backward(values["cotangent"].at(0));
  ASSERT_EQ(outputs.size(), values["out"].size());
  for (size_t i = 0; i < outputs.size(); ++i)
    expectClose(outputs[i], values["out"][i]);
  size_t next = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad())
      continue;
    SCOPED_TRACE("gradient of input " + std::to_string(i));
    ASSERT_TRUE(inputs[i].grad().defined());
    expectClose(inputs[i].grad(), values["grad"].at(next++));
  }
  EXPECT_EQ(next, values["grad"].size());
}

class GoldenOp : public testing::TestWithParam<std::string> {};

TEST_P(GoldenOp, ValueAndGradientsAsPyTorch) {
  for (auto &[name, values] : golden::read("ops.txt"))
    if (name == GetParam())
      return checkCase(name, values);
  FAIL() << "the golden file has no such case";
}

std::vector<std::string> namesIn(const std::string &path) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/" + path);
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("case "))
      names.push_back(line.substr(5));
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenOp, testing::ValuesIn(namesIn("ops.txt")), [](const auto &info) { return info.param; });

// How many values of T lie between a and b; none between equal ones, 0 and -0 are one apart.
template <typename T, typename Bits> uint64_t ulps(double a, double b) {
  auto ordered = [](double value) {
    T narrow = static_cast<T>(value);
    Bits bits;
    std::memcpy(&bits, &narrow, sizeof bits);
    return bits < 0 ? static_cast<int64_t>(std::numeric_limits<Bits>::min()) - bits - 1 : static_cast<int64_t>(bits);
  };
  int64_t x = ordered(a), y = ordered(b);
  return x > y ? static_cast<uint64_t>(x) - y : static_cast<uint64_t>(y) - x;
}

void checkSpecial(const std::string &name, const Tensor &input, const Tensor &expected, uint64_t allowed) {
  Tensor found = kFunctions.at(name)({input})[0];
  std::vector<double> x = input.to_vector<double>(), a = found.to_vector<double>(), b = expected.to_vector<double>();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (name == "log1p" && std::isfinite(x[i]) && std::isinf(b[i]))
      continue; // PyTorch's vector code overflows near the largest numbers, where log1p is 88.7 or 709.8
    if (std::isnan(b[i])) {
      EXPECT_TRUE(std::isnan(a[i])) << name << "(" << x[i] << ") is " << a[i] << ", expected nan";
      continue;
    }
    uint64_t distance = input.dtype() == ember::kFloat64 ? ulps<double, int64_t>(a[i], b[i]) : ulps<float, int32_t>(a[i], b[i]);
    EXPECT_LE(distance, allowed) << name << "(" << x[i] << ") is " << a[i] << ", expected " << b[i];
  }
}

// Of several NaNs in a window the last is the one that was found, and has the gradient.
TEST(SpecialValues, MaxPoolFindsTheLastNan) {
  Tensor x = ember::from_vector<float>({1, NAN, 3, 4, NAN, 2, NAN, 9}, {1, 1, 2, 4}).requires_grad_();
  auto [values, indices] = ember::functional::max_pool2d_with_indices(x, {2, 2});
  EXPECT_EQ(indices.to_vector<int64_t>(), (std::vector<int64_t>{4, 6}));
  for (float value : values.detach().to_vector<float>())
    EXPECT_TRUE(std::isnan(value));
  ember::functional::max_pool2d(x, {2, 2}).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{0, 0, 0, 0, 1, 0, 1, 0}));
}

// x ** 0.5 is sqrt(x) at -0 and -inf too, where pow has other values.
TEST(SpecialValues, ThePowerOfAHalfIsARoot) {
  Tensor x = ember::from_vector<float>({0, -0.0f, INFINITY, -INFINITY, 4}, {5}).requires_grad_();
  Tensor root = x.pow(0.5);
  std::vector<float> roots = root.detach().to_vector<float>();
  EXPECT_TRUE(roots[1] == 0 && std::signbit(roots[1]));
  EXPECT_TRUE(std::isnan(roots[3]));
  EXPECT_EQ(roots[4], 2);
  root.sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>()[1], -INFINITY);
}

TEST(SpecialValues, AsPyTorch) {
  // Ours and PyTorch's may each be off by the ops' ulps; gelu subtracts near -1 and loses more in both.
  const std::map<std::string, uint64_t> more = {{"gelu", 1 << 20}};
  const std::set<std::string> exact = {"sqrt", "relu", "abs", "neg", "sign", "floor", "ceil", "round", "trunc", "reciprocal"};
  Tensor input;
  for (auto &[name, values] : golden::read("special_values.txt")) {
    if (name.starts_with("inputs_")) {
      input = values["in"].at(0);
      continue;
    }
    auto allowed = more.find(name);
    checkSpecial(name, input, values["out"].at(0), allowed != more.end() ? allowed->second : exact.contains(name) ? 0 : 4);
  }
}

} // namespace
