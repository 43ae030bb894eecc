// Where an operand is read.
#pragma once

#include "ir/index/Expr.h"
#include "llvm/ADT/SmallVector.h"

namespace ember::ir {

/// Holds when 0 <= value < bound.
struct Cond {
  Expr value, bound;
};

/// Indices of an element, one a dimension, and the conditions under which it is there.
struct Access {
  llvm::SmallVector<Expr> indices;
  llvm::SmallVector<Cond> inside;
};

} // namespace ember::ir
