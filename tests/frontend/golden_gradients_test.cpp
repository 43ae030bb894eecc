// Gradients at points that are special to a function, against PyTorch's (tests/golden/make_gradients.py).
#include <ember/ember.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

namespace F = ember::functional;
using ember::Tensor;

namespace {

Tensor X(const std::vector<float> &values) { return ember::from_vector(values, {static_cast<int64_t>(values.size())}); }
Tensor I(const std::vector<int64_t> &values) { return ember::from_vector(values, {static_cast<int64_t>(values.size())}); }

// The gradients of all inputs.
template <typename Function> Tensor g(Function function, std::vector<Tensor> inputs) {
  for (Tensor &input : inputs)
    input.requires_grad_();
  Tensor y;
  if constexpr (std::is_invocable_v<Function, Tensor, Tensor>)
    y = function(inputs[0], inputs[1]);
  else
    y = function(inputs[0]);
  y.backward(ember::ones_like(y));
  std::vector<Tensor> gradients;
  for (const Tensor &input : inputs)
    gradients.push_back(input.grad().flatten());
  return ember::cat(gradients);
}

const std::map<std::string, std::function<Tensor()>> kCases = {
    {"abs0", [] { return g([](const Tensor &x) { return x.abs(); }, {X({0, -2, 3})}); }},
    {"relu0", [] { return g([](const Tensor &x) { return x.relu(); }, {X({0, -2, NAN})}); }},
    {"sqrt0", [] { return g([](const Tensor &x) { return x.sqrt(); }, {X({0, 4})}); }},
    {"max_ties", [] { return g([](const Tensor &x) { return x.max(); }, {X({3, 1, 3})}); }},
    {"amax_ties", [] { return g([](const Tensor &x) { return x.amax({0}); }, {X({3, 1, 3})}); }},
    {"maximum_ties",
     [] { return g([](const Tensor &x, const Tensor &y) { return ember::maximum(x, y); }, {X({3, 1}), X({3, 2})}); }},
    {"pow0", [] { return g([](const Tensor &x) { return x.pow(0); }, {X({0, 2})}); }},
    {"pow_neg", [] { return g([](const Tensor &x) { return x.pow(-1); }, {X({0, 2})}); }},
    {"pow_half0", [] { return g([](const Tensor &x) { return x.pow(0.5); }, {X({0, 4})}); }},
    {"pow_tt", [] { return g([](const Tensor &x, const Tensor &y) { return x.pow(y); }, {X({0, 2, -2, 0}), X({0, 3, 2, 2})}); }},
    {"log0", [] { return g([](const Tensor &x) { return x.log(); }, {X({0, 1})}); }},
    {"div0", [] { return g([](const Tensor &x, const Tensor &y) { return x / y; }, {X({1, 0}), X({0, 0})}); }},
    {"ce_smooth_grad",
     [] {
       return g(
           [](const Tensor &x) {
             return F::cross_entropy(x.reshape({2, 2}), I({0, 1}), F::CrossEntropyOptions{.label_smoothing = 0.1});
           },
           {X({1, 2, 3, 4})});
     }},
    {"ce_ign_grad",
     [] {
       return g(
           [](const Tensor &x) {
             return F::cross_entropy(x.reshape({2, 2}), I({0, 1}), F::CrossEntropyOptions{.ignore_index = 1});
           },
           {X({1, 2, 3, 4})});
     }},
    {"var1", [] { return g([](const Tensor &x) { return x.var({}); }, {X({1, 2, 4})}); }},
    {"std_zero", [] { return g([](const Tensor &x) { return x.var({}).sqrt(); }, {X({1, 1})}); }},
    {"mean_grad", [] { return g([](const Tensor &x) { return x.mean({0}); }, {ember::ones({2, 2})}); }},
    {"where_grad", [] { return g([](const Tensor &x) { return ember::where(x > 0, x, x * 0.1); }, {X({1, -1, 0})}); }},
    {"where_nan_grad", [] { return g([](const Tensor &x) { return ember::where(x > 0, x.sqrt(), x); }, {X({-1, 0})}); }},
    {"cat_grad",
     [] { return g([](const Tensor &x, const Tensor &y) { return ember::cat({x, y}) * X({1, 2, 3}); }, {X({1}), X({2, 3})}); }},
    {"index_dup_grad", [] { return g([](const Tensor &x) { return ember::index_select(x, 0, I({0, 0, 1})); }, {X({1, 2})}); }},
    {"expand_grad", [] { return g([](const Tensor &x) { return x.expand({3, 2}) * 2; }, {X({1, 2})}); }},
    {"mm_grad",
     [] {
       return g([](const Tensor &x, const Tensor &y) { return ember::matmul(x.reshape({1, 2}), y.reshape({2, 1})); },
                {X({1, 2}), X({3, 4})});
     }},
    {"clone_grad", [] { return g([](const Tensor &x) { return x.clone() * x; }, {X({1, 2})}); }},
    {"maxpool_ties",
     [] { return g([](const Tensor &x) { return F::max_pool2d(x.reshape({1, 1, 2, 2}), {2, 2}); }, {X({1, 1, 1, 1})}); }},
    {"round_grad", [] { return g([](const Tensor &x) { return x.round(); }, {X({1.4f, 2.5f})}); }},
    {"sign_grad", [] { return g([](const Tensor &x) { return x.sign(); }, {X({1.4f, -2.5f})}); }},
    {"erf_grad", [] { return g([](const Tensor &x) { return x.erf(); }, {X({0.5f, 30})}); }},
    {"log1p_grad", [] { return g([](const Tensor &x) { return x.log1p(); }, {X({-1, 0})}); }},
    {"rsqrt0", [] { return g([](const Tensor &x) { return x.rsqrt(); }, {X({0, 4})}); }},
    {"exp_big", [] { return g([](const Tensor &x) { return x.exp(); }, {X({100, -200})}); }}};

TEST(GoldenGradients, AsPyTorch) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/gradients.txt");
  size_t checked = 0;
  for (std::string line, name, word; std::getline(file, line); ++checked) {
    std::istringstream words(line);
    words >> name;
    SCOPED_TRACE(name);
    for (double found : kCases.at(name)().to_vector<double>()) {
      ASSERT_TRUE(words >> word);
      double expected = std::stod(word);
      if (std::isfinite(expected))
        EXPECT_NEAR(found, expected, 1e-4 * std::abs(expected));
      else
        EXPECT_TRUE(found == expected || (std::isnan(found) && std::isnan(expected))) << found << " " << word;
    }
    EXPECT_FALSE(words >> word);
  }
  EXPECT_EQ(checked, kCases.size());
}

} // namespace
