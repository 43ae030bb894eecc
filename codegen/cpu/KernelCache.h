// Compiled kernels of this process, kept for every program that has the same ones.
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

/// These kernels, compiled where the process has not compiled them before.
std::vector<LoadedKernel> compileKernels(llvm::ArrayRef<ir::KernelOp> kernels, const CpuTarget &target, const Level &level);

} // namespace ember::cpu
