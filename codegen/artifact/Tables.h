// An artifact's data: its programs, weights and signature as constants, and the functions of its C interface.
#pragma once

#include "codegen/artifact/Artifact.h"
#include "codegen/cpu/HostTable.h"
#include "mlir/IR/OwningOpRef.h"

namespace llvm {
class Module;
}

namespace ember {

/// An empty module that declares what kernels call.
mlir::OwningOpRef<mlir::ModuleOp> newKernelModule(mlir::MLIRContext &context);

/// A function compiled for one instruction level: its launches and the symbols of their kernels.
struct LevelTable {
  std::unique_ptr<cpu::HostTable> table;
  std::vector<std::string> symbols;
};

/// A program compiled for both.
struct CompiledProgram {
  mlir::func::FuncOp function;
  const ArtifactProgram *source = nullptr;
  LevelTable v3, v4;
  llvm::SmallVector<int64_t> resultAlias; // by result: the argument whose memory it takes over, or -1
};

/// Adds the tables and functions to a module that holds the kernels. step: null for artifacts that do not train.
void writeTables(llvm::Module &module, const ArtifactRequest &request, const CompiledProgram &predict,
                 const CompiledProgram *step, bool withMain);

} // namespace ember
