// Every op that states a gradient, in double: the autodiff pass against central differences of the reference.
#include "codegen/Compiler.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include "passes/Autodiff.h"
#include "tests/ops/OpSamples.h"
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace ember;
using namespace ember::ir;
using namespace ember::tests;

namespace {

const Sizes kSizes = {{"M", 3}, {"N", 4}};

// The gradient that these state is by definition not that of their value.
const std::set<std::string> kOtherGradient = {"with_history", "custom_function"};

std::vector<OpSample> differentiable() {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  std::vector<OpSample> samples;
  for (const OpSample &sample : opSamples())
    if (RegisteredOperationName::lookup("ember." + sample.op, &context)->hasInterface<DifferentiableOp>() &&
        sample.dtypes != Dtypes::Single && !kOtherGradient.count(sample.op))
      samples.push_back(sample);
  return samples;
}

class OpGradients : public testing::TestWithParam<size_t> {};

// Results to which gradients flow here.
bool isMeant(const SampleArgument &result) { return result.dtype == "f64" && result.name[1] != 'n'; }

// A number that weighs every element of every such result differently.
double weighed(const SampleProgram &program, const std::vector<ReferenceTensor> &results) {
  double total = 0;
  for (auto [meaning, result] : llvm::zip_equal(program.results, results))
    for (int64_t i = 0; isMeant(meaning) && i < result.size(); ++i)
      total += result.reals[i] * std::cos(1.0 + static_cast<double>(i));
  return total;
}

// The gradients of `weighed` by the ops' rules: by argument, null where it is no number or nothing depends on it.
std::vector<Value> addGradients(const SampleProgram &program, func::FuncOp function) {
  Operation *end = function.getBody().front().getTerminator();
  OpBuilder builder(end);
  passes::GradientRequest request;
  for (auto [meaning, result] : llvm::zip_equal(program.results, end->getOperands())) {
    auto type = cast<RankedTensorType>(result.getType());
    if (!isMeant(meaning))
      continue;
    ReferenceTensor weights = ReferenceTensor::zeros(type);
    for (int64_t i = 0; i < weights.size(); ++i)
      weights.reals[i] = std::cos(1.0 + static_cast<double>(i));
    OperationState state(function.getLoc(), "ember.constant", {}, {type});
    state.addAttribute("value", DenseElementsAttr::get(type, ArrayRef<double>(weights.reals)));
    request.outputs.push_back(result);
    request.cotangents.push_back(builder.create(state)->getResult(0));
  }
  std::vector<Value> arguments(function.getArguments().begin(), function.getArguments().end());
  for (Value argument : arguments)
    if (isa<FloatType>(getElementTypeOrSelf(argument.getType())))
      request.inputs.push_back(argument);
  auto everywhere = [](Value) { return true; };
  request.flowsThrough = everywhere;
  SmallVector<Value> gradients = passes::buildGradients(builder, request);
  std::vector<Value> byArgument;
  size_t next = 0;
  for (Value argument : arguments)
    byArgument.push_back(isa<FloatType>(getElementTypeOrSelf(argument.getType())) ? gradients[next++] : Value());
  return byArgument;
}

TEST_P(OpGradients, MatchCentralDifferences) {
  OpSample sample = differentiable()[GetParam()];
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  SampleProgram program(sample, "f64", kSizes);
  SCOPED_TRACE(program.text);
  auto module = parseSourceString<ModuleOp>(program.text, &context);
  ASSERT_TRUE(module);
  auto function = module->lookupSymbol<func::FuncOp>("main");
  for (bool training : {true, false}) {
    std::mt19937 random(3);
    std::vector<ReferenceTensor> arguments;
    for (auto [argument, type] : llvm::zip_equal(program.arguments, function.getArgumentTypes()))
      arguments.push_back(drawArgument(argument, cast<RankedTensorType>(type), kSizes,
                                       {.low = sample.low, .high = sample.high, .training = training}, random));
    OwningOpRef<func::FuncOp> derived = function.clone();
    std::vector<Value> gradients = addGradients(program, *derived);
    SmallVector<Value> returned;
    for (Value gradient : gradients)
      if (gradient)
        returned.push_back(gradient);
    derived->getBody().front().getTerminator()->setOperands(returned);
    derived->setType(FunctionType::get(&context, function.getArgumentTypes(), llvm::to_vector(ValueRange(returned).getTypes())));
    auto found = interpret(*derived, arguments);
    ASSERT_TRUE(succeeded(found));
    size_t next = 0;
    for (size_t number = 0; number < arguments.size(); ++number) {
      char holds = program.arguments[number].name[1];
      if (!arguments[number].isReal() || holds == 'p')
        continue; // probabilities, momentum and eps have no gradient
      const ReferenceTensor *own = nullptr;
      if (gradients[number])
        own = &(*found)[next++];
      for (int64_t i = 0; i < arguments[number].size(); ++i) {
        constexpr double step = 1e-5;
        double at[2];
        for (int side = 0; side < 2; ++side) {
          std::vector<ReferenceTensor> moved = arguments;
          moved[number].reals[i] += side ? step : -step;
          at[side] = weighed(program, *interpret(function, moved));
        }
        double expected = (at[1] - at[0]) / (2 * step);
        ASSERT_NEAR(own ? own->reals[i] : 0, expected, 1e-6 * std::max(1.0, std::abs(expected)))
            << program.arguments[number].name << " element " << i << (training ? "" : ", evaluating");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpGradients, testing::Range<size_t>(0, differentiable().size()),
                         [](const auto &info) { return differentiable()[info.param].op + "_" + std::to_string(info.param); });

// An op that states a gradient and has no case here is found by its name.
TEST(OpGradientSamples, HoldEveryOpWithAGradient) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  std::set<std::string> tested;
  for (const std::string &op : kOtherGradient)
    tested.insert("ember." + op);
  for (const OpSample &sample : differentiable())
    tested.insert("ember." + sample.op);
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (name.getDialectNamespace() == "ember" && name.hasInterface<DifferentiableOp>()) {
      EXPECT_TRUE(tested.count(name.getStringRef().str())) << name.getStringRef().str();
    }
}

} // namespace
