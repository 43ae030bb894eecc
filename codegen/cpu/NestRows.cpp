// Rows whose reduced positions fill the vector lanes: softmax, norms, sums along the last dimension.
#include "codegen/cpu/NestEmission.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

constexpr unsigned kPartials = 64;

// Kept values lie one after the other, each from a cache line on.
static int64_t bytesOf(const KeptValue &own) {
  int64_t count = 1;
  for (const SizeExpr &size : cast<IndexedOp>(own.reduction).reducedSizes())
    count *= *size.constant();
  int64_t width = computeType(getElementTypeOrSelf(own.value.getType())).getIntOrFloatBitWidth() / 8;
  return (count * width + 63) / 64 * 64;
}

int64_t LanesInside::scratchBytes(const Plan &plan) {
  int64_t bytes = 0;
  for (const KeptValue &own : plan.kept)
    bytes += bytesOf(own);
  return bytes;
}

void LanesInside::emit() {
  e.loop(f.begin, f.end, 1, [&](Value flat) {
    bindRows(flat, 0);
    for (Operation *op : plan.reductions)
      reduceAlong(op);
    storeOutputs();
    w.clearPresets();
    w.clearKept();
  });
}

// Partials in 64 / lanes vectors, then the tree p with p + 32, p + 16, … 1.
void LanesInside::reduceAlong(Operation *op) {
  auto reduction = cast<ReductionOp>(op);
  SmallVector<Run> runs = reducedRuns(op);
  SmallVector<Expr> loops = rowPoint();
  llvm::append_range(loops, pointOf(space, runs));
  unsigned vectors = kPartials / e.lanes;
  State identity;
  for (unsigned v = 0; v < vectors; ++v)
    llvm::append_range(identity, reduction.identity(e.builder, e.loc, e.lanes));
  size_t width = identity.size() / vectors;
  Expr position = flatPosition(runs);
  // The first reduction meets the row first: the next row is asked for meanwhile.
  if (op == plan.reductions.front() && !rows.empty())
    w.prefetchAhead(rows.back().loop.asVariable());
  State state = reduceInOrder(op, runs, identity, [&](Value low, Value high, State start) {
    return chainAlong(op, runs.back(), loops, position, low, high, start, width);
  });
  w.prefetchAhead(std::nullopt);
  for (unsigned v = vectors / 2; v > 0; v /= 2)
    for (unsigned i = 0; i < v; ++i) {
      State joined =
          combineAll(op, State(ArrayRef(state).slice(i * width, width)), State(ArrayRef(state).slice((i + v) * width, width)));
      llvm::copy(joined, state.begin() + i * width);
    }
  state.resize(width);
  for (unsigned half = e.lanes / 2; half > 0; half /= 2)
    state = foldLanes(op, state, half);
  for (Value &value : state)
    value = vector::ExtractOp::create(e.builder, e.loc, value, ArrayRef<int64_t>{0});
  presetResult(op, reduction.finish(e.builder, e.loc, state));
  addKept(op, loops);
}

NestEmission::State LanesInside::foldLanes(Operation *op, const State &state, unsigned half) {
  SmallVector<int64_t> shift;
  for (unsigned lane = 0; lane < e.lanes; ++lane)
    shift.push_back((lane + half) % e.lanes);
  State moved;
  for (Value value : state)
    moved.push_back(vector::ShuffleOp::create(e.builder, e.loc, value, value, shift));
  return combineAll(op, state, moved);
}

// A chain of adjacent positions: 64 at a time, then the rest masked.
NestEmission::State LanesInside::chainAlong(Operation *op, const Run &run, ArrayRef<Expr> loops, const Expr &position, Value low,
                                            Value high, State state, size_t width) {
  int64_t lanes = e.lanes;
  // What of the last 64 positions exists: known, or at most all.
  std::optional<int64_t> extent = knownExtentOf(run);
  int64_t rest = extent ? *extent % kPartials : kPartials;
  auto step = [&](Value base, State current, bool isRest) {
    for (int64_t v = 0; v * lanes < (isRest ? rest : kPartials); ++v) {
      Value start = e.add(base, e.constant(v * lanes)), active;
      if (isRest && (!extent || (v + 1) * lanes > rest)) {
        Value numbers = e.add(e.broadcast(start), e.laneNumbers());
        active = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::slt, numbers, e.broadcast(high));
      }
      w.beginLanes(run.loop, start, active);
      Walker::Memo memo(w);
      State next = combineOne(op, loops, position, ArrayRef(current).slice(v * width, width), active);
      keep(op, loops);
      if (op == plan.reductions.back() && !isRest)
        askForOutputs(op, loops);
      w.endLanes();
      llvm::copy(next, current.begin() + v * width);
    }
    return current;
  };
  Value sixtyFour = e.constant(kPartials);
  Value whole = e.add(low, e.mul(e.div(e.sub(high, low), sixtyFour), sixtyFour));
  if (!extent || *extent >= kPartials)
    state =
        e.loop(low, whole, kPartials, state, [&](Value base, ValueRange carried) { return step(base, State(carried), false); });
  if (rest == 0)
    return state;
  // At most one more turn, as a loop so that nothing is done when nothing is left.
  return e.loop(whole, high, kPartials, state, [&](Value base, ValueRange carried) { return step(base, State(carried), true); });
}

// The last pass before outputs of the operand's shape are written fetches their lines while it computes.
void LanesInside::askForOutputs(Operation *op, ArrayRef<Expr> loops) {
  auto shape = cast<RankedTensorType>(op->getOperand(0).getType());
  SmallVector<Expr> point = cast<IndexedOp>(op).access(0, loops, space).indices;
  for (unsigned number = 0; number < group.outputs.size(); ++number) {
    auto type = cast<RankedTensorType>(group.outputs[number].getType());
    if (plan.outputs[number].isRowShaped || dimSizes(type) != dimSizes(shape))
      continue;
    w.askFor(f.outputBuffer(number), type, point);
  }
}

// Where the reduction's operand lies in loops: kept values have its shape.
static SmallVector<int64_t> reducedDims(Operation *op) {
  return llvm::to_vector(op->getAttrOfType<DenseI64ArrayAttr>("axes").asArrayRef());
}

// Writes what this reduction keeps to the row's buffer.
void LanesInside::keep(Operation *op, ArrayRef<Expr> loops) {
  int64_t offset = 0;
  for (const KeptValue &own : plan.kept) {
    if (own.reduction == op) {
      SmallVector<Expr> point = cast<IndexedOp>(op).access(0, loops, space).indices;
      auto type = cast<RankedTensorType>(own.value.getType());
      SmallVector<Expr> indices;
      SmallVector<int64_t> sizes;
      for (int64_t dim : reducedDims(op)) {
        indices.push_back(point[dim]);
        sizes.push_back(type.getDimSize(dim));
      }
      auto bufferType = RankedTensorType::get(sizes, computeType(type.getElementType()));
      Value buffer = e.elementPointer(f.scratch, e.builder.getIntegerType(8), e.constant(offset));
      w.store(w.at(own.value, point), buffer, bufferType, indices);
    }
    offset += bytesOf(own);
  }
}

void LanesInside::addKept(Operation *op, ArrayRef<Expr> loops) {
  int64_t offset = 0;
  for (const KeptValue &own : plan.kept) {
    if (own.reduction == op) {
      Value buffer = e.elementPointer(f.scratch, e.builder.getIntegerType(8), e.constant(offset));
      w.addKept({own.value, cast<IndexedOp>(op).access(0, loops, space).indices, reducedDims(op), buffer});
    }
    offset += bytesOf(own);
  }
}

void LanesInside::storeOutputs() {
  SmallVector<Value> rowShaped;
  for (auto [value, output] : llvm::zip_equal(group.outputs, plan.outputs))
    if (output.isRowShaped)
      rowShaped.push_back(value);
  SmallVector<Value> emitted = w.atAll(rowShaped, rowPoint());
  unsigned next = 0;
  for (unsigned number = 0; number < group.outputs.size(); ++number) {
    if (plan.outputs[number].isRowShaped) {
      storeOutput(number, emitted[next++], rowPoint());
      continue;
    }
    SmallVector<Run> inner;
    SmallVector<Expr> point = outputPoint(number, inner);
    Run last = inner.pop_back_val();
    std::optional<int64_t> extent = knownExtentOf(last);
    nest(inner, [&] {
      e.laneLoop(e.constant(0), extentOf(last), extent && *extent % e.lanes == 0, [&](Value base, Value active) {
        w.beginLanes(last.loop, base, active);
        storeOutput(number, w.at(group.outputs[number], point), point);
        w.endLanes();
      });
    });
  }
}

} // namespace ember::cpu
