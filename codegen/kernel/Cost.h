// What a kernel costs at least, derived from its ops.
#pragma once

#include "codegen/kernel/Group.h"

namespace ember::kernel {

/// Work of a group as one kernel, in numbers or polynomials of named sizes: floating-point operations (a multiply-add is two; an
/// element of a scalar op what its `cost` says; integer ops count alike), bytes of operands read once and of results written
/// once. What a generator computes or reads again is not in it, nor is padding.
struct Cost {
  ir::SizeExpr flops, bytesRead, bytesWritten;
};
Cost costOf(const Group &group);

/// A polynomial of named sizes as a number. Names without a size count as 1.
double evaluate(const ir::SizeExpr &size, const std::map<std::string, int64_t> &sizes);

} // namespace ember::kernel
