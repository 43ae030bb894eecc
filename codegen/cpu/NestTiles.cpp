// Maps that read an input along another loop than they write: tile by tile through a buffer in the first cache.
#include "codegen/cpu/NestEmission.h"

#include "codegen/cpu/Packing.h"
#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

constexpr int64_t kTileBytes = 1 << 14; // of one input's tile
constexpr int64_t kMostTransposed = 2;  // inputs; further ones are gathered
constexpr int64_t kLeastTransposed = 8; // shorter loops are not worth a tile

std::optional<size_t> LanesOnRows::transposedAlong(const kernel::Group &group, const Plan &plan, Space &space, ArrayRef<Run> rows,
                                                   SmallVectorImpl<Transposed> &reads) {
  if (plan.lanesInside || !plan.reductions.empty() || rows.size() < 2)
    return std::nullopt;
  kernel::Trace found;
  SmallVector<Expr> row = pointOf(space, rows);
  for (Value output : group.outputs)
    kernel::trace(group, space, output, row, {}, found);
  VariableId lane = *rows.back().loop.asVariable();
  auto lengthOf = [&](const Run &run) {
    const Expr &extent = space.variable(*run.loop.asVariable()).extent;
    return extent.isConstant() ? extent.constant() : 0;
  };
  if (lengthOf(rows.back()) < kLeastTransposed)
    return std::nullopt;
  std::optional<size_t> along;
  for (const kernel::Read &read : found.reads) {
    std::optional<Expr> step = space.coefficient(read.address, lane);
    bool isNear = step && step->isConstant() && std::abs(step->constant()) <= kMostStride;
    if (!read.guards.empty() || !step || isNear || reads.size() == kMostTransposed ||
        llvm::any_of(reads, [&](const Transposed &own) { return own.input == read.input && own.address == read.address; }))
      continue;
    for (size_t i = 0; i + 1 < rows.size(); ++i)
      if ((!along || *along == i) && lengthOf(rows[i]) >= kLeastTransposed &&
          space.coefficient(read.address, *rows[i].loop.asVariable()) == Expr(1)) {
        along = i;
        reads.push_back({read.input, read.address});
        break;
      }
  }
  return along;
}

static int64_t widthOf(Value input) { return std::max(8u, getElementTypeOrSelf(input.getType()).getIntOrFloatBitWidth()) / 8; }

// Positions along both loops of a tile: a multiple of the lanes of every level.
int64_t LanesOnRows::tileOf(ArrayRef<Transposed> reads) {
  int64_t tile = 64;
  for (const Transposed &read : reads)
    while (tile * tile * widthOf(read.input) > kTileBytes)
      tile /= 2;
  return tile;
}

int64_t LanesOnRows::scratchBytes(ArrayRef<Transposed> reads) { return reads.size() * kTileBytes; }

void LanesOnRows::emitTiles(size_t along, ArrayRef<Transposed> reads) {
  int64_t tile = tileOf(reads), length = *knownExtentOf(rows[along]), count = (length + tile - 1) / tile;
  int64_t width = *knownExtentOf(lane());
  e.loop(f.begin, f.end, 1, [&](Value flat) {
    // Tiles are the innermost of the outer loops.
    Value rest = e.div(flat, e.constant(count)), number = e.sub(flat, e.mul(rest, e.constant(count)));
    for (size_t i = rows.size() - 1; i-- > 0;) {
      if (i == along)
        continue;
      Value extent = extentOf(rows[i]), outer = e.div(rest, extent);
      w.bind(rows[i].loop, e.sub(rest, e.mul(outer, extent)));
      rest = outer;
    }
    Value first = e.mul(number, e.constant(tile));
    e.loop(e.constant(0), e.constant(width), tile, [&](Value lane0) {
      // The tiles' own origins, as variables of the addresses.
      Expr origin = space.loop(Expr(length)), laneOrigin = space.loop(Expr(width));
      w.bind(origin, first);
      w.bind(laneOrigin, lane0);
      for (auto [i, read] : llvm::enumerate(reads)) {
        Value buffer = e.elementPointer(f.scratch, e.builder.getIntegerType(8), e.constant(i * kTileBytes));
        fillTile(along, read, first, lane0, buffer, tile);
        w.addCopy({read.input, read.address, buffer, (rows[along].loop - origin) * Expr(tile) + lane().loop - laneOrigin});
      }
      Value last = e.minimum(e.constant(length), e.add(first, e.constant(tile)));
      Value laneEnd = e.minimum(e.constant(width), e.add(lane0, e.constant(tile)));
      e.loop(first, last, 1, [&](Value i) {
        w.bind(rows[along].loop, i);
        // While a row of this tile is written, one of the next tile is asked for.
        for (const Transposed &read : reads)
          askForRow(along, read, first, e.add(lane0, e.add(e.constant(tile), e.sub(i, first))), tile);
        e.laneLoop(lane0, laneEnd, width % e.lanes == 0, [&](Value base, Value active) { emitBlock({base}, active); });
      });
      w.clearCopies();
    });
  });
}

// The elements from `first` on of the loop that a read lies along, at one position of the lanes.
void LanesOnRows::askForRow(size_t along, const Transposed &read, Value first, Value position, int64_t tile) {
  Expr step = *space.coefficient(read.address, *lane().loop.asVariable());
  Value rest = w.scalarIndex(read.address - step * lane().loop - rows[along].loop);
  Value start = e.add(e.add(rest, first), e.mul(position, w.scalarIndex(step)));
  for (int64_t i = 0; i < tile; i += 64 / widthOf(read.input))
    e.prefetch(w.buffer(read.input), getElementTypeOrSelf(read.input.getType()), e.add(start, e.constant(i)));
}

// buffer[i * tile + j] = the element at first + i of the loop it lies along and lane0 + j of the lanes. Squares of vectors are
// read along the one and written along the other.
void LanesOnRows::fillTile(size_t along, const Transposed &read, Value first, Value lane0, Value buffer, int64_t tile) {
  Type element = getElementTypeOrSelf(read.input.getType());
  int64_t length = *knownExtentOf(rows[along]), width = *knownExtentOf(lane());
  VariableId laneId = *lane().loop.asVariable();
  Expr step = *space.coefficient(read.address, laneId);
  Expr rest = read.address - step * lane().loop - rows[along].loop;
  Value base = w.scalarIndex(rest), distance = w.scalarIndex(step), bound = e.constant(length);
  Value laneCount = e.minimum(e.constant(tile), e.sub(e.constant(width), lane0));
  Value count = e.minimum(e.constant(tile), e.sub(bound, first));
  e.loop(e.constant(0), laneCount, e.lanes, [&](Value j) {
    SmallVector<Value> starts;
    for (unsigned k = 0; k < e.lanes; ++k) { // those beyond the last read it again
      Value own = e.add(lane0, e.add(j, e.constant(k)));
      if (width % e.lanes != 0)
        own = e.minimum(own, e.constant(width - 1));
      starts.push_back(e.add(e.add(base, first), e.mul(own, distance)));
    }
    e.loop(e.constant(0), count, e.lanes, [&](Value i) {
      Value mask = length % e.lanes != 0 ? e.firstLanes(e.sub(count, i)) : Value();
      SmallVector<Value> square;
      for (Value start : starts)
        square.push_back(e.loadVector(w.buffer(read.input), element, e.add(start, i), mask));
      Value place = e.add(e.mul(i, e.constant(tile)), j);
      for (Value value : transposed(e, square)) {
        e.storeVector(value, buffer, element, place);
        place = e.add(place, e.constant(tile));
      }
    });
  });
}

} // namespace ember::cpu
