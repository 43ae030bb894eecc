// Packages: a program and its weights in one `.ember` file. README.md describes the file.
#pragma once

#include "ir/Signature.h"
#include "mlir/IR/BuiltinOps.h"
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ember::ir {

/// One line: the file, the place in it, what was expected and what was found.
class PackageError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The row-major memory of an argument.
struct Memory {
  const void *data = nullptr;
  uint64_t bytes = 0;
};

/// A program read from a file.
struct Package {
  std::string producer;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// One for each argument of `main` that is no input, in order. 64-byte aligned, mapped copy-on-write: writes stay in this
  /// process. Valid while `file` lives.
  std::vector<Memory> weights;
  std::shared_ptr<const void> file;
};

struct WriteOptions {
  bool locations = false; // keep the user's lines; they differ from folder to folder, and so would the bytes
};

/// Writes the module and the memory of `main`'s arguments that are no inputs, in order. Written aside, synced, renamed; the same
/// input gives the same bytes. Throws PackageError for what a package cannot hold, readPackage's limits among it, and for errors
/// of the system.
void writePackage(mlir::ModuleOp module, const std::vector<Memory> &weights, const std::string &path, WriteOptions options = {});

/// Reads and verifies a package; `context` has the ember and func dialects loaded. The module has a function `main`. Nothing in a
/// file is trusted; a graph may have 262,144 ops and types of rank 16 at most, so memory stays below 64 MB and four times the
/// file's size. Throws PackageError.
Package readPackage(const std::string &path, mlir::MLIRContext &context);

/// What readPackage makes of a graph section; for fuzzing. `dataBytes`: the size of the data section.
struct Graph {
  std::string producer;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  struct Place {
    uint64_t offset, bytes;
  };
  std::vector<Place> weights; // in the data section, as Package::weights
};
Graph readGraph(llvm::StringRef records, uint64_t dataBytes, mlir::MLIRContext &context);

} // namespace ember::ir
