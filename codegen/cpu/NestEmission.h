// What the two ways of writing a nest share: row loops, lane loops, reduced loops, outputs.
#pragma once

#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/NestPlan.h"

namespace ember::cpu {

class NestEmission {
public:
  NestEmission(const kernel::Group &group, const Plan &plan, ir::Space &space, KernelFunction &function, llvm::ArrayRef<Run> rows)
      : group(group), plan(plan), space(space), f(function), e(function.emitter), w(function.walker), rows(rows) {}

protected:
  using State = llvm::SmallVector<mlir::Value>;
  using Chain = llvm::function_ref<State(mlir::Value low, mlir::Value high, State state)>;

  /// Binds the row loops but `kept` of the last ones to the parts of `flat`.
  void bindRows(mlir::Value flat, size_t kept);
  mlir::Value extentOf(const Run &run) { return w.scalarIndex(space.variable(*run.loop.asVariable()).extent); }
  std::optional<int64_t> knownExtentOf(const Run &run) const;
  llvm::SmallVector<ir::Expr> rowPoint() { return pointOf(space, rows); }

  /// Loops over runs, binding each; the innermost calls body.
  void nest(llvm::ArrayRef<Run> runs, llvm::function_ref<void()> body);
  State nestCarrying(llvm::ArrayRef<Run> runs, State state, llvm::function_ref<State(State)> body);

  /// The reduced loops of a reduction: leading ones by themselves, the last run of adjacent dimensions as one.
  llvm::SmallVector<Run> reducedRuns(mlir::Operation *op);
  ir::Expr flatPosition(llvm::ArrayRef<Run> runs);
  /// The op's state over all reduced positions in the order of ir/index/ReductionOrder.h: `chain` continues a state over
  /// positions of the last run. `identity` and states may be of several vectors.
  State reduceInOrder(mlir::Operation *op, llvm::ArrayRef<Run> runs, State identity, Chain chain);
  /// The state of one reduced position (or a vector of them), combined into `state` where it is inside.
  State combineOne(mlir::Operation *op, llvm::ArrayRef<ir::Expr> loops, const ir::Expr &position, mlir::ValueRange state,
                   mlir::Value active);
  State combineAll(mlir::Operation *op, const State &left, const State &right);
  void presetResult(mlir::Operation *op, mlir::Value result);

  /// The point of an output over rows and inner loops; adjacent inner dimensions at the end share a loop.
  llvm::SmallVector<ir::Expr> outputPoint(unsigned number, llvm::SmallVectorImpl<Run> &inner);
  void storeOutput(unsigned number, mlir::Value value, llvm::ArrayRef<ir::Expr> point);

  const kernel::Group &group;
  const Plan &plan;
  ir::Space &space;
  KernelFunction &f;
  Emitter &e;
  Walker &w;
  llvm::SmallVector<Run> rows;

private:
  mlir::Value conjunction(mlir::Value a, mlir::Value b);
  State inBlocks(mlir::Operation *op, mlir::Value low, mlir::Value high, std::optional<int64_t> count, int64_t block,
                 const State &identity, Chain chain);
};

/// Lanes along the reduced positions, 64 interleaved partials a row.
class LanesInside : public NestEmission {
public:
  using NestEmission::NestEmission;
  void emit();
  /// Bytes of a row's kept values.
  static int64_t scratchBytes(const Plan &plan);

private:
  void reduceAlong(mlir::Operation *op);
  State chainAlong(mlir::Operation *op, const Run &run, llvm::ArrayRef<ir::Expr> loops, const ir::Expr &position, mlir::Value low,
                   mlir::Value high, State state, size_t width);
  State foldLanes(mlir::Operation *op, const State &state, unsigned half);
  void storeOutputs();
  void askForOutputs(mlir::Operation *op, llvm::ArrayRef<ir::Expr> loops);
  void keep(mlir::Operation *op, llvm::ArrayRef<ir::Expr> loops);
  void addKept(mlir::Operation *op, llvm::ArrayRef<ir::Expr> loops);
};

/// Lanes along the last row loop.
class LanesOnRows : public NestEmission {
public:
  using NestEmission::NestEmission;
  void emit();

  /// A transposed read: an input that lies along another row loop than the lanes.
  struct Transposed {
    mlir::Value input;
    ir::Expr address;
  };
  /// The row loop that inputs lie along while the lanes do not; nothing where there is none. `reads` gets those inputs' reads.
  static std::optional<size_t> transposedAlong(const kernel::Group &group, const Plan &plan, ir::Space &space,
                                               llvm::ArrayRef<Run> rows, llvm::SmallVectorImpl<Transposed> &reads);
  static int64_t tileOf(llvm::ArrayRef<Transposed> reads);
  static int64_t scratchBytes(llvm::ArrayRef<Transposed> reads);

private:
  // Vectors of lanes that are computed together, one after the other.
  struct Block {
    llvm::SmallVector<mlir::Value> bases;
    mlir::Value active;
    llvm::SmallVector<std::vector<Walker::Known>> presets;
  };
  const Run &lane() const { return rows.back(); }
  unsigned vectorsAtOnce() const;
  bool isWhole() const;
  void lanes(mlir::Value low, mlir::Value high, bool isWhole);
  void emitBlock(llvm::ArrayRef<mlir::Value> bases, mlir::Value active);
  void onVector(Block &block, size_t number, llvm::function_ref<void()> body);
  void reduce(mlir::Operation *op, Block &block);
  State reduceTaps(mlir::Operation *op);
  State reduceShort(mlir::Operation *op);
  bool isNeverInside(mlir::Operation *op, llvm::ArrayRef<ir::Expr> loops);
  void storeOutputs(Block &block);

  void emitPhases(size_t depth);
  void emitLanePhases(mlir::Value base, mlir::Value limit);

  void emitTiles(size_t along, llvm::ArrayRef<Transposed> reads);
  void askForRow(size_t along, const Transposed &read, mlir::Value first, mlir::Value position, int64_t tile);
  void fillTile(size_t along, const Transposed &read, mlir::Value first, mlir::Value lane0, mlir::Value buffer, int64_t tile);
};

} // namespace ember::cpu
