#include "ir/ops/Constant.h"

#include "ir/interpret/Bytes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace ember::ir {

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ConstantOp::evaluate(ArrayRef<const ReferenceTensor *>, MutableArrayRef<ReferenceTensor> results) {
  results[0] = referenceOf(cast<ElementsAttr>(getValue()));
  return success();
}

LogicalResult IotaOp::verify() {
  int64_t rank = getResult().getType().getRank(), axis = getAxis();
  if (axis < 0 || axis >= rank)
    return emitOpError("iota: axis is ") << axis << ", expected one below the rank " << rank;
  return success();
}

SmallVector<Expr> IotaOp::indexArgs(ArrayRef<Expr> loops, Space &) { return {loops[getAxis()]}; }

Value IotaOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  Type element = getResult().getType().getElementType();
  Value index = args.back();
  auto withElement = [&](Type scalar) -> Type {
    if (auto vector = dyn_cast<VectorType>(index.getType()))
      return vector.clone(scalar);
    return scalar;
  };
  if (auto floating = dyn_cast<FloatType>(element)) {
    Type compute = floating.getWidth() < 32 ? builder.getF32Type() : Type(floating);
    return arith::SIToFPOp::create(builder, loc, withElement(compute), index);
  }
  unsigned width = element.getIntOrFloatBitWidth();
  if (width == 64)
    return index;
  return arith::TruncIOp::create(builder, loc, withElement(builder.getIntegerType(width)), index);
}

Scalar IotaOp::evaluateScalar(ArrayRef<Scalar> args) { return args.back(); }

LogicalResult IotaOp::evaluate(ArrayRef<const ReferenceTensor *>, MutableArrayRef<ReferenceTensor> results) {
  ReferenceTensor &result = results[0];
  for (int64_t flat = 0; flat < result.size(); ++flat) {
    int64_t position = result.unflatten(flat)[getAxis()];
    result.set(flat, result.isReal() ? Scalar::real(position) : Scalar::integer(position));
  }
  return success();
}

Value CopyOp::emitScalar(OpBuilder &, Location, ValueRange args) { return args[0]; }
// After recording nobody asks for an identity: passes may take the operand itself.
OpFoldResult CopyOp::fold(FoldAdaptor) { return getInput(); }
Scalar CopyOp::evaluateScalar(ArrayRef<Scalar> args) { return args[0]; }
SmallVector<Value> CopyOp::buildVjp(OpBuilder &, ValueRange cotangents, ArrayRef<bool>) { return {cotangents[0]}; }
void CopyOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

Value WithHistoryOp::emitScalar(OpBuilder &, Location, ValueRange args) { return args[0]; }
OpFoldResult WithHistoryOp::fold(FoldAdaptor) { return getInput(); } // after differentiation
Scalar WithHistoryOp::evaluateScalar(ArrayRef<Scalar> args) { return args[0]; }
SmallVector<Value> WithHistoryOp::buildVjp(OpBuilder &, ValueRange cotangents, ArrayRef<bool>) {
  return {Value(), cotangents[0]};
}
void WithHistoryOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

Value DetachOp::emitScalar(OpBuilder &, Location, ValueRange args) { return args[0]; }
OpFoldResult DetachOp::fold(FoldAdaptor) { return getInput(); } // after differentiation
Scalar DetachOp::evaluateScalar(ArrayRef<Scalar> args) { return args[0]; }

} // namespace ember::ir

#include "ir/ops/Constant.family.inc"
