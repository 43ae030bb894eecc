#include "tools/ember/KernelList.h"

#include "codegen/Pipeline.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/EmberDialect.h"

using namespace mlir;

namespace ember::tool {

static std::string opsOf(ir::KernelOp kernel) {
  std::string text;
  for (Operation &op : kernel.getBody().front().without_terminator())
    text += (text.empty() ? "" : " ") + op.getName().stripDialect().str();
  return text;
}

static std::string typesOf(TypeRange types) {
  std::string text;
  for (Type type : types)
    text += (text.empty() ? "" : ", ") + describe(type);
  return "(" + text + ")";
}

KernelList listKernels(const Model &model, const CompileOptions &options, const std::map<std::string, int64_t> &sizes) {
  OwningOpRef<ModuleOp> module = model.module.get().clone();
  func::FuncOp function = mainOf(*module);
  cpu::CpuTarget target;
  simplifyGraph(function, options);
  groupIntoKernels(function, target, options);
  passes::MemoryPlan plan = planned(function, target);
  KernelList list{{}, plan.isStatic, plan.certificate};
  if (!plan.isStatic && !sizes.empty()) {
    for (const std::string &name : ir::sizeNamesOf(function.getArgumentTypes()))
      if (!sizes.count(name))
        throw Mistake("size '" + name + "' is not known: --size " + name + "=N");
    SmallVector<int64_t> offsets;
    list.certificate = plan.offsetsFor(sizes, offsets);
    list.isLaidOut = true;
  }
  for (ir::KernelOp kernel : kernelsOf(function))
    list.kernels.push_back({kernel.getGenerator().value_or("?").str(), opsOf(kernel),
                            typesOf(kernel.getInputs().getTypes()) + " -> " + typesOf(kernel.getOutputs().getTypes()),
                            kernel::costOf(kernel::Group::of(kernel))});
  return list;
}

} // namespace ember::tool
