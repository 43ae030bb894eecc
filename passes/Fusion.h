// Which ops become one kernel: the decision, before any kernel op exists.
#pragma once

#include "ir/TargetModel.h"
#include "passes/OpGroup.h"

namespace ember::passes {

struct FusionOptions {
  bool fuse = true;      // false: every op is a group of its own
  unsigned largest = 64; // ops of a group, without free ones
  unsigned buffers = 24; // values that a group reads and writes
};

/// Groups of all computing ops of a block that something reads, in an order in which they can run. A group is one that the target
/// takes and that costs less than its parts. Fails, with an error at the op, where the target takes an op in no group.
mlir::FailureOr<std::vector<OpGroup>> groupOps(const BlockOps &ops, const ir::TargetModel &target, FusionOptions options);

} // namespace ember::passes
