// The function of a kernel: an entry with the runtime's signature around a body with plain pointers.
#pragma once

#include "codegen/cpu/Walker.h"
#include "codegen/kernel/Generator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ember::cpu {

/// Opens `symbol` in `module` and binds the group's buffers and sizes. The body takes its pointers as `noalias`, which it
/// could not learn from an array of pointers. Write the body between construction and `finish`.
class KernelFunction {
public:
  KernelFunction(const kernel::Group &group, mlir::ModuleOp module, llvm::StringRef symbol, ir::Space &space, unsigned lanes);
  /// Asks for addresses that are counted on in the innermost loops (kReduceStrength).
  void reduceStrength();
  void finish();

  mlir::ModuleOp module;
  std::string symbol; // prefix of all names that belong to the kernel
  mlir::OpBuilder builder;
  Emitter emitter;
  Walker walker;
  mlir::Value begin, end, scratch;
  mlir::Value outputBuffer(unsigned number) const { return outputs[number]; }

private:
  mlir::func::FuncOp body;
  llvm::SmallVector<mlir::Value> outputs;
};

} // namespace ember::cpu
