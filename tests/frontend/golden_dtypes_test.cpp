// Dtypes, values and errors of operations on booleans, whole numbers and mixed dtypes, against PyTorch's
// (tests/golden/make_dtypes.py).
#include <ember/ember.h>

#include "Message.h"
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <map>

using ember::Tensor;

namespace {

template <ember::ScalarType dtype, typename... Values> Tensor of(Values... values) {
  if (!ember::is_floating(dtype))
    return ember::from_vector(std::vector<int64_t>{static_cast<int64_t>(values)...}, {sizeof...(values)}).to(dtype);
  return ember::from_vector(std::vector<double>{static_cast<double>(values)...}, {sizeof...(values)}).to(dtype);
}
#define EMBER_MAKER(NAME, DTYPE)                                                                                                 \
  template <typename... Values> Tensor NAME(Values... values) { return of<ember::DTYPE>(values...); }
EMBER_MAKER(B, kBool)
EMBER_MAKER(U, kUInt8)
EMBER_MAKER(J, kInt32)
EMBER_MAKER(I, kInt64)
EMBER_MAKER(H, kFloat16)
EMBER_MAKER(E, kBFloat16)
EMBER_MAKER(X, kFloat32)
EMBER_MAKER(D, kFloat64)
#undef EMBER_MAKER
constexpr double kNan = NAN, kInf = INFINITY;

const std::map<std::string, std::function<Tensor()>> kCases = {
    {"bb_add", [] { return B(1, 0) + B(1, 0); }},
    {"bb_mul", [] { return B(1, 0) * B(1, 1); }},
    {"bn_add", [] { return B(1, 0) + true; }},
    {"bi_add", [] { return B(1, 0) + 1; }},
    {"bf_add", [] { return B(1, 0) + 1.5; }},
    {"b_div", [] { return B(1, 0) / B(1, 1); }},
    {"i_div", [] { return I(7, -7) / I(2, 2); }},
    {"i_div0", [] { return I(7, -7) / I(0, 0); }},
    {"pow_ii", [] { return I(3, -2).pow(2); }},
    {"pow_if", [] { return I(3, 2).pow(0.5); }},
    {"pow_it", [] { return I(3, 2).pow(I(2, 3)); }},
    {"pow_xf", [] { return X(-8, 4).pow(0.5); }},
    {"pow_x0", [] { return X(0, kNan).pow(0); }},
    {"pow_xm1", [] { return X(0, -4).pow(-1); }},
    {"pow_x3", [] { return X(-2, 3).pow(3); }},
    {"pow_u", [] { return U(20, 3).pow(2); }},
    {"pow_b", [] { return B(1, 0).pow(2); }},
    {"pow_xt", [] { return X(2, 3).pow(I(3, 2)); }},
    {"pow_big", [] { return I(10).pow(18); }},
    {"pow_neg1", [] { return I(1).pow(-1); }},
    {"u_sub", [] { return U(1, 2) - U(3, 1); }},
    {"u_neg", [] { return -U(1, 2); }},
    {"u_mul", [] { return U(200, 2) * U(2, 2); }},
    {"i32_over", [] { return J(2147483647) + 1; }},
    {"u_num", [] { return U(250) + 10; }},
    {"u_negnum", [] { return U(5) + (-10); }},
    {"u_flt", [] { return U(5) * 0.5; }},
    {"hx", [] { return H(1, 2) + X(1, 2); }},
    {"he", [] { return H(1, 2) + E(1, 2); }},
    {"xd0", [] { return X(1, 2) + ember::tensor(1.0); }},
    {"ix0", [] { return I(1, 2) + ember::tensor(1.5f); }},
    {"ih0", [] { return I(1, 2) * ember::tensor(1.5f).to(ember::kFloat16); }},
    {"ju", [] { return J(1) + U(2); }},
    {"bu", [] { return B(1) + U(2); }},
    {"exp_i", [] { return I(0, 1).exp(); }},
    {"sqrt_b", [] { return B(1, 0).sqrt(); }},
    {"abs_b", [] { return B(1).abs(); }},
    {"abs_i", [] { return I(-3).abs(); }},
    {"sign_b", [] { return B(1, 0).sign(); }},
    {"floor_i", [] { return I(3).floor(); }},
    {"round_i", [] { return I(3).round(); }},
    {"round", [] { return X(0.5, 1.5, 2.5, -0.5, -1.5).round(); }},
    {"trunc", [] { return X(-1.7, 1.7).trunc(); }},
    {"sign_nan", [] { return X(kNan, -0.0, -3).sign(); }},
    {"relu_nan", [] { return X(kNan, -1).relu(); }},
    {"relu_i", [] { return I(-1, 2).relu(); }},
    {"relu_b", [] { return B(1).relu(); }},
    {"recip_i", [] { return I(2, 4).reciprocal(); }},
    {"erf_i", [] { return I(1).erf(); }},
    {"sigmoid_i", [] { return I(1).sigmoid(); }},
    {"log_neg", [] { return X(-1, 0).log(); }},
    {"neg_b", [] { return -B(1); }},
    {"ceil_b", [] { return B(1).ceil(); }},
    {"trunc_b", [] { return B(1).trunc(); }},
    {"sum_b", [] { return B(1, 1).sum(); }},
    {"sum_j", [] { return J(1, 2).sum(); }},
    {"sum_u", [] { return U(200, 100).sum(); }},
    {"sum_h", [] { return H(1, 2).sum(); }},
    {"max_nan", [] { return X(1, kNan, 3).max(); }},
    {"amax_b", [] { return B(1, 0).amax({0}); }},
    {"max_b", [] { return B(1, 0).max(); }},
    {"argmax_nan", [] { return X(1, kNan, 3, kNan).argmax(0); }},
    {"argmax_b", [] { return B(0, 1).argmax(0); }},
    {"argmax_ties", [] { return X(1, 3, 3).argmax(0); }},
    {"mean_h", [] { return H(1, 2).mean(); }},
    {"var_i", [] { return I(1, 2).var({0}); }},
    {"sum_empty", [] { return ember::ones({0}).sum(); }},
    {"mean_empty", [] { return ember::ones({0}).mean(); }},
    {"sum_dims_empty", [] { return ember::ones({2, 0}).sum({1}); }},
    {"max_i", [] { return I(3, 1).max(); }},
    {"maximum_nan", [] { return ember::maximum(X(1, kNan), X(kNan, 2)); }},
    {"maximum_if", [] { return ember::maximum(I(1, 2), X(1.5, 1)); }},
    {"maximum_b", [] { return ember::maximum(B(1, 0), B(0, 0)); }},
    {"where_p", [] { return ember::where(B(1, 0), I(1, 2), X(1.5, 2.5)); }},
    {"where_num", [] { return ember::where(B(1, 0), I(1, 2), 0); }},
    {"where_i", [] { return ember::where(I(1, 0), X(1, 1), X(2, 2)); }},
    {"cat_p", [] { return ember::cat({I(1), X(2.5)}); }},
    {"cat_bi", [] { return ember::cat({B(1), I(5)}); }},
    {"stack_p", [] { return ember::stack({I(1), X(2.5)}); }},
    {"cat_legacy", [] { return ember::cat({ember::ones({0}), ember::ones({2, 2})}); }},
    {"eq_if", [] { return I(1, 2) == X(1, 2.5); }},
    {"lt_b", [] { return B(1, 0) < B(1, 1); }},
    {"eq_big", [] { return ember::from_vector(std::vector<int64_t>{(1ll << 53) + 1}, {1}) == (int64_t(1) << 53); }},
    {"eq_bigf", [] { return ember::from_vector(std::vector<int64_t>{(1ll << 53) + 1}, {1}) == 9007199254740992.0; }},
    {"lt_u", [] { return U(5) < -1; }},
    {"gt_u", [] { return U(5) < 300; }},
    {"nan_ne", [] { return X(kNan) != X(kNan); }},
    {"to_i", [] { return X(1.9, -1.9, 3e9).to(ember::kInt64); }},
    {"to_b", [] { return X(0, kNan, -0.0, 0.1).to(ember::kBool); }},
    {"to_u", [] { return X(255, 256.5).to(ember::kUInt8); }},
    {"i_to_u", [] { return I(256, -1).to(ember::kUInt8); }},
    {"to_h", [] { return X(70000, 1e-8).to(ember::kFloat16); }},
    {"to_e", [] { return X(1.00390625, 3.4e38).to(ember::kBFloat16); }},
    {"d_to_x", [] { return D(1e300).to(ember::kFloat32); }},
    {"i_to_x", [] { return I(16777217).to(ember::kFloat32); }},
    {"i_to_j", [] { return I(2147483648).to(ember::kInt32); }},
    {"full_b", [] { return ember::full({2}, 1.0, ember::kBool); }},
    {"full_u", [] { return ember::full({2}, 7.9, ember::kInt64); }},
    {"zeros_like_b", [] { return ember::zeros_like(B(1)); }},
    {"i_mul_", [] { return I(1).mul_(2.5); }},
    {"i_div_", [] { return I(4).div_(2); }},
    {"b_add_", [] { return B(1).add_(1); }},
    {"b_add_b", [] { return B(1, 0).add_(B(1, 1)); }},
    {"h_add_", [] { return H(1).add_(X(0.5)); }},
    {"u_add_", [] { return U(250).add_(10); }},
    {"x_add_d", [] { return X(1).add_(D(0.1)); }},
    {"b_mul_", [] { return B(1, 0).mul_(B(1, 1)); }},
    {"i_fill", [] { return I(1, 2).fill_(2.7); }},
    {"b_fill", [] { return B(0).fill_(0.5); }},
    {"i_copy", [] { return I(1, 2).copy_(X(2.7, -2.7)); }},
    {"mm_empty", [] { return ember::matmul(ember::ones({2, 0}), ember::ones({0, 3})); }},
    {"isel_2d", [] { return ember::index_select(X(1, 2), 0, I(1, 0).reshape({1, 2})); }},
    {"gather_j", [] { return ember::gather(X(1, 2), 0, J(1, 0)); }},
    {"scatter_add", [] { return ember::scatter_add(X(1, 2, 3), 0, I(0, 0, 2), X(5, 6, 7)); }},
    {"mulinf", [] { return X(0, 1) * kInf; }},
    {"div0", [] { return X(1, -1, 0) / 0; }},
    {"iadd_f", [] { return I(1) + 2.0; }},
    {"isub_b", [] { return I(1) - true; }},
    {"bsub_n", [] { return B(1) - 1; }},
    {"rsub", [] { return 5 - U(7); }},
    {"rdiv", [] { return 1 / I(4); }},
    {"hmul", [] { return H(1000) * 100; }},
    {"index_select_i32", [] { return ember::index_select(X(1, 2), 0, J(1, 0)); }},
    {"index_select_u8", [] { return ember::index_select(I(1, 2), 0, U(1)); }},
    {"pow_bb", [] { return B(1).pow(B(1)); }},
    {"pow_negative_exponents", [] { return I(2, 1, -1, -1, 0, 5).pow(I(-1, -3, -3, -2, -1, 0)); }},
    {"pow_0", [] { return I(0, 2).pow(0); }},
    {"pow_wraps_i32", [] { return J(3).pow(31); }},
    {"pow_wraps", [] { return I(3).pow(64); }},
    {"pow_uu", [] { return U(3).pow(U(7)); }},
    {"pow_far", [] { return I(3, -3, 2).pow(I(100, 101, 70)); }},
    {"pow_i_2f", [] { return I(3).pow(2.0); }},
    {"sub_b_", [] { return B(1).sub_(B(1)); }},
    {"div_b_", [] { return B(1).div_(B(1)); }},
    {"mul_b_i", [] { return B(1).mul_(2); }},
    {"relu_i_", [] { return I(-1).relu_(); }},
    {"maximum_bi", [] { return ember::maximum(B(1), I(3)); }},
    {"minimum_b", [] { return ember::minimum(B(1, 1), B(0, 1)); }},
    {"cat_nothing", [] { return ember::cat({ember::ones({0}), ember::ones({0})}); }},
    {"cat_beside", [] { return ember::cat({ember::ones({0}, ember::kFloat64), ember::ones({2, 2})}, 1); }},
    {"full_half_b", [] { return ember::full({1}, 0.5, ember::kBool); }},
    {"floor_b", [] { return B(1).floor(); }},
    {"round_b", [] { return B(1).round(); }},
    {"linear_of_scalar", [] { return ember::functional::linear(ember::tensor(1.0f), ember::ones({2, 1})); }},
    {"amax_of_none", [] { return ember::ones({0, 3}).amax({0}); }}};

std::string textOf(const Tensor &tensor) {
  std::string text = ember::dtype_name(tensor.dtype()) + " [";
  for (int64_t i = 0; i < tensor.dim(); ++i)
    text += (i ? ", " : "") + std::to_string(tensor.size(i));
  text += "] ";
  std::string values;
  if (!tensor.is_floating_point()) {
    for (int64_t value : tensor.to(ember::kInt64).to_vector<int64_t>())
      values += (values.empty() ? "" : " ") + std::to_string(value);
    return text + values;
  }
  for (double value : tensor.to(ember::kFloat64).to_vector<double>()) {
    char own[32];
    std::snprintf(own, sizeof own, "%.9g", value);
    values += (values.empty() ? "" : " ") + std::string(std::isnan(value) ? "nan" : own);
  }
  return text + values;
}

// Compiled, and on the reference.
class GoldenDtypes : public testing::TestWithParam<bool> {};

TEST_P(GoldenDtypes, AsPyTorch) {
  if (GetParam())
    setenv("EMBER_INTERPRET", "1", 1);
  std::ifstream file(EMBER_TESTS_DIR "/golden/dtypes.txt");
  size_t checked = 0;
  for (std::string line; std::getline(file, line); ++checked) {
    std::string name = line.substr(0, line.find(' ')), found;
    std::string error = messageOf([&] { found = name + " -> " + textOf(kCases.at(name)()); });
    EXPECT_EQ(error == "no error" ? found : name + " ! " + error, line);
  }
  unsetenv("EMBER_INTERPRET");
  EXPECT_EQ(checked, kCases.size());
}

INSTANTIATE_TEST_SUITE_P(OnTheReference, GoldenDtypes, testing::Bool());

} // namespace
