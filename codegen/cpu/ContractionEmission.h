// One shape of a contraction, written.
//
// result(row, column) = sum over depth: a block of the right operand is packed in panels of columns that stay in L2, and tiles of
// rows pass by, one after the other: a tile of the left operand stays in L1, where it lies or packed. The microkernel holds rows
// x vectors accumulators: one fma chain per output in rising depth, whatever the vector width. Where depth is cut into blocks,
// sums wait in the scratch between them. Finished tiles pass through the scratch to the epilogue.
#pragma once

#include "codegen/cpu/ContractionTiling.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/Staging.h"
#include <numeric>

namespace ember::cpu {

inline constexpr int64_t kRowGrain =
    24; // rows a thread takes at least where their number is not known: whole tiles of any height
inline constexpr int64_t kSmallPanel = 8192; // elements that stay in L1

class ContractionEmission {
public:
  ContractionEmission(const kernel::Group &group, const ContractionShape &shape, ir::Space &space, KernelFunction &function);

  /// Units of work: (batch, block of columns, rows), a tile of rows each where their number is known.
  ir::SizeExpr units() const;
  int64_t grain() const { return tiling.m ? 1 : kRowGrain; }
  double nanoseconds() const;
  int64_t scratchElements() const { return tileAt + tileElements; }

  /// Does the share of [begin, end) of the units; the function's own range counts `whole` of them.
  void emit(const ir::SizeExpr &whole);

private:
  // Dimensions along which the result's vectors are written, and those around them.
  struct Lanes {
    Dim lane;
    llvm::ArrayRef<Dim> outer;
  };

  void plan();
  void planBlocks();
  void planOperand(unsigned operand);
  void planPacking();
  void placeScratch();
  bool storesDirectly() const;
  bool readsPlainly(unsigned operand) const;
  mlir::Value scratch(int64_t element) { return e.elementPointer(f.scratch, compute, e.constant(element)); }
  mlir::Value at(int64_t begin, mlir::Value offset) { return e.elementPointer(scratch(begin), compute, offset); }

  void bindFirst(BlockedSide &side, mlir::Value begin, mlir::Value end);
  void emitBlock(mlir::Value rowBegin, mlir::Value rowEnd, mlir::Value columnBegin, mlir::Value columnEnd);
  void forDepth(llvm::function_ref<void()> body);
  void forOuterDepth(size_t number, mlir::Value isFirst, mlir::Value isLast, llvm::function_ref<void()> body);
  mlir::Value atLeastOne(const ir::SizeExpr &size);
  Walk depthWalk() const { return {depth.walked(), depthFirst, static_cast<int64_t>(e.lanes)}; }
  Walk rowWalk() const { return {rows.dims, {}, tiling.m ? std::gcd<int64_t>(tiling.rows, e.lanes) : 1}; }
  Walk columnWalk() const { return {columns.dims, {}, static_cast<int64_t>(e.lanes)}; }
  void stage(unsigned operand);

  // Panels, numbered from a block's first column on, wide ones first: body(number, first column, columns, whether it is a wide
  // one).
  void forPanels(llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value, mlir::Value)> body);
  bool isMixed() const { return tiling.usesWide && tiling.usesNarrow; }
  mlir::Value widthOf(int64_t vectors) { return e.constant(vectors * e.lanes); }
  mlir::Value panelAtNumber(mlir::Value number) { return at(panelAt, e.mul(number, e.constant(panelDepth * tiling.widest()))); }
  void packColumns();
  void packPanel(const Walk &depthPart, mlir::Value length, mlir::Value column, mlir::Value width, mlir::Value to);

  void bindDepthStart();
  void emitTiles();
  void emitPanelByPanel();
  void emitTile(mlir::Value left, mlir::Value row, mlir::Value panel, mlir::Value column, mlir::Value width, mlir::Value isWide);
  mlir::Value leftTile(mlir::Value row, mlir::Value first);
  mlir::Value inPlace(unsigned operand, const Walk &walk, mlir::Value position);
  void multiply(int64_t vectors, mlir::Value left, mlir::Value row, mlir::Value panel, mlir::Value column, mlir::Value width,
                mlir::Value corner);
  mlir::Value resultAt(mlir::Value row, mlir::Value column);
  mlir::Value negated(mlir::Value flag);
  mlir::Value goesOn();

  void finishVector(const Dim &lane, mlir::Value start, mlir::Value sum, mlir::Value active);
  Lanes lanesOfResult();
  void forVectors(const Lanes &own, mlir::Value begin, mlir::Value end,
                  llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value)> body);
  void leaveOutAbsent(mlir::Value row, mlir::Value count, mlir::Value column, mlir::Value width, mlir::Value corner);
  void finishTile(mlir::Value row, mlir::Value count, mlir::Value column, mlir::Value corner, mlir::Value width);
  void finishAcross();

  const kernel::Group &group;
  const ContractionShape &shape;
  mlir::Operation *op;
  ir::Space &space;
  KernelFunction &f;
  Emitter &e;
  Walker &w;
  mlir::Type compute;
  Tiling tiling;
  BlockedSide rows, columns, depth;
  Source sources[2];
  std::optional<Stage> stages[2];
  int64_t stageAt[2] = {0, 0}, stageElements = 0;
  bool isTiledForPacking = false, isEmpty = false, isDirect = false, packsLeft = false, packsRight = false;
  int64_t rowBlock = 1, leftTiles = 1, leftPitch = 0, panelDepth = 0, panelAt = 0, leftAt = 0, tileAt = 0, tileStride = 0,
          tileElements = 0;
  llvm::SmallVector<ir::Expr> finishPoint;
  std::optional<int64_t> rowStep; // of a left operand that may be read where it lies
  ir::Expr rightStep;
  mlir::Value rowCount, columnCount, blockRow, blockRowEnd, blockColumn, blockColumnEnd, depthFirst, depthLength, firstBlock,
      lastBlock;
};

} // namespace ember::cpu
