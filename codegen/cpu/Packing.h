// Copies of what a contraction reads, laid out for its innermost loop.
#pragma once

#include "codegen/cpu/ContractionShape.h"
#include "codegen/cpu/Walker.h"

namespace ember::cpu {

/// Dimensions that a flat position within a block walks. The first one starts at `first` (null: 0), the others are whole.
struct Walk {
  llvm::ArrayRef<Dim> dims;
  mlir::Value first;
  int64_t alignment = 1; // vectors start at multiples of it
};

/// Where an operand's elements lie. Without a pointer (prologue ops, guards) they are had through the walker alone.
struct Source {
  mlir::Value pointer;
  mlir::Type element;
  ir::Expr address;
};

class Packer {
public:
  Packer(Emitter &emitter, Walker &walker, const ContractionShape &shape, unsigned operand, Source source)
      : e(emitter), w(walker), space(emitter.space), shape(shape), operand(operand), source(source) {}

  /// Binds the loops of a walk to a flat position.
  void bind(const Walk &walk, mlir::Value flat);
  /// Whether rows can be read window by window: the last dimensions of a walk (taps of a filter) lie within a few vectors.
  bool hasWindow(const Walk &walk) const { return !windowOf(walk).offsets.empty(); }
  /// How many of the last dimensions lie one after the other in memory, one element apart.
  size_t adjacentDims(llvm::ArrayRef<Dim> dims) const;
  /// The distance between positions, where it is the same over all dimensions; 0 where there are none.
  std::optional<ir::Expr> commonStep(llvm::ArrayRef<Dim> dims) const;
  ir::Expr partOn(llvm::ArrayRef<Dim> dims) const;

  /// to[i * stride + j] = the element at position i < count of `major` (the whole block, dimension by dimension) and minor
  /// position minorStart + j, j < minorCount <= stride; from there to the next whole vector zeros or other elements. Rows are
  /// written in rising order; up to `lanes` of them, and a vector more, beyond the last one.
  void pack(const Walk &major, mlir::Value count, const Walk &minor, mlir::Value minorStart, mlir::Value minorCount,
            mlir::Value to, int64_t stride);

  /// Whether pack copies minor positions, vector by vector: else it transposes or gathers them.
  bool copies(const Walk &major, const Walk &minor) const;
  /// Whether a row of minor positions is a run of memory, so that pack copies it.
  bool copiesRuns(const Walk &major, const Walk &minor) const;
  /// Packs tiles of `stride` minor positions each, [minorStart, minorEnd) in all, `pitch` elements apart. Runs are read whole, so
  /// that a page of memory is met once for all of them: beyond a tile, `lanes` elements may be written.
  void packTiles(const Walk &major, mlir::Value count, const Walk &minor, mlir::Value minorStart, mlir::Value minorEnd,
                 mlir::Value to, int64_t stride, int64_t pitch);

private:
  // A part of a vector's lanes that lie one after the other: where lane 0 would be, and which lanes (null: all).
  struct Piece {
    mlir::Value offset, mask;
  };
  int64_t piecesOf(const Walk &walk) const;
  // Where the turns of the last dimensions of a walk lie, from the lowest on.
  struct Window {
    size_t dims = 0;
    int64_t lowest = 0, span = 0;
    llvm::SmallVector<int64_t> offsets;
  };
  Window windowOf(const Walk &walk) const;
  llvm::SmallVector<Piece> pieces(const Walk &walk, mlir::Value start, mlir::Value limit);
  mlir::Value load(llvm::ArrayRef<Piece> pieces, mlir::Value offset);
  void forEach(const Walk &walk, mlir::Value count, bool unrolls, llvm::function_ref<void(mlir::Value)> body);

  void copy(const Walk &major, mlir::Value count, const Walk &minor, mlir::Value minorStart, mlir::Value minorCount,
            mlir::Value to, int64_t stride);
  void transpose(const Walk &major, mlir::Value count, const Walk &minor, mlir::Value minorStart, mlir::Value minorCount,
                 mlir::Value to, int64_t stride);
  void transposeQuads(const Walk &major, mlir::Value count, const Walk &minor, mlir::Value minorStart, mlir::Value minorCount,
                      mlir::Value to);
  void transposeWindows(const Window &window, const Walk &major, mlir::Value count, const Walk &minor, mlir::Value minorStart,
                        mlir::Value minorCount, mlir::Value to, int64_t stride);
  llvm::SmallVector<mlir::Value> rowOffsets(const Walk &minor, mlir::Value start, mlir::Value last, int64_t stride);
  void gather(const Walk &major, mlir::Value count, const Walk &minor, mlir::Value minorStart, mlir::Value minorCount,
              mlir::Value to, int64_t stride);
  mlir::Type compute() const;

  Emitter &e;
  Walker &w;
  ir::Space &space;
  const ContractionShape &shape;
  unsigned operand;
  Source source;
};

/// The rows of a square of vectors become its columns.
llvm::SmallVector<mlir::Value> transposed(Emitter &e, llvm::ArrayRef<mlir::Value> rows);

} // namespace ember::cpu
