// Gradients of batch_norm and dropout, in both modes, against central differences of the interpreter.
#include "codegen/Compiler.h"
#include "ir/interpret/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/Passes.h"
#include "runtime/include/ember_rt.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace ember::ir;

namespace {

// A scalar that weighs every element of %y differently: sum(y * y * c).
std::string weighed(const std::string &op) {
  return R"(func.func @main(%x: tensor<4x3x2xf64>, %w: tensor<3xf64>, %b: tensor<3xf64>, %m: tensor<3xf64>, %v: tensor<3xf64>,
      %c: tensor<4x3x2xf64>, %t: tensor<i1>, %p: tensor<f64>, %e: tensor<f64>, %s: tensor<5056xui8>) -> tensor<f64> {
    )" + op +
         R"(
    %0 = ember.mul %y, %y : tensor<4x3x2xf64>
    %1 = ember.mul %0, %c : tensor<4x3x2xf64>
    %2 = ember.sum %1 [0, 1, 2] : tensor<4x3x2xf64> -> tensor<f64>
    return %2 : tensor<f64> })";
}

constexpr const char *kBatchNorm = "%count = ember.constant dense<0> : tensor<i64>\n"
                                   "%y, %nm, %nv, %own, %i, %nn = ember.batch_norm %x, %w, %b, %m, %v, %t, %p, %e, %count "
                                   ": tensor<4x3x2xf64>, tensor<3xf64>";
constexpr const char *kDropout = "%y, %scale, %n = ember.dropout %x, %p, %t, %s : tensor<4x3x2xf64>";

std::vector<ReferenceTensor> argumentsOf(func::FuncOp function, bool training) {
  std::vector<ReferenceTensor> arguments;
  for (auto [number, type] : llvm::enumerate(function.getArgumentTypes())) {
    ReferenceTensor value = ReferenceTensor::zeros(cast<RankedTensorType>(type));
    for (int64_t i = 0; i < value.size() && value.isReal(); ++i)
      value.reals[i] = number == 4 ? 1 + 0.3 * i : std::cos(1.7 * i + number); // a variance is positive
    arguments.push_back(value);
  }
  arguments[6].integers[0] = training;
  arguments[7].reals[0] = 0.25;
  arguments[8].reals[0] = 1e-5;
  ember_generator generator = {};
  ember_rt_seed(&generator, 2);
  std::vector<uint8_t> state(5056);
  ember_rt_get_state(&generator, state.data());
  arguments[9].integers.assign(state.begin(), state.end());
  return arguments;
}

// `mode` as an argument, or as a constant: the rules then build one side alone.
void checkGradients(const std::string &op, bool training, bool isConstant) {
  SCOPED_TRACE(op + (training ? " training" : " evaluating") + (isConstant ? ", known" : ", an argument"));
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  std::string text = op;
  if (isConstant) {
    text = std::string("%known = ember.constant dense<") + (training ? "true" : "false") + "> : tensor<i1>\n" + op;
    text.replace(text.find("%t,"), 3, "%known,");
  }
  auto module = parseSourceString<ModuleOp>(weighed(text), &context);
  ASSERT_TRUE(module);
  auto function = module->lookupSymbol<func::FuncOp>("main");
  std::vector<ReferenceTensor> arguments = argumentsOf(function, training);
  OwningOpRef<ModuleOp> derived = module->clone();
  PassManager manager(&context);
  ASSERT_TRUE(succeeded(parsePassPipeline("func.func(ember-autodiff)", manager)));
  ASSERT_TRUE(succeeded(manager.run(*derived)));
  auto results = interpret(derived->lookupSymbol<func::FuncOp>("main"), arguments);
  ASSERT_TRUE(succeeded(results));
  constexpr double step = 1e-5;
  for (size_t number = 0; number < 5; ++number)
    for (int64_t i = 0; i < arguments[number].size(); ++i) {
      double at[2];
      for (int side = 0; side < 2; ++side) {
        std::vector<ReferenceTensor> moved = arguments;
        moved[number].reals[i] += side ? step : -step;
        at[side] = interpret(function, moved)->at(0).reals[0];
      }
      double expected = (at[1] - at[0]) / (2 * step), found = (*results)[1 + number].reals[i];
      EXPECT_NEAR(found, expected, 1e-6 * std::max(1.0, std::abs(expected))) << "argument " << number << ", element " << i;
    }
}

TEST(DecomposedGradients, MatchCentralDifferences) {
  ember::passes::registerPasses();
  for (const char *op : {kBatchNorm, kDropout})
    for (bool training : {false, true})
      for (bool isConstant : {false, true})
        checkGradients(op, training, isConstant);
}

} // namespace
