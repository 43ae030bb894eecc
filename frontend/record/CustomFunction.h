// One call of a function with a gradient of the user's own.
#pragma once

#include "ember/autograd.h"
#include "record/Storage.h"

namespace ember::ir {
class CustomFunctionOp;
}

namespace ember::record {

/// The rule of a `custom_function` op. It holds no tensor of the graph: what the backward reads, the op has as operands.
struct CustomFunction : std::enable_shared_from_this<CustomFunction> {
  static constexpr int64_t kNone = -1;
  struct Saved {
    bool isUndefined;
    int64_t result; // of the op; kNone: its next saved operand itself
  };

  const char *name = "";
  autograd::FunctionCall::Backward backward;
  std::vector<bool> isTensor;   // by argument
  std::vector<NodeRef> held;    // the op's inputs, until it is made
  std::vector<int64_t> inputs;  // by tensor argument: its number among the op's inputs
  std::vector<int64_t> outputs; // by result of the call: its number among the op's results
  std::vector<Saved> saved;     // in the order in which the user saved them
  autograd::AutogradContext context;

  /// Records the op of a call. What the forward returned has its history in what this returns.
  autograd::tensor_list record(const autograd::tensor_list &arguments, const autograd::tensor_list &returned);
  /// Calls the backward. Gradients of the op's operands, from those of its results; `needs`: by operand.
  llvm::SmallVector<mlir::Value> apply(Recorder &recorder, ir::CustomFunctionOp op, llvm::ArrayRef<mlir::Value> cotangents,
                                       llvm::ArrayRef<bool> needs);

private:
  class BackwardCall;
  mlir::Value save(const Tensor &tensor, const autograd::tensor_list &arguments, const autograd::tensor_list &returned,
                   llvm::ArrayRef<mlir::Value> computed);
  Tensor resultOf(Recorder &recorder, mlir::Value value, const Tensor &output);
  autograd::tensor_list gradientsOf(Recorder &recorder, ir::CustomFunctionOp op, llvm::ArrayRef<mlir::Value> cotangents) const;
  autograd::tensor_list unpack(Recorder &recorder, ir::CustomFunctionOp op) const;
  autograd::tensor_list callBackward(Recorder &recorder, ir::CustomFunctionOp op, const std::vector<bool> &needs,
                                     autograd::tensor_list gradients);
  autograd::tensor_list ofTensors(autograd::tensor_list returned) const;
  mlir::Value fitted(Recorder &recorder, const Tensor &gradient, mlir::RankedTensorType type, size_t number) const;
};

} // namespace ember::record
