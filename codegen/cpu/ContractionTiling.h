// How a contraction is cut into blocks, panels and tiles: what they are changes no result.
#pragma once

#include "codegen/cpu/ContractionShape.h"
#include <algorithm>
#include <optional>

namespace ember::cpu {

inline constexpr int64_t kLeastColumns = 192; // of a block: a row of the left operand that comes from L2 pays with so many
inline constexpr int64_t kMostColumns = 800;  // of a block
inline constexpr int64_t kMostDepth = 1024;   // of a block; a third more is taken in one. A tile of the left operand stays in L1
inline constexpr int64_t kMostPackedDepth = 512;  // where it is packed
inline constexpr int64_t kMostSpareDepth = 256;   // where columns are spare: the panel is all that is read from L2
inline constexpr int64_t kMostPacked = 256 << 10; // right elements of a block: they stay in L2
inline constexpr int64_t kMostSums = 256 << 10;   // sums kept from one block of depth to the next

/// What the innermost loop keeps in registers: rows x vectors sums.
struct Tile {
  int64_t rows, vectors;
};
Tile tileOf(std::optional<int64_t> m, std::optional<int64_t> n, mlir::Type compute, unsigned lanes);

/// Panels as wide as a tile, then ones that are a vector narrower: together just over a block's columns.
struct Tiling {
  /// `packsLeft`: the left operand is packed for each block of columns, beside which it has to find room in L1.
  Tiling(const ContractionShape &shape, mlir::Type compute, unsigned lanes, bool packsLeft);

  int64_t widest() const { return panelVectors * lanes; }
  int64_t mostPanels() const { return (blockColumns / lanes + panelVectors - 1) / panelVectors; }
  int64_t mostDepth() const { return depthCount * depthInner; }
  /// Whole tiles; `most`: elements that may be kept of so many rows' `each`.
  int64_t rowsOfBlock(int64_t most, int64_t each) const;
  /// No tile has rows missing: the left operand may be read where it lies, if it can be.
  bool hasWholeTiles() const { return m && n && *m > 0 && *m % rows == 0; }
  /// Ranges of rows are cut at multiples of it.
  int64_t rowUnit() const { return m ? rows : 1; }

  unsigned lanes;
  std::optional<int64_t> m, n;                // rows and columns, where known
  int64_t rows = 1, panelVectors = 1;         // of a tile
  bool usesWide = true, usesNarrow = true;    // panels
  bool overreaches = true;                    // the panels may be wider together than a block
  int64_t spares = 0;                         // columns of the only panel that take no vector of their own; left is packed
  int64_t columnBlocks = 1, blockColumns = 0; // whole vectors
  size_t depthSplit = 0;                      // the depth dimension of which a block takes a part
  int64_t depthCount = 1, depthInner = 1;     // positions of it in a block, depth of one of them
  bool isOneBlock = false;                    // all of the depth at once
  bool keepsSums = false;                     // those of a whole block; else tile by tile

private:
  void chooseDepth(llvm::ArrayRef<Dim> depth, bool packsLeft);
  void chooseColumns(int64_t batch, bool packsLeft);
  void choosePanels();
  void chooseSpares(mlir::Type compute);
};

} // namespace ember::cpu
