// Compiled ops against the reference interpreter, one by one on the run's own inputs.
#pragma once

#include "codegen/Compiler.h"
#include <optional>

namespace ember {

/// What `verifyOps` found.
struct Verification {
  int64_t opsChecked = 0;
  double worstUlps = 0; // of the ops that are within what they declare
  std::string worstOp;
  std::string difference; // the first op that is not, in one line; empty when there is none
};

/// Runs the function `main` of a program with every op a kernel of its own, and compares each result with the reference of that
/// op on the operands that the run itself had: an error does not spread, and discrete choices (indices, masks) are the run's own.
/// Ops that are made of others (batch_norm) are checked as those. Ops declare what they may differ by (ToleranceOp); the others
/// have to be exact. `ulps`, where given, stands for all. Arguments are row-major memory and stay as they are. Throws
/// CompileError where the program cannot be compiled or faults.
Verification verifyOps(mlir::ModuleOp program, const std::vector<void *> &arguments, const std::map<std::string, int64_t> &sizes,
                       const CompileOptions &options, std::optional<double> ulps = {});

} // namespace ember
