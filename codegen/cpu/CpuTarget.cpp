#include "codegen/cpu/CpuTarget.h"

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/Cost.h"
#include "codegen/cpu/InPlace.h"
#include "codegen/cpu/Nest.h"
#include "codegen/cpu/Random.h"
#include "codegen/cpu/Scatter.h"
#include "codegen/cpu/Sweep.h"
#include "ir/EmberDialect.h"
#include "ir/ops/Kernel.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

CpuTarget::CpuTarget() {
  generators.push_back(std::make_unique<Nest>());
  generators.push_back(std::make_unique<Contraction>());
  generators.push_back(std::make_unique<Scatter>());
  generators.push_back(std::make_unique<Sweep>(*generators.front())); // of nests
  generators.push_back(std::make_unique<Random>());
}

Verdict CpuTarget::consider(ArrayRef<Operation *> ops, ArrayRef<Value> outputs) const {
  Group group = Group::of(ops, outputs);
  Verdict verdict;
  for (const auto &generator : generators) {
    std::string reason = generator->refuse(group);
    if (reason.empty()) {
      verdict.generator = generator->name().str();
      verdict.nanoseconds = estimateNanoseconds(group);
      verdict.reason.clear();
      return verdict;
    }
    verdict.reason += (verdict.reason.empty() ? "" : "; ") + generator->name().str() + ": " + reason;
  }
  return verdict;
}

const Generator &CpuTarget::generatorFor(const Group &group) const {
  for (const auto &generator : generators)
    if (generator->refuse(group).empty())
      return *generator;
  llvm_unreachable("formKernels made only groups that some generator takes");
}

SmallVector<std::pair<unsigned, unsigned>> CpuTarget::inPlacePairs(Operation *kernelOp) const {
  Group group = Group::of(kernelOp);
  return cpu::inPlacePairs(group, generatorFor(group).parts(group));
}

bool CpuTarget::mayFault(Operation *kernelOp) const {
  Group group = Group::of(kernelOp);
  return loadsIndices(group) || llvm::any_of(group.ops, [](Operation *op) { return isa<ScatterOp>(op); });
}

} // namespace ember::cpu
