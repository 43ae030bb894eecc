// From a graph to something that runs: the one header that frontends and tools drive the compiler through.
#pragma once

#include "ir/SizeExpr.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "runtime/include/ember_rt.h"
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ember {

struct CompileOptions {
  std::string target = "native"; // native, x86-64-v3, x86-64-v4
  bool simplify = true;          // false: the ops as they were recorded
  bool fuse = true;              // false: every op is a kernel of its own
  int64_t maxMemory = 0;         // bytes of the arena, where sizes are static: values are recomputed to fit; 0: no limit
  bool interpret = false;        // reference values instead of compiled code

  /// What the environment asks for: EMBER_INTERPRET=1.
  static CompileOptions fromEnvironment();
};

/// A mistake of the compiler's own, or a target that cannot be had.
class CompileError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// No memory of this size.
class OutOfMemory : public std::bad_alloc {
public:
  explicit OutOfMemory(int64_t bytes);
  /// Of sizes whose bytes are no 64-bit number: `B = 4096, S = 17`.
  explicit OutOfMemory(const std::string &sizes);
  const char *what() const noexcept override { return text.c_str(); }

private:
  std::string text; // `out of memory: 4096 bytes asked for, 128 in use`
};

/// A fault while a program ran: an index out of range. Nothing that aliases an argument was written.
struct RunFault {
  bool happened = false;
  int32_t op = 0;      ///< its number among the ops of `main` as it was given to be compiled; past the last where unknown
  std::string place;   ///< where that op was recorded: `model.cpp:41:9: gather`; empty where unknown
  std::string message; ///< `index 7 is out of bounds for a dimension with size 3`
  /// Place and message.
  std::string text() const { return place.empty() ? message : place + ": " + message; }
};

/// Bytes of an arena, and of the largest set of values that live at once in it: no arena is smaller.
struct ArenaUse {
  int64_t bytes = 0, liveBytes = 0;
};

/// A compiled program. May run on several threads at once.
class Executable {
public:
  virtual ~Executable() = default;
  /// By result: the argument whose memory it takes over, or -1. Pass that argument's pointer as the result's.
  std::vector<int64_t> resultAlias;
  /// Names of its kernels, in order.
  std::vector<std::string> kernelNames;
  /// By kernel: nanoseconds, added to by every run while `measures` is set. One thread at a time, then.
  std::vector<int64_t> kernelNanoseconds;
  bool measures = false;

  /// sizes: by name. Arguments and results point to row-major memory.
  virtual RunFault run(const std::vector<void *> &arguments, const std::vector<void *> &results,
                       const std::map<std::string, int64_t> &sizes) = 0;
  /// What a run with these sizes needs beside arguments and results.
  virtual ArenaUse arenaUse(const std::map<std::string, int64_t> &sizes) = 0;
};

/// Loads every dialect that compiling needs.
void loadDialects(mlir::MLIRContext &context);

/// Compiles the function `main` of a module: it takes and gives ranked tensors. An argument with the attribute `ember.donated`
/// (number of a result, or -1 for any) may lend its memory to a result. The module is not changed.
std::shared_ptr<Executable> compileProgram(mlir::ModuleOp program, const CompileOptions &options);

/// A stage of compilation, as text (tools/Stages.def; codegen/Stages.h has more). Throws CompileError for another name.
/// `sizes`: for which `planned` shows where values lie, where sizes have names.
std::string emitStage(mlir::ModuleOp program, const std::string &stage, const CompileOptions &options,
                      const std::map<std::string, int64_t> &sizes = {});

/// Kernels that this process compiled so far, read from the folder of compiled kernels, and found in memory.
struct CompileCounters {
  int64_t kernelsCompiled = 0, kernelsLoaded = 0, kernelsReused = 0;
  int64_t objectsInMemory = 0; ///< of machine code; each holds the kernels that were compiled together
};
CompileCounters compileCounters();

/// Kernels that memory keeps at most, the least recently used going first (default: 4096); their code is freed when no program
/// has them.
void setKernelsKept(size_t count);

/// The pool that programs of this process run on: EMBER_NUM_THREADS, or one thread a processor, until `setProcessThreads`.
ember_pool *processPool();
/// Programs that start from now on run on this many threads (at least 1). Results do not depend on it.
void setProcessThreads(unsigned count);

} // namespace ember
