// Reverse-mode differentiation over the ops' own rules; recording and the autodiff pass share it.
#pragma once

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"

namespace ember::passes {

/// What `buildGradients` is asked.
struct GradientRequest {
  llvm::SmallVector<mlir::Value> outputs, cotangents; // one cotangent an output
  llvm::SmallVector<mlir::Value> inputs;
  /// Whether gradients flow through a value. The inputs are always meant.
  llvm::function_ref<bool(mlir::Value)> flowsThrough;
  /// Called for each op before its rule is applied, consumers first.
  llvm::function_ref<void(mlir::Operation *, llvm::ArrayRef<bool> needs)> visit;
};

/// The gradients of the inputs: one a value, null where the outputs do not depend on it. Rules are applied consumers first, and
/// contributions added in that order.
llvm::SmallVector<mlir::Value> buildGradients(mlir::OpBuilder &builder, const GradientRequest &request);

} // namespace ember::passes
