// Random graphs, forward and backward: each op against the reference, and equal bits however the graph is compiled and run.
//   ember_graph_tests [--count N] [--seed S]   default: 200 graphs from seed 1 on
#include "codegen/Verify.h"
#include "ir/interpret/Bytes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "tests/graphs/RandomGraph.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace ember;
using namespace ember::ir;

namespace {

uint32_t graphCount = 200, firstSeed = 1;
constexpr uint32_t kParts = 4; // tests that may run side by side

using Bytes = std::vector<char>;

Bytes randomArgument(RankedTensorType type, int64_t indexBound, std::mt19937 &random) {
  std::normal_distribution<double> normal;
  ReferenceTensor value = ReferenceTensor::zeros(type);
  for (int64_t i = 0; i < value.size(); ++i)
    value.set(i, indexBound ? Scalar::integer(static_cast<int64_t>(random() % indexBound))
                            : roundTo(type.getElementType(), Scalar::real(normal(random))));
  Bytes bytes(value.size() * byteWidth(type.getElementType()) + 64);
  writeBytes(value, bytes.data());
  return bytes;
}

std::vector<Bytes> runOnce(Executable &executable, func::FuncOp function, const std::vector<void *> &arguments) {
  std::vector<Bytes> results;
  for (Type type : function.getResultTypes()) {
    auto own = cast<RankedTensorType>(type);
    results.emplace_back(own.getNumElements() * byteWidth(own.getElementType()) + 64, '\xa5');
  }
  std::vector<void *> out;
  for (Bytes &bytes : results)
    out.push_back(bytes.data());
  EXPECT_FALSE(executable.run(arguments, out, {}).happened);
  for (auto [number, bytes] : llvm::enumerate(results))
    EXPECT_TRUE(std::all_of(bytes.end() - 64, bytes.end(), [](char byte) { return byte == '\xa5'; }))
        << "written past the end of result " << number;
  return results;
}

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

void check(uint32_t seed) {
  SCOPED_TRACE("--count 1 --seed " + std::to_string(seed));
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  tests::RandomGraph graph = tests::randomGraph(context, seed, 4 + static_cast<int>(seed % 12));
  ASSERT_TRUE(succeeded(verify(*graph.module))) << textOf(*graph.module);
  auto function = graph.module->lookupSymbol<func::FuncOp>("main");
  std::mt19937 random(seed);
  std::vector<Bytes> memory;
  std::vector<void *> arguments;
  for (auto [type, bound] : llvm::zip_equal(function.getArgumentTypes(), graph.indexBounds))
    memory.push_back(randomArgument(cast<RankedTensorType>(type), bound, random));
  for (Bytes &bytes : memory)
    arguments.push_back(bytes.data());
  const std::vector<Bytes> before = memory;

  Verification verified = verifyOps(*graph.module, arguments, {}, {});
  ASSERT_EQ(verified.difference, "") << textOf(*graph.module);
  std::vector<Bytes> expected;
  for (const char *target : {"x86-64-v4", "x86-64-v3"})
    for (bool fuse : {false, true}) {
      auto executable = compileProgram(*graph.module, {.target = target, .simplify = fuse, .fuse = fuse});
      for (unsigned threads : {1, 2, 3, 7}) {
        setProcessThreads(threads);
        std::vector<Bytes> found = runOnce(*executable, function, arguments);
        if (expected.empty())
          expected = found;
        for (size_t r = 0; r < found.size(); ++r)
          ASSERT_TRUE(found[r] == expected[r]) << "other bits in result " << r << ": " << target
                                               << (fuse ? " simplified and fused, " : " as written, ") << threads << " threads\n"
                                               << textOf(*graph.module);
      }
    }
  EXPECT_EQ(memory, before) << "an argument was written";
}

class RandomGraphs : public testing::TestWithParam<uint32_t> {};

TEST_P(RandomGraphs, MatchReferenceAndEachOther) {
  for (uint32_t i = GetParam(); i < graphCount && !HasFailure(); i += kParts)
    check(firstSeed + i);
}

INSTANTIATE_TEST_SUITE_P(Part, RandomGraphs, testing::Range(0u, kParts));

} // namespace

int main(int argc, char **argv) {
  setenv("EMBER_CACHE_DIR", "", 1); // compiled, not found
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; i += 2) {
    uint32_t *number = std::strcmp(argv[i], "--count") == 0  ? &graphCount
                       : std::strcmp(argv[i], "--seed") == 0 ? &firstSeed
                                                             : nullptr;
    if (!number || i + 1 == argc) {
      std::fprintf(stderr, "ember_graph_tests: unknown option '%s', expected --count N or --seed S\n", argv[i]);
      return 1;
    }
    *number = static_cast<uint32_t>(std::strtoul(argv[i + 1], nullptr, 10));
  }
  return RUN_ALL_TESTS();
}
