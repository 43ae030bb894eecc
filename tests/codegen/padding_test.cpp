// Infinities and NaN beside padding: what lies in it is no term of the sum, neither in the reference nor in compiled code, as in
// PyTorch, where 0 * inf is only seen on the paths that multiply padded copies (float64, small float32). Every way in which a
// contraction reads its operands (staged, gathered, in place, with rows and columns swapped, one shape a remainder of the
// stride).
#include "codegen/Verify.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace ember;
using namespace ember::ir;

namespace {

std::string tensorOf(std::initializer_list<int64_t> sizes, const std::string &element) {
  std::string text = "tensor<";
  for (int64_t size : sizes)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

std::string pairOf(int64_t number) { return "[" + std::to_string(number) + ", " + std::to_string(number) + "]"; }

// A program with its arguments: ordinary numbers, and `special` at every `distance`th element from the first on (0: there alone)
// of argument `where`.
struct Program {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::vector<ReferenceTensor> values;
  std::vector<std::vector<char>> memory;

  Program(const std::string &text, unsigned where, double special, int64_t distance) {
    loadDialects(context);
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      throw std::runtime_error("no program: " + text);
    std::mt19937 random(7);
    for (auto [number, type] : llvm::enumerate(module->lookupSymbol<func::FuncOp>("main").getArgumentTypes())) {
      ReferenceTensor value = ReferenceTensor::zeros(cast<RankedTensorType>(type));
      for (int64_t i = 0; i < value.size(); ++i) {
        bool isSpecial = number == where && (distance ? i % distance == 0 : i == 0);
        value.set(i, Scalar::real(isSpecial ? special : 0.5 + random() % 4));
      }
      memory.emplace_back(value.size() * byteWidth(value.type.getElementType()) + 64);
      writeBytes(value, memory.back().data());
      values.push_back(value);
    }
  }

  void check() {
    std::vector<void *> arguments;
    for (auto &bytes : memory)
      arguments.push_back(bytes.data());
    for (const char *target : {"x86-64-v4", "x86-64-v3"})
      EXPECT_EQ(verifyOps(*module, arguments, {}, {.target = target}).difference, "") << target;
  }
};

void checkWithSpecials(const std::string &text, unsigned arguments) {
  SCOPED_TRACE(text);
  for (unsigned where = 0; where < arguments; ++where)
    for (auto [special, distance] : {std::pair(HUGE_VAL, 0), std::pair(std::nan(""), 29)}) {
      SCOPED_TRACE("argument " + std::to_string(where) + ", " + std::to_string(special) + " every " + std::to_string(distance));
      Program(text, where, special, distance).check();
    }
}

struct Convolution {
  int64_t batch, in, out, size, kernel, stride, padding, dilation, groups;
  const char *element = "f32";
};

std::string nameOf(const Convolution &c) {
  std::string name = c.element;
  for (int64_t number : {c.batch, c.in, c.out, c.size, c.kernel, c.stride, c.padding, c.dilation, c.groups})
    name += "_" + std::to_string(number);
  return name;
}
void PrintTo(const Convolution &own, std::ostream *out) { *out << nameOf(own); }

class PaddedConvolutions : public testing::TestWithParam<Convolution> {};

TEST_P(PaddedConvolutions, LeaveOutWhatIsNotThere) {
  const Convolution &c = GetParam();
  int64_t outSize = (c.size + 2 * c.padding - c.dilation * (c.kernel - 1) - 1) / c.stride + 1;
  std::string weight = tensorOf({c.out, c.in / c.groups, c.kernel, c.kernel}, c.element),
              input = tensorOf({c.batch, c.in, c.size, c.size}, c.element),
              output = tensorOf({c.batch, c.out, outSize, outSize}, c.element);
  auto check = [&](const std::string &op, const std::string &left, const std::string &right, const std::string &result) {
    checkWithSpecials("func.func @main(%x: " + left + ", %y: " + right + ") -> " + result + " {\n%0 = ember." + op +
                          " %x, %y stride " + pairOf(c.stride) + " padding " + pairOf(c.padding) + " dilation " +
                          pairOf(c.dilation) + " groups " + std::to_string(c.groups) + " : " + left + ", " + right + " -> " +
                          result + "\nreturn %0 : " + result + "\n}",
                      2);
  };
  check("conv2d", weight, input, output);
  check("conv2d_input_grad", weight, output, input);
  check("conv2d_weight_grad", output, input, weight);
}

constexpr Convolution kConvolutions[] = {
    {2, 3, 4, 5, 3, 1, 1, 1, 1},        {1, 16, 20, 14, 3, 1, 1, 1, 1}, // staged, several panels
    {2, 3, 8, 11, 7, 2, 3, 1, 1},       {1, 2, 3, 12, 3, 5, 1, 1, 1},   // more remainders of the stride than have shapes
    {2, 3, 4, 9, 3, 1, 2, 2, 1},        {1, 6, 6, 9, 3, 1, 1, 1, 6},    // a channel a group
    {1, 2, 70, 3, 3, 1, 1, 1, 1},       {1, 70, 2, 3, 3, 1, 1, 1, 1},   // rows and columns swapped
    {1, 80, 4, 6, 3, 1, 1, 1, 1},                                       // several blocks of depth
    {2, 3, 4, 5, 3, 1, 1, 1, 1, "f64"}, {2, 3, 4, 9, 3, 2, 1, 1, 1, "bf16"},
};
INSTANTIATE_TEST_SUITE_P(All, PaddedConvolutions, testing::ValuesIn(kConvolutions),
                         [](const auto &info) { return nameOf(info.param); });

TEST(Padding, PoolingLeavesOutWhatIsNotThere) {
  std::string window = " kernel [3, 3] stride [2, 2] padding [1, 1] : ";
  std::string whole = tensorOf({1, 2, 7, 7}, "f32"), pooled = tensorOf({1, 2, 4, 4}, "f32");
  auto check = [&](const std::string &op, const std::string &from, const std::string &to) {
    checkWithSpecials("func.func @main(%x: " + from + ") -> " + to + " {\n%0 = ember." + op + " %x" + window + from + " -> " +
                          to + "\nreturn %0 : " + to + "\n}",
                      1);
  };
  check("max_pool2d", whole, pooled);
  check("window_sum", whole, pooled);
  check("window_sum_grad", pooled, whole);
}

// What PyTorch 1.13 gives for two images of 3x3 ones and a kernel of ones with inf in its first place (float32, by oneDNN).
TEST(Padding, IsAsInPyTorch) {
  std::string image = tensorOf({2, 1, 3, 3}, "f32"), kernel = tensorOf({1, 1, 3, 3}, "f32");
  Program run("func.func @main(%w: " + kernel + ", %x: " + image + ") -> " + image +
                  " {\n%0 = ember.conv2d %w, %x stride [1, 1] padding [1, 1] dilation [1, 1] groups 1 : " + kernel + ", " +
                  image + " -> " + image + "\nreturn %0 : " + image + "\n}",
              0, INFINITY, 0);
  for (ReferenceTensor &value : run.values)
    for (double &number : value.reals)
      number = std::isinf(number) ? number : 1;
  auto results = interpret(run.module->lookupSymbol<func::FuncOp>("main"), run.values);
  ASSERT_TRUE(succeeded(results));
  const std::vector<double> expected = {4, 6, 4, 6, INFINITY, INFINITY, 4, INFINITY, INFINITY};
  EXPECT_EQ(std::vector<double>((*results)[0].reals.begin(), (*results)[0].reals.begin() + 9), expected);
}

} // namespace
