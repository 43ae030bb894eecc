// Groups the ops of a function into kernels.
#pragma once

#include "ir/TargetModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::passes {

struct FormKernelsOptions {
  bool fuse = true; // false: every op is a kernel of its own
};

/// Replaces the body of `function` by ember.kernel ops. Views, splat constants and ops without operands are cloned into every
/// reader. Fails, with an error at the op, where the target takes an op in no kernel.
mlir::LogicalResult formKernels(mlir::func::FuncOp function, const ir::TargetModel &target, FormKernelsOptions options = {});

} // namespace ember::passes
