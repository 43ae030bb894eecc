// How a contraction is cut into blocks, panels and tiles: what they are changes no result.
#pragma once

#include "codegen/cpu/ContractionShape.h"
#include <algorithm>
#include <optional>

namespace ember::cpu {

inline constexpr int64_t kFewColumns = 256;       // a left operand multiplied by no more does not pay for packing it
inline constexpr int64_t kMostColumns = 800;      // of a block
inline constexpr int64_t kMostDepth = 512;        // of a block; a third more is taken in one
inline constexpr int64_t kMostPacked = 256 << 10; // left elements of a block: they stay in L2, beside a panel and
inline constexpr int64_t kMostSums = 256 << 10;   // sums kept from one block of depth to the next

/// `panels` panels of `vectors` vectors of columns.
struct Region {
  int64_t vectors, panels;
};

/// What the innermost loop keeps in registers: rows x vectors sums.
struct Tile {
  int64_t rows, vectors;
};
Tile tileOf(std::optional<int64_t> m, std::optional<int64_t> n, mlir::Type compute, unsigned lanes);

struct Tiling {
  Tiling(const ContractionShape &shape, mlir::Type compute, unsigned lanes);

  int64_t widest() const { return regions[0].vectors * lanes; }
  int64_t mostDepth() const { return depthCount * depthInner; }
  /// Whole tiles.
  int64_t rowsOfBlock() const;
  /// Few columns and no tile with rows missing: the left operand may be read where it lies, if it can be.
  bool readsLeftInPlace() const { return m && n && *n <= kFewColumns && *m > 0 && *m % rows == 0; }
  /// Ranges of rows are cut at multiples of it.
  int64_t rowUnit() const { return m ? rows : 1; }

  unsigned lanes;
  std::optional<int64_t> m, n;                // rows and columns, where known
  int64_t rows = 1;                           // of a tile
  int64_t columnBlocks = 1, blockColumns = 0; // whole vectors
  llvm::SmallVector<Region> regions;          // of a block, the wider first
  size_t depthSplit = 0;                      // the depth dimension of which a block takes a part
  int64_t depthCount = 1, depthInner = 1;     // positions of it in a block, depth of one of them
  bool isOneBlock = false;                    // all of the depth at once
  bool keepsSums = false;                     // those of a whole block; else tile by tile

private:
  void chooseColumns(int64_t batch);
  void chooseRegions(int64_t most);
  void chooseDepth(llvm::ArrayRef<Dim> depth);
};

} // namespace ember::cpu
