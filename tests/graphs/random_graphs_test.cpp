// Random graphs, forward and backward: each op against the reference, and equal bits however the graph is compiled and run.
//   ember_graph_tests [--count N] [--seed S]   default: 200 graphs from seed 1 on
#include "codegen/Verify.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "mlir/IR/Verifier.h"
#include "tests/graphs/RandomGraph.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace ember;
using namespace ember::ir;

namespace {

uint32_t graphCount = 200, firstSeed = 1;
constexpr uint32_t kParts = 4; // tests that may run side by side
constexpr int64_t kPoison = 64;

using Bytes = std::vector<std::vector<char>>;

tests::RandomGraph graphOf(MLIRContext &context, uint32_t seed) {
  return tests::randomGraph(context, seed, {.length = 4 + static_cast<int>(seed % 12)});
}

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

class Checked {
public:
  explicit Checked(uint32_t seed) : context(MLIRContext::Threading::DISABLED) {
    loadDialects(context);
    graph = graphOf(context, seed);
    for (bool special : {false, true})
      memory.push_back(bytesOf(tests::randomArguments(graph, seed, special)));
  }

  void check() {
    ASSERT_TRUE(succeeded(verify(*graph.module))) << textOf(*graph.module);
    const std::vector<Bytes> before = memory;
    // As written and for one target: its kernels are those of the first program below.
    Verification verified =
        verifyOps(*graph.module, pointersTo(memory[0]), graph.sizes, {.target = kPrograms[0].target, .simplify = false});
    ASSERT_EQ(verified.difference, "") << textOf(*graph.module);
    std::vector<Bytes> expected(memory.size());
    for (const auto &[target, fuse] : kPrograms) {
      auto executable = compileProgram(*graph.module, {.target = target, .simplify = fuse, .fuse = fuse});
      for (unsigned threads : {1, 2, 3, 7}) {
        setProcessThreads(threads);
        for (size_t drawn = 0; drawn < memory.size(); ++drawn) {
          Bytes found = run(*executable, memory[drawn]);
          if (expected[drawn].empty())
            expected[drawn] = found;
          for (size_t r = 0; r < found.size(); ++r)
            ASSERT_TRUE(found[r] == expected[drawn][r])
                << "other bits in result " << r << ": " << target << (fuse ? " simplified and fused, " : " as written, ")
                << threads << " threads" << (drawn ? ", special values" : "") << "\n"
                << textOf(*graph.module);
        }
      }
    }
    EXPECT_EQ(memory, before) << "an argument was written";
  }

private:
  struct Way {
    const char *target;
    bool fuse;
  };
  static constexpr Way kPrograms[] = {{"x86-64-v4", false}, {"x86-64-v4", true}, {"x86-64-v3", true}};

  static Bytes bytesOf(const std::vector<ReferenceTensor> &values) {
    Bytes bytes;
    for (const ReferenceTensor &value : values) {
      bytes.emplace_back(value.size() * byteWidth(value.type.getElementType()) + kPoison);
      writeBytes(value, bytes.back().data());
    }
    return bytes;
  }
  static std::vector<void *> pointersTo(Bytes &bytes) {
    std::vector<void *> pointers;
    for (auto &own : bytes)
      pointers.push_back(own.data());
    return pointers;
  }

  // The results' bits, every NaN the same one.
  Bytes run(Executable &executable, Bytes &arguments) {
    Bytes results;
    for (Type type : graph.function().getResultTypes()) {
      RankedTensorType own = tests::resolved(graph, type);
      results.emplace_back(own.getNumElements() * byteWidth(own.getElementType()) + kPoison, '\xa5');
    }
    EXPECT_FALSE(executable.run(pointersTo(arguments), pointersTo(results), graph.sizes).happened);
    for (auto [type, bytes] : llvm::zip_equal(graph.function().getResultTypes(), results)) {
      EXPECT_EQ(std::string(bytes.end() - kPoison, bytes.end()), std::string(kPoison, '\xa5')) << "written past the end";
      ReferenceTensor value = referenceOf(tests::resolved(graph, type), bytes.data());
      if (llvm::any_of(value.reals, [](double number) { return std::isnan(number); })) {
        for (double &number : value.reals)
          number = std::isnan(number) ? NAN : number;
        writeBytes(value, bytes.data());
      }
    }
    return results;
  }

  MLIRContext context;
  tests::RandomGraph graph;
  std::vector<Bytes> memory; // arguments: ordinary ones, and with special values among them
};

class RandomGraphs : public testing::TestWithParam<uint32_t> {};

TEST_P(RandomGraphs, MatchReferenceAndEachOther) {
  for (uint32_t i = GetParam(); i < graphCount && !HasFailure(); i += kParts) {
    SCOPED_TRACE("--count 1 --seed " + std::to_string(firstSeed + i));
    Checked(firstSeed + i).check();
  }
}

INSTANTIATE_TEST_SUITE_P(Part, RandomGraphs, testing::Range(0u, kParts));

// What the graphs of the default count hold: every op, every dtype, dimensions that are empty, of size 1 and named.
TEST(RandomGraphCoverage, EveryOpDtypeAndKindOfSize) {
  std::set<std::string> held, expected;
  std::map<std::string, int> sizes;
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    tests::RandomGraph graph = graphOf(context, seed);
    graph.module->walk([&](Operation *op) {
      held.insert(op->getName().getStringRef().str());
      for (Type type : op->getResultTypes()) {
        std::string dtype;
        llvm::raw_string_ostream(dtype) << cast<RankedTensorType>(type).getElementType();
        held.insert(dtype);
        for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(type)))
          ++sizes[!size.isConstant() ? "named" : size == SizeExpr(0) ? "empty" : size == SizeExpr(1) ? "one" : "other"];
      }
    });
  }
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (name.getDialectNamespace() == "ember")
      expected.insert(name.getStringRef().str());
  for (const char *structure : {"ember.kernel", "ember.yield", "ember.leaf", "ember.custom_function"})
    expected.erase(structure);
  for (const char *dtype : {"f64", "f32", "bf16", "f16", "i64", "i32", "i16", "i8", "ui64", "ui32", "ui16", "ui8", "i1"})
    expected.insert(dtype);
  for (const std::string &name : expected)
    EXPECT_TRUE(held.count(name)) << name << " is in none of the default graphs";
  for (const char *kind : {"named", "empty", "one"})
    EXPECT_GT(sizes[kind], 50) << kind;
}

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
