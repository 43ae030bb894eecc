#include "codegen/cpu/ContractionTiling.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

Tiling::Tiling(const ContractionShape &shape, Type compute, unsigned lanes) : lanes(lanes) {
  m = sizeOf(shape.rows).constant();
  n = sizeOf(shape.columns).constant();
  Tile tile = tileOf(m, n, compute, lanes);
  rows = tile.rows;
  chooseDepth(shape.depth);
  chooseColumns(shape.batchSize.constant().value_or(1));
  chooseRegions(tile.vectors);
  keepsSums = !isOneBlock || shape.isSwapped();
}

// At least sixteen units of work where there is much of it, a multiple of four, and blocks of equal width, so that threads get
// equal shares.
void Tiling::chooseColumns(int64_t batch) {
  int64_t most = kMostColumns / lanes;
  blockColumns = most * lanes;
  if (!n)
    return;
  int64_t vectors = std::max<int64_t>(1, (*n + lanes - 1) / lanes), least = (vectors + most - 1) / most, blockVectors = 0;
  int64_t tiles = m ? std::max<int64_t>(1, (*m + rows - 1) / rows * batch) : 4;
  if (2.0 * tiles * rows * *n * mostDepth() > 2e6)
    least = std::min(vectors, std::max(least, (16 + tiles - 1) / tiles));
  int64_t lowest = 0;
  for (int64_t blocks = least; blocks < least + 4 && blocks <= vectors; ++blocks) {
    int64_t own = (vectors + blocks - 1) / blocks, units = (vectors + own - 1) / own * tiles;
    int64_t cost = own * ((units + 3) / 4 * 4);
    if (blockVectors > 0 && cost >= lowest)
      continue;
    lowest = cost;
    blockVectors = own;
  }
  columnBlocks = (vectors + blockVectors - 1) / blockVectors;
  blockColumns = blockVectors * lanes;
}

int64_t Tiling::rowsOfBlock() const {
  int64_t most = kMostPacked / mostDepth();
  if (keepsSums)
    most = std::min(most, kMostSums / blockColumns);
  int64_t tiles = std::max<int64_t>(1, most / rows);
  if (m)
    tiles = std::min(tiles, std::max<int64_t>(1, (*m + rows - 1) / rows));
  return tiles * rows;
}

// The tallest and widest tile whose sums, panel and factor fit the registers: 32 of 512 bits, 16 of 256.
static Tile largestTile(Type compute, unsigned lanes) {
  if (compute.isF64()) // a vector of them is two registers
    return lanes == 16 ? Tile{6, 2} : Tile{6, 1};
  return lanes == 16 ? Tile{8, 3} : Tile{6, 2};
}

// Tiles of equal height, so that none is nearly empty; few rows in wide ones; few columns in one panel, and whole tiles beside
// them: the left operand may stay where it is.
Tile tileOf(std::optional<int64_t> m, std::optional<int64_t> n, Type compute, unsigned lanes) {
  Tile most = largestTile(compute, lanes);
  int64_t sums = most.rows * most.vectors;
  if (n && *n > most.vectors * lanes && *n <= (most.vectors + 1) * lanes)
    most = {sums / (most.vectors + 1), most.vectors + 1};
  if (!m || *m == 0)
    return most;
  int64_t tiles = (*m + most.rows - 1) / most.rows, rows = (*m + tiles - 1) / tiles;
  for (int64_t whole = most.rows; n && *n <= kFewColumns && 2 * whole > most.rows; --whole)
    if (*m % whole == 0) {
      rows = whole;
      break;
    }
  return {rows, std::max(most.vectors, std::min(sums / rows, 2 * most.vectors))};
}

// Panels of `most` vectors and of one less, so that none is nearly empty; else a narrow one at the end.
void Tiling::chooseRegions(int64_t most) {
  int64_t vectors = blockColumns / lanes;
  most = std::min(most, vectors);
  auto region = [&](int64_t own, int64_t panels) {
    if (own > 0 && panels > 0)
      regions.push_back({own, panels});
  };
  int64_t narrow = most >= 3 ? (most - vectors % most) % most : 0, wide = (vectors - narrow * (most - 1)) / most;
  if (wide >= 0 && wide * most + narrow * (most - 1) == vectors) {
    region(most, wide);
    region(most - 1, narrow);
    return;
  }
  region(most, vectors / most);
  region(vectors % most, 1);
}

// A block takes as many whole inner dimensions as fit, and a part of the next one.
void Tiling::chooseDepth(ArrayRef<Dim> depth) {
  depthSplit = depth.size();
  std::optional<int64_t> own;
  while (depthSplit > 0) {
    if (depthSplit < depth.size()) {
      if (!own || depthInner * *own > kMostDepth)
        break;
      depthInner *= std::max<int64_t>(1, *own);
    }
    --depthSplit;
    own = depth[depthSplit].size.constant();
  }
  depthCount = std::max<int64_t>(1, kMostDepth / depthInner);
  isOneBlock = depthSplit == 0 || sizeOf(depth) == SizeExpr(0);
  if (depth.empty() || !own) {
    depthCount = depth.empty() ? 1 : depthCount;
    isOneBlock = depth.empty();
    return;
  }
  if (*own * depthInner <= kMostDepth * 4 / 3)
    depthCount = std::max<int64_t>(1, *own);
  int64_t blocks = (*own + depthCount - 1) / depthCount; // of equal size
  if (blocks > 0)
    depthCount = (*own + blocks - 1) / blocks;
  isOneBlock = sizeOf(depth) == SizeExpr(0) || (isOneBlock && blocks <= 1);
}

} // namespace ember::cpu
