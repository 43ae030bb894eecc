// Which results of a kernel may stand in which operands' memory.
#pragma once

#include "codegen/kernel/Parts.h"

namespace ember::cpu {

/// Pairs (result, operand): every read of the operand is at the address of the result's write, and before it. `parts` is how the
/// group's generator runs it.
llvm::SmallVector<std::pair<unsigned, unsigned>> inPlacePairs(const kernel::Group &group, llvm::ArrayRef<kernel::Part> parts);

} // namespace ember::cpu
