// Last writes in one launch, and results in their operands' memory.
#include "codegen/Compiler.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;

namespace {

struct Outcome {
  size_t launches;
  std::vector<int64_t> aliases;
  std::vector<std::vector<float>> results;
};

// Runs a program of f32 tensors on random numbers; results that take over an argument are written there.
Outcome runProgram(const char *text, bool fuse, unsigned threads) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  auto module = parseSourceString<ModuleOp>(text, &context);
  ember::CompileOptions options;
  options.fuse = fuse;
  ember::setProcessThreads(threads);
  auto executable = ember::compileProgram(*module, options);
  auto function = module->lookupSymbol<func::FuncOp>("main");
  auto sizeOf = [](Type type) { return cast<RankedTensorType>(type).getNumElements(); };
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> arguments, results;
  for (Type type : function.getArgumentTypes()) {
    arguments.emplace_back(sizeOf(type) + 16);
    for (float &number : arguments.back())
      number = normal(random);
  }
  std::vector<void *> from, to;
  for (auto &memory : arguments)
    from.push_back(memory.data());
  for (auto [number, type] : llvm::enumerate(function.getResultTypes())) {
    results.emplace_back(sizeOf(type) + 16);
    int64_t alias = executable->resultAlias[number];
    to.push_back(alias < 0 ? results.back().data() : from[alias]);
  }
  EXPECT_FALSE(executable->run(from, to, {}).happened);
  for (auto [number, type] : llvm::enumerate(function.getResultTypes())) {
    std::memcpy(results[number].data(), to[number], sizeOf(type) * sizeof(float));
    results[number].resize(sizeOf(type));
  }
  ember::setProcessThreads(0);
  return {executable->kernelNames.size(), executable->resultAlias, results};
}

// Parameters of three sizes, two of them of one shape, with a shared rate; a bias whose gradient is a column sum; a transposed
// copy.
constexpr const char *kUpdates = R"(
func.func @main(%a: tensor<37x19xf32> {ember.donated = -1 : i64}, %ga: tensor<37x19xf32>,
                %b: tensor<5000xf32> {ember.donated = -1 : i64}, %gb: tensor<5000xf32>,
                %c: tensor<5000xf32> {ember.donated = -1 : i64}, %gc: tensor<5000xf32>,
                %bias: tensor<19xf32> {ember.donated = -1 : i64}, %g: tensor<200x19xf32>, %rate: tensor<f32>)
    -> (tensor<37x19xf32>, tensor<5000xf32>, tensor<5000xf32>, tensor<19xf32>, tensor<19x200xf32>) {
  %ra = ember.broadcast %rate : tensor<f32> -> tensor<37x19xf32>
  %0 = ember.mul %ga, %ra : tensor<37x19xf32>
  %1 = ember.sub %a, %0 : tensor<37x19xf32>
  %rb = ember.broadcast %rate : tensor<f32> -> tensor<5000xf32>
  %2 = ember.mul %gb, %rb : tensor<5000xf32>
  %3 = ember.sub %b, %2 : tensor<5000xf32>
  %4 = ember.mul %gc, %rb : tensor<5000xf32>
  %5 = ember.sub %c, %4 : tensor<5000xf32>
  %s = ember.sum %g [0] : tensor<200x19xf32> -> tensor<19xf32>
  %rs = ember.broadcast %rate : tensor<f32> -> tensor<19xf32>
  %6 = ember.mul %s, %rs : tensor<19xf32>
  %7 = ember.sub %bias, %6 : tensor<19xf32>
  %8 = ember.transpose %g [1, 0] : tensor<200x19xf32> -> tensor<19x200xf32>
  return %1, %3, %5, %7, %8 : tensor<37x19xf32>, tensor<5000xf32>, tensor<5000xf32>, tensor<19xf32>, tensor<19x200xf32>
})";

TEST(Sweep, UpdatesOfAllParametersAreOneLaunchInTheirMemory) {
  Outcome apart = runProgram(kUpdates, false, 1);
  EXPECT_GT(apart.launches, 8u);
  for (unsigned threads : {1u, 2u, 3u}) {
    Outcome together = runProgram(kUpdates, true, threads);
    EXPECT_EQ(together.launches, 1u);
    EXPECT_EQ(together.results, apart.results) << threads << " threads";
    EXPECT_EQ(together.aliases[0], 0);
    EXPECT_TRUE(together.aliases[1] == 2 || together.aliases[1] == 4) << together.aliases[1];
    EXPECT_EQ(together.aliases[3], 6);
    EXPECT_EQ(together.aliases[4], -1);
  }
}

// A parameter that another part of the sweep reads stays as it is.
TEST(Sweep, WhatAnotherPartReadsIsNotReplaced) {
  Outcome run = runProgram(R"(
func.func @main(%a: tensor<50xf32> {ember.donated = -1 : i64}, %g: tensor<50xf32>) -> (tensor<50xf32>, tensor<f32>) {
  %0 = ember.sub %a, %g : tensor<50xf32>
  %1 = ember.sum %a [0] : tensor<50xf32> -> tensor<f32>
  return %0, %1 : tensor<50xf32>, tensor<f32>
})",
                           true, 1);
  if (run.launches == 1) {
    EXPECT_EQ(run.aliases[0], -1);
  }
}

// An update behind a product stands in its parameter's memory, unless the product reads the parameter.
TEST(InPlace, UpdateBehindAProduct) {
  constexpr const char *text = R"(
func.func @main(%w: tensor<33x33xf32> {ember.donated = -1 : i64}, %x: tensor<33x33xf32>, %g: tensor<33x33xf32>) -> tensor<33x33xf32> {
  %0 = ember.matmul %x, %g : tensor<33x33xf32>, tensor<33x33xf32> -> tensor<33x33xf32>
  %1 = ember.sub %w, %0 : tensor<33x33xf32>
  return %1 : tensor<33x33xf32>
})";
  Outcome fused = runProgram(text, true, 2), apart = runProgram(text, false, 1);
  EXPECT_EQ(fused.launches, 1u);
  EXPECT_EQ(fused.aliases[0], 0);
  EXPECT_EQ(fused.results, apart.results);
  std::string readsIt = text;
  readsIt.replace(readsIt.find("%x, %g :"), 2, "%w");
  Outcome kept = runProgram(readsIt.c_str(), true, 2);
  EXPECT_EQ(kept.aliases[0], -1);
  EXPECT_EQ(kept.results, runProgram(readsIt.c_str(), false, 1).results);
}

// Also where the depth is cut into blocks, whose sums stand somewhere in between.
TEST(InPlace, UpdateBehindADeepProduct) {
  constexpr const char *text = R"(
func.func @main(%w: tensor<33x70xf32> {ember.donated = -1 : i64}, %x: tensor<33x3000xf32>, %g: tensor<3000x70xf32>) -> tensor<33x70xf32> {
  %0 = ember.matmul %x, %g : tensor<33x3000xf32>, tensor<3000x70xf32> -> tensor<33x70xf32>
  %1 = ember.sub %w, %0 : tensor<33x70xf32>
  return %1 : tensor<33x70xf32>
})";
  Outcome fused = runProgram(text, true, 2);
  EXPECT_EQ(fused.aliases[0], 0);
  EXPECT_EQ(fused.results, runProgram(text, false, 1).results);
}

} // namespace
