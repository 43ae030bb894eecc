// Compiled kernels, kept for every program that has the same ones: in memory for this process, in a folder for all.
#pragma once

#include "codegen/Compiler.h"
#include "codegen/cpu/Backend.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/ops/Kernel.h"

namespace ember::cpu {

/// A kernel that is compiled and loaded.
struct LoadedKernel {
  kernel::KernelCode code;
  std::shared_ptr<LoadedCode> owner;
  ember_kernel_fn function = nullptr;
};

/// These kernels, from memory, from the folder (codegen/Environment.h), or compiled: those that are nowhere, as one object. Equal
/// kernels (their text without labels and places), level, and compiler have equal code.
std::vector<LoadedKernel> compileKernels(llvm::ArrayRef<ir::KernelOp> kernels, const CpuTarget &target, const Level &level);

} // namespace ember::cpu
