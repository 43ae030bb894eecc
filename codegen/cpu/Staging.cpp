#include "codegen/cpu/Staging.h"

#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;
using ember::kernel::addGuards;

namespace ember::cpu {

constexpr int64_t kMostUnrolled = 4; // vectors of a row

namespace {

// A loop that an index is linear in, within a block.
struct Term {
  Expr loop;
  int64_t factor, count;
  bool isOuter, isSplit;
  const BlockedSide *side;
};

// An operand has equal elements along the other one's side: it is read at the first of them. Its indices may differ there, where
// it is a broadcast.
SmallVector<Expr> loopsOf(const ContractionShape &shape, unsigned operand, const Space &space) {
  SmallVector<Expr> loops = shape.loops;
  for (const Dim &dim : operand == shape.left ? shape.columns : shape.rows)
    for (Expr &loop : loops)
      loop = loop - dim.loop * *space.coefficient(loop, *dim.loop.asVariable());
  return loops;
}

} // namespace

std::optional<Stage> Stage::plan(const ContractionShape &shape, unsigned operand, ArrayRef<const BlockedSide *> sides,
                                 Space &space, int64_t lanes, int64_t mostElements) {
  Stage stage;
  stage.operand = shape.op->getOperand(operand);
  auto tensor = cast<RankedTensorType>(stage.operand.getType());
  stage.type = computeType(tensor.getElementType());
  Access access = cast<IndexedOp>(shape.op).access(operand, loopsOf(shape, operand, space), space);
  SmallVector<Cond> guards;
  addGuards(space, access.inside, guards);
  SmallVector<SizeExpr> sizes = dimSizes(tensor);
  for (const Cond &guard : guards) {
    auto dim = llvm::find(access.indices, guard.value);
    if (dim == access.indices.end() || guard.bound != space.size(sizes[dim - access.indices.begin()]))
      return std::nullopt;
  }
  Expr flat;
  stage.total = 1;
  for (auto [dim, index] : llvm::enumerate(access.indices)) {
    SmallVector<Term> terms;
    Expr rest = index;
    for (const BlockedSide *side : sides)
      for (auto [number, own] : llvm::enumerate(side->dims)) {
        std::optional<Expr> factor = space.coefficient(index, *own.loop.asVariable());
        if (!factor || !factor->isConstant())
          return std::nullopt;
        if (*factor == Expr(0) || number < side->split)
          continue;
        std::optional<int64_t> count = number == side->split ? std::optional(side->count) : own.size.constant();
        if (!count || *count == 0)
          return std::nullopt;
        terms.push_back({own.loop, factor->constant(), *count, false, number == side->split, side});
        rest = rest - own.loop * *factor;
      }
    Axis axis;
    axis.size = sizes[dim];
    axis.low = rest;
    int64_t extent = 1, across = 1, longest = 0;
    for (const Term &term : terms) {
      Expr first = term.isSplit ? term.side->first : Expr(0);
      if (term.factor < 0)
        first = first + Expr(term.count - 1);
      axis.low = axis.low + first * Expr(term.factor);
      extent += std::abs(term.factor) * (term.count - 1);
      if (term.count > longest) {
        longest = term.count;
        axis.stride = std::abs(term.factor);
      }
    }
    if (terms.size() == 1 && terms[0].isSplit && terms[0].factor == 1)
      axis.exactly = terms[0].side;
    // Phases that no tap reaches are left out.
    bool reachesOthers = false;
    for (const Term &term : terms)
      if (term.factor % axis.stride != 0) {
        reachesOthers = true;
        across += std::abs(term.factor) * (term.count - 1);
      }
    axis.phases = reachesOthers ? std::min(axis.stride, across) : 1;
    axis.count = (extent + axis.stride - 1) / axis.stride;
    if (axis.phases > 1 && dim + 1 == access.indices.size())
      axis.count = (axis.count + lanes - 1) / lanes * lanes; // vectors of one phase must not reach into the next
    axis.phase = space.loop(Expr(axis.phases));
    axis.position = space.loop(Expr(dim + 1 == access.indices.size() ? axis.count * axis.stride : axis.count));
    Expr along = index - axis.low, position = space.floorDiv(along, Expr(axis.stride));
    Expr phase = axis.phases > 1 ? along - position * Expr(axis.stride) : Expr(0);
    flat = flat * Expr(axis.phases * axis.count) + phase * Expr(axis.count) + position;
    stage.total *= axis.phases * axis.count;
    if (stage.total > mostElements)
      return std::nullopt;
    stage.axes.push_back(axis);
  }
  stage.address = flat;
  return stage;
}

void Stage::emit(Emitter &e, Walker &w, Value pointer) const {
  Access access;
  access.indices.resize(axes.size());
  emitAxis(e, w, pointer, 0, e.constant(0), access);
}

static void setIndex(Access &access, size_t number, const Expr &index, const SizeExpr &size, Space &space) {
  access.indices[number] = index;
  access.inside.push_back({index, space.size(size)});
}

void Stage::emitAxis(Emitter &e, Walker &w, Value pointer, size_t number, Value flat, Access &access) const {
  if (number + 1 == axes.size())
    return emitLast(e, w, pointer, flat, access);
  const Axis &axis = axes[number];
  Value count = axis.exactly ? axis.exactly->positions : e.constant(axis.count);
  e.loop(e.constant(0), e.constant(axis.phases), 1, [&](Value phase) {
    w.bind(axis.phase, phase);
    e.loop(e.constant(0), count, 1, [&](Value position) {
      w.bind(axis.position, position);
      setIndex(access, number, axis.low + axis.position * Expr(axis.stride) + axis.phase, axis.size, e.space);
      Value own = e.add(e.mul(phase, e.constant(axis.count)), position);
      emitAxis(e, w, pointer, number + 1, e.add(e.mul(flat, e.constant(axis.phases * axis.count)), own), access);
      access.inside.pop_back();
    });
  });
}

// `stride` vectors are read side by side and sorted by phase. What masks short rows take is the same for all of them.
void Stage::emitLast(Emitter &e, Walker &w, Value pointer, Value flat, Access &access) const {
  const Axis &axis = axes.back();
  setIndex(access, axes.size() - 1, axis.low + axis.position, axis.size, e.space);
  Value base = e.mul(flat, e.constant(axis.phases * axis.count));
  int64_t lanes = e.lanes, length = axis.count * axis.stride;
  auto vectorAt = [&](Value position) {
    SmallVector<Value> read;
    Value start = e.mul(position, e.constant(axis.stride));
    for (int64_t number = 0; number < axis.stride; ++number) {
      Value lane0 = e.add(start, e.constant(number * lanes));
      // What stands behind the last position is no part of the operand: nothing is read there, nor any index that leads there.
      w.beginLanes(axis.position, lane0, length % lanes == 0 ? Value() : e.firstLanes(e.sub(e.constant(length), lane0)));
      read.push_back(e.broadcast(w.insideAt(operand, access)));
      w.endLanes();
    }
    for (int64_t phase = 0; phase < axis.phases; ++phase) {
      Value sorted = read[0];
      for (int64_t number = axis.stride == 1 ? 1 : 0; number < axis.stride; ++number) {
        SmallVector<int64_t> mask;
        for (int64_t lane = 0; lane < lanes; ++lane) {
          int64_t wanted = lane * axis.stride + phase;
          mask.push_back(wanted / lanes == number ? lanes + wanted % lanes : lane);
        }
        sorted = vector::ShuffleOp::create(e.builder, e.loc, sorted, read[number], mask);
      }
      e.storeVector(sorted, pointer, type, e.add(base, e.add(e.constant(phase * axis.count), position)));
    }
  };
  if (axis.count <= kMostUnrolled * lanes)
    for (int64_t position = 0; position < axis.count; position += lanes)
      vectorAt(e.constant(position));
  else
    e.loop(e.constant(0), e.constant(axis.count), lanes, vectorAt);
  access.inside.pop_back();
}

} // namespace ember::cpu
