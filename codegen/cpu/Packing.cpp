#include "codegen/cpu/Packing.h"

#include "ir/EmberDialect.h"
#include <numeric>

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

constexpr int64_t kMostPieces = 6;   // more of them cost as much as gathering
constexpr int64_t kMostHoisted = 12; // pieces whose places and masks are kept in registers
constexpr int64_t kMostWindow = 64;  // elements
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

void Packer::forEach(const Walk &walk, Value count, bool unrolls, function_ref<void(Value)> body) {
  if (walk.dims.size() < 2)
    return e.loop(e.constant(0), count, 1, [&](Value i) {
      bind(walk, i);
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
      if (unrolls && depth + 1 == walk.dims.size() && known && *known <= kMostUnrolled) {
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

// A transposition costs about as much as four more pieces; one of windows has pieces of no use only.
bool Packer::copies(const Walk &major, const Walk &minor) const {
  int64_t along = piecesOf(minor), across = piecesOf(major);
  bool canTranspose = across > 0 && across <= kMostPieces;
  return along > 0 && along <= kMostPieces && (!canTranspose || along <= across + 4);
}

void Packer::pack(const Walk &major, Value count, const Walk &minor, Value minorStart, Value minorCount, Value to,
                  int64_t stride) {
  unsigned lanes = e.lanes;
  if (stride <= 8) // vectors as long as the rows
    e.lanes = 8;
  int64_t across = piecesOf(major);
  Window window = windowOf(major);
  if (copies(major, minor))
    copy(major, count, minor, minorStart, minorCount, to, stride);
  else if (!window.offsets.empty() && across != 1)
    transposeWindows(window, major, count, minor, minorStart, minorCount, to, stride);
  else if (across == 1 && stride == 8 && lanes == 16 && compute().isF32())
    transposeQuads(major, count, minor, minorStart, minorCount, to);
  else if (across > 0 && across <= kMostPieces)
    transpose(major, count, minor, minorStart, minorCount, to, stride);
  else
    gather(major, count, minor, minorStart, minorCount, to, stride);
  e.lanes = lanes;
}

bool Packer::copiesRuns(const Walk &major, const Walk &minor) const {
  return source.pointer && adjacentDims(minor.dims) == minor.dims.size() && piecesOf(major) != 1;
}

void Packer::packTiles(const Walk &major, Value count, const Walk &minor, Value minorStart, Value minorEnd, Value to,
                       int64_t stride, int64_t pitch) {
  Value step = e.constant(stride);
  auto placeOf = [&](Value start) { return e.mul(e.div(e.sub(start, minorStart), step), e.constant(pitch)); };
  if (!copiesRuns(major, minor))
    return e.loop(minorStart, minorEnd, stride, [&](Value start) {
      Value own = e.elementPointer(to, compute(), placeOf(start));
      pack(major, count, minor, start, e.minimum(step, e.sub(minorEnd, start)), own, stride);
    });
  unsigned lanes = e.lanes;
  if (stride <= 8)
    e.lanes = 8;
  for (const Dim &dim : minor.dims)
    w.bind(dim.loop, e.constant(0));
  Value first = w.scalarIndex(partOn(minor.dims));
  forEach(major, count, /*unrolls=*/false, [&](Value i) {
    Value offset = e.add(w.scalarIndex(source.address - partOn(minor.dims)), first), row = e.mul(i, step);
    e.loop(minorStart, minorEnd, stride, [&](Value start) {
      for (int64_t lane = 0; lane < stride; lane += e.lanes) {
        Value at = e.add(start, e.constant(lane)), mask = e.firstLanes(e.sub(minorEnd, at));
        Value value = e.loadVector(source.pointer, source.element, e.add(offset, at), mask);
        e.storeVector(value, to, compute(), e.add(e.add(placeOf(start), row), e.constant(lane)));
      }
    });
  });
  e.lanes = lanes;
}

void Packer::copy(const Walk &major, Value count, const Walk &minor, Value minorStart, Value minorCount, Value to,
                  int64_t stride) {
  Expr majorPart = source.address - partOn(minor.dims);
  Value limit = e.add(minorStart, minorCount);
  int64_t vectors = (stride + e.lanes - 1) / e.lanes;
  auto alongMajor = [&](ArrayRef<SmallVector<Piece>> own, Value j) {
    forEach(major, count, /*unrolls=*/own.size() * own[0].size() < 3, [&](Value i) {
      Value offset = w.scalarIndex(majorPart), place = e.add(e.mul(i, e.constant(stride)), j);
      for (auto [number, vector] : llvm::enumerate(own))
        e.storeVector(load(vector, offset), to, compute(), e.add(place, e.constant(number * e.lanes)));
    });
  };
  if (vectors * piecesOf(minor) > kMostHoisted)
    return e.loop(e.constant(0), minorCount, e.lanes,
                  [&](Value j) { alongMajor({pieces(minor, e.add(minorStart, j), limit)}, j); });
  SmallVector<SmallVector<Piece>> own;
  for (int64_t vector = 0; vector < vectors; ++vector)
    own.push_back(pieces(minor, e.add(minorStart, e.constant(vector * e.lanes)), limit));
  alongMajor(own, e.constant(0));
}

// Where the rows of a transposition begin; those beyond the last read it again.
SmallVector<Value> Packer::rowOffsets(const Walk &minor, Value start, Value last, int64_t stride) {
  Expr part = partOn(minor.dims);
  SmallVector<Value> offsets;
  for (unsigned lane = 0; lane < e.lanes; ++lane) {
    if (lane >= stride) {
      offsets.push_back(offsets.back());
      continue;
    }
    bind(minor, e.minimum(e.add(start, e.constant(lane)), last));
    offsets.push_back(w.scalarIndex(part));
  }
  return offsets;
}

void Packer::transpose(const Walk &major, Value count, const Walk &minor, Value minorStart, Value minorCount, Value to,
                       int64_t stride) {
  Value last = e.sub(e.add(minorStart, minorCount), e.constant(1));
  Value base = w.scalarIndex(source.address - partOn(minor.dims) - partOn(major.dims));
  e.loop(e.constant(0), minorCount, e.lanes, [&](Value j) {
    SmallVector<Value> offsets = rowOffsets(minor, e.add(minorStart, j), last, stride);
    e.loop(e.constant(0), count, e.lanes, [&](Value i) {
      SmallVector<Piece> own = pieces(major, i, count);
      SmallVector<Value> rows;
      for (Value offset : offsets)
        rows.push_back(load(own, e.add(base, offset)));
      Value place = e.add(e.mul(i, e.constant(stride)), j);
      for (auto [number, value] : llvm::enumerate(transposed(e, rows)))
        e.storeVector(value, to, compute(), e.add(place, e.constant(number * stride)));
    });
  });
}

// Eight rows, four positions at a time: they are brought together by loads, so that two shuffles are left.
void Packer::transposeQuads(const Walk &major, Value count, const Walk &minor, Value minorStart, Value minorCount, Value to) {
  constexpr int64_t kRows = 8, kQuad = 4;
  Value last = e.sub(e.add(minorStart, minorCount), e.constant(1));
  Value base = w.scalarIndex(source.address - partOn(minor.dims) - partOn(major.dims));
  SmallVector<Value> offsets = rowOffsets(minor, minorStart, last, kRows);
  auto quads = [&](Value i, Value limit) {
    e.lanes = kQuad; // of loads; pack restores it
    SmallVector<Piece> own = pieces(major, i, limit);
    auto joined = [&](Value a, Value b) -> Value {
      auto all = llvm::to_vector(llvm::seq<int64_t>(0, 2 * cast<VectorType>(a.getType()).getNumElements()));
      return vector::ShuffleOp::create(e.builder, e.loc, a, b, all);
    };
    SmallVector<Value> rows;
    for (Value offset : offsets)
      rows.push_back(load(own, e.add(base, offset)));
    Value halves[2];
    for (int half : {0, 1}) {
      const Value *four = &rows[4 * half];
      halves[half] = joined(joined(four[0], four[1]), joined(four[2], four[3]));
    }
    for (int64_t pair = 0; pair < kQuad; pair += 2) {
      SmallVector<int64_t> mask;
      for (int64_t k : {pair, pair + 1})
        for (int64_t r = 0; r < kRows; ++r)
          mask.push_back(r * kQuad + k);
      Value both = vector::ShuffleOp::create(e.builder, e.loc, halves[0], halves[1], mask);
      e.storeVector(both, to, compute(), e.mul(e.add(i, e.constant(pair)), e.constant(kRows)));
    }
  };
  Value whole = e.mul(e.div(count, e.constant(kQuad)), e.constant(kQuad));
  e.loop(e.constant(0), whole, kQuad, [&](Value i) { quads(i, {}); });
  e.branch(e.less(whole, count), [&] { quads(whole, count); });
}

Packer::Window Packer::windowOf(const Walk &walk) const {
  Window window;
  if (!source.pointer)
    return window;
  SmallVector<int64_t> offsets{0};
  int64_t lowest = 0, highest = 0;
  // The first dimension stays outside: a block may hold a part of it.
  for (size_t dims = 1; dims < walk.dims.size(); ++dims) {
    const Dim &dim = walk.dims[walk.dims.size() - dims];
    std::optional<Expr> factor = space.coefficient(source.address, *dim.loop.asVariable());
    std::optional<int64_t> size = dim.size.constant();
    if (!factor || !factor->isConstant() || !size || *size == 0)
      break;
    int64_t last = factor->constant() * (*size - 1);
    lowest += std::min<int64_t>(0, last);
    highest += std::max<int64_t>(0, last);
    if (highest - lowest >= kMostWindow)
      break;
    SmallVector<int64_t> next;
    for (int64_t turn = 0; turn < *size; ++turn)
      for (int64_t offset : offsets)
        next.push_back(turn * factor->constant() + offset);
    offsets = next;
    window = {dims, lowest, highest - lowest + 1, {}};
    for (int64_t offset : offsets)
      window.offsets.push_back(offset - lowest);
  }
  return window;
}

// All turns of the last dimensions at once: a few vectors a row, transposed.
void Packer::transposeWindows(const Window &window, const Walk &major, Value count, const Walk &minor, Value minorStart,
                              Value minorCount, Value to, int64_t stride) {
  Walk outer{major.dims.drop_back(window.dims), major.first};
  int64_t turns = window.offsets.size(), lanes = e.lanes;
  for (const Dim &dim : major.dims.take_back(window.dims))
    w.bind(dim.loop, e.constant(0));
  Value last = e.sub(e.add(minorStart, minorCount), e.constant(1));
  Expr rest = source.address - partOn(minor.dims);
  e.loop(e.constant(0), minorCount, lanes, [&](Value j) {
    SmallVector<Value> offsets = rowOffsets(minor, e.add(minorStart, j), last, stride);
    e.loop(e.constant(0), e.div(count, e.constant(turns)), 1, [&](Value i) {
      bind(outer, i);
      Value base = e.add(w.scalarIndex(rest), e.constant(window.lowest));
      Value place = e.add(e.mul(i, e.constant(turns * stride)), j);
      SmallVector<Value> byTurn(turns);
      for (int64_t begin = 0; begin < window.span; begin += lanes) {
        Value mask = begin + lanes > window.span ? e.firstLanes(e.constant(window.span - begin)) : Value();
        SmallVector<Value> rows;
        for (Value offset : offsets)
          rows.push_back(e.loadVector(source.pointer, source.element, e.add(e.add(base, offset), e.constant(begin)), mask));
        rows = transposed(e, rows);
        for (auto [turn, offset] : llvm::enumerate(window.offsets))
          if (offset >= begin && offset < begin + lanes)
            byTurn[turn] = rows[offset - begin];
      }
      // A vector may be longer than a row: it is written before the next row is.
      for (auto [turn, value] : llvm::enumerate(byTurn))
        e.storeVector(value, to, compute(), e.add(place, e.constant(turn * stride)));
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
void Packer::gather(const Walk &major, Value count, const Walk &minor, Value minorStart, Value minorCount, Value to,
                    int64_t stride) {
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
    forEach(major, count, /*unrolls=*/false, [&](Value i) {
      w.beginLanes(lane, e.add(first, j), active);
      Value value = e.broadcast(w.operandAt(shape.op, operand, loops));
      w.endLanes();
      e.storeVector(value, to, compute(), e.add(e.mul(i, e.constant(stride)), j));
    });
  });
}

// Exchanges the halves of pairs of rows, down to squares of 4 x 4 within 128 bits; those take four unpackings a side, which many
// processors do twice a cycle.
SmallVector<Value> transposed(Emitter &e, ArrayRef<Value> rows) {
  int64_t lanes = rows.size();
  SmallVector<Value> now(rows);
  auto shuffled = [&](Value a, Value b, function_ref<int64_t(int64_t)> from) -> Value {
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < lanes; ++lane)
      mask.push_back(from(lane));
    return vector::ShuffleOp::create(e.builder, e.loc, a, b, mask);
  };
  for (int64_t size = lanes / 2; size >= 4; size /= 2) {
    SmallVector<Value> next(lanes);
    for (int64_t i = 0; i < lanes; ++i)
      for (int64_t half : {int64_t(0), size})
        if (!(i & size))
          next[i + half] =
              shuffled(now[i], now[i + size], [&](int64_t lane) { return (lane & ~size) + half + (lane & size ? lanes : 0); });
    now = next;
  }
  for (int64_t i = 0; i < lanes; i += 4) {
    // Lanes 0 1 2 3 of both, of each 128 bits: a0 b0 a1 b1 or a2 b2 a3 b3; then pairs of them.
    auto unpacked = [&](Value a, Value b, int64_t high) {
      return shuffled(a, b, [&](int64_t lane) { return (lane & ~3) + high * 2 + (lane & 3) / 2 + (lane & 1 ? lanes : 0); });
    };
    auto paired = [&](Value a, Value b, int64_t high) {
      return shuffled(a, b, [&](int64_t lane) { return (lane & ~3) + high * 2 + (lane & 1) + (lane & 2 ? lanes : 0); });
    };
    Value low = unpacked(now[i], now[i + 1], 0), high = unpacked(now[i], now[i + 1], 1);
    Value otherLow = unpacked(now[i + 2], now[i + 3], 0), otherHigh = unpacked(now[i + 2], now[i + 3], 1);
    now[i] = paired(low, otherLow, 0);
    now[i + 1] = paired(low, otherLow, 1);
    now[i + 2] = paired(high, otherHigh, 0);
    now[i + 3] = paired(high, otherHigh, 1);
  }
  return now;
}

} // namespace ember::cpu
