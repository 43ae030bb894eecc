// The passes that every way of compiling shares, in the order of compilation.
#pragma once

#include "codegen/Compiler.h"
#include "ir/TargetModel.h"
#include "ir/ops/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/PlanMemory.h"

namespace ember {

/// The function `main` of a program. Throws CompileError where there is none.
mlir::func::FuncOp mainOf(mlir::ModuleOp module);

/// Decomposes, and folds constants and simplifies where the options ask for it: in place, bit for bit.
void simplifyGraph(mlir::func::FuncOp function, const CompileOptions &options);

/// Rewrites a function, in place, into ember.kernel ops that the target takes. Throws CompileError where it refuses an
/// op.
void groupIntoKernels(mlir::func::FuncOp function, const ir::TargetModel &target, const CompileOptions &options);

/// Where the values of such a function lie in memory (passes/PlanMemory.h).
passes::MemoryPlan planned(mlir::func::FuncOp function, const ir::TargetModel &target);

/// The kernels of such a function, in order.
llvm::SmallVector<ir::KernelOp> kernelsOf(mlir::func::FuncOp function);

} // namespace ember
