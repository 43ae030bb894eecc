// What gradient rules and decompositions are made of.
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

/// The value repeated to the shape of `type`, and in another dtype; itself where it is so already.
mlir::Value broadcastTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::RankedTensorType type);
mlir::Value castTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type dtype);

/// How many elements a tensor of `type` has along these axes: rank-0 f64.
mlir::Value elementCount(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, llvm::ArrayRef<int64_t> axes);

/// A rank-0 bool that is a constant; nothing when it is known only at run time.
std::optional<bool> constantBool(mlir::Value value);

/// `condition ? yes : no` of tensors, by a rank-0 condition.
mlir::Value choose(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value condition, mlir::Value yes, mlir::Value no);

/// `condition ? value : 0`, element by element.
mlir::Value zeroUnless(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value condition, mlir::Value value);

} // namespace ember::ir
