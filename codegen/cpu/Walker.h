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

  mlir::Value scalarIndex(const ir::Expr &expr);
  mlir::Value vectorIndex(const ir::Expr &expr);
  bool onLanes(const ir::Expr &expr) const { return laneVariable && e.space.dependsOn(expr, *laneVariable); }

private:
  mlir::Value index(const ir::Expr &expr, bool asVector);
  mlir::Value variableValue(ir::VariableId id, bool asVector);
  mlir::Value element(ir::VariableId id);
  mlir::Value condition(llvm::ArrayRef<ir::Cond> conds);
  mlir::Value read(mlir::Value input, const ir::Expr &address);
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
  struct Known {
    mlir::Value value;
    llvm::SmallVector<ir::Expr> point;
    mlir::Value guard, emitted;
  };
  std::vector<Known> presets;
  std::vector<Known> memo; // within one call of `at` from outside
  unsigned depth = 0;
};

} // namespace ember::cpu
