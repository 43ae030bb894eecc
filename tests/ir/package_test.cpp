// Packages against damage: every truncation, every flipped byte, and random changes that the checksums do not see.
#include "ir/EmberDialect.h"
#include "ir/package/Package.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <sstream>
#include <sys/mman.h>
#include <unistd.h>

using namespace ember::ir;
namespace fs = std::filesystem;

namespace {

const char *kProgram = R"(
func.func @main(%x: tensor<?x4xf32, #ember.dims<[B]>> {ember.name = "x", ember.role = "input"},
                %w: tensor<4x2xf32> {ember.name = "0.weight", ember.role = "parameter", ember.trainable},
                %n: tensor<3xi64> {ember.name = "n", ember.role = "buffer"})
    -> (tensor<?x2xf32, #ember.dims<[B]>> {ember.name = "y"}, tensor<3xi64> {ember.name = "next", ember.updates = 2 : i64}) {
  %c = ember.constant dense<[1, 2, 3]> : tensor<3xi64>
  %m = ember.add %n, %c : tensor<3xi64>
  %y = ember.matmul %x, %w : tensor<?x4xf32, #ember.dims<[B]>>, tensor<4x2xf32> -> tensor<?x2xf32, #ember.dims<[B]>>
  return %y, %m : tensor<?x2xf32, #ember.dims<[B]>>, tensor<3xi64>
})";

class Packages : public testing::Test {
protected:
  Packages() : context(mlir::MLIRContext::Threading::DISABLED) {
    context.loadDialect<EmberDialect, mlir::func::FuncDialect>();
    folder = fs::temp_directory_path() / ("ember_ir_package" + std::to_string(getpid()));
    fs::create_directories(folder);
    path = (folder / "model.ember").string();
  }
  ~Packages() override {
    close(memory);
    fs::remove_all(folder);
  }

  // The package's bytes.
  std::string packed() {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(kProgram, &context);
    writePackage(*module, {{weight, sizeof weight}, {count, sizeof count}}, path);
    return contents();
  }
  std::string contents() const {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }
  std::string messageOf(const std::string &bytes) {
    // In memory: thousands of files on a disk take their time.
    EXPECT_EQ(ftruncate(memory, static_cast<off_t>(bytes.size())), 0);
    EXPECT_EQ(pwrite(memory, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    try {
      readPackage(memoryPath, context);
    } catch (const PackageError &error) {
      return error.what();
    }
    return "";
  }

  std::string writeError(mlir::ModuleOp module) {
    try {
      writePackage(module, {}, path);
    } catch (const PackageError &error) {
      return error.what();
    }
    return "";
  }
  static std::string textOf(mlir::ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream(text) << module;
    return text;
  }
  static size_t opsOf(mlir::ModuleOp module) {
    size_t count = 0;
    for (auto function : module.getOps<mlir::func::FuncOp>())
      function.walk([&](mlir::Operation *op) { count += op != function; });
    return count;
  }

  mlir::MLIRContext context;
  fs::path folder;
  std::string path;
  int memory = memfd_create("package", MFD_CLOEXEC);
  std::string memoryPath = "/proc/self/fd/" + std::to_string(memory);
  alignas(64) float weight[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  int64_t count[3] = {4, 5, 6};
};

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

// What a writer that checks nothing puts into a file is refused by who reads it.
TEST_F(Packages, SignaturesAreChecked) {
  auto readingSays = [&](const char *from, const char *to) {
    std::string program = kProgram;
    program.replace(program.find(from), strlen(from), to);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(program, &context);
    writePackage(*module, {{weight, sizeof weight}, {count, sizeof count}}, path);
    return messageOf(contents());
  };
  EXPECT_EQ(readingSays("role = \"buffer\"", "role = \"generator\""),
            memoryPath + ": function 'main': argument 2: expected the type tensor<5056xui8> of a generator");
  EXPECT_EQ(readingSays("name = \"n\"", "name = \"x\""), memoryPath + ": function 'main': two arguments are named 'x'");
}

// tests/ir/every-op.mlir has every op of the dialect, and a package keeps it.
TEST_F(Packages, KeepEveryOp) {
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(EMBER_TESTS_DIR "/ir/every-op.mlir", &context);
  ASSERT_TRUE(module);
  std::set<std::string> present;
  module->walk([&](mlir::Operation *op) { present.insert(op->getName().getStringRef().str()); });
  for (mlir::RegisteredOperationName name : context.getRegisteredOperationsByDialect("ember"))
    EXPECT_TRUE(present.count(name.getStringRef().str())) << "tests/ir/every-op.mlir lacks " << name.getStringRef().str();
  EXPECT_EQ(writeError(*module), path + ": op " + std::to_string(opsOf(*module) - 2) +
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
    std::ofstream(fs::path(seeds) / (GetParam() ? "every-op" : "small"), std::ios::binary) << graph;
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
