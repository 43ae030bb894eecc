// Names of state, where memory is shared: what they say, and what does not fit.
#include "ir/EmberDialect.h"
#include "ir/Signature.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace ember::ir;

namespace {

struct Row {
  const char *attributes, *names; // "" where they do not fit
};

constexpr Row kRows[] = {
    {"", "none"},
    {R"(attributes {ember.state_names = "a\0Ab.c\0Ad", ember.state_arguments = array<i64: 1, 2, 1>})", "a=1 b.c=2 d=1 "},
    {R"(attributes {ember.state_names = "a"})", ""},
    {R"(attributes {ember.state_arguments = array<i64: 1>})", ""},
    {R"(attributes {ember.state_names = 7 : i64, ember.state_arguments = array<i64: 1>})", ""},
    {R"(attributes {ember.state_names = "a\0Ab", ember.state_arguments = array<i64: 1>})", ""},
    {R"(attributes {ember.state_names = "a", ember.state_arguments = array<i64: 3>})", ""},
    {R"(attributes {ember.state_names = "a", ember.state_arguments = array<i64: -1>})", ""},
    {R"(attributes {ember.state_names = "a", ember.state_arguments = array<i64: 0>})", ""}, // an input
};

TEST(Signature, NamesOfState) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<EmberDialect, mlir::func::FuncDialect>();
  for (const Row &row : kRows) {
    SCOPED_TRACE(row.attributes);
    std::string text =
        std::string(R"(func.func @main(%x: tensor<2xf32>, %w: tensor<2xf32> {ember.name = "a", ember.role = "parameter"},
        %b: tensor<2xf32> {ember.name = "b.c", ember.role = "buffer"}) )") +
        row.attributes + " { return }";
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    auto names = stateNames(*module->getOps<mlir::func::FuncOp>().begin());
    std::string found = names && names->empty() ? "none" : "";
    for (const StateName &own : names.value_or(std::vector<StateName>()))
      found += own.name + "=" + std::to_string(own.argument) + " ";
    EXPECT_EQ(found, row.names);
  }
}

} // namespace
