// Passes on random programs: the interpreter gives the same bits before and after each, and compiled code does too.
#include "codegen/Compiler.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "mlir/Parser/Parser.h"
#include "passes/FoldConstants.h"
#include "passes/Rematerialize.h"
#include "passes/Simplify.h"
#include "tests/passes/RandomGraph.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace ember::ir;

namespace {

struct Program {
  explicit Program(const std::string &text) : context(MLIRContext::Threading::DISABLED) {
    ember::loadDialects(context);
    module = parseSourceString<ModuleOp>(text, &context);
  }
  func::FuncOp function() { return module->lookupSymbol<func::FuncOp>("main"); }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

// Ordinary numbers among those that are no ordinary ones.
std::vector<ReferenceTensor> argumentsOf(func::FuncOp function, unsigned seed) {
  constexpr double special[] = {0.0, -0.0, 1.0, -1.0, INFINITY, -INFINITY, NAN, 1e-40, 3e38};
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<ReferenceTensor> arguments;
  for (Type type : function.getArgumentTypes()) {
    ReferenceTensor value = ReferenceTensor::zeros(cast<RankedTensorType>(type));
    for (int64_t i = 0; i < value.size(); ++i) {
      Scalar number = value.isReal() ? Scalar::real(random() % 4 ? normal(random) : special[random() % 9])
                                     : Scalar::integer(static_cast<int64_t>(random() % 9) - 4);
      value.set(i, roundTo(value.type.getElementType(), number));
    }
    arguments.push_back(value);
  }
  return arguments;
}

using Bits = std::vector<std::vector<char>>;

// The bits of results; a NaN is one, whatever its sign and payload.
Bits bitsOf(std::vector<ReferenceTensor> results) {
  Bits bits;
  for (ReferenceTensor &result : results) {
    for (double &number : result.reals)
      number = std::isnan(number) ? NAN : number;
    bits.emplace_back(result.size() * byteWidth(result.type.getElementType()));
    writeBytes(result, bits.back().data());
  }
  return bits;
}

Bits interpreted(func::FuncOp function, unsigned seed) {
  auto results = interpret(function, argumentsOf(function, seed));
  EXPECT_TRUE(succeeded(results));
  return bitsOf(*results);
}

Bits compiled(Program &program, unsigned seed, const ember::CompileOptions &options) {
  Bits arguments, memory;
  func::FuncOp function = program.function();
  for (const ReferenceTensor &value : argumentsOf(function, seed)) {
    arguments.emplace_back(value.size() * byteWidth(value.type.getElementType()) + 64);
    writeBytes(value, arguments.back().data());
  }
  std::vector<void *> from, to;
  for (auto &bytes : arguments)
    from.push_back(bytes.data());
  for (Type type : function.getResultTypes())
    memory.emplace_back(cast<RankedTensorType>(type).getNumElements() * 8 + 64);
  for (auto &bytes : memory)
    to.push_back(bytes.data());
  EXPECT_FALSE(ember::compileProgram(*program.module, options)->run(from, to, {}).happened);
  std::vector<ReferenceTensor> results;
  for (auto [type, bytes] : llvm::zip_equal(function.getResultTypes(), memory))
    results.push_back(referenceOf(cast<RankedTensorType>(type), bytes.data()));
  return bitsOf(std::move(results));
}

size_t opCount(func::FuncOp function) {
  return std::distance(function.getBody().front().begin(), function.getBody().front().end());
}

TEST(RandomGraphs, SimplifyAndFoldConstantsKeepBits) {
  size_t before = 0, after = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Program program(ember::tests::RandomGraph(seed, 40).text);
    ASSERT_TRUE(program.module);
    Bits expected = interpreted(program.function(), seed);
    before += opCount(program.function());
    ember::passes::foldConstants(program.function());
    ASSERT_EQ(interpreted(program.function(), seed), expected) << "fold-constants, seed " << seed;
    ember::passes::simplify(program.function());
    ASSERT_EQ(interpreted(program.function(), seed), expected) << "simplify, seed " << seed;
    ASSERT_TRUE(succeeded(program.module->verify())) << "seed " << seed;
    after += opCount(program.function());
  }
  EXPECT_LT(after, before * 9 / 10); // the programs do hold what simplifies
}

TEST(RandomGraphs, RematerializeKeepsBits) {
  int64_t saved = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    Program program(ember::tests::RandomGraph(seed, 40).text);
    Bits expected = interpreted(program.function(), seed);
    Operation *split = ember::passes::opAtPeak(program.function());
    for (unsigned i = 0; i < seed % 5 && split->getPrevNode(); ++i) // about the peak
      split = split->getPrevNode();
    saved += ember::passes::rematerialize(program.function(), split);
    ASSERT_EQ(interpreted(program.function(), seed), expected) << "seed " << seed;
    ASSERT_TRUE(succeeded(program.module->verify())) << "seed " << seed;
  }
  EXPECT_GT(saved, 0);
}

TEST(RandomGraphs, CompiledBitsDoNotDependOnPasses) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    Program program(ember::tests::RandomGraph(1000 + seed, 24).text);
    ember::CompileOptions plain;
    plain.simplify = plain.fuse = false;
    Bits expected = compiled(program, seed, plain);
    for (bool fuse : {false, true}) {
      ember::CompileOptions options;
      options.fuse = fuse;
      ASSERT_EQ(compiled(program, seed, options), expected) << "seed " << seed << ", fuse " << fuse;
    }
  }
}

} // namespace
