// Packages against damage: every truncation, every flipped byte, and random changes that the checksums do not see.
#include "Packages.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>
#include <random>
#include <set>

using namespace ember::ir;

namespace {

TEST_F(Packages, KeepTheProgramAndItsMemory) {
  packed();
  Package package = readPackage(path, context);
  EXPECT_EQ(package.producer.rfind("ember ", 0), 0u);
  EXPECT_EQ(textOf(*package.module), textOf(*mlir::parseSourceString<mlir::ModuleOp>(kProgram, &context)));
  ASSERT_EQ(package.weights.size(), 2u);
  EXPECT_EQ(package.weights[0].bytes, sizeof weight);
  EXPECT_EQ(std::memcmp(package.weights[0].data, weight, sizeof weight), 0);
  EXPECT_EQ(std::memcmp(package.weights[1].data, count, sizeof count), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(package.weights[1].data) % 64, 0u);
}

// What the reader refuses of a signature is not written.
TEST_F(Packages, SignaturesAreChecked) {
  auto writingSays = [&](const char *from, const char *to) {
    std::string program = kProgram;
    program.replace(program.find(from), strlen(from), to);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(program, &context);
    return writeError(*module, {{weight, sizeof weight}, {count, sizeof count}});
  };
  EXPECT_EQ(writingSays("role = \"buffer\"", "role = \"generator\""),
            path + ": function 'main': argument 2: expected the type tensor<5056xui8> of a generator");
  EXPECT_EQ(writingSays("name = \"n\"", "name = \"x\""), path + ": function 'main': two arguments are named 'x'");
}

// tests/ir/every-op.mlir has every op of the dialect, and a package keeps it.
TEST_F(Packages, KeepEveryOp) {
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(EMBER_TESTS_DIR "/ir/every-op.mlir", &context);
  ASSERT_TRUE(module);
  std::set<std::string> present;
  module->walk([&](mlir::Operation *op) { present.insert(op->getName().getStringRef().str()); });
  for (mlir::RegisteredOperationName name : context.getRegisteredOperationsByDialect("ember"))
    EXPECT_TRUE(present.count(name.getStringRef().str())) << "tests/ir/every-op.mlir lacks " << name.getStringRef().str();
  EXPECT_EQ(writeError(*module), path + ": op " + std::to_string(opsOf(*module) - 3) +
                                     " ('ember.leaf'): an op with effects has no place in a package");
  module->lookupSymbol("recorded")->erase();
  EXPECT_EQ(writeError(*module), "");
  Package package = readPackage(path, context);
  for (auto function : module->getOps<mlir::func::FuncOp>()) { // a package writes out the names that arguments have by default
    for (unsigned number = 0; number < function.getNumArguments(); ++number)
      setArgumentInfo(function, number, argumentInfo(function, number));
    for (unsigned number = 0; number < function.getNumResults(); ++number)
      setResultInfo(function, number, resultInfo(function, number));
  }
  EXPECT_EQ(textOf(*package.module), textOf(*module));
}

TEST_F(Packages, EveryTruncationAndEveryFlipIsFound) {
  std::string whole = packed();
  ASSERT_EQ(messageOf(whole), "");
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string message = messageOf(whole.substr(0, size));
    ASSERT_EQ(message.rfind(memoryPath + ": ", 0), 0u) << size;
    ASSERT_EQ(message.find('\n'), std::string::npos) << message;
  }
  std::mt19937 random(20260101);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    ASSERT_EQ(messageOf(bytes).rfind(memoryPath + ": ", 0), 0u) << "byte " << at;
  }
}

// Changes that no checksum sees: the graph itself, as a hostile writer would make it. It is refused in one line or is a graph.
class DamagedGraphs : public Packages, public testing::WithParamInterface<bool> {};

TEST_P(DamagedGraphs, AreRefusedOrLoad) {
  auto module = GetParam() ? mlir::parseSourceFile<mlir::ModuleOp>(EMBER_TESTS_DIR "/ir/every-op.mlir", &context)
                           : mlir::parseSourceString<mlir::ModuleOp>(kProgram, &context);
  if (GetParam())
    module->lookupSymbol("recorded")->erase();
  std::vector<Memory> weights{{weight, sizeof weight}, {count, sizeof count}};
  writePackage(*module, GetParam() ? std::vector<Memory>() : weights, path);
  std::string whole = contents();
  uint64_t bytes = 0, dataBytes = GetParam() ? 0 : 128;
  std::memcpy(&bytes, whole.data() + 48, sizeof bytes);
  const std::string graph = whole.substr(80, bytes);
  ASSERT_NO_THROW(readGraph(graph, dataBytes, context));
  if (const char *seeds = std::getenv("EMBER_FUZZ_SEEDS")) // what tests/fuzz starts from
    std::ofstream(std::filesystem::path(seeds) / (GetParam() ? "every-op" : "small"), std::ios::binary) << graph;
  std::mt19937 random(20260102);
  const int rounds = GetParam() ? 2000 : 10000;
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string own = graph;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes)
      own[random() % own.size()] = static_cast<char>(random() % 2 ? random() : own[random() % own.size()]);
    if (random() % 8 == 0)
      own.resize(random() % own.size());
    try {
      readGraph(own, dataBytes, context);
    } catch (const PackageError &error) {
      ++refused;
      ASSERT_TRUE(llvm::all_of(llvm::StringRef(error.what()), llvm::isPrint)) << error.what();
    }
  }
  EXPECT_GT(refused, rounds / 2);
}

INSTANTIATE_TEST_SUITE_P(Packages, DamagedGraphs, testing::Bool(),
                         [](const auto &own) { return own.param ? "EveryOp" : "Small"; });

} // namespace
