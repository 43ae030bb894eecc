// Lanes along the last row loop: maps, reductions across rows, windows, short rows.
#include "codegen/cpu/NestEmission.h"

#include "ir/EmberDialect.h"
#include "ir/index/ReductionOrder.h"
#include "ir/interpret/Bytes.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

constexpr int64_t kMostUnrolledTaps = 36;
constexpr unsigned kAccumulatorBytes = 32; // of a lane's accumulators, over all vectors that are reduced at once
constexpr int64_t kRowsAhead = 8;          // rows of a column reduction that are asked for before they are read
constexpr int64_t kElementsAhead = 512;    // the same of a map that the second cache does not hold
constexpr double kSecondCacheBytes = 1 << 20;

void LanesOnRows::emit() {
  SmallVector<Transposed> reads;
  if (std::optional<size_t> along = transposedAlong(group, plan, space, rows, reads))
    return emitTiles(*along, reads);
  if (rows.size() == 1 && lane().step == 1)
    return lanes(f.begin, f.end, isWhole());
  if (rows.size() == 1)
    return emitLanePhases(f.begin, f.end);
  e.loop(f.begin, f.end, 1, [&](Value flat) {
    bindRows(flat, 1);
    if (plan.hasPhases())
      emitPhases(0);
    else
      lanes(e.constant(0), extentOf(lane()), isWhole());
  });
}

// Whether ranges of the lane loop are whole vectors.
bool LanesOnRows::isWhole() const {
  std::optional<int64_t> extent = knownExtentOf(lane());
  return extent && *extent % e.lanes == 0;
}

// A map's arithmetic leaves the processor room to look a few vectors ahead alone, which is less than memory takes.
static bool fitsSecondCache(const kernel::Group &group) {
  double bytes = 0;
  auto add = [&](Value value) {
    double count = byteWidth(getElementTypeOrSelf(value.getType()));
    for (const SizeExpr &size : sizesOf(value))
      count *= static_cast<double>(size.constant().value_or(INT32_MAX));
    bytes += count;
  };
  llvm::for_each(group.inputs, add);
  llvm::for_each(group.outputs, add);
  return bytes < kSecondCacheBytes;
}

// Several vectors of columns share each turn of a long reduction: rows are read in longer pieces, and additions overlap.
unsigned LanesOnRows::vectorsAtOnce() const {
  if (plan.reductions.empty() || plan.shortRow)
    return 1;
  unsigned bytes = 0;
  for (Operation *op : plan.reductions) {
    if (reductionOrder(op).isWindow)
      return 1;
    unsigned own = 0;
    for (Type type : cast<ReductionOp>(op).accumulatorTypes())
      own += std::max(8u, type.getIntOrFloatBitWidth()) / 8;
    bytes = std::max(bytes, own);
  }
  int64_t most = std::max(1u, kAccumulatorBytes / bytes), extent = knownExtentOf(lane()).value_or(most * e.lanes);
  return std::clamp<int64_t>(extent / e.lanes, 1, most);
}

void LanesOnRows::lanes(Value low, Value high, bool isWhole) {
  int64_t count = vectorsAtOnce(), width = count * e.lanes;
  std::optional<int64_t> extent = knownExtentOf(lane());
  if (count > 1) {
    Value step = e.constant(width), whole = e.add(low, e.mul(e.div(e.sub(high, low), step), step));
    e.loop(low, whole, width, [&](Value base) {
      SmallVector<Value> bases;
      for (int64_t v = 0; v < count; ++v)
        bases.push_back(e.add(base, e.constant(v * e.lanes)));
      emitBlock(bases, {});
    });
    if (rows.size() > 1 && extent && *extent % width == 0)
      return;
    low = whole;
  }
  if (plan.reductions.empty() && !fitsSecondCache(group))
    w.prefetchAhead(lane().loop.asVariable(), kElementsAhead);
  e.laneLoop(low, high, isWhole, [&](Value base, Value active) { emitBlock({base}, active); });
  w.prefetchAhead(std::nullopt);
}

void LanesOnRows::emitBlock(ArrayRef<Value> bases, Value active) {
  Block block{SmallVector<Value>(bases), active, {}};
  block.presets.resize(bases.size());
  if (plan.shortRow) { // straight-line code: what one reduction computed, the next and the outputs know
    w.beginLanes(lane().loop, bases[0], active);
    Walker::Memo memo(w);
    for (Operation *op : plan.reductions)
      presetResult(op, cast<ReductionOp>(op).finish(e.builder, e.loc, reduceShort(op)));
    w.swapPresets(block.presets[0]);
    storeOutputs(block);
    w.endLanes();
    return;
  }
  for (Operation *op : plan.reductions)
    reduce(op, block);
  storeOutputs(block);
}

// body() with one vector's lanes and what is declared for them.
void LanesOnRows::onVector(Block &block, size_t number, function_ref<void()> body) {
  w.beginLanes(lane().loop, block.bases[number], block.active);
  w.swapPresets(block.presets[number]);
  body();
  w.swapPresets(block.presets[number]);
  w.endLanes();
}

void LanesOnRows::reduce(Operation *op, Block &block) {
  auto reduction = cast<ReductionOp>(op);
  ReductionOrder order = reductionOrder(op);
  SmallVector<Run> runs = reducedRuns(op);
  SmallVector<Expr> loops = rowPoint();
  llvm::append_range(loops, pointOf(space, runs));
  State identity;
  for (size_t v = 0; v < block.bases.size(); ++v)
    llvm::append_range(identity, reduction.identity(e.builder, e.loc, e.lanes));
  size_t width = identity.size() / block.bases.size();
  auto turn = [&](ValueRange carried) {
    State next;
    for (size_t v = 0; v < block.bases.size(); ++v)
      onVector(block, v,
               [&] { llvm::append_range(next, combineOne(op, loops, flatPosition(runs), carried.slice(v * width, width), {})); });
    return next;
  };
  State state;
  int64_t taps = 1;
  for (const Run &run : runs)
    taps = std::min<int64_t>(kMostUnrolledTaps + 1, taps * knownExtentOf(run).value_or(kMostUnrolledTaps + 1));
  if (order.isWindow && taps <= kMostUnrolledTaps && block.bases.size() == 1) {
    onVector(block, 0, [&] { state = reduceTaps(op); });
  } else if (runs.empty()) {
    state = turn(identity);
  } else {
    w.prefetchAhead(runs.back().loop.asVariable(), kRowsAhead);
    state = reduceInOrder(op, runs, identity, [&](Value low, Value high, State start) {
      return e.loop(low, high, 1, start, [&](Value i, ValueRange carried) {
        w.bind(runs.back().loop, i);
        return turn(carried);
      });
    });
    w.prefetchAhead(std::nullopt);
  }
  for (size_t v = 0; v < block.bases.size(); ++v)
    onVector(block, v, [&] { presetResult(op, reduction.finish(e.builder, e.loc, ValueRange(state).slice(v * width, width))); });
}

// Whether some operand's condition cannot hold at these loops.
bool LanesOnRows::isNeverInside(Operation *op, ArrayRef<Expr> loops) {
  for (unsigned operand = 0; operand < op->getNumOperands(); ++operand)
    for (const Cond &cond : cast<IndexedOp>(op).access(operand, loops, space).inside) {
      IndexRange value = space.range(cond.value), above = space.range(cond.value - cond.bound);
      if ((value.high && *value.high < 0) || (above.low && *above.low >= 0))
        return true;
    }
  return false;
}

// All taps of a window one after the other, each at known numbers.
NestEmission::State LanesOnRows::reduceTaps(Operation *op) {
  State state = cast<ReductionOp>(op).identity(e.builder, e.loc, e.lanes);
  SmallVector<int64_t> sizes;
  for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
    sizes.push_back(*size.constant());
  SmallVector<Expr> loops = rowPoint();
  size_t first = loops.size();
  loops.resize(first + sizes.size());
  int64_t position = 0;
  std::function<void(size_t)> taps = [&](size_t dim) {
    if (dim < sizes.size()) {
      for (int64_t i = 0; i < sizes[dim]; ++i) {
        loops[first + dim] = Expr(i);
        taps(dim + 1);
      }
      return;
    }
    if (!isNeverInside(op, loops))
      state = combineOne(op, loops, Expr(position), state, {});
    ++position;
  };
  taps(0);
  return state;
}

// The positions of a short row are one partial each: what is left is the tree.
NestEmission::State LanesOnRows::reduceShort(Operation *op) {
  auto reduction = cast<ReductionOp>(op);
  SmallVector<SizeExpr> sizes = cast<IndexedOp>(op).reducedSizes();
  int64_t count = 1;
  for (const SizeExpr &size : sizes)
    count *= *size.constant();
  std::vector<State> states;
  for (int64_t position = 0; position < count; ++position) {
    SmallVector<Expr> loops = rowPoint();
    llvm::append_range(loops, delinearize(space, Expr(position), sizes));
    states.push_back(combineOne(op, loops, Expr(position), reduction.identity(e.builder, e.loc, e.lanes), {}));
  }
  for (int64_t half = 32; half > 0; half /= 2)
    for (int64_t i = 0; i < half && i + half < static_cast<int64_t>(states.size()); ++i)
      states[i] = combineAll(op, states[i], states[i + half]);
  return states[0];
}

void LanesOnRows::storeOutputs(Block &block) {
  SmallVector<Value> rowShaped;
  for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs))
    if (output.isRowShaped)
      rowShaped.push_back(value);
  for (size_t v = 0; v < block.bases.size(); ++v)
    onVector(block, v, [&] {
      SmallVector<Value> emitted = w.atAll(rowShaped, rowPoint());
      for (unsigned number = 0, next = 0; number < group.outputs.size(); ++number)
        if (plan.outputs[number].isRowShaped)
          storeOutput(number, emitted[next++], rowPoint());
    });
  for (unsigned number = 0; number < group.outputs.size(); ++number) {
    if (plan.outputs[number].isRowShaped)
      continue;
    SmallVector<Run> inner;
    SmallVector<Expr> point = outputPoint(number, inner);
    auto store = [&](ArrayRef<Expr> at) {
      for (size_t v = 0; v < block.bases.size(); ++v)
        onVector(block, v, [&] { storeOutput(number, w.at(group.outputs[number], at), at); });
    };
    if (!plan.shortRow) {
      nest(inner, [&] { store(point); });
      continue;
    }
    // At known numbers, which is where the reductions have left their values.
    SmallVector<SizeExpr> sizes;
    SmallVector<unsigned> dims;
    for (auto [dim, size] : llvm::enumerate(sizesOf(group.outputs[number])))
      if (!llvm::is_contained(plan.outputs[number].rowDims, dim)) {
        sizes.push_back(size);
        dims.push_back(dim);
      }
    int64_t count = 1;
    for (const SizeExpr &size : sizes)
      count *= *size.constant();
    for (int64_t position = 0; position < count; ++position) {
      for (auto [dim, index] : llvm::zip_equal(dims, delinearize(space, Expr(position), sizes)))
        point[dim] = index;
      store(point);
    }
  }
}

// ---- phases: row loops that count every second, third or fourth index

// Outer loops first, each phase written by itself; then the lanes.
void LanesOnRows::emitPhases(size_t depth) {
  if (depth + 1 == rows.size()) {
    if (lane().step > 1)
      return emitLanePhases(e.constant(0), extentOf(lane()));
    return lanes(e.constant(0), extentOf(lane()), isWhole());
  }
  Run &run = rows[depth];
  int64_t size = run.step > 1 ? *run.sizes[0].constant() : 1;
  for (run.phase = 0; run.phase < run.step && run.phase < size; ++run.phase) {
    if (run.step == 1 || size % run.step == 0 || run.phase < size % run.step) {
      emitPhases(depth + 1);
      continue;
    }
    Value index = w.scalarIndex(run.loop * Expr(run.step) + Expr(run.phase));
    e.branch(e.less(index, e.constant(size)), [&] { emitPhases(depth + 1); });
  }
  run.phase = 0;
}

// All phases of the lane loop are computed before their elements are written in turn, side by side.
void LanesOnRows::emitLanePhases(Value low, Value high) {
  int64_t size = *lane().sizes[0].constant(), step = lane().step;
  auto turn = [&](Value base, Value limit) {
    SmallVector<State> values(group.outputs.size());
    for (int64_t phase = 0; phase < step; ++phase) {
      rows.back().phase = phase;
      // Lanes of this phase that are below the limit: ceil((limit - phase) / step).
      Value active = limit ? e.firstLanes(e.div(e.add(limit, e.constant(step - 1 - phase)), e.constant(step))) : Value();
      Block block{{base}, active, {{}}};
      for (Operation *op : plan.reductions)
        reduce(op, block);
      onVector(block, 0, [&] {
        for (auto [own, value] : llvm::zip_equal(values, w.atAll(group.outputs, rowPoint())))
          own.push_back(value);
      });
    }
    rows.back().phase = 0;
    for (unsigned number = 0; number < group.outputs.size(); ++number) {
      auto type = cast<RankedTensorType>(group.outputs[number].getType());
      Expr address = kernel::addressOf(space, type, rowPoint()), along = lane().loop * Expr(step);
      Value start = e.add(w.scalarIndex(address - along), e.mul(base, e.constant(step)));
      e.storeInterleaved(values[number], f.outputBuffer(number), type.getElementType(), start, limit);
    }
  };
  // Turns of whole vectors in every phase, then at most one that ends with the row.
  Value lanes = e.constant(e.lanes), last = e.minimum(high, e.constant(size / step));
  Value whole = e.add(low, e.mul(e.div(e.maximum(e.sub(last, low), e.constant(0)), lanes), lanes));
  e.loop(low, whole, e.lanes, [&](Value base) { turn(base, {}); });
  e.branch(e.less(whole, high), [&] {
    Value end = e.minimum(e.mul(high, e.constant(step)), e.constant(size));
    turn(whole, e.sub(end, e.mul(whole, e.constant(step))));
  });
}

} // namespace ember::cpu
