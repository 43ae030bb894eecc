// The loop-nest generator: groups of elementwise ops, views and reductions that share their rows.
//
// Rows are the loops of the reductions' results (of the outputs, where nothing is reduced). Vector lanes run along the last row
// loop ("lanes on rows": maps, column reductions, windows) or, for reductions over the operand's last dimension, along the
// reduced positions, 64 interleaved partials a row ("lanes inside").
#include "codegen/cpu/Nest.h"

#include "codegen/cpu/KernelFunction.h"
#include "ir/EmberDialect.h"
#include "ir/index/ReductionOrder.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

namespace {

SmallVector<SizeExpr> sizesOf(Value value) { return dimSizes(cast<RankedTensorType>(value.getType())); }

// A loop for each dimension; one of size 1 is at 0 for good.
SmallVector<Expr> loopsOver(Space &space, ArrayRef<SizeExpr> sizes) {
  SmallVector<Expr> loops;
  for (const SizeExpr &size : sizes)
    loops.push_back(size == SizeExpr(1) ? Expr(0) : space.loop(space.size(size)));
  return loops;
}

// A run of adjacent dimensions walked by one loop.
struct Run {
  Expr loop;
  SmallVector<SizeExpr> sizes;
};

Run makeRun(Space &space, ArrayRef<SizeExpr> sizes) {
  Expr extent(1);
  for (const SizeExpr &size : sizes)
    extent = extent * space.size(size);
  return {space.loop(extent), SmallVector<SizeExpr>(sizes)};
}

SmallVector<Expr> pointOf(Space &space, ArrayRef<Run> runs) {
  SmallVector<Expr> point;
  for (const Run &run : runs)
    llvm::append_range(point, delinearize(space, run.loop, run.sizes));
  return point;
}

// An output over all rows and further loops: where its rows stand among its dimensions.
struct Output {
  bool isRowShaped = true;
  SmallVector<unsigned> rowDims; // dimension of each row loop, when it is not
};

struct Plan {
  SmallVector<SizeExpr> rowSizes;
  SmallVector<Operation *> reductions;
  SmallVector<Output> outputs;
  bool lanesInside = false;
  std::string refusal;
};

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
    SmallVector<Expr> loops = loopsOver(space, plan.rowSizes);
    SmallVector<Expr> row(loops);
    for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
      loops.push_back(space.loop(space.size(size)));
    Trace found;
    for (unsigned operand = 0; operand < op->getNumOperands(); ++operand) {
      Access access = cast<IndexedOp>(op).access(operand, loops, space);
      trace(group, space, op->getOperand(operand), access.indices, access.inside, found);
    }
    if (!heroesAtRow(found, row))
      return "a reduction reads another one of a different row";
  }
  return "";
}

std::string planOutput(const Group &group, Value value, const Plan &plan, Output &output) {
  Space space;
  SmallVector<Expr> loops = loopsOver(space, sizesOf(value));
  Trace found;
  trace(group, space, value, loops, {}, found);
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

// ---- emission

class NestEmission {
public:
  NestEmission(const Group &group, const Plan &plan, Space &space, KernelFunction &function)
      : group(group), plan(plan), space(space), f(function), e(function.emitter), w(function.walker) {}

  void emit() {
    if (plan.lanesInside)
      emitRows();
    else
      emitLanesOnRows();
  }

  SmallVector<Run> rows; // lanes run along the last one unless they are inside

private:
  // Binds the row loops but `kept` of the last ones to the parts of `flat`.
  void bindRows(Value flat, size_t kept) {
    for (size_t i = rows.size() - kept; i-- > 0;) {
      Value extent = w.scalarIndex(space.variable(*rows[i].loop.asVariable()).extent);
      if (i == 0) {
        w.bind(rows[i].loop, flat);
        break;
      }
      Value rest = arith::DivUIOp::create(e.builder, e.loc, flat, extent);
      w.bind(rows[i].loop, e.sub(flat, e.mul(rest, extent)));
      flat = rest;
    }
  }

  // body(): once for whole vectors and once, masked, for what is left of [low, high).
  void laneLoop(const Expr &loop, Value low, Value high, function_ref<void()> body) {
    int64_t lanes = e.lanes;
    Value count = e.sub(high, low), step = e.constant(lanes);
    Value whole = e.add(low, e.mul(arith::DivUIOp::create(e.builder, e.loc, count, step), step));
    e.loop(low, whole, lanes, [&](Value base) {
      w.beginLanes(loop, base, {});
      body();
      w.endLanes();
    });
    e.branch(e.less(whole, high), [&] {
      Value numbers = e.add(e.broadcast(whole), e.laneNumbers());
      Value active = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::slt, numbers, e.broadcast(high));
      w.beginLanes(loop, whole, active);
      body();
      w.endLanes();
    });
  }

  // Loops over runs, binding each; the innermost calls body.
  void nest(ArrayRef<Run> runs, function_ref<void()> body) {
    if (runs.empty())
      return body();
    Value extent = w.scalarIndex(space.variable(*runs[0].loop.asVariable()).extent);
    e.loop(e.constant(0), extent, 1, [&](Value i) {
      w.bind(runs[0].loop, i);
      nest(runs.drop_front(), body);
    });
  }

  SmallVector<Value> nestCarrying(ArrayRef<Run> runs, SmallVector<Value> state,
                                  function_ref<SmallVector<Value>(ValueRange)> body) {
    if (runs.empty())
      return body(state);
    Value extent = w.scalarIndex(space.variable(*runs[0].loop.asVariable()).extent);
    return e.loop(e.constant(0), extent, 1, state, [&](Value i, ValueRange carried) {
      w.bind(runs[0].loop, i);
      return nestCarrying(runs.drop_front(), SmallVector<Value>(carried), body);
    });
  }

  // The state of one reduced position (or a vector of them), combined into `state` where it is inside.
  SmallVector<Value> combineOne(Operation *op, ArrayRef<Expr> loops, const Expr &position, ValueRange state, Value active) {
    auto reduction = cast<ReductionOp>(op);
    SmallVector<Value> args;
    Value inside;
    for (unsigned operand = 0; operand < op->getNumOperands(); ++operand) {
      Value own;
      args.push_back(w.operandAt(op, operand, loops, &own));
      if (own)
        inside = inside ? conjunction(inside, own) : own;
    }
    Value number;
    if (reduction.needsPosition())
      number = plan.lanesInside ? w.vectorIndex(position) : e.broadcast(w.scalarIndex(position));
    for (Value &arg : args)
      arg = e.broadcast(arg);
    SmallVector<Value> lifted = reduction.lift(e.builder, e.loc, args, number);
    SmallVector<Value> next = reduction.combine(e.builder, e.loc, state, lifted);
    if (active)
      inside = inside ? conjunction(inside, active) : active;
    if (inside)
      for (auto [value, old] : llvm::zip_equal(next, state))
        value = arith::SelectOp::create(e.builder, e.loc, e.broadcast(inside), value, old);
    return next;
  }

  Value conjunction(Value a, Value b) { return arith::AndIOp::create(e.builder, e.loc, e.broadcast(a), e.broadcast(b)); }

  SmallVector<Expr> rowPoint() { return pointOf(space, rows); }

  // The reduced loops of a reduction: leading ones by themselves, the last run of adjacent dimensions as one.
  SmallVector<Run> reducedRuns(Operation *op) {
    SmallVector<SizeExpr> sizes = cast<IndexedOp>(op).reducedSizes();
    size_t last = plan.lanesInside ? std::min<size_t>(reductionOrder(op).lastRun, sizes.size()) : 1;
    SmallVector<Run> runs;
    for (size_t i = 0; i + last < sizes.size(); ++i)
      runs.push_back(makeRun(space, sizes[i]));
    if (!sizes.empty())
      runs.push_back(makeRun(space, ArrayRef(sizes).take_back(last)));
    return runs;
  }

  Expr flatPosition(ArrayRef<Run> runs) {
    Expr flat;
    for (const Run &run : runs)
      flat = flat * space.variable(*run.loop.asVariable()).extent + run.loop;
    return flat;
  }

  // ---- lanes on rows

  void emitLanesOnRows() {
    Expr lane = rows.back().loop;
    Value extent = w.scalarIndex(space.variable(*lane.asVariable()).extent);
    auto block = [&] {
      for (Operation *op : plan.reductions)
        reduceAcross(op);
      storeOutputs();
      w.clearPresets();
    };
    if (rows.size() == 1)
      return laneLoop(lane, f.begin, f.end, block);
    e.loop(f.begin, f.end, 1, [&](Value flat) {
      bindRows(flat, 1);
      laneLoop(lane, e.constant(0), extent, block);
    });
  }

  void reduceAcross(Operation *op) {
    auto reduction = cast<ReductionOp>(op);
    SmallVector<Run> runs = reducedRuns(op);
    SmallVector<Expr> loops = rowPoint();
    llvm::append_range(loops, pointOf(space, runs));
    SmallVector<Value> state = nestCarrying(runs, reduction.identity(e.builder, e.loc, e.lanes), [&](ValueRange carried) {
      return combineOne(op, loops, flatPosition(runs), carried, {});
    });
    presetResult(op, reduction.finish(e.builder, e.loc, state));
  }

  void presetResult(Operation *op, Value result) {
    result = e.roundTo(result, getElementTypeOrSelf(op->getResult(0).getType()));
    w.preset(op->getResult(0), rowPoint(), result);
  }

  void storeOutputs() {
    SmallVector<Value> rowShaped;
    for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs))
      if (output.isRowShaped)
        rowShaped.push_back(value);
    SmallVector<Value> emitted = w.atAll(rowShaped, rowPoint());
    unsigned next = 0;
    for (unsigned number = 0; number < group.outputs.size(); ++number) {
      Value value = group.outputs[number];
      auto type = cast<RankedTensorType>(value.getType());
      if (plan.outputs[number].isRowShaped) {
        w.store(emitted[next++], f.outputBuffer(number), type, rowPoint());
        continue;
      }
      SmallVector<Run> inner;
      SmallVector<Expr> point = outputPoint(number, inner);
      if (!plan.lanesInside) {
        nest(inner, [&] { w.store(w.at(value, point), f.outputBuffer(number), type, point); });
        continue;
      }
      Run last = inner.pop_back_val();
      nest(inner, [&] {
        Value extent = w.scalarIndex(space.variable(*last.loop.asVariable()).extent);
        laneLoop(last.loop, e.constant(0), extent, [&] { w.store(w.at(value, point), f.outputBuffer(number), type, point); });
      });
    }
  }

  // The point of an output over rows and inner loops; adjacent inner dimensions at the end share a loop.
  SmallVector<Expr> outputPoint(unsigned number, SmallVectorImpl<Run> &inner) {
    ArrayRef<unsigned> rowDims = plan.outputs[number].rowDims;
    SmallVector<SizeExpr> sizes = sizesOf(group.outputs[number]);
    SmallVector<Expr> point(sizes.size()), row = rowPoint();
    for (auto [loop, dim] : llvm::enumerate(rowDims))
      point[dim] = row[loop];
    size_t tail = sizes.size();
    while (tail > 0 && !llvm::is_contained(rowDims, tail - 1))
      --tail;
    for (size_t dim = 0; dim < tail; ++dim)
      if (!llvm::is_contained(rowDims, dim) && sizes[dim] != SizeExpr(1)) {
        inner.push_back(makeRun(space, sizes[dim]));
        point[dim] = inner.back().loop;
      }
    if (tail < sizes.size()) {
      inner.push_back(makeRun(space, ArrayRef(sizes).drop_front(tail)));
      for (auto [i, index] : llvm::enumerate(delinearize(space, inner.back().loop, inner.back().sizes)))
        point[tail + i] = index;
    }
    if (inner.empty())
      inner.push_back(makeRun(space, SizeExpr(1)));
    return point;
  }

  // ---- lanes inside

  void emitRows() {
    e.loop(f.begin, f.end, 1, [&](Value flat) {
      bindRows(flat, 0);
      for (Operation *op : plan.reductions)
        reduceAlong(op);
      storeOutputs();
      w.clearPresets();
    });
  }

  // 64 partials in 64 / lanes vectors, then the tree p with p + 32, p + 16, … 1.
  void reduceAlong(Operation *op) {
    auto reduction = cast<ReductionOp>(op);
    SmallVector<Run> runs = reducedRuns(op);
    Run last = runs.back();
    SmallVector<Expr> loops = rowPoint();
    llvm::append_range(loops, pointOf(space, runs));
    unsigned vectors = 64 / e.lanes;
    SmallVector<Value> state;
    for (unsigned v = 0; v < vectors; ++v)
      llvm::append_range(state, reduction.identity(e.builder, e.loc, e.lanes));
    size_t width = state.size() / vectors;
    Expr position = flatPosition(runs);
    state = nestCarrying(ArrayRef(runs).drop_back(), state, [&](ValueRange carried) {
      return reduceRun(op, last, loops, position, SmallVector<Value>(carried), width);
    });
    for (unsigned v = vectors / 2; v > 0; v /= 2)
      for (unsigned i = 0; i < v; ++i) {
        auto left = ArrayRef(state).slice(i * width, width), right = ArrayRef(state).slice((i + v) * width, width);
        SmallVector<Value> joined = reduction.combine(e.builder, e.loc, left, right);
        llvm::copy(joined, state.begin() + i * width);
      }
    state.resize(width);
    for (unsigned half = e.lanes / 2; half > 0; half /= 2)
      state = foldLanes(reduction, state, half);
    for (Value &value : state)
      value = vector::ExtractOp::create(e.builder, e.loc, value, ArrayRef<int64_t>{0});
    presetResult(op, reduction.finish(e.builder, e.loc, state));
  }

  SmallVector<Value> foldLanes(ReductionOp reduction, ArrayRef<Value> state, unsigned half) {
    SmallVector<int64_t> shift;
    for (unsigned lane = 0; lane < e.lanes; ++lane)
      shift.push_back((lane + half) % e.lanes);
    SmallVector<Value> moved;
    for (Value value : state)
      moved.push_back(vector::ShuffleOp::create(e.builder, e.loc, value, value, shift));
    return reduction.combine(e.builder, e.loc, state, moved);
  }

  // One run of adjacent positions: 64 at a time, then the rest masked.
  SmallVector<Value> reduceRun(Operation *op, const Run &run, ArrayRef<Expr> loops, const Expr &position,
                               SmallVector<Value> state, size_t width) {
    Value extent = w.scalarIndex(space.variable(*run.loop.asVariable()).extent);
    Value whole = e.mul(arith::DivUIOp::create(e.builder, e.loc, extent, e.constant(64)), e.constant(64));
    auto step = [&](Value base, SmallVector<Value> current, bool masked) {
      for (unsigned v = 0; v < 64 / e.lanes; ++v) {
        Value start = e.add(base, e.constant(v * e.lanes)), active;
        if (masked) {
          Value numbers = e.add(e.broadcast(start), e.laneNumbers());
          active = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::slt, numbers, e.broadcast(extent));
        }
        w.beginLanes(run.loop, start, active);
        SmallVector<Value> next = combineOne(op, loops, position, ArrayRef(current).slice(v * width, width), active);
        w.endLanes();
        llvm::copy(next, current.begin() + v * width);
      }
      return current;
    };
    state = e.loop(e.constant(0), whole, 64, state,
                   [&](Value base, ValueRange carried) { return step(base, SmallVector<Value>(carried), false); });
    // At most one more turn, as a loop so that nothing is done when nothing is left.
    return e.loop(whole, extent, 64, state,
                  [&](Value base, ValueRange carried) { return step(base, SmallVector<Value>(carried), true); });
  }

  const Group &group;
  const Plan &plan;
  Space &space;
  KernelFunction &f;
  Emitter &e;
  Walker &w;
};

// Whether one loop over these runs keeps every address free of quotients.
bool addressesStayPlain(const Group &group, const Plan &plan, ArrayRef<SmallVector<SizeExpr>> partition) {
  Space space;
  SmallVector<Run> runs;
  for (const auto &sizes : partition)
    runs.push_back(makeRun(space, sizes));
  SmallVector<Expr> row = pointOf(space, runs);
  Trace found;
  for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs)) {
    if (!output.isRowShaped)
      return false;
    trace(group, space, value, row, {}, found);
  }
  for (Operation *op : plan.reductions) {
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
  auto plain = [&](const Expr &expr) {
    for (const Expr::Term &term : expr.terms())
      for (VariableId id : term.variables)
        if (space.variable(id).kind == Space::Variable::Kind::Quotient)
          return false;
    return true;
  };
  return llvm::all_of(found.reads, [&](const Read &read) {
    return plain(read.address) && llvm::all_of(read.guards, [&](const Cond &cond) { return plain(cond.value); });
  });
}

// Joins neighbouring row loops, from the last on, as long as addresses stay polynomials.
SmallVector<SmallVector<SizeExpr>> partitionRows(const Group &group, const Plan &plan) {
  SmallVector<SmallVector<SizeExpr>> runs;
  for (const SizeExpr &size : plan.rowSizes)
    runs.push_back({size});
  if (plan.lanesInside)
    return runs;
  for (size_t i = runs.size(); i-- > 1;) {
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

} // namespace

std::string Nest::refuse(const Group &group) const {
  if (group.outputs.empty())
    return "it has no outputs";
  return makePlan(group).refusal;
}

KernelCode Nest::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  Plan plan = makePlan(group);
  assert(plan.refusal.empty() && "only accepted groups are emitted");
  Space space;
  KernelFunction function(group, module, symbol, space, lanes);
  NestEmission emission(group, plan, space, function);
  SizeExpr outer(1), last(1);
  auto partition = partitionRows(group, plan);
  for (auto [i, sizes] : llvm::enumerate(partition)) {
    // The dummy row of a rank-0 result has no dimensions to delinearize into.
    emission.rows.push_back(makeRun(space, sizes));
    if (plan.rowSizes.empty())
      emission.rows.back().sizes.clear();
    SizeExpr size(1);
    for (const SizeExpr &own : sizes)
      size = size * own;
    if (!plan.lanesInside && i + 1 == partition.size())
      last = size;
    else
      outer = outer * size;
  }
  emission.emit();
  function.finish();

  KernelCode code;
  code.symbol = symbol.str();
  bool splitsLanes = !plan.lanesInside && emission.rows.size() == 1;
  code.extent = splitsLanes ? last : outer;
  code.grain = splitsLanes ? 1024 : 1;
  double perUnit = 0.15 * group.ops.size();
  if (!splitsLanes)
    perUnit *= last.constant().value_or(256);
  for (Operation *op : plan.reductions)
    for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
      perUnit *= std::max<int64_t>(1, size.constant().value_or(256));
  code.nanosecondsPerUnit = perUnit;
  code.canFault = loadsIndices(group);
  return code;
}

} // namespace ember::cpu
