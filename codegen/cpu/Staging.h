// A copy of what a block of a contraction reads of a windowed operand, its padding included.
#pragma once

#include "codegen/cpu/Packing.h"
#include <optional>

namespace ember::cpu {

/// The part of a side that a block covers: one index of each dimension before `split`, up to `count` positions from `first` on of
/// the split one, all of those inside of it.
struct BlockedSide {
  llvm::ArrayRef<Dim> dims;
  size_t split = 0;
  int64_t count = 0;
  ir::Expr first;             // bound to where the block begins
  mlir::Value positions = {}; // of the split dimension in this block
  llvm::ArrayRef<Dim> walked() const { return dims.drop_front(split); }
};

/// Planned where each index of the operand is linear in loops of its own (a convolution's y * stride + tap - padding): elements
/// are copied once and not once a tap, zeros stand where there are none, and every stride-th position of an index lies side by
/// side, so that no vector has to be gathered.
class Stage {
public:
  /// Nothing where the operand is not read so, or where the copy would be larger than `mostElements`.
  static std::optional<Stage> plan(const ContractionShape &shape, unsigned operand, llvm::ArrayRef<const BlockedSide *> sides,
                                   ir::Space &space, int64_t lanes, int64_t mostElements);

  int64_t elements() const { return total; }
  /// The operand's elements in the copy, by the shape's loops.
  Source source(mlir::Value pointer) const { return {pointer, type, address}; }
  void emit(Emitter &e, Walker &w, mlir::Value pointer) const;

private:
  struct Axis {
    ir::Expr low; // index of the first position
    int64_t stride = 1, phases = 1, count = 1;
    ir::SizeExpr size;                    // of the operand's dimension
    const BlockedSide *exactly = nullptr; // holds the positions of this side's block and no others
    ir::Expr phase, position;             // loops of the copy
  };
  void emitAxis(Emitter &e, Walker &w, mlir::Value pointer, size_t number, mlir::Value flat, ir::Access &access) const;
  void emitLast(Emitter &e, Walker &w, mlir::Value pointer, mlir::Value flat, ir::Access &access) const;

  mlir::Value operand;
  mlir::Type type;
  std::vector<Axis> axes;
  ir::Expr address;
  int64_t total = 0;
};

} // namespace ember::cpu
