#include "codegen/Compiler.h"

#include "codegen/Environment.h"
#include "codegen/InterpretedExecutable.h"
#include "codegen/Pipeline.h"
#include "codegen/Stages.h"
#include "codegen/Timing.h"
#include "codegen/cpu/NativeExecutable.h"
#include "ir/EmberDialect.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <atomic>
#include <mutex>

using namespace mlir;
using namespace ember::ir;

namespace ember {

CompileOptions CompileOptions::fromEnvironment() {
  CompileOptions options;
  options.interpret = environment::interprets();
  return options;
}

void loadDialects(MLIRContext &context) {
  context.loadDialect<EmberDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect,
                      math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
}

// Pools are never destroyed: a program of another thread may still run on the one before. Their workers sleep.
static std::atomic<ember_pool *> &currentPool() {
  static std::atomic<ember_pool *> pool = ember_rt_pool_create(0);
  return pool;
}

OutOfMemory::OutOfMemory(const std::string &sizes) : text("out of memory with " + sizes) {}

OutOfMemory::OutOfMemory(int64_t bytes)
    : text("out of memory: " + std::to_string(bytes) + " bytes asked for, " + std::to_string(ember_rt_live_bytes()) + " in use") {
}

ember_pool *processPool() { return currentPool(); }

void setProcessThreads(unsigned count) {
  static std::mutex mutex;
  static std::map<unsigned, ember_pool *> pools;
  std::lock_guard lock(mutex);
  ember_pool *&pool = pools[count];
  if (!pool)
    pool = ember_rt_pool_create(count);
  currentPool() = pool;
}

std::shared_ptr<Executable> compileProgram(ModuleOp program, const CompileOptions &options) {
  if (options.interpret)
    return std::make_shared<InterpretedExecutable>(program);
  if (std::string folder = environment::dumpFolder(); !folder.empty())
    dumpStages(program, options, folder);
  cpu::Level level = cpu::levelOf(options.target);
  OwningOpRef<ModuleOp> module = program.clone();
  func::FuncOp function = mainOf(*module);
  cpu::CpuTarget target;
  simplifyGraph(function, options);
  groupIntoKernels(function, target, options);
  passes::MemoryPlan plan = planned(function, target);
  SmallVector<KernelOp> ops = kernelsOf(function);
  std::vector<cpu::LoadedKernel> kernels;
  if (!ops.empty())
    kernels = cpu::compileKernels(ops, target, level);
  std::vector<cpu::LaunchCode> launches;
  for (const cpu::LoadedKernel &kernel : kernels)
    launches.push_back({kernel.code, kernel.function});
  auto table = cpu::buildHostTable(function, plan, launches);
  auto executable = std::make_shared<cpu::NativeExecutable>(std::move(table), std::move(kernels),
                                                            ArenaUse{plan.certificate.arenaBytes, plan.certificate.liveBytes});
  executable->resultAlias.assign(plan.resultAlias.begin(), plan.resultAlias.end());
  for (KernelOp op : ops)
    executable->kernelNames.push_back(op.getLabel().str());
  return executable;
}

} // namespace ember
