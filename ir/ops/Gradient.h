// What gradient rules are made of.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace ember::ir {

/// A tensor of `type` filled with one number.
mlir::Value fullLike(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, double value);

/// `value` summed over what `broadcast` made of a tensor of `type`: the gradient of broadcasting.
mlir::Value sumTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::RankedTensorType type);

/// A reduction's result broadcast back over the reduced axes.
mlir::Value expandReduced(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value reduced, llvm::ArrayRef<int64_t> axes,
                          mlir::RankedTensorType type);

/// `condition ? value : 0`.
mlir::Value zeroUnless(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value condition, mlir::Value value);

} // namespace ember::ir
