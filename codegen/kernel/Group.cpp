#include "codegen/kernel/Group.h"

#include "ir/EmberDialect.h"
#include "ir/ops/Kernel.h"
#include "passes/OpGroup.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::kernel {

Group Group::of(ArrayRef<Operation *> ops, ArrayRef<Value> outputs) {
  Group group;
  group.ops.assign(ops.begin(), ops.end());
  group.outputs.assign(outputs.begin(), outputs.end());
  group.members.insert(ops.begin(), ops.end());
  llvm::SetVector<Value> inputs;
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      if (group.isInput(operand))
        inputs.insert(operand);
  group.inputs = inputs.takeVector();
  return group;
}

Group Group::of(Operation *kernelOp) {
  auto kernel = cast<KernelOp>(kernelOp);
  Block &body = kernel.getBody().front();
  SmallVector<Operation *> ops;
  for (Operation &op : body.without_terminator())
    ops.push_back(&op);
  Group group = of(ops, llvm::to_vector(body.getTerminator()->getOperands()));
  group.inputs = llvm::to_vector_of<Value>(body.getArguments()); // also those that nothing reads: buffers come by number
  group.sharesMemory = kernel.getInPlace() && !kernel.getInPlace()->empty();
  return group;
}

Expr addressOf(Space &space, RankedTensorType type, ArrayRef<Expr> point) { return flatIndex(space, point, dimSizes(type)); }

void addGuards(Space &space, ArrayRef<Cond> conds, SmallVectorImpl<Cond> &guards) {
  for (const Cond &cond : conds)
    if (!space.isInside(cond.value, cond.bound))
      guards.push_back(cond);
}

// The indices that an address loads are reads too.
static void traceElements(const Group &group, Space &space, const Expr &expr, ArrayRef<Cond> guards, Trace &out) {
  for (const Expr::Term &term : expr.terms())
    for (VariableId id : term.variables) {
      const Space::Variable &variable = space.variable(id);
      if (variable.kind == Space::Variable::Kind::Element)
        trace(group, space, variable.tensor, variable.operands, guards, out);
      else
        for (const Expr &inner : variable.operands)
          traceElements(group, space, inner, guards, out);
    }
}

void Trace::endWhereTooOften(const Group &group) {
  if (llvm::count_if(group.ops, [](Operation *op) { return !passes::isFree(op); }) < 2)
    return; // one op and what it reads is a kernel in any case (passes/CutViews.h)
  mostElements = 2 * group.ops.size() + 32;
  mostViews = 8 * group.ops.size() + 256;
}

bool Trace::Place::operator==(const Place &other) const {
  return point == other.point &&
         llvm::equal(guards, other.guards, [](const Cond &a, const Cond &b) { return a.value == b.value && a.bound == b.bound; });
}

void trace(const Group &group, Space &space, Value value, ArrayRef<Expr> point, ArrayRef<Cond> guards, Trace &out) {
  Operation *op = value.getDefiningOp();
  if (!group.contains(op)) {
    Expr address = addressOf(space, cast<RankedTensorType>(value.getType()), point);
    out.reads.push_back({value, address, SmallVector<Cond>(guards)});
    traceElements(group, space, address, guards, out);
    for (const Cond &guard : guards)
      traceElements(group, space, guard.value, {}, out);
    return;
  }
  if (op->hasTrait<OpTrait::ConstantLike>() || out.isTooOften())
    return;
  if (isa<ReductionOp, ContractionOp>(op)) {
    out.heroes.push_back({op, SmallVector<Expr>(point)});
    return;
  }
  if (!value.hasOneUse()) {
    Trace::Place place{SmallVector<Expr>(point), SmallVector<Cond>(guards)};
    std::vector<Trace::Place> &places = out.followed[value];
    if (llvm::is_contained(places, place))
      return;
    places.push_back(std::move(place));
  }
  auto indexed = cast<IndexedOp>(op);
  auto view = dyn_cast<ViewOp>(op);
  unsigned count = view ? view.movedOperands() : op->getNumOperands();
  ++(view ? out.views : out.elements);
  for (unsigned operand = 0; operand < count; ++operand) {
    Access access = indexed.access(operand, point, space);
    SmallVector<Cond> inner(guards);
    addGuards(space, access.inside, inner);
    trace(group, space, op->getOperand(operand), access.indices, inner, out);
  }
}

} // namespace ember::kernel
