// Grows a random graph op by op: what its steps share.
#pragma once

#include "ir/EmberDialect.h"
#include "ir/ops/Unary.h"
#include "mlir/IR/Builders.h"
#include "tests/graphs/RandomGraph.h"
#include <random>

namespace ember::tests {

class Grower {
public:
  using Sizes = llvm::SmallVector<ir::SizeExpr>;
  using Holds = GraphArgument::Holds;
  using Value = mlir::Value;

  Grower(mlir::MLIRContext &context, uint32_t seed, GraphShape shape);
  RandomGraph grow();

private:
  // ---- what is random
  size_t pick(size_t count) { return random() % count; }
  Sizes someSizes();
  mlir::Type someDtype();
  Value any();   // one of the latest values
  Value image(); // one of rank 4 with a height and width in which windows fit, or a new argument

  // ---- types and values
  static mlir::RankedTensorType typeOf(Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }
  static mlir::Type dtypeOf(Value value) { return typeOf(value).getElementType(); }
  static bool isFloat(Value value) { return mlir::isa<mlir::FloatType>(dtypeOf(value)); }
  static bool isBool(Value value) { return dtypeOf(value).isInteger(1); }
  static Sizes sizesOf(Value value) { return ir::dimSizes(typeOf(value)); }
  int64_t sizeOf(const ir::SizeExpr &size) const { return size.evaluate(graph.sizes); }
  int64_t elementsOf(llvm::ArrayRef<ir::SizeExpr> sizes) const;
  Value argument(llvm::ArrayRef<ir::SizeExpr> sizes, mlir::Type dtype, Holds holds = Holds::Numbers, ir::SizeExpr bound = 0);
  void keep(Value value);
  Value op(llvm::StringRef name, mlir::ValueRange operands) { return op(name, operands, operands[0].getType()); }
  Value op(llvm::StringRef name, mlir::ValueRange operands, mlir::TypeRange results,
           llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  Value like(Value value);    // another value in this shape and dtype
  Value asFloat(Value value); // in the graph's float dtype
  Value number(Value like, double value);
  Value constantIndex(int64_t value);
  // Away from where functions have no value or a steep slope, and where f16 ends.
  Value atLeastHalf(Value value);
  Value small(Value value);
  Value bounded(Value value) { return dtypeOf(value).isF16() ? small(value) : value; }

  // ---- steps: ElementwiseSteps.cpp
  Value unary(Value x);
  Value binary(Value x);
  Value withNeutral(Value x);
  Value selected(Value x);
  Value throughOtherDtype(Value x);
  Value counted(Value x);
  // MovingSteps.cpp
  Value reshaped(Value x);
  Value transposed(Value x);
  Value sliced(Value x);
  Value updated(Value x);
  Value padded(Value x);
  Value concatenated(Value x);
  Value taken(Value x);
  Value gathered(Value x);
  // ReducingSteps.cpp
  Value reduced(Value x);
  Value multiplied(Value x);
  Value convolved(Value x);
  Value pooled(Value x);
  Value normalized(Value x);
  Value drawn(Value x);

  struct Region { // of a slice
    llvm::SmallVector<Value> starts;
    llvm::SmallVector<int64_t> strides;
    mlir::RankedTensorType type;
  };
  Region someRegion(Value x);

  void step();
  void finish();

  std::mt19937 random;
  mlir::OpBuilder builder;
  mlir::Location loc;
  GraphShape shape;
  RandomGraph graph;
  mlir::func::FuncOp function;
  mlir::Block *block;
  mlir::Type dtype; // of floats
  bool namesSizes, holdsEmpty;
  Value state; // of the generator, where something was drawn
  std::vector<Value> values;
};

} // namespace ember::tests
