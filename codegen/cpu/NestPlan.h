// How a group becomes a loop nest: its rows, what runs along vector lanes, and what each output and reduction needs of them.
#pragma once

#include "codegen/kernel/Generator.h"

namespace ember::cpu {

/// A run of adjacent dimensions walked by one loop. With a step (one dimension alone) the loop counts every `step`th index, and
/// `phase` says which of them: index = step * loop + phase.
struct Run {
  ir::Expr loop;
  llvm::SmallVector<ir::SizeExpr> sizes;
  int64_t step = 1, phase = 0;
};

llvm::SmallVector<ir::SizeExpr> sizesOf(mlir::Value value);
Run makeRun(ir::Space &space, llvm::ArrayRef<ir::SizeExpr> sizes);
/// A loop over every `step`th index of a dimension of static size.
Run makeSteppedRun(ir::Space &space, int64_t size, int64_t step);
llvm::SmallVector<ir::Expr> pointOf(ir::Space &space, llvm::ArrayRef<Run> runs);

/// An output over all rows and further loops: where its rows stand among its dimensions.
struct Output {
  bool isRowShaped = true;
  llvm::SmallVector<unsigned> rowDims; // dimension of each row loop, when it is not
};

/// Flops from which on a value is kept for later passes over its row rather than computed again.
constexpr unsigned kWorthKeeping = 8;

/// What one reduction computes of its operand and a later pass over the same row reads again.
struct KeptValue {
  mlir::Value value;
  mlir::Operation *reduction;
};

/// Rows are the loops of the reductions' results (of the outputs, where nothing is reduced).
struct Plan {
  llvm::SmallVector<ir::SizeExpr> rowSizes;
  llvm::SmallVector<mlir::Operation *> reductions;
  llvm::SmallVector<Output> outputs;
  bool lanesInside = false;          // along the reduced positions; else along the last row loop
  int64_t shortRow = 0;              // positions of a row that is reduced in registers, each lane a row of its own
  std::vector<KeptValue> kept;       // with lanes inside
  llvm::SmallVector<int64_t> phases; // of each row dimension: it is walked in so many interleaved parts
  std::string refusal;

  bool hasPhases() const {
    return llvm::any_of(phases, [](int64_t count) { return count > 1; });
  }
};

/// Rows, reductions and outputs, or why there are none: all that fusion asks.
Plan makePlan(const kernel::Group &group);
/// What an accepted plan still leaves open: short rows, kept values, phases.
void chooseForm(const kernel::Group &group, Plan &plan);
/// Row dimensions that one loop walks, from the outermost on: neighbours are joined as long as addresses stay polynomials.
llvm::SmallVector<llvm::SmallVector<ir::SizeExpr>> partitionRows(const kernel::Group &group, const Plan &plan);

} // namespace ember::cpu
