// Reverse-mode differentiation over the ops' own rules; recording and the autodiff pass share it.
#pragma once

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
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
  /// Called once with a value's gradient, where `isHooked`, as soon as all contributions are in and before any rule reads it.
  /// What it returns takes the gradient's place.
  llvm::function_ref<bool(mlir::Value)> isHooked;
  llvm::function_ref<mlir::Value(mlir::Value value, mlir::Value gradient)> complete;
  /// Ops with a rule that the caller knows, and that rule, in place of their own: one value an operand, null where none is needed
  /// or none is given. It is also called without any cotangent where such a rule has given none.
  llvm::function_ref<bool(mlir::Operation *)> hasRule;
  llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Operation *, llvm::ArrayRef<mlir::Value> cotangents,
                                                    llvm::ArrayRef<bool> needs)>
      applyRule;

  /// Gradients by value, as far as they have been gathered and are still to be read. A callback that erases ops leaves these,
  /// and all that the outputs are made of.
  llvm::DenseMap<mlir::Value, mlir::Value> gathered;
};

/// The gradients of the inputs: one a value, null where the outputs do not depend on it. Rules are applied consumers first, and
/// contributions added in that order.
llvm::SmallVector<mlir::Value> buildGradients(mlir::OpBuilder &builder, GradientRequest &request);

} // namespace ember::passes
