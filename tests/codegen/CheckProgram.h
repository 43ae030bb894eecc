// Runs a program compiled in every way and holds it against the reference interpreter.
#pragma once

#include "codegen/Compiler.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>
#include <random>

namespace ember::tests {

using namespace mlir;
using namespace ember::ir;

struct Options {
  bool fuse;
  const char *target;
};

inline RankedTensorType resolved(Type type, int64_t batch) {
  SmallVector<int64_t> shape;
  for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(type)))
    shape.push_back(size.evaluate({{"B", batch}}));
  return RankedTensorType::get(shape, cast<RankedTensorType>(type).getElementType());
}

// Runs compiled code; every result is followed by poison that must stay.
inline std::vector<std::vector<char>> runCompiled(ModuleOp module, std::vector<std::vector<char>> &arguments, int64_t batch,
                                                  Options options) {
  auto executable = ember::compileProgram(module, {.target = options.target, .fuse = options.fuse});
  auto function = module.lookupSymbol<func::FuncOp>("main");
  std::vector<std::vector<char>> results;
  std::vector<void *> in, out;
  for (auto &bytes : arguments)
    in.push_back(bytes.data());
  for (Type type : function.getResultTypes()) {
    RankedTensorType own = resolved(type, batch);
    results.emplace_back(own.getNumElements() * byteWidth(own.getElementType()) + 64, '\xa5');
  }
  for (auto &bytes : results)
    out.push_back(bytes.data());
  EXPECT_FALSE(executable->run(in, out, {{"B", batch}}).happened);
  for (auto &bytes : results) {
    EXPECT_EQ(std::string(bytes.end() - 64, bytes.end()), std::string(64, '\xa5')) << "written past the end";
    bytes.resize(bytes.size() - 64);
  }
  return results;
}

/// Fused and unfused, with both vector widths: equal bits, within `ulps` of the reference (of 1 for smaller numbers).
inline void checkProgram(const std::string &text, double ulps) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  auto function = module->lookupSymbol<func::FuncOp>("main");
  constexpr int64_t batch = 11;
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  std::vector<std::vector<char>> arguments;
  std::vector<ReferenceTensor> values;
  for (Type type : function.getArgumentTypes()) {
    ReferenceTensor value = ReferenceTensor::zeros(resolved(type, batch));
    for (int64_t i = 0; i < value.size(); ++i)
      value.set(i, value.isReal()
                       ? roundTo(value.type.getElementType(), Scalar::real(normal(random)))
                       : roundTo(value.type.getElementType(), Scalar::integer(static_cast<int64_t>(random() % 7) - 3)));
    std::vector<char> bytes(value.size() * byteWidth(value.type.getElementType()) + 64);
    writeBytes(value, bytes.data());
    arguments.push_back(bytes);
    values.push_back(value);
  }
  auto expected = interpret(function, values);
  ASSERT_TRUE(succeeded(expected));
  std::vector<std::vector<std::vector<char>>> all;
  for (Options options :
       {Options{true, "x86-64-v4"}, Options{true, "x86-64-v3"}, Options{false, "x86-64-v4"}, Options{false, "x86-64-v3"}})
    all.push_back(runCompiled(*module, arguments, batch, options));
  for (size_t i = 1; i < all.size(); ++i)
    EXPECT_EQ(all[0], all[i]) << "bits differ between fused and unfused or between vector widths (variant " << i << ")";
  for (size_t r = 0; r < expected->size(); ++r) {
    ReferenceTensor found = referenceOf((*expected)[r].type, all[0][r].data());
    Type element = found.type.getElementType();
    double unit = element.isF64()    ? 0x1p-52
                  : element.isF32()  ? 0x1p-23
                  : element.isF16()  ? 0x1p-10
                  : element.isBF16() ? 0x1p-7
                                     : 0;
    for (int64_t i = 0; i < found.size(); ++i) {
      double want = (*expected)[r].at(i).real(), have = found.at(i).real();
      ASSERT_LE(std::abs(want - have), ulps * unit * std::max(1.0, std::abs(want)))
          << "result " << r << " element " << i << ": " << have << " expected " << want;
    }
  }
}

} // namespace ember::tests
