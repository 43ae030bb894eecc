// Arithmetic on scalars or 1-D vectors of one shape, for expansions of functions.
#pragma once

#include "codegen/cpu/MathExpansion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

namespace ember::cpu {

struct LaneMath {
  using Value = mlir::Value;
  using Type = mlir::Type;
  using Predicate = mlir::arith::CmpFPredicate;

  LaneMath(mlir::Operation *op, mlir::PatternRewriter &rewriter) : b(op->getLoc(), rewriter), type(op->getResult(0).getType()) {}

  Type withElement(Type element) const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(type);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value splat(mlir::Attribute value, Type element) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(withElement(element)))
      value = mlir::DenseElementsAttr::get(vector, value);
    return mlir::arith::ConstantOp::create(b, mlir::cast<mlir::TypedAttr>(value));
  }
  Value real(double value) { return splat(b.getF32FloatAttr(value), b.getF32Type()); }
  Value wide(double value) { return splat(b.getF64FloatAttr(value), b.getF64Type()); }
  Value whole(int64_t value) { return splat(b.getI32IntegerAttr(value), b.getI32Type()); }
  Value wideWhole(int64_t value) { return splat(b.getI64IntegerAttr(value), b.getI64Type()); }
  Value fma(Value x, Value y, Value z) { return mlir::math::FmaOp::create(b, x, y, z); }
  Value add(Value x, Value y) { return mlir::arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return mlir::arith::DivFOp::create(b, x, y); }
  Value addWhole(Value x, Value y) { return mlir::arith::AddIOp::create(b, x, y); }
  Value subWhole(Value x, Value y) { return mlir::arith::SubIOp::create(b, x, y); }
  Value andWhole(Value x, Value y) { return mlir::arith::AndIOp::create(b, x, y); }
  Value orWhole(Value x, Value y) { return mlir::arith::OrIOp::create(b, x, y); }
  Value shiftLeft(Value x, Value y) { return mlir::arith::ShLIOp::create(b, x, y); }
  Value shiftRight(Value x, Value y) { return mlir::arith::ShRUIOp::create(b, x, y); } // of what is no number
  Value abs(Value x) { return mlir::math::AbsFOp::create(b, x); }
  Value copySign(Value x, Value sign) { return mlir::math::CopySignOp::create(b, x, sign); }
  Value compare(Predicate predicate, Value x, Value y) { return mlir::arith::CmpFOp::create(b, predicate, x, y); }
  Value less(Value x, Value y) { return compare(Predicate::OLT, x, y); }
  Value select(Value c, Value x, Value y) { return mlir::arith::SelectOp::create(b, c, x, y); }
  Value bitsOf(Value x) { return mlir::arith::BitcastOp::create(b, withElement(b.getI32Type()), x); }
  Value fromBits(Value x) { return mlir::arith::BitcastOp::create(b, withElement(b.getF32Type()), x); }
  Value wideBitsOf(Value x) { return mlir::arith::BitcastOp::create(b, withElement(b.getI64Type()), x); }
  Value wideFromBits(Value x) { return mlir::arith::BitcastOp::create(b, withElement(b.getF64Type()), x); }
  /// Horner's scheme in fma, the highest power's coefficient first.
  Value widePolynomial(llvm::ArrayRef<double> coefficients, Value x) {
    Value p = wide(coefficients[0]);
    for (double coefficient : coefficients.drop_front())
      p = fma(p, x, wide(coefficient));
    return p;
  }

  mlir::ImplicitLocOpBuilder b;
  Type type;
};

/// `result`, and in lanes that are large what libm's function on f64 gives.
template <typename Op> mlir::Value withLargeLanes(LaneMath &m, mlir::Value isLarge, mlir::Value input, mlir::Value result) {
  using namespace mlir;
  ImplicitLocOpBuilder &b = m.b;
  Value any = isLarge;
  if (isa<VectorType>(m.type))
    any = vector::ReductionOp::create(b, vector::CombiningKind::OR, isLarge);
  auto branch = scf::IfOp::create(b, TypeRange{m.type}, any, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.thenBlock());
  Type wide = m.withElement(b.getF64Type());
  bool isWide = m.type == wide;
  auto exact = Op::create(b, isWide ? input : Value(arith::ExtFOp::create(b, wide, input)));
  exact->setAttr(kLargeArgument, b.getUnitAttr());
  Value rounded = isWide ? Value(exact) : Value(arith::TruncFOp::create(b, m.type, exact));
  scf::YieldOp::create(b, ValueRange{m.select(isLarge, rounded, result)});
  b.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(b, ValueRange{result});
  return branch.getResult(0);
}

} // namespace ember::cpu
