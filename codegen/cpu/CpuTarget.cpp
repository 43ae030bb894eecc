#include "codegen/cpu/CpuTarget.h"

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/Nest.h"
#include "codegen/cpu/Scatter.h"
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
}

Verdict CpuTarget::consider(ArrayRef<Operation *> ops, ArrayRef<Value> outputs) const {
  Group group = Group::of(ops, outputs);
  Verdict verdict;
  for (const auto &generator : generators) {
    std::string reason = generator->refuse(group);
    if (reason.empty()) {
      verdict.generator = generator->name().str();
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

// The input that is a scatter's base and nothing else: the updates must not be made of elements that were written before.
static std::optional<unsigned> writableBase(const Group &group, ScatterOp scatter) {
  Value base = scatter->getOperand(0);
  if (!group.isInput(base))
    return std::nullopt;
  int64_t uses = 0;
  for (Operation *op : group.ops)
    uses += llvm::count(op->getOperands(), base);
  if (uses != 1)
    return std::nullopt;
  return llvm::find(group.inputs, base) - group.inputs.begin();
}

// A map's operand whose every read is at the address that the map writes.
SmallVector<std::pair<unsigned, unsigned>> CpuTarget::inPlacePairs(Operation *kernelOp) const {
  Group group = Group::of(kernelOp);
  SmallVector<std::pair<unsigned, unsigned>> pairs;
  if (auto scatter = llvm::find_if(group.ops, [](Operation *op) { return isa<ScatterOp>(op); }); scatter != group.ops.end()) {
    if (std::optional<unsigned> base = writableBase(group, cast<ScatterOp>(*scatter)))
      pairs.push_back({0u, *base});
    return pairs;
  }
  if (llvm::any_of(group.ops, [](Operation *op) { return isa<ReductionOp, ContractionOp, OpaqueOp>(op); }))
    return pairs;
  Space space;
  SmallVector<Expr> loops;
  auto type = cast<RankedTensorType>(group.outputs[0].getType());
  for (const SizeExpr &size : dimSizes(type))
    loops.push_back(space.loop(space.size(size)));
  Trace found;
  for (Value output : group.outputs)
    trace(group, space, output, loops, {}, found);
  Expr own = addressOf(space, type, loops);
  for (auto [result, output] : llvm::enumerate(group.outputs))
    for (auto [operand, input] : llvm::enumerate(group.inputs)) {
      bool fits = input.getType() == output.getType() && llvm::all_of(found.reads, [&, wanted = input](const Read &read) {
                    return read.input != wanted || (read.address == own && read.guards.empty());
                  });
      if (fits)
        pairs.push_back({static_cast<unsigned>(result), static_cast<unsigned>(operand)});
    }
  return pairs;
}

bool CpuTarget::mayFault(Operation *kernelOp) const {
  Group group = Group::of(kernelOp);
  return loadsIndices(group) || llvm::any_of(group.ops, [](Operation *op) { return isa<ScatterOp>(op); });
}

} // namespace ember::cpu
