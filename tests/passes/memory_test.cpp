// Fewer bytes by recomputing and by order: the same bits, within the budget, or one line that says why not.
#include "codegen/Compiler.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/Passes.h"
#include <gtest/gtest.h>
#include <random>

using namespace mlir;

namespace {

// Layers of a product and an elementwise chain of which backward reads every value, and their gradients.
struct Training {
  static constexpr int64_t kSize = 32;

  explicit Training(unsigned layers) : context(MLIRContext::Threading::DISABLED) {
    ember::loadDialects(context);
    std::string text = "func.func @main(%x: T, %w: T) -> tensor<f32> {\n", h = "%x";
    for (unsigned i = 0; i < layers; ++i) {
      std::string n = std::to_string(i);
      text += "%m" + n + " = ember.matmul " + h + ", %w : T, T -> T\n%a" + n + " = ember.tanh %m" + n + " : T\n%b" + n +
              " = ember.sigmoid %a" + n + " : T\n%h" + n + " = ember.mul %b" + n + ", %a" + n + " : T\n";
      h = "%h" + n;
    }
    text += "%s = ember.sum " + h + " [0, 1] : T -> tensor<f32>\nreturn %s : tensor<f32> }";
    std::string type = "tensor<" + std::to_string(kSize) + "x" + std::to_string(kSize) + "xf32>";
    for (size_t at = 0; (at = text.find("T", at)) != std::string::npos; at += type.size())
      text.replace(at, 1, type);
    module = parseSourceString<ModuleOp>(text, &context);
    ember::passes::registerPasses();
    PassManager manager(&context);
    if (failed(parsePassPipeline("func.func(ember-autodiff)", manager)) || failed(manager.run(*module)))
      module = {};
  }

  std::vector<float> run(ember::Executable &executable) {
    constexpr int64_t count = kSize * kSize;
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0, 0.3f);
    std::vector<float> x(count + 16), w(count + 16), results(3 * count + 64);
    for (int64_t i = 0; i < count; ++i) {
      x[i] = normal(random);
      w[i] = normal(random);
    }
    EXPECT_FALSE(executable.run({x.data(), w.data()}, {&results[0], &results[16], &results[32 + count]}, {}).happened);
    return results;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST(Memory, RecomputesToFitWithTheSameBits) {
  Training training(6);
  ASSERT_TRUE(training.module);
  auto kept = ember::compileProgram(*training.module, {});
  int64_t bytes = kept->arenaUse({}).bytes;
  ember::CompileOptions options;
  options.maxMemory = bytes * 3 / 4;
  auto recomputed = ember::compileProgram(*training.module, options);
  EXPECT_LE(recomputed->arenaUse({}).bytes, options.maxMemory);
  EXPECT_EQ(training.run(*kept), training.run(*recomputed));
}

TEST(Memory, WhatFitsStaysAsItIs) {
  Training training(3);
  auto free = ember::compileProgram(*training.module, {});
  ember::CompileOptions options;
  options.maxMemory = free->arenaUse({}).bytes;
  EXPECT_EQ(ember::compileProgram(*training.module, options)->kernelNames, free->kernelNames);
}

TEST(Memory, SaysWhatIsNeededWhereNothingFits) {
  Training training(3);
  ember::CompileOptions options;
  options.maxMemory = 1000;
  try {
    ember::compileProgram(*training.module, options);
    FAIL() << "expected an error";
  } catch (const ember::CompileError &error) {
    std::string text = error.what();
    EXPECT_EQ(text.find("the program needs "), 0u) << text;
    EXPECT_NE(text.find(" bytes beside its arguments and results, expected at most 1000 (max-memory)"), std::string::npos)
        << text;
  }
}

} // namespace
