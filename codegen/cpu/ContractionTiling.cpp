#include "codegen/cpu/ContractionTiling.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

Tiling::Tiling(const ContractionShape &shape, Type compute, unsigned lanes) : lanes(lanes) {
  m = sizeOf(shape.rows).constant();
  n = sizeOf(shape.columns).constant();
  chooseRegions(compute);
  chooseDepth(shape.depth);
  if (n && m) {
    // At least sixteen units of work, where there are as many panels, so that threads get equal shares. Of nothing, one each.
    int64_t units = std::max<int64_t>(1, (*m + kRowUnit - 1) / kRowUnit * shape.batchSize.constant().value_or(1));
    int64_t panel = regions[0].vectors * lanes, panels = std::max<int64_t>(1, (*n + panel - 1) / panel);
    bool isLarge = 2.0 * *m * *n * depthInner * depthCount > 2e6;
    int64_t wanted = isLarge ? (16 + units - 1) / units : 1;
    columnBlocks = std::min(panels, std::max(wanted, (*n + kMostColumns - 1) / kMostColumns));
    blockColumns = (panels + columnBlocks - 1) / columnBlocks * panel;
    columnBlocks = (*n + blockColumns - 1) / blockColumns;
  }
}

// 24 accumulators of 32 registers with 512 bits, 12 of 16 with 256.
void Tiling::chooseRegions(Type compute) {
  int64_t accumulators = lanes == 16 ? 24 : 12, most = lanes == 16 ? 4 : 2;
  if (compute.isF64()) { // a vector of them is two registers
    accumulators /= 2;
    most /= 2;
  }
  if (m && *m > 0 && *m < accumulators / most)
    most = std::min<int64_t>(accumulators / *m, 2 * most);
  auto region = [&](int64_t vectors, std::optional<int64_t> end) {
    int64_t rows = std::min<int64_t>(accumulators / vectors, 12);
    while (kRowUnit % rows != 0)
      --rows;
    if (m && *m > 0)
      rows = std::min(rows, *m);
    regions.push_back({vectors, rows, end});
  };
  if (!n) {
    region(most, std::nullopt);
    return;
  }
  int64_t vectors = std::max<int64_t>(1, (*n + lanes - 1) / lanes);
  most = std::min(most, vectors);
  // Panels of `most` vectors and of one less, so that none is nearly empty; else a narrow one at the end.
  int64_t narrow = most >= 3 ? (most - vectors % most) % most : 0, wide = (vectors - narrow * (most - 1)) / most;
  if (wide * most + narrow * (most - 1) == vectors && wide >= 0) {
    if (wide > 0)
      region(most, narrow ? wide * most * lanes : *n);
    if (narrow > 0)
      region(most - 1, *n);
    return;
  }
  int64_t left = vectors % most;
  region(most, left ? vectors / most * most * lanes : *n);
  if (left)
    region(left, *n);
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
  if (*own * depthInner <= kMostDepth * 2)
    depthCount = std::max<int64_t>(1, *own);
  int64_t blocks = (*own + depthCount - 1) / depthCount; // of equal size
  if (blocks > 0)
    depthCount = (*own + blocks - 1) / blocks;
  isOneBlock = isOneBlock && blocks <= 1;
}

} // namespace ember::cpu
