// The order in which a traced program holds a module's state.
#pragma once

#include "ember/nn/module.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "record/Node.h"

namespace ember::jit {

/// Parameters and buffers that have memory of their own, in the order of the module's state_dict; shared ones once.
std::vector<record::NodeRef> stateOf(nn::Module &module);

/// Arranges the arguments of a program after its inputs, whose memory is `memory`: first all of `state` in its order, also what
/// the program does not read, then the others as they were. So a module made of the program has the parameters, by name and by
/// number, of the module that was traced. Results and attributes of arguments are left alone.
void holdState(mlir::func::FuncOp main, std::vector<record::NodeRef> &memory, const std::vector<record::NodeRef> &state);

} // namespace ember::jit
