// The compiled programs of the process, found by their content.
#pragma once

#include "codegen/Compiler.h"
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace ember::record {

/// A compiled program; threads that want it while it is compiled wait for it alone.
struct Program {
  std::mutex mutex;
  std::shared_ptr<Executable> executable;
  int64_t operations = 0; // that it computes: constants are none
};

/// Keeps the programs that were used last. A program that has fallen out lives on while a recorder still holds it.
class ProgramCache {
public:
  static ProgramCache &get();
  /// The program of this content; `outline` gives it as a module when it must be compiled. Compiling works on a copy in a context
  /// of its own, and holds no lock that recording needs.
  std::shared_ptr<Program> lookUp(const std::string &key, const std::function<mlir::OwningOpRef<mlir::ModuleOp>()> &outline);
  int64_t compiled() const;
  /// Programs that it keeps at most, the least recently used going first (default: 512).
  void setLimit(size_t count);
  size_t limit() const { return mostPrograms; }

private:
  void shrink();
  using Entry = std::pair<std::string, std::shared_ptr<Program>>;
  mutable std::mutex mutex;
  std::list<Entry> byUse; // the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> byKey;
  int64_t programsCompiled = 0;
  std::atomic<size_t> mostPrograms = 512;
};

/// A copy of a program in another context, which has the dialects loaded.
mlir::OwningOpRef<mlir::ModuleOp> copyInto(mlir::MLIRContext &context, mlir::ModuleOp program);
/// Runs a program. Throws ember::Error, at the user's line, where there is no memory for what it holds in between.
RunFault runProgram(Executable &executable, const std::vector<void *> &arguments, const std::vector<void *> &results,
                    const std::map<std::string, int64_t> &sizes = {});
/// Compiles. Throws ember::Error, at the user's line, where it cannot be done.
std::shared_ptr<Executable> compileHere(mlir::ModuleOp program);
/// Compiles in a context of its own, which is dropped afterwards, with all attributes that passes made.
std::shared_ptr<Executable> compileApart(mlir::ModuleOp program, const CompileOptions &options);

} // namespace ember::record
