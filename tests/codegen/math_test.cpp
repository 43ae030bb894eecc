// Functions of one number in compiled code against long double: largest error in ulps over random bits, large arguments and
// special values, with both vector widths and in the scalar rest of a vector, which must give the same bits.
#include "codegen/Compiler.h"
#include "mlir/Parser/Parser.h"
#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace mlir;

namespace {

struct Function {
  const char *name;
  long double (*exact)(long double);
  double ulpsSingle, ulpsDouble;
};

// What the ops declare, but for tanh on f64: that is libm's own, which was seen 2.03 ulps off (glibc 2.36).
const Function kFunctions[] = {
    {"exp", std::exp, 1, 1},   {"expm1", std::expm1, 2, 2}, {"log", std::log, 1, 1}, {"log1p", std::log1p, 2, 2},
    {"tanh", std::tanh, 2, 3}, {"erf", std::erf, 2, 2},     {"sin", std::sin, 2, 2}, {"cos", std::cos, 2, 2},
};

// NaN for NaN, infinity for infinity and the sign of zero are asked for exactly.
template <typename Real> double ulpDistance(Real found, long double exact) {
  constexpr double wrong = std::numeric_limits<double>::infinity();
  Real rounded = static_cast<Real>(exact);
  if (std::isnan(rounded) || std::isnan(found))
    return std::isnan(rounded) && std::isnan(found) ? 0 : wrong;
  if (std::isinf(rounded) || std::isinf(found))
    return rounded == found ? 0 : wrong;
  if (rounded == 0 && found == 0)
    return std::signbit(rounded) == std::signbit(found) ? 0 : wrong;
  Real size = std::fabs(rounded), largest = std::numeric_limits<Real>::max();
  Real unit = size == largest ? size - std::nextafter(size, Real(0)) : std::nextafter(size, largest) - size;
  return static_cast<double>(std::fabs(static_cast<long double>(found) - exact) / unit);
}

// Every bit pattern is as likely as another, and so are plain numbers of both signs.
template <typename Real, typename Bits> std::vector<Real> arguments() {
  constexpr Real infinity = std::numeric_limits<Real>::infinity();
  std::vector<Real> values = {0,
                              Real(-0.0),
                              1,
                              -1,
                              0.5,
                              -0.5,
                              0.625,
                              -0.625,
                              88.72283,
                              88.72284,
                              -87.33655,
                              -103.97,
                              -104,
                              1e10,
                              -1e9,
                              1073741824,
                              infinity,
                              -infinity,
                              std::numeric_limits<Real>::quiet_NaN(),
                              std::numeric_limits<Real>::max(),
                              std::numeric_limits<Real>::min(),
                              std::numeric_limits<Real>::denorm_min()};
  std::mt19937_64 random(11);
  std::uniform_real_distribution<Real> small(-1, 1), plain(-100, 100);
  while (values.size() < 60013) { // odd: a rest remains at every vector width
    values.push_back(std::bit_cast<Real>(static_cast<Bits>(random())));
    values.push_back(small(random));
    values.push_back(plain(random));
  }
  return values;
}

template <typename Real>
std::vector<Real> compute(const std::string &op, const std::string &dtype, std::vector<Real> values, const char *target) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  std::string type = "tensor<" + std::to_string(values.size()) + "x" + dtype + ">";
  auto module = parseSourceString<ModuleOp>("func.func @main(%x: " + type + ") -> " + type + " { %0 = ember." + op +
                                                " %x : " + type + " return %0 : " + type + " }",
                                            &context);
  std::vector<Real> results(values.size());
  EXPECT_TRUE(module);
  EXPECT_FALSE(ember::compileProgram(*module, {.target = target})->run({values.data()}, {results.data()}, {}).happened);
  return results;
}

template <typename Real, typename Bits> void check(const Function &function, const std::string &dtype, double allowed) {
  std::vector<Real> values = arguments<Real, Bits>();
  std::vector<Real> found = compute(function.name, dtype, values, "x86-64-v4");
  std::vector<Real> narrow = compute(function.name, dtype, values, "x86-64-v3");
  for (size_t i = 0; i < values.size(); ++i) {
    long double exact = function.exact(values[i]);
    ASSERT_LE(ulpDistance(found[i], exact), allowed)
        << function.name << "(" << values[i] << ") gave " << found[i] << ", expected " << static_cast<double>(exact);
    if (!std::isnan(found[i])) {
      ASSERT_EQ(std::bit_cast<Bits>(found[i]), std::bit_cast<Bits>(narrow[i])) << function.name << "(" << values[i] << ")";
    }
  }
}

class MathFunctions : public testing::TestWithParam<Function> {};

TEST_P(MathFunctions, SingleWithinDeclaredUlps) { check<float, uint32_t>(GetParam(), "f32", GetParam().ulpsSingle); }
TEST_P(MathFunctions, DoubleWithinDeclaredUlps) { check<double, uint64_t>(GetParam(), "f64", GetParam().ulpsDouble); }

INSTANTIATE_TEST_SUITE_P(All, MathFunctions, testing::ValuesIn(kFunctions),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
