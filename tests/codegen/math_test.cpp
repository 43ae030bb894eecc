// Functions of one number in compiled code against long double: largest error in ulps over random bits, large arguments and
// special values, with both vector widths and in the scalar rest of a vector, which must give the same bits.
#include "codegen/Compiler.h"
#include "mlir/Parser/Parser.h"
#include <algorithm>
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

// What the ops declare.
const Function kFunctions[] = {
    {"exp", std::exp, 1, 1},   {"expm1", std::expm1, 2, 2}, {"log", std::log, 1, 1}, {"log1p", std::log1p, 2, 2},
    {"tanh", std::tanh, 2, 2}, {"erf", std::erf, 2, 2},     {"sin", std::sin, 2, 2}, {"cos", std::cos, 2, 2},
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

// The op of one operand, or of two.
template <typename Real>
std::vector<Real> compute(const std::string &op, const std::string &dtype, std::vector<std::vector<Real>> operands,
                          const char *target) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  bool isBinary = operands.size() == 2;
  std::string type = "tensor<" + std::to_string(operands[0].size()) + "x" + dtype + ">";
  auto module = parseSourceString<ModuleOp>("func.func @main(%x: " + type + (isBinary ? ", %y: " + type : "") + ") -> " + type +
                                                " { %0 = ember." + op + (isBinary ? " %x, %y : " : " %x : ") + type +
                                                " return %0 : " + type + " }",
                                            &context);
  std::vector<Real> results(operands[0].size());
  std::vector<void *> arguments;
  for (std::vector<Real> &values : operands)
    arguments.push_back(values.data());
  EXPECT_TRUE(module);
  EXPECT_FALSE(ember::compileProgram(*module, {.target = target})->run(arguments, {results.data()}, {}).happened);
  return results;
}

template <typename Real, typename Bits> void check(const Function &function, const std::string &dtype, double allowed) {
  std::vector<Real> values = arguments<Real, Bits>();
  std::vector<Real> found = compute<Real>(function.name, dtype, {values}, "x86-64-v4");
  std::vector<Real> narrow = compute<Real>(function.name, dtype, {values}, "x86-64-v3");
  for (size_t i = 0; i < values.size(); ++i) {
    long double exact = function.exact(values[i]);
    ASSERT_LE(ulpDistance(found[i], exact), allowed)
        << function.name << "(" << values[i] << ") gave " << found[i] << ", expected " << static_cast<double>(exact);
    if (!std::isnan(found[i])) {
      ASSERT_EQ(std::bit_cast<Bits>(found[i]), std::bit_cast<Bits>(narrow[i])) << function.name << "(" << values[i] << ")";
    }
  }
}

void PrintTo(const Function &own, std::ostream *out) { *out << own.name; }
class MathFunctions : public testing::TestWithParam<Function> {};

TEST_P(MathFunctions, SingleWithinDeclaredUlps) { check<float, uint32_t>(GetParam(), "f32", GetParam().ulpsSingle); }
TEST_P(MathFunctions, DoubleWithinDeclaredUlps) { check<double, uint64_t>(GetParam(), "f64", GetParam().ulpsDouble); }

// Every special number to the power of every other, and plain numbers whose powers are neither 0 nor infinite.
template <typename Real, typename Bits> void checkPow(const std::string &dtype, double allowed) {
  constexpr Real infinity = std::numeric_limits<Real>::infinity();
  const Real special[] = {0,
                          Real(-0.0),
                          1,
                          -1,
                          0.5,
                          -0.5,
                          2,
                          -2,
                          3,
                          -3,
                          16777215,
                          Real(1) / 3,
                          -16777215,
                          1e30,
                          infinity,
                          -infinity,
                          std::numeric_limits<Real>::quiet_NaN(),
                          std::numeric_limits<Real>::denorm_min()};
  std::vector<Real> bases, exponents;
  for (Real base : special)
    for (Real exponent : special) {
      bases.push_back(base);
      exponents.push_back(exponent);
    }
  std::mt19937_64 random(12);
  std::uniform_real_distribution<Real> positive(0, 20), plain(-30, 30);
  while (bases.size() < 20011) {
    bases.push_back(positive(random));
    exponents.push_back(plain(random));
    bases.push_back(plain(random));
    exponents.push_back(std::round(plain(random)));
  }
  std::vector<Real> found = compute<Real>("pow", dtype, {bases, exponents}, "x86-64-v4");
  std::vector<Real> narrow = compute<Real>("pow", dtype, {bases, exponents}, "x86-64-v3");
  for (size_t i = 0; i < bases.size(); ++i) {
    long double exact = std::pow(static_cast<long double>(bases[i]), static_cast<long double>(exponents[i]));
    ASSERT_LE(ulpDistance(found[i], exact), allowed) << "pow(" << bases[i] << ", " << exponents[i] << ") gave " << found[i];
    if (!std::isnan(found[i])) {
      ASSERT_EQ(std::bit_cast<Bits>(found[i]), std::bit_cast<Bits>(narrow[i]))
          << "pow(" << bases[i] << ", " << exponents[i] << ")";
    }
  }
}

// Many by one is multiplied and corrected where that gives the quotient: the bits must be those of division.
TEST(DivisionByOne, GivesTheBitsOfDivision) {
  std::vector<float> values = arguments<float, uint32_t>();
  std::mt19937 random(13);
  std::uniform_real_distribution<float> plain(-2, 2);
  for (float divisor : {3.0f, -0.1f, 1.9999999f, 1.0000001f, 1e-19f, 1e20f, 1e-40f, 0.0f, std::numeric_limits<float>::infinity()})
    for (bool isPlain : {true, false}) {
      std::vector<float> numbers = values;
      if (isPlain)
        std::generate(numbers.begin(), numbers.end(), [&] { return plain(random); });
      MLIRContext context(MLIRContext::Threading::DISABLED);
      ember::loadDialects(context);
      std::string type = "tensor<" + std::to_string(numbers.size()) + "xf32>";
      auto module = parseSourceString<ModuleOp>("func.func @main(%x: " + type + ", %y: tensor<f32>) -> " + type +
                                                    " { %b = ember.broadcast %y : tensor<f32> -> " + type +
                                                    " %0 = ember.div %x, %b : " + type + " return %0 : " + type + " }",
                                                &context);
      ASSERT_TRUE(module);
      std::vector<float> found(numbers.size());
      ember::compileProgram(*module, {.target = "x86-64-v4"})->run({numbers.data(), &divisor}, {found.data()}, {});
      for (size_t i = 0; i < numbers.size(); ++i) {
        float quotient = numbers[i] / divisor;
        if (!std::isnan(quotient) || !std::isnan(found[i])) {
          ASSERT_EQ(std::bit_cast<uint32_t>(found[i]), std::bit_cast<uint32_t>(quotient)) << numbers[i] << " / " << divisor;
        }
      }
    }
}

TEST(Pow, SingleWithinDeclaredUlps) { checkPow<float, uint32_t>("f32", 1); }
TEST(Pow, DoubleWithinDeclaredUlps) { checkPow<double, uint64_t>("f64", 4); }

INSTANTIATE_TEST_SUITE_P(All, MathFunctions, testing::ValuesIn(kFunctions),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
