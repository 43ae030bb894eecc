#include "codegen/cpu/Packing.h"

#include "ir/EmberDialect.h"
#include <numeric>

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

constexpr int64_t kMostPieces = 6;   // more of them cost as much as gathering
constexpr int64_t kMostUnrolled = 8; // turns of a convolution's taps, whose addresses become constants so

static SmallVector<VariableId> idsOf(ArrayRef<Dim> dims) {
  SmallVector<VariableId> ids;
  for (const Dim &dim : dims)
    ids.push_back(*dim.loop.asVariable());
  return ids;
}

Type Packer::compute() const { return computeType(getElementTypeOrSelf(shape.op->getOperand(operand).getType())); }

Expr Packer::partOn(ArrayRef<Dim> dims) const { return space.termsOn(source.address, idsOf(dims)); }

void Packer::bind(const Walk &walk, Value flat) {
  for (const Dim &dim : llvm::reverse(walk.dims.drop_front(walk.dims.empty() ? 0 : 1))) {
    Value size = w.scalarIndex(space.size(dim.size)), rest = e.div(flat, size);
    w.bind(dim.loop, e.sub(flat, e.mul(rest, size)));
    flat = rest;
  }
  if (!walk.dims.empty())
    w.bind(walk.dims[0].loop, walk.first ? e.add(walk.first, flat) : flat);
}

size_t Packer::adjacentDims(ArrayRef<Dim> dims) const {
  Expr distance(1);
  size_t count = 0;
  for (const Dim &dim : llvm::reverse(dims)) {
    std::optional<Expr> own = space.coefficient(source.address, *dim.loop.asVariable());
    if (!own || *own != distance)
      break;
    ++count;
    distance = distance * space.size(dim.size);
  }
  return count;
}

std::optional<Expr> Packer::commonStep(ArrayRef<Dim> dims) const {
  if (dims.empty())
    return Expr(0);
  std::optional<Expr> step = space.coefficient(source.address, *dims.back().loop.asVariable());
  Expr distance = step.value_or(Expr(0));
  for (const Dim &dim : llvm::reverse(dims)) {
    std::optional<Expr> own = space.coefficient(source.address, *dim.loop.asVariable());
    if (!step || !own || *own != distance)
      return std::nullopt;
    distance = distance * space.size(dim.size);
  }
  return step;
}

// How many pieces a vector along a walk may have; 0 when its elements do not lie side by side.
int64_t Packer::piecesOf(const Walk &walk) const {
  size_t adjacent = adjacentDims(walk.dims);
  if (!source.pointer || adjacent == 0)
    return 0;
  if (adjacent == walk.dims.size())
    return 1;
  std::optional<int64_t> run = sizeOf(walk.dims.take_back(adjacent)).constant();
  if (!run || *run == 0)
    return 0;
  int64_t lanes = e.lanes, step = std::gcd(*run, std::gcd(walk.alignment, lanes));
  return (*run - step + lanes - 1) / *run + 1;
}

SmallVector<Packer::Piece> Packer::pieces(const Walk &walk, Value start, Value limit) {
  Value below = limit ? e.firstLanes(e.sub(limit, start)) : Value();
  Expr part = partOn(walk.dims);
  size_t adjacent = adjacentDims(walk.dims);
  ArrayRef<Dim> outer = walk.dims.drop_back(adjacent), run = walk.dims.take_back(adjacent);
  for (const Dim &dim : run)
    w.bind(dim.loop, e.constant(0));
  if (outer.empty()) {
    if (walk.first)
      w.bind(walk.dims[0].loop, walk.first);
    return {{e.add(w.scalarIndex(part), start), below}};
  }
  Walk outerWalk{outer, walk.first};
  int64_t count = piecesOf(walk), length = *sizeOf(run).constant();
  Value size = e.constant(length), number = e.div(start, size), within = e.sub(start, e.mul(number, size));
  SmallVector<Piece> result;
  for (int64_t piece = 0; piece < count; ++piece) {
    bind(outerWalk, e.add(number, e.constant(piece)));
    Value lane0 = e.sub(within, e.constant(piece * length));
    Value mask = count > 1 ? e.lanesInside(lane0, size) : Value();
    if (below)
      mask = mask ? arith::AndIOp::create(e.builder, e.loc, mask, below) : below;
    result.push_back({e.add(w.scalarIndex(part), lane0), mask});
  }
  return result;
}

Value Packer::load(ArrayRef<Piece> pieces, Value offset) {
  Value value;
  for (const Piece &piece : pieces)
    value = e.loadVector(source.pointer, source.element, e.add(piece.offset, offset), piece.mask, value);
  return value;
}

void Packer::forEach(const Walk &walk, Value start, Value count, function_ref<void(Value)> body) {
  if (start || walk.dims.size() < 2)
    return e.loop(e.constant(0), count, 1, [&](Value i) {
      bind(walk, start ? e.add(start, i) : i);
      body(i);
    });
  Value inner = w.scalarIndex(space.size(sizeOf(walk.dims.drop_front())));
  e.loop(e.constant(0), e.div(count, inner), 1, [&](Value i) {
    w.bind(walk.dims[0].loop, walk.first ? e.add(walk.first, i) : i);
    std::function<void(size_t, Value)> nest = [&](size_t depth, Value flat) {
      if (depth == walk.dims.size())
        return body(flat);
      Value size = w.scalarIndex(space.size(walk.dims[depth].size));
      std::optional<int64_t> known = walk.dims[depth].size.constant();
      if (depth + 1 == walk.dims.size() && known && *known <= kMostUnrolled) {
        for (int64_t j = 0; j < *known; ++j) {
          w.bind(walk.dims[depth].loop, e.constant(j));
          nest(depth + 1, e.add(e.mul(flat, size), e.constant(j)));
        }
        return;
      }
      e.loop(e.constant(0), size, 1, [&](Value j) {
        w.bind(walk.dims[depth].loop, j);
        nest(depth + 1, e.add(e.mul(flat, size), j));
      });
    };
    nest(1, i);
  });
}

void Packer::pack(const Walk &major, Value majorStart, Value majorCount, const Walk &minor, Value minorStart, Value minorCount,
                  Value to, Value stride) {
  // A transposition costs about as much as four more pieces.
  int64_t along = piecesOf(minor), across = piecesOf(major);
  bool canCopy = along > 0 && along <= kMostPieces, canTranspose = across > 0 && across <= kMostPieces;
  if (canCopy && (!canTranspose || along <= across + 4))
    copy(major, majorStart, majorCount, minor, minorStart, minorCount, to, stride);
  else if (canTranspose)
    transpose(major, majorStart, majorCount, minor, minorStart, minorCount, to, stride);
  else
    gather(major, majorStart, majorCount, minor, minorStart, minorCount, to, stride);
}

void Packer::copy(const Walk &major, Value majorStart, Value majorCount, const Walk &minor, Value minorStart, Value minorCount,
                  Value to, Value stride) {
  Expr majorPart = source.address - partOn(minor.dims);
  Value limit = e.add(minorStart, minorCount);
  auto vector = [&](ArrayRef<Piece> own, Value i, Value j) {
    e.storeVector(load(own, w.scalarIndex(majorPart)), to, compute(), e.add(e.mul(i, stride), j));
  };
  auto alongMinor = [&](function_ref<void(Value)> body) { e.loop(e.constant(0), minorCount, e.lanes, body); };
  if (piecesOf(minor) == 1) // memory's own order
    return forEach(major, majorStart, majorCount,
                   [&](Value i) { alongMinor([&](Value j) { vector(pieces(minor, e.add(minorStart, j), limit), i, j); }); });
  alongMinor([&](Value j) {
    SmallVector<Piece> own = pieces(minor, e.add(minorStart, j), limit);
    forEach(major, majorStart, majorCount, [&](Value i) { vector(own, i, j); });
  });
}

void Packer::transpose(const Walk &major, Value majorStart, Value majorCount, const Walk &minor, Value minorStart,
                       Value minorCount, Value to, Value stride) {
  Expr minorPart = partOn(minor.dims), rest = source.address - minorPart - partOn(major.dims);
  Value start = majorStart ? majorStart : e.constant(0), limit = e.add(start, majorCount);
  Value last = e.sub(minorCount, e.constant(1));
  e.loop(e.constant(0), minorCount, e.lanes, [&](Value j) {
    SmallVector<Value> offsets;
    Value base = w.scalarIndex(rest);
    for (unsigned lane = 0; lane < e.lanes; ++lane) { // those beyond the last read it again
      bind(minor, e.add(minorStart, e.minimum(e.add(j, e.constant(lane)), last)));
      offsets.push_back(e.add(base, w.scalarIndex(minorPart)));
    }
    e.loop(e.constant(0), majorCount, e.lanes, [&](Value i) {
      SmallVector<Piece> own = pieces(major, e.add(start, i), limit);
      SmallVector<Value> rows;
      for (Value offset : offsets)
        rows.push_back(load(own, offset));
      Value place = e.add(e.mul(i, stride), j);
      for (Value value : transposed(e, rows)) {
        e.storeVector(value, to, compute(), place);
        place = e.add(place, stride);
      }
    });
  });
}

static Expr substituted(const Expr &expr, ArrayRef<Dim> dims, ArrayRef<Expr> by, Space &space) {
  Expr result = expr;
  for (auto [dim, other] : llvm::zip_equal(dims, by))
    if (std::optional<Expr> factor = space.coefficient(result, *dim.loop.asVariable()))
      result = result + *factor * (other - dim.loop);
  return result;
}

// Lanes along the minor positions, each with an address and guards of its own.
void Packer::gather(const Walk &major, Value majorStart, Value majorCount, const Walk &minor, Value minorStart, Value minorCount,
                    Value to, Value stride) {
  SmallVector<SizeExpr> sizes;
  for (const Dim &dim : minor.dims)
    sizes.push_back(dim.size);
  Expr lane = space.loop(space.size(sizeOf(minor.dims)));
  SmallVector<Expr> spread = delinearize(space, lane, sizes), loops;
  for (const Expr &loop : shape.loops)
    loops.push_back(substituted(loop, minor.dims, spread, space));
  Value first = minorStart;
  if (minor.first && !minor.dims.empty())
    first = e.add(first, e.mul(minor.first, w.scalarIndex(space.size(sizeOf(minor.dims.drop_front())))));
  e.loop(e.constant(0), minorCount, e.lanes, [&](Value j) {
    Value active = e.firstLanes(e.sub(minorCount, j));
    forEach(major, majorStart, majorCount, [&](Value i) {
      w.beginLanes(lane, e.add(first, j), active);
      Value value = e.broadcast(w.operandAt(shape.op, operand, loops));
      w.endLanes();
      e.storeVector(value, to, compute(), e.add(e.mul(i, stride), j));
    });
  });
}

// Exchanges the blocks off the diagonal of every 2 x 2, 4 x 4, … square.
SmallVector<Value> transposed(Emitter &e, ArrayRef<Value> rows) {
  int64_t lanes = rows.size();
  SmallVector<Value> now(rows);
  for (int64_t size = 1; size < lanes; size *= 2) {
    SmallVector<Value> next(lanes);
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & size)
        continue;
      for (int64_t half : {int64_t(0), size}) {
        SmallVector<int64_t> mask;
        for (int64_t lane = 0; lane < lanes; ++lane)
          mask.push_back((lane & ~size) + half + (lane & size ? lanes : 0));
        next[i + half] = vector::ShuffleOp::create(e.builder, e.loc, now[i], now[i + size], mask);
      }
    }
    now = next;
  }
  return now;
}

} // namespace ember::cpu
