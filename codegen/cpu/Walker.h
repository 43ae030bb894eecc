// Fills the holes of a generator: the value of an op at a point of the kernel's loops.
#pragma once

#include "codegen/cpu/Emitter.h"

namespace ember::cpu {

/// Emits values of a group at points. Index variables are bound to scalars; one of them may be the lane variable, which
/// runs base, base + 1, … across vector lanes.
class Walker {
public:
  Walker(const kernel::Group &group, Emitter &emitter) : group(group), e(emitter) {}

  void bindBuffer(mlir::Value value, mlir::Value pointer) { buffers[value] = pointer; }
  mlir::Value buffer(mlir::Value value) const { return buffers.lookup(value); }
  void bindSize(const std::string &name, mlir::Value value) { sizes[name] = value; }
  void bind(const ir::Expr &variable, mlir::Value value) { bound[*variable.asVariable()] = value; }

  /// Makes `variable` the lane variable at `base`; `active` masks the lanes that exist (null: all). Ends with `endLanes`.
  void beginLanes(const ir::Expr &variable, mlir::Value base, mlir::Value active);
  void endLanes();
  bool hasLanes() const { return laneVariable.has_value(); }

  /// Declares the value of a reduction or contraction at a point.
  void preset(mlir::Value value, llvm::ArrayRef<ir::Expr> point, mlir::Value emitted);
  void clearPresets() { presets.clear(); }
  /// What was declared for another vector of the same rows is put in place of what is there now.
  struct Known {
    mlir::Value value;
    llvm::SmallVector<ir::Expr> point;
    mlir::Value guard, emitted;
  };
  void swapPresets(std::vector<Known> &others) { std::swap(presets, others); }

  /// While one lives, what was emitted is remembered from call to call. All of it must be straight-line code.
  class Memo {
  public:
    explicit Memo(Walker &walker) : walker(walker) {
      if (walker.depth++ == 0)
        walker.memo.clear();
    }
    ~Memo() { --walker.depth; }
    Memo(const Memo &) = delete;
    Memo &operator=(const Memo &) = delete;

  private:
    Walker &walker;
  };

  /// Elements of an input that lie somewhere else too, in an order of their own.
  struct Copy {
    mlir::Value value;
    ir::Expr source; // the input's address, as the kernel reads it
    mlir::Value buffer;
    ir::Expr place; // the element of the buffer, in the same loops
  };
  void addCopy(Copy copy) { copies.push_back(std::move(copy)); }
  void clearCopies() { copies.clear(); }

  /// The value of a group's op over the loops of a row, kept in memory from the pass that makes it for those that read it again.
  struct Kept {
    mlir::Value value;
    llvm::SmallVector<ir::Expr> point;  // of the row: indices at the reduced dimensions are not looked at
    llvm::SmallVector<int64_t> reduced; // dimensions that the buffer has, row-major
    mlir::Value buffer;
  };
  void addKept(Kept own) { kept.push_back(std::move(own)); }
  void clearKept() { kept.clear(); }

  /// Vectors that are read also ask for the line that lies one turn of `loop` further on (null expression: none).
  void prefetchAhead(std::optional<ir::VariableId> loop, int64_t turns = 1) {
    aheadLoop = loop;
    aheadTurns = turns;
  }

  /// The value at a point, in the compute type of its dtype, rounded to it: a vector where it depends on the lane variable,
  /// else a scalar.
  mlir::Value at(mlir::Value value, llvm::ArrayRef<ir::Expr> point);
  /// Several values at one point, all read before any is stored: a result may stand in an operand's memory.
  llvm::SmallVector<mlir::Value> atAll(mlir::ValueRange values, llvm::ArrayRef<ir::Expr> point);
  /// The operand of a hero at its access; what is not inside is 0. `inside` gets the condition, null when always inside.
  mlir::Value operandAt(mlir::Operation *op, unsigned operand, llvm::ArrayRef<ir::Expr> loops, mlir::Value *inside = nullptr);
  /// A value where it is inside, else 0.
  mlir::Value insideAt(mlir::Value value, const ir::Access &access, mlir::Value *inside = nullptr);
  void store(mlir::Value value, mlir::Value buffer, mlir::RankedTensorType type, llvm::ArrayRef<ir::Expr> point);

  /// Fetches the line that the vector at a point begins in, to write it.
  void askFor(mlir::Value buffer, mlir::RankedTensorType type, llvm::ArrayRef<ir::Expr> point);

  mlir::Value scalarIndex(const ir::Expr &expr);
  mlir::Value vectorIndex(const ir::Expr &expr);
  bool onLanes(const ir::Expr &expr) const { return laneVariable && e.space.dependsOn(expr, *laneVariable); }

private:
  mlir::Value index(const ir::Expr &expr, bool asVector);
  mlir::Value variableValue(ir::VariableId id, bool asVector);
  mlir::Value element(ir::VariableId id);
  mlir::Value condition(llvm::ArrayRef<ir::Cond> conds);
  mlir::Value read(mlir::Value input, const ir::Expr &address);
  mlir::Value readAt(mlir::Value pointer, mlir::Type element, const ir::Expr &address);
  mlir::Value readKept(mlir::Value value, llvm::ArrayRef<ir::Expr> point);
  mlir::Value viewAt(ir::ViewOp view, llvm::ArrayRef<ir::Expr> point);
  mlir::Value constantOf(mlir::Operation *op, llvm::ArrayRef<ir::Expr> point);
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value filled(mlir::Type compute, ir::Scalar number);

  const kernel::Group &group;
  Emitter &e;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
  std::map<std::string, mlir::Value> sizes;
  llvm::DenseMap<ir::VariableId, mlir::Value> bound;
  std::optional<ir::VariableId> laneVariable;
  mlir::Value laneBase, active;
  mlir::Value guard; // what must hold for the value being walked to be read: null when it always does
  std::vector<Known> presets;
  std::vector<Known> memo; // within one call of `at` from outside, or a Memo
  std::vector<Copy> copies;
  std::vector<Kept> kept;
  std::optional<ir::VariableId> aheadLoop;
  int64_t aheadTurns = 1;
  unsigned depth = 0;
};

} // namespace ember::cpu
