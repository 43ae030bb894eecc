// Arithmetic on scalars or 1-D vectors of one shape, for expansions of functions.
#pragma once

#include "codegen/cpu/MathExpansion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include <limits>

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
  Value own(double value) { // of the result's type
    mlir::Type element = mlir::getElementTypeOrSelf(type);
    return splat(b.getFloatAttr(element, value), element);
  }
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
  /// The number of sixteen that the last four bits of an i32 name, in each lane: a register permuted (AVX-512), or two (AVX2).
  Value lookUp(llvm::ArrayRef<float> numbers, Value index);
  /// The polynomial of r, its coefficients those of the piece that `index` names (PiecewisePolynomials.h).
  template <size_t powers> Value pieces(const float (&table)[powers][16], Value index, Value r) {
    Value p = lookUp(table[powers - 1], index);
    for (size_t power = powers - 2; power > 0; --power)
      p = fma(p, r, lookUp(table[power], index));
    Value constant = lookUp(table[0], index);
    return fma(p, r, select(less(constant, r), r, constant)); // r in the piece around 0, where the constant is 0
  }

  mlir::ImplicitLocOpBuilder b;
  Type type;
};

inline mlir::Value LaneMath::lookUp(llvm::ArrayRef<float> numbers, Value index) {
  using namespace mlir;
  auto vector = dyn_cast<VectorType>(type);
  auto constants = [&](llvm::ArrayRef<float> own) -> Value {
    auto all = VectorType::get(static_cast<int64_t>(own.size()), b.getF32Type());
    return arith::ConstantOp::create(b, DenseElementsAttr::get(all, own));
  };
  auto permuted = [&](llvm::StringRef intrinsic, llvm::ArrayRef<float> own) -> Value {
    return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(intrinsic), ValueRange{constants(own), index}).getResult(0);
  };
  if (!vector)
    return LLVM::ExtractElementOp::create(b, constants(numbers), andWhole(index, whole(15)));
  if (vector.getNumElements() == 16)
    return permuted("llvm.x86.avx512.permvar.sf.512", numbers);
  assert(vector.getNumElements() == 8 && "AVX2 or AVX-512");
  llvm::StringRef narrow = "llvm.x86.avx2.permps";
  Value isUpper = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, shiftLeft(index, whole(28)), whole(0));
  return select(isUpper, permuted(narrow, numbers.drop_front(8)), permuted(narrow, numbers.take_front(8)));
}

/// What a logarithm that is -infinity at `pole` is elsewhere: NaN below, x itself where that is infinity or NaN.
inline mlir::Value withPole(LaneMath &m, mlir::Value x, double pole, mlir::Value result) {
  using Predicate = LaneMath::Predicate;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  result = m.select(m.less(x, m.own(infinity)), result, x);
  result = m.select(m.compare(Predicate::OEQ, x, m.own(pole)), m.own(-infinity), result);
  return m.select(m.less(x, m.own(pole)), m.own(std::numeric_limits<double>::quiet_NaN()), result);
}

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
