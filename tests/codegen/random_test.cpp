// Random ops and those that decompose, compiled, against the reference interpreter: draws bit for bit.
#include "codegen/Compiler.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include "passes/Decompose.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace ember::ir;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes seeded(uint64_t seed) {
  ember_generator generator = {};
  ember_rt_seed(&generator, seed);
  Bytes state(5056);
  ember_rt_get_state(&generator, state.data());
  return state;
}

struct Program {
  explicit Program(const std::string &text) : context(MLIRContext::Threading::DISABLED) {
    ember::loadDialects(context);
    module = parseSourceString<ModuleOp>(text, &context);
  }
  func::FuncOp function() { return module->lookupSymbol<func::FuncOp>("main"); }

  RankedTensorType resolved(Type type, int64_t batch) {
    SmallVector<int64_t> shape;
    for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(type)))
      shape.push_back(size.evaluate({{"B", batch}}));
    return RankedTensorType::get(shape, cast<RankedTensorType>(type).getElementType());
  }

  std::vector<Bytes> run(std::vector<Bytes> &arguments, int64_t batch, ember::CompileOptions options) {
    auto executable = ember::compileProgram(*module, options);
    std::vector<Bytes> results;
    std::vector<void *> in, out;
    for (Bytes &bytes : arguments)
      in.push_back(bytes.data());
    for (Type type : function().getResultTypes()) {
      RankedTensorType own = resolved(type, batch);
      results.emplace_back(own.getNumElements() * byteWidth(own.getElementType()));
    }
    for (Bytes &bytes : results)
      out.push_back(bytes.data());
    EXPECT_FALSE(executable->run(in, out, {{"B", batch}}).happened);
    return results;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

template <typename T> Bytes bytesOf(std::initializer_list<T> values) {
  std::vector<T> numbers(values);
  auto *begin = reinterpret_cast<const uint8_t *>(numbers.data());
  return Bytes(begin, begin + numbers.size() * sizeof(T));
}

// The interpreter, the compiled program fused and unfused, and both vector widths: equal bits.
std::vector<Bytes> checkExact(const std::string &text, std::vector<Bytes> arguments, int64_t batch = 5) {
  Program program(text);
  std::vector<Bytes> expected = program.run(arguments, batch, {.target = "native", .fuse = true, .interpret = true});
  for (const char *target : {"x86-64-v4", "x86-64-v3"})
    for (bool fuse : {true, false})
      EXPECT_EQ(program.run(arguments, batch, {.target = target, .fuse = fuse, .interpret = false}), expected)
          << target << (fuse ? ", fused" : ", unfused");
  return expected;
}

TEST(RandomOps, DrawTheSameBitsEverywhere) {
  for (const char *dtype : {"f64", "f32", "bf16", "f16"}) {
    SCOPED_TRACE(dtype);
    std::string t = dtype;
    // Two draws after each other from one state, of static and of dynamic size, then below 16 normals and an odd number above.
    checkExact("func.func @main(%s: tensor<5056xui8>, %a: tensor<f64>, %b: tensor<f64>, %n: tensor<?xi8, #ember.dims<[B]>>) -> "
               "(tensor<37x" +
                   t + ">, tensor<?x" + t + ", #ember.dims<[B]>>, tensor<0x" + t + ">, tensor<17x" + t + ">, tensor<9x" + t +
                   ">, tensor<5056xui8>) {\n" + "%0, %s0 = ember.uniform %s, %a, %b : tensor<37x" + t + ">\n" +
                   "%1, %s1 = ember.normal %s0, %a, %b : tensor<?x" + t + ", #ember.dims<[B]>>\n" +
                   "%2, %s2 = ember.uniform %s1, %a, %b : tensor<0x" + t + ">\n" +
                   "%3, %s3 = ember.normal %s2, %a, %b : tensor<17x" + t + ">\n" +
                   "%4, %s4 = ember.bernoulli %s3, %b : tensor<9x" + t + ">\n" + "return %0, %1, %2, %3, %4, %s4 : tensor<37x" +
                   t + ">, tensor<?x" + t + ", #ember.dims<[B]>>, tensor<0x" + t + ">, tensor<17x" + t + ">, tensor<9x" + t +
                   ">, tensor<5056xui8> }",
               {seeded(3), bytesOf({-0.5}), bytesOf({0.75}), Bytes(5)});
  }
}

TEST(RandomOps, PermutationAndAStateAlone) {
  std::vector<Bytes> results = checkExact(R"(func.func @main(%s: tensor<5056xui8>, %p: tensor<f64>)
      -> (tensor<10xi64>, tensor<5056xui8>) {
    %unread, %s0 = ember.bernoulli %s, %p : tensor<400xf32>
    %0, %s1 = ember.randperm %s : tensor<10xi64>
    return %0, %s0 : tensor<10xi64>, tensor<5056xui8> })",
                                          {seeded(0), bytesOf({0.5})});
  EXPECT_EQ(results[0], bytesOf<int64_t>({4, 1, 7, 5, 3, 9, 0, 8, 6, 2})); // PyTorch's randperm(10) of seed 0
}

TEST(RandomOps, SkippingIsDrawing) {
  for (uint64_t words : {0, 1, 623, 624, 625, 1247, 1248, 1249, 5000}) {
    ember_generator drawn = {}, skipped = {};
    for (ember_generator *generator : {&drawn, &skipped}) {
      ember_rt_seed(generator, 5);
      for (uint64_t i = 0; i < words % 7; ++i)
        ember_rt_random32(generator);
    }
    for (uint64_t i = 0; i < words; ++i)
      ember_rt_random32(&drawn);
    ember_rt_skip(&skipped, words);
    EXPECT_EQ(ember_rt_random64(&drawn), ember_rt_random64(&skipped)) << words;
    EXPECT_EQ(drawn.left, skipped.left) << words;
  }
}

constexpr const char *kDropout = R"(func.func @main(%x: tensor<?x8xf32, #ember.dims<[B]>>, %p: tensor<f64>, %t: tensor<i1>,
      %s: tensor<5056xui8>) -> (tensor<?x8xf32, #ember.dims<[B]>>, tensor<5056xui8>) {
    %y, %scale, %n = ember.dropout %x, %p, %t, %s : tensor<?x8xf32, #ember.dims<[B]>>
    return %y, %n : tensor<?x8xf32, #ember.dims<[B]>>, tensor<5056xui8> })";

Bytes numbers(int64_t count) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(i % 13) - 5.5f;
  auto *begin = reinterpret_cast<const uint8_t *>(values.data());
  return Bytes(begin, begin + values.size() * sizeof(float));
}

TEST(RandomOps, DropoutServesBothModes) {
  for (double p : {0.0, 0.25, 1.0})
    for (uint8_t training : {0, 1}) {
      SCOPED_TRACE(p);
      std::vector<Bytes> arguments{numbers(40), bytesOf({p}), Bytes{training}, seeded(1)};
      std::vector<Bytes> results = checkExact(kDropout, arguments);
      EXPECT_EQ(results[1] == arguments[3], training == 0) << "the state moves while training alone";
      if (!training || p == 0) {
        EXPECT_EQ(results[0], arguments[0]);
      }
    }
}

// A program bound to one mode gives the bits of the one for both, and an evaluating one holds no draw.
TEST(RandomOps, BoundArgumentsGiveTheSameBits) {
  for (uint8_t training : {0, 1}) {
    std::vector<Bytes> arguments{numbers(40), bytesOf({0.25}), Bytes{training}, seeded(1)};
    Program both(kDropout), bound(kDropout);
    auto flag = RankedTensorType::get({}, IntegerType::get(&bound.context, 1));
    ember::passes::bindArgument(bound.function(), 2, DenseElementsAttr::get(flag, training != 0));
    std::vector<Bytes> expected = both.run(arguments, 5, {});
    arguments.erase(arguments.begin() + 2);
    EXPECT_EQ(bound.run(arguments, 5, {}), expected);
    std::string kernels = ember::emitStage(*bound.module, "kernels", {});
    EXPECT_EQ(kernels.find("ember.bernoulli") == std::string::npos, training == 0) << kernels;
  }
}

TEST(BatchNorm, ServesBothModesWithinItsTolerance) {
  const char *text = R"(func.func @main(%x: tensor<?x3x5xf32, #ember.dims<[B]>>, %w: tensor<3xf32>, %b: tensor<3xf32>,
      %m: tensor<3xf32>, %v: tensor<3xf32>, %t: tensor<i1>, %momentum: tensor<f64>, %eps: tensor<f64>, %n: tensor<i64>)
      -> (tensor<?x3x5xf32, #ember.dims<[B]>>, tensor<3xf32>, tensor<3xf32>) {
    %y, %nm, %nv, %own, %i, %nn = ember.batch_norm %x, %w, %b, %m, %v, %t, %momentum, %eps, %n
      : tensor<?x3x5xf32, #ember.dims<[B]>>, tensor<3xf32>
    return %y, %nm, %nv : tensor<?x3x5xf32, #ember.dims<[B]>>, tensor<3xf32>, tensor<3xf32> })";
  for (uint8_t training : {0, 1}) {
    Program program(text);
    std::vector<Bytes> arguments{numbers(75),
                                 bytesOf({1.5f, -0.5f, 2.0f}),
                                 bytesOf({0.1f, 0.2f, 0.3f}),
                                 bytesOf({0.0f, 1.0f, -1.0f}),
                                 bytesOf({1.0f, 2.0f, 3.0f}),
                                 Bytes{training},
                                 bytesOf({0.1}),
                                 bytesOf({1e-5}),
                                 Bytes(8)};
    std::vector<Bytes> expected = program.run(arguments, 5, {.target = "native", .fuse = true, .interpret = true});
    std::vector<Bytes> fused = program.run(arguments, 5, {});
    EXPECT_EQ(program.run(arguments, 5, {.target = "x86-64-v3", .fuse = false, .interpret = false}), fused);
    for (size_t r = 0; r < expected.size(); ++r)
      for (size_t i = 0; i < expected[r].size(); i += sizeof(float)) {
        float want, have;
        std::memcpy(&want, &expected[r][i], sizeof want);
        std::memcpy(&have, &fused[r][i], sizeof have);
        EXPECT_NEAR(have, want, 64 * 0x1p-24f * std::max(1.0f, std::abs(want))) << "result " << r << ", byte " << i;
      }
    EXPECT_EQ(fused[1] == arguments[3], training == 0);
    EXPECT_EQ(fused[2] == arguments[4], training == 0);
  }
}

// Statistics, normalization and their gradients read each input from memory once: numbers a channel are computed again beside
// their readers rather than written in between.
TEST(BatchNorm, OneKernelForwardOneBackward) {
  std::string x = "tensor<32x16x28x28xf32>", c = "tensor<16xf32>";
  auto kernelsOf = [](const std::string &text) {
    Program program(text);
    std::string stage = ember::emitStage(*program.module, "kernels", {});
    int count = 0;
    for (size_t at = stage.find("= ember.kernel"); at != std::string::npos; at = stage.find("= ember.kernel", at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(kernelsOf("func.func @main(%x: " + x + ", %w: " + c + ", %b: " + c + ", %m: " + c + ", %v: " + c +
                      ", %o: tensor<f64>, %e: tensor<f64>, %n: tensor<i64>) -> (" + x + ", " + c + ", " + c + R"() {
    %t = ember.constant dense<true> : tensor<i1>
    %y, %nm, %nv, %own, %i, %nn = ember.batch_norm %x, %w, %b, %m, %v, %t, %o, %e, %n : )" +
                      x + ", " + c + "\n return %y, %nm, %nv : " + x + ", " + c + ", " + c + " }"),
            1);
  auto spread = [&](const std::string &name, const std::string &from) {
    return "%" + name + "_row = ember.reshape %" + from + " : " + c + " -> tensor<1x16x1x1xf32>\n%" + name +
           " = ember.broadcast %" + name + "_row : tensor<1x16x1x1xf32> -> " + x + "\n";
  };
  auto op = [](const std::string &result, const char *kind, const std::string &operands, const std::string &type) {
    return "%" + result + " = ember." + kind + " " + operands + " : " + type + "\n";
  };
  std::string backward = "func.func @main(%x: " + x + ", %mean: " + c + ", %inverse: " + c + ", %g: " + x + ") -> (" + x + ", " +
                         c + ", " + c + ") {\n" + spread("means", "mean") + op("centred", "sub", "%x, %means", x) +
                         op("sum", "sum", "%g [0, 2, 3]", x + " -> " + c) + op("product", "mul", "%g, %centred", x) +
                         op("dw", "sum", "%product [0, 2, 3]", x + " -> " + c) + op("scale", "mul", "%sum, %inverse", c) +
                         spread("scales", "scale") + spread("slopes", "dw") + op("slope", "mul", "%centred, %slopes", x) +
                         op("direct", "mul", "%g, %scales", x) + op("dx", "sub", "%direct, %slope", x) +
                         "return %dx, %dw, %sum : " + x + ", " + c + ", " + c + " }";
  EXPECT_EQ(kernelsOf(backward), 1);
}

} // namespace
