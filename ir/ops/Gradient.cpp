#include "ir/ops/Gradient.h"

#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Reduction.h"
#include "ir/ops/View.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace ember::ir {

// A rank-0 constant, broadcast: dynamic shapes have no constants of their own.
Value fullLike(OpBuilder &builder, Location loc, RankedTensorType type, double value) {
  Type dtype = type.getElementType();
  auto scalar = RankedTensorType::get({}, dtype);
  Attribute number = isa<FloatType>(dtype) ? Attribute(builder.getFloatAttr(dtype, value))
                                           : Attribute(builder.getIntegerAttr(dtype, static_cast<int64_t>(value)));
  Value constant = ConstantOp::create(builder, loc, DenseElementsAttr::get(scalar, number));
  if (type.getRank() == 0)
    return constant;
  return BroadcastOp::create(builder, loc, type, constant);
}

Value sumTo(OpBuilder &builder, Location loc, Value value, RankedTensorType type) {
  auto from = dimSizes(cast<RankedTensorType>(value.getType())), to = dimSizes(type);
  size_t missing = from.size() - to.size();
  SmallVector<int64_t> axes;
  for (size_t dim = 0; dim < from.size(); ++dim)
    if (dim < missing || (to[dim - missing] == SizeExpr(1) && from[dim] != SizeExpr(1)))
      axes.push_back(dim);
  if (!axes.empty())
    value = SumOp::create(builder, loc, value, axes);
  if (value.getType() != type)
    value = ReshapeOp::create(builder, loc, type, value);
  return value;
}

Value expandReduced(OpBuilder &builder, Location loc, Value reduced, ArrayRef<int64_t> axes, RankedTensorType type) {
  SmallVector<SizeExpr> sizes = dimSizes(type);
  for (int64_t axis : axes)
    sizes[axis] = SizeExpr(1);
  RankedTensorType kept = tensorOf(sizes, cast<RankedTensorType>(reduced.getType()).getElementType());
  if (reduced.getType() != kept)
    reduced = ReshapeOp::create(builder, loc, kept, reduced);
  auto wide = cast<RankedTensorType>(type.clone(kept.getElementType()));
  if (kept == wide)
    return reduced;
  return BroadcastOp::create(builder, loc, wide, reduced);
}

Value broadcastTo(OpBuilder &builder, Location loc, Value value, RankedTensorType type) {
  if (value.getType() == type)
    return value;
  return BroadcastOp::create(builder, loc, type, value);
}

Value castTo(OpBuilder &builder, Location loc, Value value, Type dtype) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType() == dtype)
    return value;
  return CastOp::create(builder, loc, type.clone(dtype), value);
}

// A size known only at run time is counted: the sum of as many ones, exact in double.
Value elementCount(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<int64_t> axes) {
  SizeExpr count(1);
  SmallVector<SizeExpr> sizes;
  SmallVector<int64_t> all;
  for (int64_t axis : axes) {
    all.push_back(sizes.size());
    sizes.push_back(dimSize(type, axis));
    count = count * sizes.back();
  }
  Type dtype = builder.getF64Type();
  if (std::optional<int64_t> number = count.constant())
    return fullLike(builder, loc, RankedTensorType::get({}, dtype), static_cast<double>(*number));
  return SumOp::create(builder, loc, fullLike(builder, loc, tensorOf(sizes, dtype), 1), all);
}

std::optional<bool> constantBool(Value value) {
  DenseElementsAttr constant;
  if (!matchPattern(value, m_Constant(&constant)))
    return std::nullopt;
  return constant.getSplatValue<bool>();
}

Value choose(OpBuilder &builder, Location loc, Value condition, Value yes, Value no) {
  auto flags = cast<RankedTensorType>(cast<RankedTensorType>(yes.getType()).clone(builder.getI1Type()));
  return SelectOp::create(builder, loc, broadcastTo(builder, loc, condition, flags), yes, no);
}

Value zeroUnless(OpBuilder &builder, Location loc, Value condition, Value value) {
  Value zero = fullLike(builder, loc, cast<RankedTensorType>(value.getType()), 0);
  return SelectOp::create(builder, loc, condition, value, zero);
}

} // namespace ember::ir
