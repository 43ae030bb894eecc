// Short names for the arith and math ops that `emitScalar` rules are made of.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

namespace ember::ir {

/// Builds ops on scalars or 1-D vectors alike.
struct ScalarEmitter {
  mlir::OpBuilder &builder;
  mlir::Location loc;

  static bool isFloat(mlir::Value value) { return mlir::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(value)); }
  /// `element`, or a vector of it as long as `like`.
  static mlir::Type typeLike(mlir::Value like, mlir::Type element) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(like.getType()))
      return vector.clone(element);
    return element;
  }
  mlir::Value constant(mlir::Value like, double value) {
    mlir::Type element = mlir::getElementTypeOrSelf(like);
    mlir::TypedAttr attribute;
    if (mlir::isa<mlir::FloatType>(element))
      attribute = builder.getFloatAttr(element, value);
    else
      attribute = builder.getIntegerAttr(element, static_cast<int64_t>(value));
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(like.getType()))
      attribute = mlir::DenseElementsAttr::get(vector, mlir::Attribute(attribute));
    return mlir::arith::ConstantOp::create(builder, loc, attribute);
  }
  template <typename Op, typename... Args> mlir::Value make(Args... args) { return Op::create(builder, loc, args...); }
  template <typename FloatOp, typename IntOp> mlir::Value either(mlir::Value a, mlir::Value b) {
    return isFloat(a) ? make<FloatOp>(a, b) : make<IntOp>(a, b);
  }
  mlir::Value less(mlir::Value a, mlir::Value b, bool isUnsigned = false) {
    if (isFloat(a))
      return mlir::arith::CmpFOp::create(builder, loc, mlir::arith::CmpFPredicate::OLT, a, b);
    auto predicate = isUnsigned ? mlir::arith::CmpIPredicate::ult : mlir::arith::CmpIPredicate::slt;
    return mlir::arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  mlir::Value equal(mlir::Value a, mlir::Value b) {
    if (isFloat(a))
      return mlir::arith::CmpFOp::create(builder, loc, mlir::arith::CmpFPredicate::OEQ, a, b);
    return mlir::arith::CmpIOp::create(builder, loc, mlir::arith::CmpIPredicate::eq, a, b);
  }
  mlir::Value isNan(mlir::Value a) { return mlir::arith::CmpFOp::create(builder, loc, mlir::arith::CmpFPredicate::UNO, a, a); }
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no) {
    return mlir::arith::SelectOp::create(builder, loc, condition, yes, no);
  }
};

} // namespace ember::ir
