// What `--emit=STAGE` prints.
#include "codegen/Pipeline.h"
#include "codegen/artifact/Tables.h"
#include "codegen/cpu/Backend.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/EmberDialect.h"
#include "passes/PlanMemory.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

std::string emitStage(ModuleOp program, const std::string &stage, const CompileOptions &options,
                      const std::map<std::string, int64_t> &sizes) {
  cpu::Level level = cpu::levelOf(options.target);
  OwningOpRef<ModuleOp> module = program.clone();
  auto printed = [](Operation *op) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    op->print(stream);
    return text + "\n";
  };
  if (stage == "graph")
    return printed(*module);
  func::FuncOp function = mainOf(*module);
  cpu::CpuTarget target;
  groupIntoKernels(function, target, options);
  if (stage == "kernels")
    return printed(*module);
  passes::MemoryPlan plan = passes::planMemory(function, target);
  for (const std::string &name : sizeNamesOf(function.getArgumentTypes()))
    if (!sizes.empty() && !sizes.count(name))
      throw CompileError("the program needs a number for the size '" + name + "'");
  if (stage == "planned")
    return printed(*module) + passes::describePlan(function, plan, sizes);
  OwningOpRef<ModuleOp> code = newKernelModule(*module->getContext());
  for (auto [i, kernel] : llvm::enumerate(kernelsOf(function))) {
    kernel::Group group = kernel::Group::of(kernel);
    target.generatorFor(group).emit(group, *code, "kernel_" + std::to_string(i), level.lanes);
  }
  if (stage == "vector")
    return printed(*code);
  cpu::lowerToLlvmDialect(*code);
  if (stage == "llvm")
    return cpu::llvmText(*code, level);
  if (stage == "asm")
    return cpu::compileAssembly(*code, level);
  throw CompileError("unknown stage '" + stage + "', expected graph, kernels, planned, vector, llvm or asm");
}

} // namespace ember
