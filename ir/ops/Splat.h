// Values of which every element is one number that is known when compiling.
#pragma once

#include "ir/interpret/Scalar.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace ember::ir {

/// The number that every element is: of a constant, or of a constant that views move.
std::optional<Scalar> splatOf(mlir::Value value);

/// Whether every element is this number; floats by their bits, so that 0 is not -0.
bool isSplat(mlir::Value value, double number);

/// A tensor of `type` filled with a number of its dtype: a rank-0 constant, broadcast, since dynamic shapes have no constants.
mlir::Value splatLike(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type, Scalar number);

} // namespace ember::ir
