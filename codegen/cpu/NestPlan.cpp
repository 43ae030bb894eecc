#include "codegen/cpu/NestPlan.h"

#include "codegen/cpu/Emitter.h"
#include "ir/EmberDialect.h"
#include "ir/index/ReductionOrder.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

constexpr int64_t kMostShortRow = 16;   // positions that are reduced in registers
constexpr int64_t kMostShortWork = 400; // ops that this writes
constexpr int64_t kMostTaps = 36;       // of a window whose phases are written one by one
constexpr int64_t kMostKept = 1 << 16;  // elements of a row's buffer

SmallVector<SizeExpr> sizesOf(Value value) { return dimSizes(cast<RankedTensorType>(value.getType())); }

Run makeRun(Space &space, ArrayRef<SizeExpr> sizes) {
  Expr extent(1);
  for (const SizeExpr &size : sizes)
    extent = extent * space.size(size);
  return {space.loop(extent), SmallVector<SizeExpr>(sizes)};
}

Run makeSteppedRun(Space &space, int64_t size, int64_t step) {
  return {space.loop(Expr((size + step - 1) / step)), {SizeExpr(size)}, step, 0};
}

SmallVector<Expr> pointOf(Space &space, ArrayRef<Run> runs) {
  SmallVector<Expr> point;
  for (const Run &run : runs)
    if (run.step > 1)
      point.push_back(run.loop * Expr(run.step) + Expr(run.phase));
    else
      llvm::append_range(point, delinearize(space, run.loop, run.sizes));
  return point;
}

namespace {

// A loop for each dimension; one of size 1 is at 0 for good.
SmallVector<Expr> loopsOver(Space &space, ArrayRef<SizeExpr> sizes) {
  SmallVector<Expr> loops;
  for (const SizeExpr &size : sizes)
    loops.push_back(size == SizeExpr(1) ? Expr(0) : space.loop(space.size(size)));
  return loops;
}

std::optional<int64_t> countOf(ArrayRef<SizeExpr> sizes) {
  SizeExpr count(1);
  for (const SizeExpr &size : sizes)
    count = count * size;
  return count.constant();
}

std::optional<int64_t> reducedCount(Operation *op) { return countOf(cast<IndexedOp>(op).reducedSizes()); }

// Everything that a reduction reads, with all guards.
void traceReduction(const Group &group, Space &space, Operation *op, ArrayRef<Expr> row, Trace &found) {
  SmallVector<Expr> loops(row);
  for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
    loops.push_back(space.loop(space.size(size)));
  for (unsigned operand = 0; operand < op->getNumOperands(); ++operand) {
    Access access = cast<IndexedOp>(op).access(operand, loops, space);
    SmallVector<Cond> guards;
    addGuards(space, access.inside, guards);
    trace(group, space, op->getOperand(operand), access.indices, guards, found);
  }
}

// Heroes must be read at the row's own point: anything else would need another row's result.
bool heroesAtRow(const Trace &trace, ArrayRef<Expr> row) {
  return llvm::all_of(trace.heroes, [&](const auto &hero) { return ArrayRef<Expr>(hero.second) == row; });
}

std::string planReductions(const Group &group, Plan &plan) {
  int64_t partials = reductionOrder(plan.reductions[0]).partials;
  plan.lanesInside = partials > 1;
  for (Operation *op : plan.reductions) {
    if (sizesOf(op->getResult(0)) != plan.rowSizes)
      return "its reductions have results of different shapes";
    if (reductionOrder(op).partials != partials)
      return "it reduces both along and across vector lanes";
    Space space;
    SmallVector<Expr> row = loopsOver(space, plan.rowSizes);
    Trace found;
    found.endWhereTooOften(group);
    traceReduction(group, space, op, row, found);
    if (found.isTooOften())
      return kTooOften;
    if (!heroesAtRow(found, row))
      return "a reduction reads another one of a different row";
  }
  return "";
}

std::string planOutput(const Group &group, Value value, const Plan &plan, Output &output) {
  Space space;
  SmallVector<Expr> loops = loopsOver(space, sizesOf(value));
  Trace found;
  found.endWhereTooOften(group);
  trace(group, space, value, loops, {}, found);
  if (found.isTooOften())
    return kTooOften;
  if (plan.reductions.empty())
    return sizesOf(value) == plan.rowSizes ? "" : "its outputs have different shapes";
  if (found.heroes.empty() && !plan.rowSizes.empty())
    return sizesOf(value) == plan.rowSizes ? "" : "an output reads none of the reductions";
  if (sizesOf(value) == plan.rowSizes && heroesAtRow(found, loops))
    return "";
  output.isRowShaped = false;
  for (size_t hero = 0; hero < found.heroes.size(); ++hero) {
    SmallVector<unsigned> dims;
    for (const Expr &index : found.heroes[hero].second) {
      auto place = llvm::find(loops, index);
      if (place == loops.end())
        return "an output reads a reduction at an index that is no loop of its own";
      dims.push_back(place - loops.begin());
    }
    if (hero > 0 && dims != output.rowDims)
      return "an output reads reductions of different rows";
    output.rowDims = dims;
  }
  for (auto [dim, size] : llvm::zip_equal(output.rowDims, plan.rowSizes))
    if (sizesOf(value)[dim] != size)
      return "an output reads only some of the rows";
  return "";
}

// ---- short rows

// Dimensions of an output that are no rows.
SmallVector<SizeExpr> innerSizes(Value value, const Output &output) {
  SmallVector<SizeExpr> inner;
  for (auto [dim, size] : llvm::enumerate(sizesOf(value)))
    if (!llvm::is_contained(output.rowDims, dim))
      inner.push_back(size);
  return inner;
}

// How many positions each row has, where all reductions and outputs have so few that every lane takes a row of its own; else 0.
int64_t shortRowOf(const Group &group, const Plan &plan) {
  int64_t most = 0;
  for (Operation *op : plan.reductions) {
    std::optional<int64_t> count = reducedCount(op);
    if (!count || *count < 1 || reductionOrder(op).lastRun != cast<IndexedOp>(op).reducedSizes().size())
      return 0;
    most = std::max(most, *count);
  }
  for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs))
    if (!output.isRowShaped)
      most = std::max(most, countOf(innerSizes(value, output)).value_or(kMostShortRow + 1));
  std::optional<int64_t> rows = countOf(plan.rowSizes);
  bool isShort = most <= kMostShortRow && most * static_cast<int64_t>(group.ops.size()) <= kMostShortWork;
  return isShort && (!rows || *rows >= 8) ? most : 0;
}

// ---- values that are kept

// Walks elementwise ops from a value of the reduction's shape; not beyond what is kept.
class RowValues {
public:
  RowValues(const Group &group, RankedTensorType shape, const std::vector<KeptValue> &kept)
      : group(group), shape(shape), kept(kept) {}
  void visit(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    Operation *op = value.getDefiningOp();
    if (!type || type.getShape() != shape.getShape() || type.getEncoding() != shape.getEncoding() || !group.contains(op) ||
        !isa<ScalarOp>(op) || isa<ViewOp>(op) || !found.insert(value))
      return;
    if (llvm::none_of(kept, [&](const KeptValue &own) { return own.value == value; }))
      llvm::for_each(op->getOperands(), [&](Value operand) { visit(operand); });
  }
  llvm::SetVector<Value> found; // readers first

private:
  const Group &group;
  RankedTensorType shape;
  const std::vector<KeptValue> &kept;
};

void findKept(const Group &group, Plan &plan) {
  for (auto [number, op] : llvm::enumerate(plan.reductions)) {
    std::optional<int64_t> count = reducedCount(op);
    if (!count || *count > kMostKept)
      continue;
    auto shape = cast<RankedTensorType>(op->getOperand(0).getType());
    RowValues own(group, shape, plan.kept);
    llvm::for_each(op->getOperands(), [&](Value operand) { own.visit(operand); });
    for (Value value : own.found) {
      bool isKept = llvm::any_of(plan.kept, [&](const KeptValue &other) { return other.value == value; });
      if (isKept || cast<ScalarOp>(value.getDefiningOp()).cost() < kWorthKeeping ||
          !isa<FloatType>(getElementTypeOrSelf(value.getType())))
        continue;
      RowValues later(group, shape, plan.kept);
      for (Operation *other : ArrayRef(plan.reductions).drop_front(number + 1))
        llvm::for_each(other->getOperands(), [&](Value operand) { later.visit(operand); });
      for (auto [output, shapeOf] : llvm::zip_equal(group.outputs, plan.outputs))
        if (!shapeOf.isRowShaped)
          later.visit(output);
      if (later.found.contains(value))
        plan.kept.push_back({value, op});
    }
  }
}

// ---- phases

// Divisors of row loops: the gradient of a strided window reads at (row + constant - tap) div stride.
class Divisors {
public:
  Divisors(Space &space, ArrayRef<Expr> rows) : space(space), rows(rows), of(rows.size(), 1) {}
  bool areAll = true; // of small constants, one a row loop

  void visit(const Expr &expr) {
    for (const Expr::Term &term : expr.terms())
      for (VariableId id : term.variables) {
        const Space::Variable variable = space.variable(id);
        if (variable.kind == Space::Variable::Kind::Quotient)
          add(variable.operands[0], variable.operands[1]);
        for (const Expr &inner : variable.operands)
          visit(inner);
      }
  }
  ArrayRef<int64_t> perRow() const { return of; }

private:
  void add(const Expr &dividend, const Expr &divisor) {
    for (auto [row, known] : llvm::zip_equal(rows, of)) {
      std::optional<VariableId> id = row.asVariable();
      if (!id || !space.dependsOn(dividend, *id))
        continue;
      std::optional<Expr> factor = space.coefficient(dividend, *id);
      bool fits = factor && *factor == Expr(1) && divisor.isConstant() && divisor.constant() <= kMostStride &&
                  (known == 1 || known == divisor.constant());
      areAll &= fits;
      known = fits ? divisor.constant() : known;
    }
  }

  Space &space;
  ArrayRef<Expr> rows;
  SmallVector<int64_t> of;
};

// Row dimensions that windows divide are walked one remainder after the other: what a remainder reads then lies side by side.
void findPhases(const Group &group, Plan &plan) {
  plan.phases.assign(plan.rowSizes.size(), 1);
  Space space;
  SmallVector<Expr> rows = loopsOver(space, plan.rowSizes);
  Divisors divisors(space, rows);
  Trace found;
  for (Operation *op : plan.reductions) {
    if (!reductionOrder(op).isWindow || reducedCount(op).value_or(kMostTaps + 1) > kMostTaps)
      return;
    traceReduction(group, space, op, rows, found);
  }
  for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs)) {
    if (!output.isRowShaped)
      return;
    trace(group, space, value, rows, {}, found);
  }
  for (const Read &read : found.reads) {
    divisors.visit(read.address);
    for (const Cond &guard : read.guards)
      divisors.visit(guard.value);
  }
  for (auto [count, size] : llvm::zip_equal(divisors.perRow(), plan.rowSizes))
    if (count > 1 && !size.isConstant())
      return;
  if (divisors.areAll && !plan.reductions.empty())
    plan.phases.assign(divisors.perRow().begin(), divisors.perRow().end());
}

} // namespace

Plan makePlan(const Group &group) {
  Plan plan;
  for (Operation *op : group.ops) {
    if (isa<ContractionOp, OpaqueOp>(op) || !isa<IndexedOp>(op)) {
      if (op->hasTrait<OpTrait::ConstantLike>())
        continue;
      plan.refusal = "it holds an op of another family";
      return plan;
    }
    if (isa<ReductionOp>(op))
      plan.reductions.push_back(op);
  }
  plan.rowSizes = sizesOf(plan.reductions.empty() ? group.outputs[0] : plan.reductions[0]->getResult(0));
  if (!plan.reductions.empty())
    plan.refusal = planReductions(group, plan);
  plan.outputs.resize(group.outputs.size());
  for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs))
    if (plan.refusal.empty())
      plan.refusal = planOutput(group, value, plan, output);
  return plan;
}

void chooseForm(const Group &group, Plan &plan) {
  if (!plan.lanesInside)
    findPhases(group, plan);
  else if ((plan.shortRow = shortRowOf(group, plan)))
    plan.lanesInside = false;
  else
    findKept(group, plan);
}

// Whether one loop over these runs keeps every address free of quotients of it.
static bool addressesStayPlain(const Group &group, const Plan &plan, ArrayRef<SmallVector<SizeExpr>> partition) {
  Space space;
  SmallVector<Run> runs;
  for (const auto &sizes : partition)
    runs.push_back(makeRun(space, sizes));
  SmallVector<Expr> row = pointOf(space, runs);
  Trace found;
  SmallVector<Expr> addresses;
  for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs)) {
    SmallVector<Expr> point(row);
    if (!output.isRowShaped) {
      point = loopsOver(space, sizesOf(value));
      for (auto [own, dim] : llvm::zip_equal(row, output.rowDims))
        point[dim] = own;
    }
    addresses.push_back(addressOf(space, cast<RankedTensorType>(value.getType()), point));
    trace(group, space, value, point, {}, found);
  }
  for (Operation *op : plan.reductions)
    traceReduction(group, space, op, row, found);
  for (const Read &read : found.reads) {
    addresses.push_back(read.address);
    for (const Cond &guard : read.guards)
      addresses.push_back(guard.value);
  }
  auto isPlain = [&](const Expr &expr) {
    for (const Expr::Term &term : expr.terms())
      for (VariableId id : term.variables)
        for (const Run &run : runs)
          if (run.sizes.size() > 1 && space.variable(id).kind == Space::Variable::Kind::Quotient &&
              space.dependsOn(Expr::variable(id), *run.loop.asVariable()))
            return false;
    return true;
  };
  return llvm::all_of(addresses, isPlain);
}

SmallVector<SmallVector<SizeExpr>> partitionRows(const Group &group, const Plan &plan) {
  SmallVector<SmallVector<SizeExpr>> runs;
  for (const SizeExpr &size : plan.rowSizes)
    runs.push_back({size});
  if (plan.lanesInside)
    return runs;
  for (size_t i = runs.size(); i-- > 1;) {
    if (plan.hasPhases() && (plan.phases[i - 1] > 1 || plan.phases[i] > 1))
      continue;
    auto joined = runs;
    llvm::append_range(joined[i - 1], joined[i]);
    joined.erase(joined.begin() + i);
    if (addressesStayPlain(group, plan, joined))
      runs = joined;
  }
  if (runs.empty())
    runs.push_back({SizeExpr(1)});
  return runs;
}

} // namespace ember::cpu
