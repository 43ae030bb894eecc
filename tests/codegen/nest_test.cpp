// Loop nests in every form they take: tiles of transposed reads, strided reads, phases of windows, short rows, long sums, kept
// values. Each against the reference, fused and unfused, with both vector widths.
#include "tests/codegen/CheckProgram.h"

using namespace mlir;
using ember::tests::checkProgram;

namespace {

struct Case {
  std::string name, text;
  double ulps;
};

std::string type(std::initializer_list<int64_t> sizes, const char *dtype = "f32") {
  std::string text = "tensor<";
  for (int64_t size : sizes)
    text += std::to_string(size) + "x";
  return text + dtype + ">";
}

// One op of one operand, followed by another op of its result where there is one.
Case unary(const std::string &name, const std::string &op, const std::string &from, const std::string &to, double ulps,
           const std::string &after = "") {
  std::string text = "func.func @main(%x: " + from + ") -> " + to + " {\n%0 = ember." + op + " : " + from + " -> " + to + "\n";
  if (!after.empty())
    text += "%1 = ember." + after + " %0 : " + to + "\n";
  return {name, text + "return " + (after.empty() ? "%0" : "%1") + " : " + to + " }", ulps};
}

std::vector<Case> transposes() {
  std::vector<Case> cases;
  for (const char *dtype : {"f32", "f64", "bf16", "i64", "i8", "i1"}) {
    bool isBool = std::string(dtype) == "i1";
    cases.push_back(unary(std::string("transpose_") + dtype, "transpose %x [1, 0]", type({70, 133}, dtype),
                          type({133, 70}, dtype), 0, isBool ? "not" : "neg"));
  }
  cases.push_back(unary("transpose_exact_tiles", "transpose %x [1, 0]", type({128, 64}), type({64, 128}), 0, "neg"));
  cases.push_back(unary("channels_last", "transpose %x [0, 2, 3, 1]", type({2, 37, 5, 7}), type({2, 5, 7, 37}), 0, "neg"));
  cases.push_back(unary("channels_first", "transpose %x [0, 3, 1, 2]", type({2, 5, 7, 37}), type({2, 37, 5, 7}), 0, "neg"));
  cases.push_back(unary("three_channels_last", "transpose %x [0, 2, 3, 1]", type({2, 3, 9, 8}), type({2, 9, 8, 3}), 0, "neg"));
  cases.push_back(unary("three_channels_first", "transpose %x [0, 3, 1, 2]", type({2, 9, 8, 3}), type({2, 3, 9, 8}), 0, "neg"));
  cases.push_back(unary("reversed_dims", "transpose %x [2, 1, 0]", type({17, 9, 40}), type({40, 9, 17}), 0, "neg"));
  std::string t = type({67, 67});
  cases.push_back({"plus_transposed",
                   "func.func @main(%x: " + t + ", %y: " + t + ") -> " + t + " {\n%0 = ember.transpose %x [1, 0] : " + t +
                       " -> " + t + "\n%1 = ember.transpose %y [1, 0] : " + t + " -> " + t + "\n%2 = ember.add %x, %0 : " + t +
                       "\n%3 = ember.mul %2, %1 : " + t + "\nreturn %3 : " + t + " }",
                   0});
  return cases;
}

std::vector<Case> strides() {
  std::vector<Case> cases;
  for (int64_t stride : {2, 3, 4, 5})
    for (const char *dtype : {"f32", "f64", "i8"}) {
      std::string from = type({3, 41 * stride - stride + 1}, dtype), to = type({3, 41}, dtype);
      std::string name = "stride_" + std::to_string(stride) + "_" + dtype;
      cases.push_back({name,
                       "func.func @main(%x: " + from + ") -> " + to + " {\n%z = ember.constant dense<0> : tensor<i64>\n" +
                           "%0 = ember.slice %x[%z, %z] strides [1, " + std::to_string(stride) + "] : " + from + " -> " + to +
                           "\n%1 = ember.neg %0 : " + to + "\nreturn %1 : " + to + " }",
                       0});
    }
  return cases;
}

struct Pool {
  int64_t height, width, kernel, stride, padding, dilation = 1;
};

std::vector<Case> windows() {
  std::vector<Case> cases;
  for (Pool p : {Pool{8, 8, 2, 2, 0}, Pool{9, 11, 3, 2, 1}, Pool{7, 5, 2, 2, 0}, Pool{8, 75, 3, 2, 1}, Pool{6, 140, 2, 2, 0},
                 Pool{10, 70, 3, 3, 1}, Pool{9, 70, 2, 4, 0}, Pool{6, 37, 3, 1, 1}, Pool{12, 50, 5, 4, 2}, Pool{11, 40, 7, 5, 0},
                 Pool{9, 70, 3, 1, 2, 2}, Pool{12, 45, 2, 2, 1, 3}, Pool{11, 83, 3, 2, 0, 3}}) {
    int64_t span = p.dilation * (p.kernel - 1) + 1;
    int64_t h = (p.height + 2 * p.padding - span) / p.stride + 1, w = (p.width + 2 * p.padding - span) / p.stride + 1;
    std::string x = type({2, 3, p.height, p.width}), y = type({2, 3, h, w}), i = type({2, 3, h, w}, "i64"),
                q = type({p.height, p.width}, "i64"), flat = type({p.height * p.width}, "i64");
    auto pair = [](int64_t n) { return "[" + std::to_string(n) + ", " + std::to_string(n) + "]"; };
    std::string window = "kernel " + pair(p.kernel) + " stride " + pair(p.stride) + " padding " + pair(p.padding);
    if (p.dilation > 1)
      window += " dilation " + pair(p.dilation);
    std::string size = std::to_string(p.height) + "x" + std::to_string(p.width) + "_" + std::to_string(p.kernel) + "s" +
                       std::to_string(p.stride) + (p.dilation > 1 ? "d" + std::to_string(p.dilation) : "");
    cases.push_back(unary("max_" + size, "max_pool2d %x " + window, x, y, 0));
    if (p.dilation == 1) {
      cases.push_back(unary("sum_" + size, "window_sum %x " + window, x, y, 32));
      cases.push_back(unary("sum_grad_" + size, "window_sum_grad %x " + window, y, x, 32, "neg"));
    }
    cases.push_back({"max_grad_" + size,
                     "func.func @main(%x: " + x + ", %g: " + y + ") -> " + x + " {\n%f = ember.iota 0 : " + flat +
                         "\n%p = ember.reshape %f : " + flat + " -> " + q + "\n%i = ember.max_pool2d_indices %x, %p " + window +
                         " : " + x + ", " + q + " -> " + i + "\n%0 = ember.max_pool2d_grad %g, %i, %p " + window + " : " + y +
                         ", " + i + ", " + q + " -> " + x + "\n%1 = ember.mul %0, %x : " + x + "\nreturn %1 : " + x + " }",
                     8});
  }
  return cases;
}

std::vector<Case> reductions() {
  std::vector<Case> cases;
  cases.push_back(unary("columns_300x200", "sum %x [0]", type({300, 200}), type({200}), 300));
  cases.push_back(unary("columns_20000x3", "sum %x [0]", type({20000, 3}), type({3}), 1000));
  cases.push_back(unary("columns_of_planes", "sum %x [0, 1]", type({70, 40, 37}), type({37}), 1000));
  cases.push_back(unary("columns_f64", "sum %x [0]", type({200, 70}, "f64"), type({70}, "f64"), 300));
  cases.push_back(unary("argmax_columns", "argmax %x [0]", type({200, 150}), type({150}, "i64"), 0));
  cases.push_back(unary("row_20000", "sum %x [1]", type({3, 20000}), type({3}), 1000));
  cases.push_back(unary("argmax_row_9001", "argmax %x [1]", type({2, 9001}), type({2}, "i64"), 0));
  cases.push_back(unary("channels", "sum %x [0, 2]", type({150, 3, 90}), type({3}), 1000));
  cases.push_back(unary("channels_one_position", "sum %x [0, 2]", type({300, 70, 1}), type({70}), 300));
  cases.push_back(unary("columns_in_pieces_bf16", "sum %x [0]", type({20000, 3}, "bf16"), type({3}, "bf16"), 1000));
  cases.push_back(unary("no_axes", "sum %x []", type({5, 21}), type({5, 21}), 0));
  cases.push_back(unary("short_argmax", "argmax %x [1]", type({37, 10}), type({37}, "i64"), 0));
  cases.push_back(unary("short_max_i8", "max %x [1]", type({37, 7}, "i8"), type({37}, "i8"), 0));
  cases.push_back(unary("short_sum_of_two_dims", "sum %x [1, 2]", type({37, 3, 5}), type({37}), 16));
  for (const char *dtype : {"f32", "f64", "bf16"})
    for (int64_t columns : {1, 2, 10, 16, 17, 40, 64, 70, 200, 9000}) {
      int64_t rows = columns > 1000 ? 2 : 19;
      std::string t = type({rows, columns}, dtype), v = type({rows}, dtype), u = type({rows, 1}, dtype);
      cases.push_back({std::string("softmax_") + dtype + "_" + std::to_string(columns),
                       "func.func @main(%x: " + t + ") -> (" + t + ", " + v + ") {\n%m = ember.max %x [1] : " + t + " -> " + v +
                           "\n%m1 = ember.reshape %m : " + v + " -> " + u + "\n%mb = ember.broadcast %m1 : " + u + " -> " + t +
                           "\n%d = ember.sub %x, %mb : " + t + "\n%e = ember.exp %d : " + t + "\n%s = ember.sum %e [1] : " + t +
                           " -> " + v + "\n%s1 = ember.reshape %s : " + v + " -> " + u + "\n%sb = ember.broadcast %s1 : " + u +
                           " -> " + t + "\n%y = ember.div %e, %sb : " + t + "\n%l = ember.log %s : " + v +
                           "\nreturn %y, %l : " + t + ", " + v + " }",
                       200});
    }
  return cases;
}

std::vector<Case> scatters() {
  std::vector<Case> cases;
  for (const char *dtype : {"f32", "bf16", "i64"}) {
    std::string x = type({7, 37}, dtype), g = type({5, 37}, dtype);
    cases.push_back(
        {std::string("index_add_") + dtype,
         "func.func @main(%x: " + x + ", %g: " + g + ") -> " + x +
             " {\n%one = ember.constant dense<1> : tensor<5xi64>\n%i = ember.constant dense<3> : tensor<5xi64>\n"
             "%p = ember.iota 0 : tensor<5xi64>\n%h = ember.add %p, %one : tensor<5xi64>\n%0 = ember.index_add %x, %i, "
             "%g axis 0 : " +
             x + ", tensor<5xi64>, " + g + "\n%1 = ember.index_add %0, %h, %g axis 0 : " + x + ", tensor<5xi64>, " + g +
             "\nreturn %1 : " + x + " }",
         8});
    std::string y = type({37, 7}, dtype), h = type({37, 5}, dtype);
    cases.push_back({std::string("index_add_along_last_") + dtype,
                     "func.func @main(%x: " + y + ", %g: " + h + ") -> " + y +
                         " {\n%i = ember.constant dense<3> : tensor<5xi64>\n%0 = ember.index_add %x, %i, %g axis 1 : " + y +
                         ", tensor<5xi64>, " + h + "\nreturn %0 : " + y + " }",
                     8});
  }
  return cases;
}

std::vector<Case> allCases() {
  std::vector<Case> all;
  for (auto cases : {transposes(), strides(), windows(), reductions(), scatters()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

void PrintTo(const Case &own, std::ostream *out) { *out << own.name; }
class Nests : public testing::TestWithParam<Case> {};

TEST_P(Nests, MatchReferenceAndEachOther) { checkProgram(GetParam().text, GetParam().ulps); }

// A sum of known length is cut into pieces for the threads; one of named length is not.
void checkSameBits(const std::string &known, const std::string &named, const std::string &result, const std::string &axis,
                   int64_t length, int64_t count) {
  std::vector<std::vector<char>> all[2];
  for (bool isNamed : {false, true}) {
    std::string from = isNamed ? named : known;
    MLIRContext context(MLIRContext::Threading::DISABLED);
    ember::loadDialects(context);
    auto module = parseSourceString<ModuleOp>("func.func @main(%x: " + from + ") -> " + result + " { %0 = ember.sum %x [" + axis +
                                                  "] : " + from + " -> " + result + " return %0 : " + result + " }",
                                              &context);
    ASSERT_TRUE(module);
    std::vector<float> values(count);
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (float &value : values)
      value = normal(random);
    const char *bytes = reinterpret_cast<const char *>(values.data());
    std::vector<std::vector<char>> arguments{{bytes, bytes + 4 * count}};
    all[isNamed] = ember::tests::runCompiled(*module, arguments, length, {true, "native"});
  }
  EXPECT_EQ(all[0], all[1]);
}

TEST(LongSums, KnownAndNamedLengthGiveTheSameBits) {
  checkSameBits("tensor<40000x3xf32>", "tensor<?x3xf32, #ember.dims<[B]>>", "tensor<3xf32>", "0", 40000, 120000);
  checkSameBits("tensor<2x1100000xf32>", "tensor<2x?xf32, #ember.dims<[B]>>", "tensor<2xf32>", "1", 1100000, 2200000);
  checkSameBits("tensor<2200000xf32>", "tensor<?xf32, #ember.dims<[B]>>", "tensor<f32>", "0", 2200000, 2200000);
  checkSameBits("tensor<200x3xf32>", "tensor<?x3xf32, #ember.dims<[B]>>", "tensor<3xf32>", "0", 200, 600);
  checkSameBits("tensor<3x900xf32>", "tensor<3x?xf32, #ember.dims<[B]>>", "tensor<3xf32>", "1", 900, 2700);
}

INSTANTIATE_TEST_SUITE_P(All, Nests, testing::ValuesIn(allCases()), [](const auto &info) { return info.param.name; });

} // namespace
