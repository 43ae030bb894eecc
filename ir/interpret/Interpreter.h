// The reference interpreter: what every backend is tested against.
#pragma once

#include "ir/interpret/ReferenceTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::ir {

/// The results of `function` on these arguments, op by op in doubles and 64-bit integers, each result rounded once to its
/// dtype. Dynamic sizes are read off the arguments; equal names must be equal sizes. Emits an error where an argument does
/// not fit or an index is out of range.
mlir::FailureOr<std::vector<ReferenceTensor>> interpret(mlir::func::FuncOp function, std::vector<ReferenceTensor> arguments);

/// The result of one op on constants or values at hand; types must be static.
mlir::FailureOr<std::vector<ReferenceTensor>> evaluateOp(mlir::Operation *op, llvm::ArrayRef<const ReferenceTensor *> operands,
                                                         llvm::ArrayRef<mlir::RankedTensorType> resultTypes);

} // namespace ember::ir
