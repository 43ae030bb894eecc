// From vector IR to machine code.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <memory>
#include <string>

namespace llvm {
class Module;
}

namespace ember::cpu {

/// An instruction level: LLVM's cpu name and the lanes of its f32 registers.
struct Level {
  std::string cpu; // "x86-64-v3" or "x86-64-v4"
  unsigned lanes;
};

/// The level named `text` ("native": the best that this processor has). Throws std::runtime_error for another name and for
/// a processor without AVX2.
Level levelOf(const std::string &text);

/// Attribute of functions in whose innermost loops addresses are counted on rather than computed anew.
constexpr llvm::StringLiteral kReduceStrength = "ember-reduce-strength";

/// Lowers a module of kernel functions in place to the LLVM dialect.
void lowerToLlvmDialect(mlir::ModuleOp module);

/// Object code of a lowered module. The same module gives the same bytes.
std::string compileObject(mlir::ModuleOp module, const Level &level);
/// The same with functions of several levels, told by their names, and with what `decorate` adds for every x86-64 processor.
std::string compileObject(mlir::ModuleOp module, const std::function<Level(llvm::StringRef)> &levelOfFunction,
                          const std::function<void(llvm::Module &)> &decorate);
/// LLVM's text of a lowered module, and the assembly text of such a text. Throws std::runtime_error where it is none; `name` is
/// its file's.
std::string llvmText(mlir::ModuleOp module, const Level &level);
std::string assemblyOf(const std::string &llvmText, const std::string &name, const Level &level);

/// Machine code in this process. Freed with the object.
class LoadedCode {
public:
  explicit LoadedCode(const std::string &object);
  ~LoadedCode();
  void *find(const std::string &symbol) const; // asserts that it is there
  /// Objects that are in memory now.
  static int64_t count();

private:
  struct Engine;
  std::unique_ptr<Engine> engine;
};

} // namespace ember::cpu
