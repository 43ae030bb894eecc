// The compiled programs of the process, found by their content.
#pragma once

#include "codegen/Compiler.h"
#include "record/SizeFamily.h"
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

/// What tells a program from others: equal texts are equal ops, dtypes and ranks, wired alike.
struct ProgramForm {
  std::string text;
  SizeFamily::Sizes sizes;  // every dimension of every type: the arguments', then those of the ops' results
  size_t argumentSizes = 0; // of them
};

/// What was used last, by key.
template <typename Kept> class RecentlyUsed {
public:
  std::shared_ptr<Kept> find(const std::string &key) {
    auto found = byKey.find(key);
    if (found == byKey.end())
      return nullptr;
    byUse.splice(byUse.begin(), byUse, found->second);
    return byUse.front().second;
  }
  /// Made where there is none.
  std::shared_ptr<Kept> get(const std::string &key) {
    if (std::shared_ptr<Kept> found = find(key))
      return found;
    byUse.emplace_front(key, std::make_shared<Kept>());
    byKey[key] = byUse.begin();
    return byUse.front().second;
  }
  void shrink(size_t most) {
    while (byUse.size() > most) {
      byKey.erase(byUse.back().first);
      byUse.pop_back();
    }
  }

private:
  using Entry = std::pair<std::string, std::shared_ptr<Kept>>;
  std::list<Entry> byUse; // the last used first
  std::unordered_map<std::string, typename std::list<Entry>::iterator> byKey;
};

/// Keeps the programs that were used last. A program that has fallen out lives on while a recorder still holds it.
class ProgramCache {
public:
  static ProgramCache &get();
  /// A program, and what its named sizes are in the recording that it was found for.
  struct Found {
    std::shared_ptr<Program> program;
    ir::SizeValues names;
  };
  using Outline = std::function<mlir::OwningOpRef<mlir::ModuleOp>(llvm::ArrayRef<ir::SizeExpr> dims)>;
  /// The program of this form; `outline` gives it as a module when it must be compiled, and null where it cannot be had with
  /// named dimensions. `bySizes`: from the third recording on that differs by sizes alone, one program for all of them will do.
  /// Compiling works on a copy in a context of its own, and holds no lock that recording needs.
  Found lookUp(const ProgramForm &form, const Outline &outline, bool bySizes);
  int64_t compiled() const;
  /// Programs that it keeps at most, the least recently used going first (default: 512).
  void setLimit(size_t count);
  size_t limit() const { return mostPrograms; }

private:
  std::optional<Found> ofFamily(const ProgramForm &form, const Outline &outline);
  void compile(Program &program, mlir::ModuleOp module);
  void shrink();
  mutable std::mutex mutex;
  RecentlyUsed<Program> programs;
  RecentlyUsed<SizeFamily> families;
  int64_t programsCompiled = 0;
  std::atomic<size_t> mostPrograms = 512;
};

/// A copy of a program in another context, which has the dialects loaded.
mlir::OwningOpRef<mlir::ModuleOp> copyInto(mlir::MLIRContext &context, mlir::ModuleOp program);
/// Runs a program. Throws ember::Error, at the user's line, where there is no memory for what it holds in between.
RunFault runProgram(Executable &executable, const std::vector<void *> &arguments, const std::vector<void *> &results,
                    const ir::SizeValues &sizes = {});
/// Compiles. Throws ember::Error, at the user's line, where it cannot be done.
std::shared_ptr<Executable> compileHere(mlir::ModuleOp program);
/// Compiles in a context of its own, which is dropped afterwards, with all attributes that passes made.
std::shared_ptr<Executable> compileApart(mlir::ModuleOp program, const CompileOptions &options);

} // namespace ember::record
