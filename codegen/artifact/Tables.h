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

/// Adds the tables and functions to a module that holds the kernels. tables, symbols: for AVX2, then for AVX-512.
void writeTables(llvm::Module &module, const ArtifactRequest &request, mlir::func::FuncOp function,
                 std::vector<std::reference_wrapper<const cpu::HostTable>> tables,
                 const std::vector<std::vector<std::string>> &symbols, bool withMain);

} // namespace ember
