// Matrix products and convolutions of many shapes: every way of packing, whole and ragged panels, blocks of depth, strides.
#include "tests/codegen/CheckProgram.h"

using ember::tests::checkProgram;

namespace {

std::string tensor(const std::vector<std::string> &sizes, const std::string &element, bool isDynamic = false) {
  std::string text = "tensor<", names;
  for (const std::string &size : sizes) {
    text += (size == "B" ? "?" : size) + "x";
    if (size == "B")
      names += names.empty() ? size : ", " + size;
  }
  return text + element + (isDynamic ? ", #ember.dims<[" + names + "]>>" : ">");
}

struct Product {
  std::string m, n, k; // "B": known at run time
  bool leftTransposed, rightTransposed;
  std::string element = "f32";
  double ulps = 60;
};

std::string nameOf(const Product &p) {
  return p.m + "x" + p.n + "x" + p.k + (p.leftTransposed ? "_left" : "") + (p.rightTransposed ? "_right" : "") + "_" + p.element;
}

void PrintTo(const Product &own, std::ostream *out) { *out << nameOf(own); }
class Products : public testing::TestWithParam<Product> {};

TEST_P(Products, MatchReferenceInEveryForm) {
  const Product &p = GetParam();
  auto of = [&](const std::string &a, const std::string &b) { return tensor({a, b}, p.element, a == "B" || b == "B"); };
  std::string left = of(p.m, p.k), right = of(p.k, p.n), result = of(p.m, p.n);
  std::string x = p.leftTransposed ? of(p.k, p.m) : left, y = p.rightTransposed ? of(p.n, p.k) : right;
  std::string text = "func.func @main(%x: " + x + ", %y: " + y + ") -> " + result + " {\n";
  if (p.leftTransposed)
    text += "%a = ember.transpose %x [1, 0] : " + x + " -> " + left + "\n";
  if (p.rightTransposed)
    text += "%b = ember.transpose %y [1, 0] : " + y + " -> " + right + "\n";
  text += std::string("%0 = ember.matmul ") + (p.leftTransposed ? "%a" : "%x") + ", " + (p.rightTransposed ? "%b" : "%y") +
          " : " + left + ", " + right + " -> " + result + "\n%1 = ember.relu %0 : " + result + "\nreturn %1 : " + result + "\n}";
  checkProgram(text, p.ulps);
}

const Product kProducts[] = {{"7", "49", "33", false, false},
                             {"7", "49", "33", true, false},
                             {"7", "49", "33", false, true},
                             {"7", "49", "33", true, true},
                             {"25", "112", "19", false, false},
                             {"25", "176", "19", true, true},
                             {"1", "200", "65", false, false},
                             {"1", "200", "65", false, true},
                             {"4", "300", "17", false, false},
                             {"200", "1", "65", false, false},
                             {"200", "1", "65", true, false},
                             {"100", "3", "40", false, true},
                             {"1320", "1", "3", false, false}, // a panel that reaches into the next block of columns
                             {"1321", "3", "600", false, false, "f32", 400},
                             {"8", "160", "33", false, false}, // a last block of one vector, panels of two
                             {"8", "160", "33", false, true},
                             {"48", "49", "33", false, false}, // spare columns
                             {"48", "49", "333", false, true, "f32", 200},
                             {"45", "50", "330", true, false, "f32", 200},
                             {"46", "17", "20", false, false},
                             {"64", "34", "530", true, true, "f32", 400},
                             {"1", "1", "1", false, false},
                             {"13", "5", "1", true, false},
                             {"50", "70", "1100", true, false, "f32", 400},
                             {"9", "530", "800", false, true, "f32", 400},
                             {"540", "20", "30", true, false},
                             {"600", "900", "300", false, false, "f32", 200}, // several blocks of rows and of columns
                             {"B", "49", "33", false, false},
                             {"B", "49", "33", false, true},
                             {"B", "70", "33", true, false},
                             {"33", "B", "21", false, false},
                             {"33", "B", "21", false, true},
                             {"33", "40", "B", true, false},
                             {"33", "40", "B", false, true},
                             {"B", "B", "B", false, false},
                             {"7", "49", "33", true, true, "f64"},
                             {"30", "20", "700", false, true, "f64", 400},
                             {"7", "49", "33", true, true, "bf16"},
                             {"7", "49", "33", false, false, "f16"}};
INSTANTIATE_TEST_SUITE_P(All, Products, testing::ValuesIn(kProducts), [](const auto &info) { return nameOf(info.param); });

struct Convolution {
  int64_t batch, in, out, height, width, kernel, stride, padding, dilation, groups;
};

std::string nameOf(const Convolution &c) {
  std::string name;
  for (int64_t number : {c.batch, c.in, c.out, c.height, c.width, c.kernel, c.stride, c.padding, c.dilation, c.groups})
    name += (name.empty() ? "" : "_") + std::to_string(number);
  return name;
}

void PrintTo(const Convolution &own, std::ostream *out) { *out << nameOf(own); }
class Convolutions : public testing::TestWithParam<Convolution> {
protected:
  static std::string tensorOf(std::initializer_list<int64_t> sizes) {
    std::vector<std::string> text;
    for (int64_t size : sizes)
      text.push_back(std::to_string(size));
    return tensor(text, "f32");
  }
  // op(left, right) -> result, with the parameter's geometry.
  void check(const std::string &op, const std::string &left, const std::string &right, const std::string &result) {
    auto pair = [](int64_t n) { return "[" + std::to_string(n) + ", " + std::to_string(n) + "]"; };
    const Convolution &c = GetParam();
    checkProgram("func.func @main(%x: " + left + ", %y: " + right + ") -> " + result + " {\n%0 = ember." + op +
                     " %x, %y stride " + pair(c.stride) + " padding " + pair(c.padding) + " dilation " + pair(c.dilation) +
                     " groups " + std::to_string(c.groups) + " : " + left + ", " + right + " -> " + result +
                     "\nreturn %0 : " + result + "\n}",
                 1000); // a weight's gradient is a chain over all of an image
  }
  static int64_t outSize(int64_t size, const Convolution &c) {
    return (size + 2 * c.padding - c.dilation * (c.kernel - 1) - 1) / c.stride + 1;
  }
};

TEST_P(Convolutions, AndBothGradientsMatchReference) {
  const Convolution &c = GetParam();
  std::string weight = tensorOf({c.out, c.in / c.groups, c.kernel, c.kernel}),
              input = tensorOf({c.batch, c.in, c.height, c.width}),
              output = tensorOf({c.batch, c.out, outSize(c.height, c), outSize(c.width, c)});
  check("conv2d", weight, input, output);
  check("conv2d_input_grad", weight, output, input);
  check("conv2d_weight_grad", output, input, weight);
}

constexpr Convolution kConvolutions[] = {
    {2, 3, 8, 20, 20, 7, 2, 3, 1, 1}, {1, 5, 7, 14, 14, 3, 1, 1, 1, 1}, {2, 4, 6, 7, 7, 3, 1, 1, 1, 1},
    {1, 4, 6, 15, 13, 3, 2, 1, 1, 1}, {1, 8, 6, 14, 14, 1, 2, 0, 1, 1}, {3, 2, 40, 4, 4, 3, 1, 1, 1, 1},
    {2, 2, 5, 17, 33, 3, 1, 2, 2, 1}, {1, 2, 3, 23, 23, 5, 3, 2, 1, 1}, {2, 6, 4, 9, 9, 3, 1, 1, 1, 2},
    {1, 6, 6, 9, 9, 3, 2, 1, 1, 6},   {1, 3, 5, 19, 19, 4, 4, 0, 1, 1}, {1, 60, 5, 6, 6, 3, 1, 1, 1, 1},
    {40, 2, 3, 5, 5, 3, 1, 1, 1, 1},  {1, 2, 30, 2, 2, 3, 1, 1, 1, 1},  {1, 2, 3, 40, 70, 3, 1, 0, 1, 1},
    {1, 2, 3, 13, 13, 3, 2, 0, 2, 1}, {1, 40, 70, 7, 7, 3, 1, 1, 1, 1}, {1, 20, 35, 9, 9, 3, 2, 1, 1, 1},
    {1, 2, 9, 33, 33, 3, 1, 1, 1, 1}, {2, 4, 4, 3, 2, 2, 2, 1, 1, 1},   {2, 33, 16, 9, 9, 3, 1, 0, 1, 1},
    {1, 9, 24, 14, 14, 1, 2, 0, 1, 1}};
INSTANTIATE_TEST_SUITE_P(All, Convolutions, testing::ValuesIn(kConvolutions),
                         [](const auto &info) { return nameOf(info.param); });

// With a constant operand no loop is a row or a column: every element is a batch of its own.
TEST(ConstantOperands, OfStridedGradientsReachEveryElement) {
  for (std::string stride : {"1, 1", "2, 2", "3, 2"})
    for (std::string constant : {"w", "g"}) {
      SCOPED_TRACE("stride " + stride + ", constant %" + constant);
      std::string weight = "tensor<5x3x3x3xf32>", input = "tensor<2x3x7x9xf32>";
      std::string output = "tensor<2x5x" + std::string(stride == "1, 1" ? "7x9" : stride == "2, 2" ? "4x5" : "3x5") + "xf32>";
      std::string known = constant == "w" ? weight : output, other = constant == "w" ? output : weight;
      std::string text = "func.func @main(%";
      text += (constant == "w" ? "g" : "w") + std::string(": ") + other + ") -> " + input + " {\n%" + constant +
              " = ember.constant dense<0.5> : " + known + "\n%0 = ember.conv2d_input_grad %w, %g stride [" + stride +
              "] padding [1, 1] dilation [1, 1] groups 1 : " + weight + ", " + output + " -> " + input +
              "\nreturn %0 : " + input + "\n}";
      checkProgram(text, 60);
    }
}

// What depends on fewer loops than its operand does: the other operand's side may stand in its indices.
TEST(BroadcastOperands, OfGradientsMatchReference) {
  for (std::string along : {"4x1x1", "1x7x1", "1x1x4", "1x7x4"}) {
    SCOPED_TRACE("along " + along);
    std::string own = "tensor<1x" + along + "xf32>", g = "tensor<3x4x7x4xf32>", x = "tensor<3x2x7x6xf32>",
                w = "tensor<4x1x3x3xf32>";
    auto check = [&](const std::string &op, const std::string &other, const std::string &types, const std::string &result) {
      checkProgram("func.func @main(%s: " + own + ", %x: " + other + ") -> " + result + " {\n%g = ember.broadcast %s : " + own +
                       " -> " + g + "\n%0 = ember." + op + " stride [1, 1] padding [1, 0] dilation [1, 1] groups 2 : " + types +
                       " -> " + result + "\nreturn %0 : " + result + "\n}",
                   200);
    };
    check("conv2d_input_grad %x, %g", w, w + ", " + g, x);
    check("conv2d_weight_grad %g, %x", x, g + ", " + x, w);
  }
}

} // namespace
