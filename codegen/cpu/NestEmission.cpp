#include "codegen/cpu/NestEmission.h"

#include "ir/EmberDialect.h"
#include "ir/index/ReductionOrder.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

void NestEmission::bindRows(Value flat, size_t kept) {
  for (size_t i = rows.size() - kept; i-- > 0;) {
    if (i == 0) {
      w.bind(rows[i].loop, flat);
      break;
    }
    Value extent = extentOf(rows[i]), rest = e.div(flat, extent);
    w.bind(rows[i].loop, e.sub(flat, e.mul(rest, extent)));
    flat = rest;
  }
}

std::optional<int64_t> NestEmission::knownExtentOf(const Run &run) const {
  const Expr &extent = space.variable(*run.loop.asVariable()).extent;
  return extent.isConstant() ? std::optional(extent.constant()) : std::nullopt;
}

void NestEmission::nest(ArrayRef<Run> runs, function_ref<void()> body) {
  if (runs.empty())
    return body();
  e.loop(e.constant(0), extentOf(runs[0]), 1, [&](Value i) {
    w.bind(runs[0].loop, i);
    nest(runs.drop_front(), body);
  });
}

NestEmission::State NestEmission::nestCarrying(ArrayRef<Run> runs, State state, function_ref<State(State)> body) {
  if (runs.empty())
    return body(state);
  return e.loop(e.constant(0), extentOf(runs[0]), 1, state, [&](Value i, ValueRange carried) {
    w.bind(runs[0].loop, i);
    return nestCarrying(runs.drop_front(), State(carried), body);
  });
}

SmallVector<Run> NestEmission::reducedRuns(Operation *op) {
  SmallVector<SizeExpr> sizes = cast<IndexedOp>(op).reducedSizes();
  size_t last = std::min<size_t>(reductionOrder(op).lastRun, sizes.size());
  SmallVector<Run> runs;
  for (size_t i = 0; i + last < sizes.size(); ++i)
    runs.push_back(makeRun(space, sizes[i]));
  if (!sizes.empty())
    runs.push_back(makeRun(space, ArrayRef(sizes).take_back(last)));
  return runs;
}

Expr NestEmission::flatPosition(ArrayRef<Run> runs) {
  Expr flat;
  for (const Run &run : runs)
    flat = flat * space.variable(*run.loop.asVariable()).extent + run.loop;
  return flat;
}

Value NestEmission::conjunction(Value a, Value b) {
  return arith::AndIOp::create(e.builder, e.loc, e.broadcast(a), e.broadcast(b));
}

NestEmission::State NestEmission::combineOne(Operation *op, ArrayRef<Expr> loops, const Expr &position, ValueRange state,
                                             Value active) {
  auto reduction = cast<ReductionOp>(op);
  State args;
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
  State lifted = reduction.lift(e.builder, e.loc, args, number);
  State next = reduction.combine(e.builder, e.loc, state, lifted);
  if (active)
    inside = inside ? conjunction(inside, active) : active;
  if (inside)
    for (auto [value, old] : llvm::zip_equal(next, state))
      value = arith::SelectOp::create(e.builder, e.loc, e.broadcast(inside), value, old);
  return next;
}

// States of several vectors are combined one vector at a time.
NestEmission::State NestEmission::combineAll(Operation *op, const State &left, const State &right) {
  auto reduction = cast<ReductionOp>(op);
  size_t width = reduction.accumulatorTypes().size();
  State result;
  for (size_t i = 0; i < left.size(); i += width)
    llvm::append_range(result,
                       reduction.combine(e.builder, e.loc, ValueRange(left).slice(i, width), ValueRange(right).slice(i, width)));
  return result;
}

// The state over [low, high) in blocks, each from the neutral state; the blocks of the smallest size are chains.
NestEmission::State NestEmission::inBlocks(Operation *op, Value low, Value high, std::optional<int64_t> count, int64_t block,
                                           const State &identity, Chain chain) {
  int64_t smallest = ReductionOrder::kBlock * reductionOrder(op).partials;
  if (count && *count <= block) // one block alone
    return block == smallest ? chain(low, high, identity) : inBlocks(op, low, high, count, smallest, identity, chain);
  return e.loop(low, high, block, identity, [&](Value first, ValueRange carried) {
    Value last = e.minimum(high, e.add(first, e.constant(block)));
    State own =
        block == smallest ? chain(first, last, identity) : inBlocks(op, first, last, std::nullopt, smallest, identity, chain);
    return combineAll(op, State(carried), own);
  });
}

NestEmission::State NestEmission::reduceInOrder(Operation *op, ArrayRef<Run> runs, State identity, Chain chain) {
  if (runs.empty()) // of no axes: each element is its own result
    return chain(e.constant(0), e.constant(1), identity);
  ReductionOrder order = reductionOrder(op);
  auto alongRun = [&](const State &start) {
    Value low = e.constant(0), high = extentOf(runs.back());
    if (order.isWindow)
      return chain(low, high, start);
    int64_t block = ReductionOrder::kBlock * ReductionOrder::kBlock * order.partials;
    return inBlocks(op, low, high, knownExtentOf(runs.back()), block, identity, chain);
  };
  if (runs.size() == 1 || order.isWindow)
    return nestCarrying(runs.drop_back(), identity, alongRun);
  return nestCarrying(runs.drop_back(), identity, [&](State carried) { return combineAll(op, carried, alongRun(identity)); });
}

void NestEmission::presetResult(Operation *op, Value result) {
  result = e.roundTo(result, getElementTypeOrSelf(op->getResult(0).getType()));
  w.preset(op->getResult(0), rowPoint(), result);
}

SmallVector<Expr> NestEmission::outputPoint(unsigned number, SmallVectorImpl<Run> &inner) {
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

void NestEmission::storeOutput(unsigned number, Value value, ArrayRef<Expr> point) {
  w.store(value, f.outputBuffer(number), cast<RankedTensorType>(group.outputs[number].getType()), point);
}

} // namespace ember::cpu
