#include "codegen/Pipeline.h"

#include "codegen/OpPlaces.h"
#include "codegen/Timing.h"
#include "passes/CutViews.h"
#include "passes/Decompose.h"
#include "passes/FoldConstants.h"
#include "passes/FormKernels.h"
#include "passes/PlanMemory.h"
#include "passes/Rematerialize.h"
#include "passes/Schedule.h"
#include "passes/Simplify.h"
#include "passes/SplitSums.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

func::FuncOp mainOf(ModuleOp module) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function)
    throw CompileError("the module has no function 'main'");
  return function;
}

static void formAndOrder(func::FuncOp function, const TargetModel &target, const CompileOptions &options) {
  if (failed(passes::formKernels(function, target, {options.fuse})))
    throw CompileError("a program could not be grouped into kernels");
  passes::scheduleKernels(function, target);
}

// What a function needs once it is kernels.
static int64_t arenaBytes(func::FuncOp function, const TargetModel &target, const CompileOptions &options) {
  OwningOpRef<func::FuncOp> copy = function.clone();
  formAndOrder(*copy, target, options);
  return passes::planMemory(*copy, target).certificate.arenaBytes;
}

// Recomputes at one peak after the other, as long as that helps.
static void fitMemory(func::FuncOp function, const TargetModel &target, const CompileOptions &options) {
  int64_t bytes = arenaBytes(function, target, options);
  while (bytes > options.maxMemory) {
    OwningOpRef<func::FuncOp> copy = function.clone();
    Operation *peak = passes::opAtPeak(*copy);
    if (!peak || passes::rematerialize(*copy, peak) == 0)
      break;
    int64_t now = arenaBytes(*copy, target, options);
    if (now >= bytes)
      break;
    function.getBody().takeBody(copy->getBody());
    bytes = now;
  }
  if (bytes > options.maxMemory)
    throw CompileError("the program needs " + std::to_string(bytes) +
                       " bytes beside its arguments and results, expected at most " + std::to_string(options.maxMemory) +
                       " (max-memory)");
}

void simplifyGraph(func::FuncOp function, const CompileOptions &options) {
  PassTimer timer("graph");
  numberOps(function);
  passes::decompose(function);
  if (!options.simplify)
    return;
  passes::foldConstants(function);
  passes::simplify(function);
}

void groupIntoKernels(func::FuncOp function, const TargetModel &target, const CompileOptions &options) {
  PassTimer timer("kernels");
  passes::splitSums(function);
  passes::cutViews(function);
  if (options.maxMemory > 0)
    fitMemory(function, target, options);
  formAndOrder(function, target, options);
}

passes::MemoryPlan planned(func::FuncOp function, const TargetModel &target) {
  PassTimer timer("planned");
  return passes::planMemory(function, target);
}

SmallVector<KernelOp> kernelsOf(func::FuncOp function) { return llvm::to_vector(function.getBody().front().getOps<KernelOp>()); }

} // namespace ember
