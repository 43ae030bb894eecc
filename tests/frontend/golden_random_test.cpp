// Every bit of random numbers, and how many words each draw takes, against PyTorch's (tests/golden/make_random.py).
#include "GoldenFile.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>

using ember::Tensor;

namespace {

template <typename T> uint64_t fingerprint(const std::vector<T> &values) {
  uint64_t value = 0xCBF29CE484222325;
  const auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
  for (size_t i = 0; i < values.size() * sizeof(T); ++i)
    value = (value ^ bytes[i]) * 0x100000001B3;
  return value;
}

uint64_t fingerprint(const Tensor &tensor) {
  switch (tensor.dtype()) {
  case ember::kFloat64:
    return fingerprint(tensor.to_vector<double>());
  case ember::kFloat32:
    return fingerprint(tensor.to_vector<float>());
  case ember::kInt64:
    return fingerprint(tensor.to_vector<int64_t>());
  default:
    return fingerprint(tensor.to_vector<double>());
  }
}

Tensor dropped(int64_t count, ember::ScalarType dtype, double p) {
  return ember::functional::dropout(ember::ones({count}, dtype), p);
}

const std::map<std::string, std::function<Tensor(int64_t, ember::ScalarType)>> kKinds = {
    {"rand", [](int64_t n, ember::ScalarType t) { return ember::rand({n}, t); }},
    {"randn", [](int64_t n, ember::ScalarType t) { return ember::randn({n}, t); }},
    {"uniform", [](int64_t n, ember::ScalarType t) { return ember::empty({n}, t).uniform_(-0.3, 1.7); }},
    {"normal", [](int64_t n, ember::ScalarType t) { return ember::empty({n}, t).normal_(1.5, 0.25); }},
    {"uniform_inexact", [](int64_t n, ember::ScalarType t) { return ember::empty({n}, t).uniform_(-0.1, 0.37); }},
    {"normal_inexact", [](int64_t n, ember::ScalarType t) { return ember::empty({n}, t).normal_(0.1, 0.37); }},
    {"bernoulli", [](int64_t n, ember::ScalarType t) { return ember::empty({n}, t).bernoulli_(0.3); }},
    {"dropout", [](int64_t n, ember::ScalarType t) { return dropped(n, t, 0.3); }},
    {"dropout_0.0", [](int64_t n, ember::ScalarType t) { return dropped(n, t, 0); }},
    {"dropout_0.05", [](int64_t n, ember::ScalarType t) { return dropped(n, t, 0.05); }},
    {"dropout_0.5", [](int64_t n, ember::ScalarType t) { return dropped(n, t, 0.5); }},
    {"dropout_0.9", [](int64_t n, ember::ScalarType t) { return dropped(n, t, 0.9); }},
    {"dropout_1.0", [](int64_t n, ember::ScalarType t) { return dropped(n, t, 1); }},
    {"randint", [](int64_t n, ember::ScalarType) { return ember::randint(-7, 1000, {n}); }},
    {"randperm", [](int64_t n, ember::ScalarType) { return ember::randperm(n); }},
};

class GoldenRandom : public testing::TestWithParam<std::string> {};

TEST_P(GoldenRandom, BitsAndWordsAsPyTorch) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/random.txt");
  int checked = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind, dtype, first, last;
    uint64_t seed = 0, bits = 0;
    int64_t count = 0;
    double after = 0;
    words >> kind >> dtype >> seed >> count >> bits >> first >> last >> after;
    if (kind != GetParam())
      continue;
    ember::manual_seed(seed);
    Tensor drawn = kKinds.at(kind)(count, golden::dtypeOf(dtype));
    std::vector<double> values = drawn.to_vector<double>();
    // Fewer than 16 normal numbers: version 1.13, which wrote the file, took log(1 - u), 2.11 takes log1p(-u): not the same bits
    // in double.
    if (count < 16 && dtype == "f64" && (kind == "randn" || kind.starts_with("normal"))) {
      EXPECT_NEAR(values.front(), std::stod(first), 4e-15) << line;
      EXPECT_NEAR(values.back(), std::stod(last), 4e-15) << line;
    } else {
      EXPECT_EQ(fingerprint(drawn), bits) << line << "\nfound " << values.front() << " … " << values.back();
    }
    EXPECT_EQ(ember::rand({1}, ember::kFloat64).item<double>(), after) << line << "\nanother number of words was drawn";
    ++checked;
  }
  EXPECT_GE(checked, 36);
}

std::vector<std::string> kindNames() {
  std::vector<std::string> names;
  for (const auto &[name, draw] : kKinds)
    names.push_back(name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Kinds, GoldenRandom, testing::ValuesIn(kindNames()), [](const auto &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

} // namespace
