// How a contraction is cut into blocks, panels and tiles: what they are changes no result.
#pragma once

#include "codegen/cpu/ContractionShape.h"
#include <algorithm>
#include <optional>

namespace ember::cpu {

inline constexpr int64_t kRowUnit = 24;       // ranges of rows are cut at multiples: every tile height divides it
inline constexpr int64_t kMostRows = 22 * 24; // of a block
inline constexpr int64_t kMostColumns = 512;  // of a block
inline constexpr int64_t kMostDepth = 512;    // of a block; up to twice as much is taken in one

/// Columns up to `end` in panels of `vectors` vectors, multiplied `rows` rows at a time.
struct Region {
  int64_t vectors, rows;
  std::optional<int64_t> end; // unknown: what is left
};

struct Tiling {
  Tiling(const ContractionShape &shape, mlir::Type compute, unsigned lanes);

  int64_t widest() const { return regions[0].vectors * lanes; }
  int64_t mostDepth() const { return depthCount * depthInner; }
  int64_t rowsOfBlock() const { return m ? std::min(*m, kMostRows) : kMostRows; }

  unsigned lanes;
  std::optional<int64_t> m, n;       // rows and columns, where known
  llvm::SmallVector<Region> regions; // the widest first
  int64_t columnBlocks = 1, blockColumns = kMostColumns;
  size_t depthSplit = 0;                  // the depth dimension of which a block takes a part
  int64_t depthCount = 1, depthInner = 1; // positions of it in a block, depth of one of them
  bool isOneBlock = false;

private:
  void chooseRegions(mlir::Type compute);
  void chooseDepth(llvm::ArrayRef<Dim> depth);
};

} // namespace ember::cpu
