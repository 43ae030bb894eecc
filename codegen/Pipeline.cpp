#include "codegen/Pipeline.h"

#include "passes/Decompose.h"
#include "passes/FoldConstants.h"
#include "passes/FormKernels.h"
#include "passes/Simplify.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

func::FuncOp mainOf(ModuleOp module) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function)
    throw CompileError("the module has no function 'main'");
  return function;
}

void groupIntoKernels(func::FuncOp function, const TargetModel &target, const CompileOptions &options) {
  passes::decompose(function);
  if (options.simplify) {
    passes::foldConstants(function);
    passes::simplify(function);
  }
  if (failed(passes::formKernels(function, target, {options.fuse})))
    throw CompileError("a program could not be grouped into kernels");
}

SmallVector<KernelOp> kernelsOf(func::FuncOp function) { return llvm::to_vector(function.getBody().front().getOps<KernelOp>()); }

} // namespace ember
