// Native artifacts: programs with their weights as an object, an archive, a shared library or an executable that need neither
// LLVM nor Python.
#pragma once

#include "ir/Signature.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>
#include <string>
#include <vector>

namespace ember {

/// A program whose function `main` takes the inputs, then tensors that the artifact holds; names and roles are attributes of the
/// function (ir/Signature.h). Inputs and outputs may have named sizes; each name is told by a dimension `c*name + d` of an input.
struct ArtifactProgram {
  mlir::ModuleOp module;
  std::vector<const void *> memory; // first value of each argument after the inputs: row-major bytes, copied into the artifact
  bool fuse = true;                 // false: every op is a kernel of its own
  int64_t maxMemory = 0;            // bytes of the arena at most; 0: no limit
};

/// A tensor that an artifact holds.
struct HeldTensor {
  ir::ArgumentInfo info;
  mlir::RankedTensorType type;
  const void *memory = nullptr;
};

/// An option of a parameter group of the optimizer.
struct HyperParameter {
  std::string name, option; // `lr.1`, `lr`; one word where there is one group
  uint32_t group = 0;
  double value = 0;
};

/// What makes an artifact train. The step's outputs are the loss alone; its other results update what it holds.
struct ArtifactTraining {
  ArtifactProgram step;
  std::vector<HeldTensor> held; // all state, also what no program reads: parameters, buffers, optimizer state, the generator's
  std::vector<HyperParameter> hypers;
  std::vector<uint32_t> groupSizes; // parameters by group
  uint64_t steps = 0;               // taken so far
  bool countsSteps = false;         // checkpoints hold their number
};

struct ArtifactRequest {
  ArtifactProgram predict;
  std::optional<ArtifactTraining> training;
  std::string name; // a C identifier: the prefix of its functions
};

/// Writes the artifact that the path's ending asks for: `.o`, `.a`, `.so`, none (an executable that predicts); beside `.o`, `.a`
/// and `.so` a C header with the same stem. The same request gives the same bytes. Throws CompileError with the path and what is
/// wrong; nothing half-written stays.
void writeArtifact(const ArtifactRequest &request, const std::string &path);

} // namespace ember
