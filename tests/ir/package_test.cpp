// Packages against damage: every truncation, every flipped byte, and random changes that the checksums do not see.
#include "ir/EmberDialect.h"
#include "ir/package/Package.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <sstream>
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
  ~Packages() override { fs::remove_all(folder); }

  // The package's bytes.
  std::string packed() {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(kProgram, &context);
    writePackage(*module, {{weight, sizeof weight}, {count, sizeof count}}, path);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }
  std::string messageOf(const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    try {
      readPackage(path, context);
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
    ASSERT_EQ(message.rfind(path + ": ", 0), 0u) << size;
    ASSERT_EQ(message.find('\n'), std::string::npos) << message;
  }
  std::mt19937 random(20260101);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    ASSERT_EQ(messageOf(bytes).rfind(path + ": ", 0), 0u) << "byte " << at;
  }
}

// Changes that no checksum sees: the graph itself, as a hostile writer would make it. It is refused in one line or is a graph.
TEST_F(Packages, DamagedGraphsAreRefusedOrLoad) {
  std::string whole = packed();
  uint64_t bytes = 0;
  std::memcpy(&bytes, whole.data() + 48, sizeof bytes);
  const std::string graph = whole.substr(80, bytes);
  ASSERT_NO_THROW(readGraph(graph, 128, context));
  std::mt19937 random(20260102);
  int refused = 0;
  constexpr int kRounds = 20000;
  for (int round = 0; round < kRounds; ++round) {
    std::string own = graph;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes)
      own[random() % own.size()] = static_cast<char>(random() % 2 ? random() : own[random() % own.size()]);
    if (random() % 8 == 0)
      own.resize(random() % own.size());
    try {
      readGraph(own, 128, context);
    } catch (const PackageError &error) {
      ++refused;
      ASSERT_FALSE(llvm::StringRef(error.what()).contains('\n')) << error.what();
    }
  }
  EXPECT_GT(refused, kRounds / 2);
}

} // namespace
