// Passes on random graphs, with special values: the interpreter gives the same bits before and after each.
#include "codegen/Compiler.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "mlir/IR/Verifier.h"
#include "passes/FoldConstants.h"
#include "passes/Rematerialize.h"
#include "passes/Simplify.h"
#include "tests/graphs/RandomGraph.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace ember::ir;

namespace {

using Bits = std::vector<std::vector<char>>;

struct Program {
  explicit Program(unsigned seed) : seed(seed), context(MLIRContext::Threading::DISABLED) {
    ember::loadDialects(context);
    graph = ember::tests::randomGraph(context, seed, {.length = 12, .mostElements = 60});
  }

  // The results' bits; a NaN is one, whatever its sign and payload.
  Bits interpreted() {
    auto results = interpret(graph.function(), ember::tests::randomArguments(graph, seed, true));
    EXPECT_TRUE(succeeded(results));
    Bits bits;
    for (ReferenceTensor &result : *results) {
      for (double &number : result.reals)
        number = std::isnan(number) ? NAN : number;
      bits.emplace_back(result.size() * byteWidth(result.type.getElementType()));
      writeBytes(result, bits.back().data());
    }
    return bits;
  }

  unsigned seed;
  MLIRContext context;
  ember::tests::RandomGraph graph;
};

size_t opCount(func::FuncOp function) {
  return std::distance(function.getBody().front().begin(), function.getBody().front().end());
}

TEST(RandomGraphs, SimplifyAndFoldConstantsKeepBits) {
  size_t before = 0, after = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Program program(seed);
    func::FuncOp function = program.graph.function();
    Bits expected = program.interpreted();
    before += opCount(function);
    ember::passes::foldConstants(function);
    ASSERT_EQ(program.interpreted(), expected) << "fold-constants, seed " << seed;
    ember::passes::simplify(function);
    ASSERT_EQ(program.interpreted(), expected) << "simplify, seed " << seed;
    ASSERT_TRUE(succeeded(verify(*program.graph.module))) << "seed " << seed;
    after += opCount(function);
  }
  EXPECT_LT(after, before * 9 / 10); // the programs do hold what simplifies
}

TEST(RandomGraphs, RematerializeKeepsBits) {
  int64_t saved = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    Program program(seed);
    if (!program.graph.sizes.empty())
      continue; // bytes are known only at run time
    func::FuncOp function = program.graph.function();
    Bits expected = program.interpreted();
    Operation *split = ember::passes::opAtPeak(function);
    for (unsigned i = 0; split && i < seed % 5 && split->getPrevNode(); ++i) // about the peak
      split = split->getPrevNode();
    if (split)
      saved += ember::passes::rematerialize(function, split);
    ASSERT_EQ(program.interpreted(), expected) << "seed " << seed;
    ASSERT_TRUE(succeeded(verify(*program.graph.module))) << "seed " << seed;
  }
  EXPECT_GT(saved, 0);
}

} // namespace
