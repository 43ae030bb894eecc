#include "codegen/cpu/ContractionTiling.h"

#include "codegen/cpu/Microkernel.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

Tiling::Tiling(const ContractionShape &shape, Type compute, unsigned lanes, bool packsLeft) : lanes(lanes) {
  m = sizeOf(shape.rows).constant();
  n = sizeOf(shape.columns).constant();
  Tile tile = tileOf(m, n, compute, lanes);
  rows = tile.rows;
  panelVectors = tile.vectors;
  chooseSpares(compute);
  chooseDepth(shape.depth, packsLeft);
  chooseColumns(shape.batchSize.constant().value_or(1), packsLeft);
  choosePanels();
  keepsSums = !isOneBlock || shape.isSwapped();
}

// A vector of columns that holds one or two of them: a vector down the rows for each costs less.
void Tiling::chooseSpares(Type compute) {
  constexpr int64_t kMostSpares = 2, kFewestRows = 6;
  if (!n || !compute.isF32() || rows < kFewestRows || rows > Microkernel::kSpareLanes)
    return;
  int64_t whole = *n / lanes, rest = *n % lanes;
  if (whole == 0 || whole > panelVectors || rest == 0 || rest > kMostSpares)
    return;
  spares = rest;
  panelVectors = whole + 1;
}

// As many as L2 holds at the block's depth, but some blocks where each has a few panels, so that threads need not pack the same;
// at least sixteen units of work where there is much of it, a multiple of four, and blocks of equal width, so that they get equal
// shares.
void Tiling::chooseColumns(int64_t batch, bool packsLeft) {
  int64_t most = std::max(panelVectors, std::min(kMostColumns, kMostPacked / mostDepth()) / lanes);
  blockColumns = spares > 0 ? widest() : most * lanes;
  if (!n || spares > 0)
    return;
  int64_t vectors = std::max<int64_t>(1, (*n + lanes - 1) / lanes);
  int64_t least =
              std::max((vectors + most - 1) / most, packsLeft ? int64_t(1) : std::min<int64_t>(4, vectors / (2 * panelVectors))),
          blockVectors = 0;
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

int64_t Tiling::rowsOfBlock(int64_t most, int64_t each) const {
  int64_t tiles = std::max<int64_t>(1, most / each / rows);
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

// Whole tiles if there are such, else of equal height, so that none is nearly empty; few rows in wide ones.
Tile tileOf(std::optional<int64_t> m, std::optional<int64_t> n, Type compute, unsigned lanes) {
  Tile most = largestTile(compute, lanes);
  int64_t sums = most.rows * most.vectors;
  if (!m || *m == 0)
    return most;
  int64_t tiles = (*m + most.rows - 1) / most.rows, rows = (*m + tiles - 1) / tiles;
  for (int64_t whole = most.rows; 2 * whole > most.rows; --whole)
    if (*m % whole == 0) {
      rows = whole;
      break;
    }
  return {rows, std::max(most.vectors, std::min(sums / rows, 2 * most.vectors))};
}

void Tiling::choosePanels() {
  int64_t vectors = blockColumns / lanes;
  panelVectors = std::min(panelVectors, vectors);
  usesNarrow = panelVectors > 1;
  if (!n)
    return;
  usesWide = usesNarrow = overreaches = false;
  int64_t last = std::max<int64_t>(1, (*n + lanes - 1) / lanes) - (columnBlocks - 1) * vectors;
  for (int64_t own : {vectors, last}) {
    int64_t panels = (own + panelVectors - 1) / panelVectors, missing = panels * panelVectors - own;
    usesWide |= missing < panels;
    usesNarrow |= missing > 0;
    overreaches |= missing > panels;
  }
}

// A block takes as many whole inner dimensions as fit, and a part of the next one. One panel of columns needs no tile in L1.
void Tiling::chooseDepth(ArrayRef<Dim> depth, bool packsLeft) {
  int64_t columns = std::min(kLeastColumns, n ? (*n + lanes - 1) / lanes * lanes : kLeastColumns);
  int64_t most = kMostPacked / std::max<int64_t>(columns, lanes);
  if (spares > 0)
    most = kMostSpareDepth;
  else if (columns > 2 * widest())
    most = std::min(most, packsLeft ? kMostPackedDepth : kMostDepth);
  depthSplit = depth.size();
  std::optional<int64_t> own;
  while (depthSplit > 0) {
    if (depthSplit < depth.size()) {
      if (!own || depthInner * *own > most)
        break;
      depthInner *= std::max<int64_t>(1, *own);
    }
    --depthSplit;
    own = depth[depthSplit].size.constant();
  }
  depthCount = std::max<int64_t>(1, most / depthInner);
  isOneBlock = depthSplit == 0 || sizeOf(depth) == SizeExpr(0);
  if (depth.empty() || !own) {
    depthCount = depth.empty() ? 1 : depthCount;
    isOneBlock = depth.empty();
    return;
  }
  if (*own * depthInner <= most * 4 / 3)
    depthCount = std::max<int64_t>(1, *own);
  int64_t blocks = (*own + depthCount - 1) / depthCount; // of equal size
  if (blocks > 0)
    depthCount = (*own + blocks - 1) / blocks;
  isOneBlock = sizeOf(depth) == SizeExpr(0) || (isOneBlock && blocks <= 1);
}

} // namespace ember::cpu
