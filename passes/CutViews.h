// Chains of views that readers would follow too often end in memory.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::passes {

/// Views are part of every kernel that reads them. Where a kernel would follow far more ways through views than there are views
/// (a roll reads what it rolls twice, a roll of a roll four times), or too many of them one behind the other, the view is copied
/// into memory and read from there. The bits stay. Runs before anything that follows views: kernels and recomputing.
void cutViews(mlir::func::FuncOp function);

} // namespace ember::passes
