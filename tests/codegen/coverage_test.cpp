// No op without its parts: a gradient or the word that it has none, a reference, and a lowering on the target. ir/OPS.md is what
// this test finds; EMBER_UPDATE=1 writes it anew.
#include "codegen/Compiler.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

using namespace mlir;
using namespace ember::ir;

namespace {

// What stands around kernels and records; no program that is compiled holds it.
bool isStructure(StringRef name) {
  return name == "ember.kernel" || name == "ember.yield" || name == "ember.leaf" || name == "ember.custom_function";
}

const char *familyOf(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>())
    return "constant";
  if (isa<DecomposableOp>(op))
    return "decomposed";
  if (isa<ViewOp>(op))
    return "view";
  if (isa<ContractionOp>(op))
    return "contraction";
  if (isa<ReductionOp>(op))
    return "reduction";
  if (auto opaque = dyn_cast<OpaqueOp>(op))
    return opaque.kernelKind().data();
  return isa<ScalarOp>(op) ? "elementwise" : "";
}

// What the cpu target makes of an op that stands alone.
std::string loweringOf(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>() || isa<DecomposableOp>(op))
    return "in its readers' kernels";
  SmallVector<Value> outputs(op->getResults());
  return ember::cpu::CpuTarget().consider({op}, outputs).generator;
}

std::string gradientOf(Operation *op) {
  if (isa<DifferentiableOp>(op))
    return "yes";
  return op->hasTrait<NoGradient>() || op->hasTrait<OpTrait::ConstantLike>() ? "none" : "";
}

std::string toleranceOf(Operation *op) {
  auto tolerance = dyn_cast<ToleranceOp>(op);
  if (!tolerance)
    return "exact";
  std::ostringstream text;
  text << tolerance.allowedUlps() << (tolerance.relativeToMagnitude() ? " of the terms' sum" : "");
  return text.str();
}

TEST(OpCoverage, EveryOpHasItsParts) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  auto module = parseSourceFile<ModuleOp>(EMBER_TESTS_DIR "/ir/every-op.mlir", &context);
  ASSERT_TRUE(module);
  std::map<std::string, std::string> rows;
  module->walk([&](Operation *op) {
    std::string name = op->getName().getStringRef().str();
    if (!isa<EmberDialect>(op->getDialect()) || isStructure(name) || rows.count(name))
      return;
    EXPECT_NE(familyOf(op), std::string()) << name << " belongs to no family";
    EXPECT_NE(gradientOf(op), "") << name << " has neither a gradient nor the word that it has none";
    EXPECT_TRUE((isa<ReferenceOp, ScalarOp>(op))) << name << " has no reference";
    EXPECT_NE(loweringOf(op), "") << name << " is taken by no generator of the cpu";
    rows[name] =
        "| `" + name + "` | " + familyOf(op) + " | " + gradientOf(op) + " | " + toleranceOf(op) + " | " + loweringOf(op) + " |\n";
  });
  std::string table = "# Ops\nWhat `tests/codegen/coverage_test.cpp` finds of every op: its family (the interface that passes "
                      "and generators ask), whether it "
                      "has a\ngradient, by how many ulps compiled code may differ from the reference, and the cpu generator that "
                      "takes it alone.\n\n"
                      "| op | family | gradient | ulps | cpu |\n|---|---|---|---|---|\n";
  for (const auto &[name, row] : rows)
    table += row;
  const char *path = EMBER_TESTS_DIR "/../ir/OPS.md";
  if (std::getenv("EMBER_UPDATE"))
    std::ofstream(path) << table;
  std::ifstream file(path);
  std::string committed((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(committed, table) << "ir/OPS.md is not what the ops say: run this test with EMBER_UPDATE=1";
}

} // namespace
