// A small program, its package, and what reading or writing one says.
#pragma once

#include "ir/EmberDialect.h"
#include "ir/package/Package.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/mman.h>
#include <unistd.h>

namespace ember::ir {

inline const char *kProgram = R"(
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
    folder = std::filesystem::temp_directory_path() / ("ember_ir_package" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    path = (folder / "model.ember").string();
  }
  ~Packages() override {
    close(memory);
    std::filesystem::remove_all(folder);
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
    return errorOf([&] { readPackage(memoryPath, context); });
  }
  std::string writeError(mlir::ModuleOp module, const std::vector<Memory> &weights = {}) {
    return errorOf([&] { writePackage(module, weights, path); });
  }
  static std::string errorOf(llvm::function_ref<void()> call) {
    try {
      call();
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
  std::filesystem::path folder;
  std::string path;
  int memory = memfd_create("package", MFD_CLOEXEC);
  std::string memoryPath = "/proc/self/fd/" + std::to_string(memory);
  alignas(64) float weight[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  int64_t count[3] = {4, 5, 6};
};

} // namespace ember::ir
