// Native artifacts: a program with its weights as an object, an archive, a shared library or an executable that need neither LLVM
// nor Python.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace ember {

/// A program whose function `main` takes the inputs, then the weights. Sizes are static.
struct ArtifactRequest {
  mlir::ModuleOp program;
  std::vector<std::string> inputNames, outputNames;
  std::vector<const void *> weights; // one for each argument after the inputs: row-major bytes, copied into the artifact
  std::string name;                  // a C identifier: the prefix of its functions
};

/// Writes the artifact that the path's ending asks for: `.o`, `.a`, `.so`, none (an executable); beside `.o`, `.a` and `.so` a C
/// header with the same stem. The same program gives the same bytes. Throws CompileError with the path and what is wrong; nothing
/// half-written stays.
void writeArtifact(const ArtifactRequest &request, const std::string &path);

} // namespace ember
