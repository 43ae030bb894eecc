// The order in which a traced program holds a module's state.
#pragma once

#include "ember/nn/module.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "record/Node.h"

namespace ember::jit {

/// A parameter or buffer that has memory of its own, by one of its names.
struct HeldTensor {
  std::string name;
  record::NodeRef memory;
};

/// All of a module's state_dict, in its order.
std::vector<HeldTensor> stateOf(const nn::Module &module);

/// Arranges the arguments of a program after its inputs, whose memory is `memory`: first all of `state` in its order, shared
/// memory once, also what the program does not read, then the others as they were. Where memory is shared, the function keeps all
/// names. So a module made of the program has the parameters, by name and by number, of the module that was traced. Results and
/// attributes of arguments are left alone.
void holdState(mlir::func::FuncOp main, std::vector<record::NodeRef> &memory, const std::vector<HeldTensor> &state);

} // namespace ember::jit
