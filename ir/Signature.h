// What the arguments and results of a program are: names and roles, kept as attributes of its function so that text, bytecode and
// packages carry them.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <optional>
#include <string>
#include <vector>

namespace ember::ir {

/// What an argument holds. Inputs come from the caller; all else is the program's own memory.
enum class Role { Input, Parameter, Buffer, Constant, Generator, Hyper, Optimizer };
/// `input`, `parameter`, `buffer`, `constant`, `generator`, `hyper`, `optimizer`.
llvm::StringRef roleName(Role role);
std::optional<Role> roleOf(llvm::StringRef name);

/// One argument: attributes `ember.name` (unique; parameters and buffers by module path, `net.0.weight`; optimizer state by
/// parameter, `3.exp_avg`), `ember.role`, `ember.trainable`, and, of a hyper-parameter's scalar, `ember.formula`: how it follows
/// from the options of the parameter groups and the number of the step, in reverse Polish notation (`lr 1 beta1 step pow sub
/// div`). An argument without them is the input `inputN`.
struct ArgumentInfo {
  std::string name;
  Role role = Role::Input;
  bool trainable = false;
  std::string formula = "";
};
ArgumentInfo argumentInfo(mlir::func::FuncOp function, unsigned number);
void setArgumentInfo(mlir::func::FuncOp function, unsigned number, const ArgumentInfo &info);

/// One result: attributes `ember.name` and `ember.updates`, the number of the argument whose next state it is (-1: an output for
/// the caller). A result without them is the output `outputN`.
struct ResultInfo {
  std::string name;
  int64_t updates = -1;
};
ResultInfo resultInfo(mlir::func::FuncOp function, unsigned number);
void setResultInfo(mlir::func::FuncOp function, unsigned number, const ResultInfo &info);

/// What these attributes may not say, in one line; empty where they are good: names are printable and those of arguments unique,
/// roles are known, a generator's state has its type, updates are of arguments of the result's type.
std::string signatureFault(mlir::func::FuncOp function);
/// Whether a text may be a name in a program: 1 to 1024 printable bytes without spaces, quotes and backslashes.
bool isPrintableName(llvm::StringRef text);

/// A name that a module's state_dict has for an argument's memory.
struct StateName {
  std::string name;
  unsigned argument;
};
/// All names of a traced module's state, in the order of its state_dict, where memory is shared: a tied weight has several. None
/// where arguments have one name each. Function attributes `ember.state_names`, a name a line, and `ember.state_arguments`.
void setStateNames(mlir::func::FuncOp function, llvm::ArrayRef<StateName> names);
/// Nothing where the attributes do not fit each other or the function's parameters and buffers.
std::optional<std::vector<StateName>> stateNames(mlir::func::FuncOp function);

} // namespace ember::ir
