// The contraction generator: what it takes, and the function around the emission of its shapes.
#include "codegen/cpu/Contraction.h"

#include "codegen/cpu/ContractionEmission.h"
#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

static SmallVector<SizeExpr> sizesOf(Value value) { return dimSizes(cast<RankedTensorType>(value.getType())); }

std::string Contraction::refuse(const Group &group) const {
  Operation *op = contractionOf(group);
  if (!op)
    return "it holds no contraction, or more than one";
  for (Operation *other : group.ops)
    if (isa<ReductionOp, OpaqueOp>(other) || (!isa<IndexedOp>(other) && !other->hasTrait<OpTrait::ConstantLike>()))
      return "it holds an op of another family";
  SmallVector<SizeExpr> sizes = sizesOf(op->getResult(0));
  for (Value output : group.outputs) {
    if (sizesOf(output) != sizes)
      return "an output has another shape than the contraction";
    Space space;
    SmallVector<Expr> loops;
    for (const SizeExpr &size : sizes)
      loops.push_back(space.loop(space.size(size)));
    Trace found;
    found.endWhereTooOften(group);
    trace(group, space, output, loops, {}, found);
    if (found.isTooOften())
      return kTooOften;
    if (found.heroes.empty() || llvm::any_of(found.heroes, [&](const auto &hero) { return hero.second != loops; }))
      return "an output reads the contraction at another place than its own";
  }
  // Prologue ops would be computed again for every panel or row: only views are.
  Space space;
  SmallVector<Expr> loops;
  for (const SizeExpr &size : sizes)
    loops.push_back(space.loop(space.size(size)));
  for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
    loops.push_back(space.loop(space.size(size)));
  for (unsigned operand = 0; operand < 2; ++operand) {
    Access access = cast<IndexedOp>(op).access(operand, loops, space);
    Trace found;
    found.endWhereTooOften(group);
    trace(group, space, op->getOperand(operand), access.indices, access.inside, found);
    if (found.isTooOften())
      return kTooOften;
    if (!found.heroes.empty())
      return "the contraction reads a reduction";
    if (found.elements > (operand == 0 ? 0u : 4u))
      return "what is read into the contraction would be computed again and again";
  }
  return "";
}

double panelElements(const Group &group) {
  Operation *op = contractionOf(group);
  if (!op)
    return 0;
  Space space;
  double count = 0;
  for (const ContractionShape &shape : contractionShapes(group, op, space, /*lanes=*/16)) {
    double own = 1;
    for (const SizeExpr &size : {shape.batchSize, sizeOf(shape.columns), sizeOf(shape.depth)})
      own *= static_cast<double>(size.constant().value_or(64));
    count += own;
  }
  return count;
}

KernelCode Contraction::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  Operation *op = contractionOf(group);
  Space space;
  KernelFunction function(group, module, symbol, space, lanes);
  std::vector<ContractionShape> shapes = contractionShapes(group, op, space, lanes);
  KernelCode code;
  code.symbol = symbol.str();
  code.nanosecondsPerUnit = 0;
  std::vector<std::unique_ptr<ContractionEmission>> emissions;
  SizeExpr units(0);
  for (const ContractionShape &shape : shapes) {
    emissions.push_back(std::make_unique<ContractionEmission>(group, shape, space, function));
    SizeExpr own = emissions.back()->units();
    if (units == SizeExpr(0) || (own.isConstant() && units.isConstant() && *own.constant() > *units.constant()))
      units = own;
  }
  int64_t scratch = 0;
  for (auto &emission : emissions) {
    emission->emit(units);
    scratch = std::max(scratch, emission->scratchElements());
    code.grain = emission->grain();
    code.nanosecondsPerUnit += emission->nanoseconds();
  }
  code.extent = units;
  function.finish();
  int64_t width = computeType(getElementTypeOrSelf(op->getResult(0).getType())).getIntOrFloatBitWidth() / 8;
  code.scratchBytes = SizeExpr(scratch * width);
  code.canFault = loadsIndices(group);
  return code;
}

} // namespace ember::cpu
