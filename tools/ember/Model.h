// A model as the tool reads it.
#pragma once

#include "codegen/Stages.h"
#include "ir/package/Package.h"
#include "tools/ember/Command.h"

namespace ember::tool {

/// Up to `count` bytes from the start of a file; none of what is not a regular file.
std::string firstBytes(const std::string &path, size_t count);

/// The bytes of a file, or of standard input for `-`. Throws Mistake with the path and what is wrong.
std::string readFile(const std::string &path);

/// Writes text to a file, whole or not at all; to standard output for an empty path.
void writeText(const std::string &path, const std::string &text);

/// Throws Mistake where no file can be written at this path.
void checkWritable(const std::string &path);

/// A graph with the memory that came with it.
struct Model {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string path;
  std::string producer;             // of a package
  std::vector<ir::Memory> weights;  // of a package: one for each argument that is no input
  std::shared_ptr<const void> file; // keeps them

  /// Reads a package, or a graph as text: its arguments all come from the caller. Throws Mistake with the place and what is wrong
  /// there.
  static Model load(const std::string &path, Session &session);
  mlir::func::FuncOp main() const;
  /// The numbers of the arguments that the caller gives, and the memory of an argument that the model holds (null: the caller's).
  std::vector<unsigned> inputs() const;
  const void *heldMemory(unsigned argument) const;
};

/// `input0: f32[4, 8]`; a dynamic size by its name.
std::string describe(const std::string &name, mlir::Type type);
/// `f32[4, 8]`.
std::string describe(mlir::Type type);

} // namespace ember::tool
