// Every op on every dtype that it takes, on special values, on empty dimensions and those of size 1, with static and with named
// sizes, and on operands that are read through views: against the reference within what the op declares, and equal bits fused,
// unfused and with both vector widths.
#include "codegen/Verify.h"
#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "tests/ops/OpSamples.h"
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace ember;
using namespace ember::ir;
using namespace ember::tests;

namespace {

using Bytes = std::vector<std::vector<char>>;
constexpr const char *kTargets[] = {"x86-64-v4", "x86-64-v3"};
const Sizes kUsual = {{"M", 5}, {"N", 37}}, kOnes = {{"M", 1}, {"N", 1}}, kNoRows = {{"M", 0}, {"N", 3}},
            kNoColumns = {{"M", 2}, {"N", 0}};

struct Case {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  SampleProgram program;
  OwningOpRef<ModuleOp> module;

  Case(const OpSample &sample, const std::string &dtype, const Sizes &sizes, bool throughViews)
      : program(sample, dtype, sizes, throughViews) {
    loadDialects(context);
    module = parseSourceString<ModuleOp>(program.text, &context);
  }

  func::FuncOp function() { return module->lookupSymbol<func::FuncOp>("main"); }

  RankedTensorType resolved(Type type, const Sizes &sizes) {
    SmallVector<int64_t> shape;
    for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(type)))
      shape.push_back(size.evaluate(sizes));
    return RankedTensorType::get(shape, cast<RankedTensorType>(type).getElementType());
  }

  // Sums of the largest numbers overflow on the way, where the reference does not.
  bool sumsUp() {
    bool sums = false;
    module->walk([&](ToleranceOp op) { sums |= op.relativeToMagnitude() || isa<DecomposableOp>(op.getOperation()); });
    return sums;
  }

  // The bits of results, every NaN the same one. Poison behind them must stay.
  Bytes run(const std::vector<void *> &arguments, const Sizes &sizes, const CompileOptions &options) {
    auto executable = compileProgram(*module, options);
    Bytes results;
    std::vector<void *> out;
    for (Type type : function().getResultTypes()) {
      RankedTensorType own = resolved(type, sizes);
      results.emplace_back(own.getNumElements() * byteWidth(own.getElementType()) + 64, '\xa5');
    }
    for (auto &bytes : results)
      out.push_back(bytes.data());
    EXPECT_FALSE(executable->run(arguments, out, sizes).happened);
    for (auto [type, bytes] : llvm::zip_equal(function().getResultTypes(), results)) {
      EXPECT_EQ(std::string(bytes.end() - 64, bytes.end()), std::string(64, '\xa5')) << "written past the end";
      ReferenceTensor value = referenceOf(resolved(type, sizes), bytes.data());
      for (double &number : value.reals)
        number = std::isnan(number) ? NAN : number;
      writeBytes(value, bytes.data());
    }
    return results;
  }

  void check(const Sizes &sizes, bool training) {
    if (!program.admits(sizes))
      return;
    SCOPED_TRACE("M = " + std::to_string(sizes.at("M")) + ", N = " + std::to_string(sizes.at("N")) +
                 (training ? "" : ", evaluating") + "\n" + program.text);
    std::mt19937 random(7);
    Bytes memory;
    std::vector<void *> arguments;
    for (auto [argument, type] : llvm::zip_equal(program.arguments, function().getArgumentTypes())) {
      ReferenceTensor value = drawArgument(argument, resolved(type, sizes), sizes,
                                           {.numbers = Numbers::Special, .rare = sumsUp(), .training = training}, random);
      memory.emplace_back(value.size() * byteWidth(value.type.getElementType()) + 64);
      writeBytes(value, memory.back().data());
    }
    for (auto &bytes : memory)
      arguments.push_back(bytes.data());
    EXPECT_EQ(verifyOps(*module, arguments, sizes, {}).difference, "");
    Bytes expected;
    for (const char *target : kTargets)
      for (bool fuse : {false, true}) {
        Bytes found = run(arguments, sizes, {.target = target, .simplify = fuse, .fuse = fuse});
        if (expected.empty())
          expected = found;
        EXPECT_EQ(found, expected) << "other bits: " << target << (fuse ? ", fused" : ", unfused");
      }
  }
};

void checkAll(const OpSample &sample, const std::string &dtype, const Sizes &sizes, bool throughViews,
              std::initializer_list<Sizes> at) {
  Case test(sample, dtype, sizes, throughViews);
  ASSERT_TRUE(test.module) << test.program.text;
  bool hasMode = sample.arguments.find("%t") != std::string::npos;
  for (const Sizes &own : at)
    for (bool training : {true, false})
      if (training || hasMode)
        test.check(own, training);
}

std::vector<std::string> sampledOps() {
  std::set<std::string> names;
  for (const OpSample &sample : opSamples())
    names.insert(sample.op);
  return {names.begin(), names.end()};
}

class OpValues : public testing::TestWithParam<std::string> {
protected:
  template <typename Check> void forEachSample(Check check) {
    for (const OpSample &sample : opSamples())
      if (sample.op == GetParam())
        for (const std::string &dtype : dtypesOf(sample.dtypes)) {
          SCOPED_TRACE(dtype);
          check(sample, dtype);
          if (HasFailure())
            return;
        }
  }
};

TEST_P(OpValues, NamedSizes) {
  forEachSample([](const OpSample &sample, const std::string &dtype) {
    checkAll(sample, dtype, {}, false, {kUsual, kOnes, kNoRows, kNoColumns});
  });
}

TEST_P(OpValues, StaticSizesThroughViews) {
  forEachSample([](const OpSample &sample, const std::string &dtype) {
    if (dtype == "f32" || dtype == "i1")
      checkAll(sample, dtype, kUsual, true, {kUsual});
    if (dtype == "f32")
      for (const Sizes &sizes : {kOnes, kNoRows, kNoColumns})
        checkAll(sample, dtype, sizes, false, {sizes});
  });
}

// What the table says of an op's dtypes is what the op takes.
TEST_P(OpValues, OtherDtypesAreRefused) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  ScopedDiagnosticHandler silent(&context, [](Diagnostic &) { return success(); });
  for (const OpSample &sample : opSamples()) {
    std::vector<std::string> own = dtypesOf(sample.dtypes);
    if (sample.op != GetParam() || sample.dtypes == Dtypes::Single)
      continue;
    for (const std::string &dtype : dtypesOf(Dtypes::All)) {
      bool isTaken = static_cast<bool>(parseSourceString<ModuleOp>(SampleProgram(sample, dtype, {}).text, &context));
      EXPECT_EQ(isTaken, llvm::is_contained(own, dtype)) << dtype;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpValues, testing::ValuesIn(sampledOps()), [](const auto &info) { return info.param; });

// Structure around kernels and records; no program that is compiled holds it.
const std::set<std::string> kStructure = {"kernel", "yield", "leaf", "custom_function"};

TEST(OpSamples, HoldEveryOp) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  std::vector<std::string> sampled = sampledOps();
  for (RegisteredOperationName name : context.getRegisteredOperations()) {
    std::string own = name.stripDialect().str();
    if (name.getDialectNamespace() == "ember" && !kStructure.count(own)) {
      EXPECT_TRUE(llvm::is_contained(sampled, own)) << own << " has no sample in tests/ops/OpSamples.cpp";
    }
  }
}

} // namespace
