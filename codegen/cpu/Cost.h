// What a kernel costs on one core, by its bytes and its work.
#pragma once

#include "codegen/kernel/Group.h"

namespace ember::cpu {

/// An estimate in nanoseconds: a launch, and the longer of moving its bytes and doing its work, counting what is computed again
/// for every reader at other points. Good enough to rank groups, no better. Dynamic sizes count as 64.
double estimateNanoseconds(const kernel::Group &group);

} // namespace ember::cpu
