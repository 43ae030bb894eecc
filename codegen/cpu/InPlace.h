// Which results of a kernel may stand in which operands' memory.
#pragma once

#include "codegen/kernel/Group.h"

namespace ember::cpu {

/// Pairs (result, operand): every read of the operand is at the address of the result's write, and before it.
llvm::SmallVector<std::pair<unsigned, unsigned>> inPlacePairs(const kernel::Group &group);

} // namespace ember::cpu
