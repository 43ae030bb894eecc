// What a program from outside must be before the compiler reads it: text can hold any operation of any dialect.
#pragma once

#include "ir/TargetModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember {

/// Throws CompileError, with the place, where `main` is not one block of ember's ops on ranked tensors of known sizes and dtypes.
void checkProgram(mlir::func::FuncOp function);

/// The same for a function of kernels that the target has to take, as --emit=kernels prints it.
void checkKernels(mlir::func::FuncOp function, const ir::TargetModel &target);

} // namespace ember
