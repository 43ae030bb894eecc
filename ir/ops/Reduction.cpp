#include "ir/ops/Reduction.h"

#include "ir/index/ReductionOrder.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/ScalarEmitter.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace ember::ir {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static LogicalResult inferReduced(std::optional<Location> loc, StringRef name, RankedTensorType type, ArrayRef<int64_t> axes,
                                  Type dtype, SmallVectorImpl<Type> &results) {
  for (auto [i, axis] : llvm::enumerate(axes))
    if (axis < 0 || axis >= type.getRank() || (i > 0 && axes[i - 1] >= axis))
      return emitOptionalError(loc, name, ": expected rising axes below the rank ", type.getRank());
  SmallVector<SizeExpr> kept;
  for (auto [dim, size] : llvm::enumerate(dimSizes(type)))
    if (!llvm::is_contained(axes, dim))
      kept.push_back(size);
  results.push_back(tensorOf(kept, dtype));
  return success();
}

static SmallVector<SizeExpr> sizesOfAxes(RankedTensorType type, ArrayRef<int64_t> axes) {
  SmallVector<SizeExpr> sizes;
  for (int64_t axis : axes)
    sizes.push_back(dimSize(type, axis));
  return sizes;
}

// Result loops fill the kept dimensions, reduced loops the axes.
static Access reductionAccess(RankedTensorType type, ArrayRef<int64_t> axes, ArrayRef<Expr> loops) {
  Access access;
  size_t kept = 0, reduced = type.getRank() - axes.size();
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    access.indices.push_back(llvm::is_contained(axes, dim) ? loops[reduced++] : loops[kept++]);
  return access;
}

// Calls visit(flat result position, flat reduced position, value) for every element.
template <typename Visit>
static void forEachReduced(const ReferenceTensor &input, const ReferenceTensor &result, ArrayRef<int64_t> axes, Visit visit) {
  for (int64_t flat = 0; flat < input.size(); ++flat) {
    SmallVector<int64_t> index = input.unflatten(flat), kept;
    int64_t position = 0;
    for (auto [dim, i] : llvm::enumerate(index)) {
      if (llvm::is_contained(axes, dim))
        position = position * input.shape()[dim] + i;
      else
        kept.push_back(i);
    }
    visit(result.flatten(kept), position, input.at(flat));
  }
}

static Type accumulatorOf(Type dtype) {
  if (auto floating = dyn_cast<FloatType>(dtype); floating && floating.getWidth() < 32)
    return Float32Type::get(dtype.getContext());
  if (dtype.isUnsignedInteger())
    return IntegerType::get(dtype.getContext(), dtype.getIntOrFloatBitWidth());
  return dtype;
}

static Value splat(OpBuilder &builder, Location loc, Type element, unsigned lanes, Attribute value) {
  if (lanes == 0)
    return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(value));
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(VectorType::get({lanes}, element), value));
}

static Attribute lowest(OpBuilder &builder, Type dtype) {
  Type type = accumulatorOf(dtype);
  if (isa<FloatType>(type))
    return builder.getFloatAttr(type, -std::numeric_limits<double>::infinity());
  unsigned width = type.getIntOrFloatBitWidth();
  return builder.getIntegerAttr(type, dtype.isUnsignedInteger() ? APInt::getMinValue(width) : APInt::getSignedMinValue(width));
}

// ---- sum

LogicalResult SumOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                      SmallVectorImpl<Type> &results) {
  auto type = cast<RankedTensorType>(adaptor.getInput().getType());
  return inferReduced(loc, "sum", type, adaptor.getAxes(), type.getElementType(), results);
}
SmallVector<SizeExpr> SumOp::reducedSizes() { return sizesOfAxes(typeOf(getInput()), getAxes()); }
Access SumOp::access(unsigned, ArrayRef<Expr> loops, Space &) { return reductionAccess(typeOf(getInput()), getAxes(), loops); }
SmallVector<Type> SumOp::accumulatorTypes() { return {accumulatorOf(typeOf(getInput()).getElementType())}; }
SmallVector<Value> SumOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  Type type = accumulatorTypes()[0];
  return {splat(builder, loc, type, lanes, builder.getZeroAttr(type))};
}
SmallVector<Value> SumOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  return {ScalarEmitter{builder, loc}.either<arith::AddFOp, arith::AddIOp>(left[0], right[0])};
}
SmallVector<Value> SumOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {expandReduced(builder, getLoc(), cotangents[0], getAxes(), typeOf(getInput()))};
}
void SumOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
LogicalResult SumOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  ReferenceTensor &result = results[0];
  std::vector<long double> totals(result.reals.size()); // more digits than the f64 sums that are held against it
  forEachReduced(*operands[0], result, getAxes(), [&](int64_t flat, int64_t, Scalar value) {
    if (result.isReal())
      totals[flat] += value.real();
    else
      result.integers[flat] = static_cast<uint64_t>(result.integers[flat]) + static_cast<uint64_t>(value.integer());
  });
  llvm::copy(totals, result.reals.begin());
  return success();
}
// Half a unit for each addition, which equal terms come near.
double SumOp::allowedUlps() { return std::max(8.0, longestChain(*this) / 2); }
bool SumOp::relativeToMagnitude() { return true; }

// ---- max

LogicalResult MaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                      SmallVectorImpl<Type> &results) {
  auto type = cast<RankedTensorType>(adaptor.getInput().getType());
  return inferReduced(loc, "max", type, adaptor.getAxes(), type.getElementType(), results);
}
SmallVector<SizeExpr> MaxOp::reducedSizes() { return sizesOfAxes(typeOf(getInput()), getAxes()); }
Access MaxOp::access(unsigned, ArrayRef<Expr> loops, Space &) { return reductionAccess(typeOf(getInput()), getAxes(), loops); }
SmallVector<Type> MaxOp::accumulatorTypes() { return {accumulatorOf(typeOf(getInput()).getElementType())}; }
SmallVector<Value> MaxOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  return {splat(builder, loc, accumulatorTypes()[0], lanes, lowest(builder, typeOf(getInput()).getElementType()))};
}
SmallVector<Value> MaxOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  ScalarEmitter emitter{builder, loc};
  if (ScalarEmitter::isFloat(left[0]))
    return {emitter.make<arith::MaximumFOp>(left[0], right[0])};
  bool isUnsigned = typeOf(getInput()).getElementType().isUnsignedInteger();
  return {emitter.select(emitter.less(left[0], right[0], isUnsigned), right[0], left[0])};
}
SmallVector<Value> MaxOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  RankedTensorType type = typeOf(getInput());
  Location loc = getLoc();
  if (!isa<FloatType>(type.getElementType()))
    return {Value()};
  Value highest = expandReduced(builder, loc, getResult(), getAxes(), type);
  Value isHighest = CompareOp::create(builder, loc, "eq", getInput(), highest);
  Value ones = CastOp::create(builder, loc, type, isHighest);
  Value ties = SumOp::create(builder, loc, ones, getAxes());
  Value share = DivOp::create(builder, loc, cotangents[0], ties);
  return {MulOp::create(builder, loc, expandReduced(builder, loc, share, getAxes(), type), ones)};
}
void MaxOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.append({getInput(), getResult()}); }
LogicalResult MaxOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  ReferenceTensor &result = results[0];
  Type dtype = typeOf(getInput()).getElementType();
  bool isUnsigned = dtype.isUnsignedInteger();
  if (result.isReal())
    llvm::fill(result.reals, -std::numeric_limits<double>::infinity());
  else
    llvm::fill(result.integers, isUnsigned ? 0 : APInt::getSignedMinValue(dtype.getIntOrFloatBitWidth()).getSExtValue());
  forEachReduced(*operands[0], result, getAxes(), [&](int64_t flat, int64_t, Scalar value) {
    if (result.isReal()) {
      if (!(value.real() <= result.reals[flat]) && !std::isnan(result.reals[flat]))
        result.reals[flat] = value.real();
    } else if (isUnsigned ? static_cast<uint64_t>(value.integer()) > static_cast<uint64_t>(result.integers[flat])
                          : value.integer() > result.integers[flat]) {
      result.integers[flat] = value.integer();
    }
  });
  return success();
}

// ---- argmax: the state is the value and its position, -1 before the first

LogicalResult ArgmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  auto type = cast<RankedTensorType>(adaptor.getInput().getType());
  return inferReduced(loc, "argmax", type, adaptor.getAxes(), IntegerType::get(context, 64), results);
}
SmallVector<SizeExpr> ArgmaxOp::reducedSizes() { return sizesOfAxes(typeOf(getInput()), getAxes()); }
Access ArgmaxOp::access(unsigned, ArrayRef<Expr> loops, Space &) { return reductionAccess(typeOf(getInput()), getAxes(), loops); }
SmallVector<Type> ArgmaxOp::accumulatorTypes() {
  return {accumulatorOf(typeOf(getInput()).getElementType()), IntegerType::get(getContext(), 64)};
}
SmallVector<Value> ArgmaxOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  Type position = builder.getI64Type();
  return {splat(builder, loc, accumulatorTypes()[0], lanes, lowest(builder, typeOf(getInput()).getElementType())),
          splat(builder, loc, position, lanes, builder.getIntegerAttr(position, -1))};
}
bool ArgmaxOp::needsPosition() { return true; }
SmallVector<Value> ArgmaxOp::lift(OpBuilder &, Location, ValueRange args, Value position) { return {args[0], position}; }
// Right wins where left is empty, right is larger or the first NaN, or right is equal and earlier: partials are interleaved, so
// neither side is wholly the earlier one.
SmallVector<Value> ArgmaxOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  ScalarEmitter emitter{builder, loc};
  bool isUnsigned = typeOf(getInput()).getElementType().isUnsignedInteger();
  auto both = [&](Value a, Value b) { return emitter.make<arith::AndIOp>(a, b); };
  auto any = [&](Value a, Value b) { return emitter.make<arith::OrIOp>(a, b); };
  auto negated = [&](Value a) { return emitter.make<arith::XOrIOp>(a, emitter.constant(a, -1)); };
  Value zero = emitter.constant(left[1], 0);
  Value leftEmpty = emitter.less(left[1], zero), rightEmpty = emitter.less(right[1], zero);
  Value larger = emitter.less(left[0], right[0], isUnsigned), equal = emitter.equal(left[0], right[0]);
  if (ScalarEmitter::isFloat(left[0])) {
    Value leftNan = emitter.isNan(left[0]), rightNan = emitter.isNan(right[0]);
    larger = any(larger, both(rightNan, negated(leftNan)));
    equal = any(equal, both(rightNan, leftNan));
  }
  Value earlier = emitter.less(right[1], left[1]);
  Value wins = any(leftEmpty, both(negated(rightEmpty), any(larger, both(equal, earlier))));
  return {emitter.select(wins, right[0], left[0]), emitter.select(wins, right[1], left[1])};
}
Value ArgmaxOp::finish(OpBuilder &, Location, ValueRange state) { return state[1]; }
LogicalResult ArgmaxOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  ReferenceTensor &result = results[0];
  llvm::fill(result.integers, -1);
  std::vector<Scalar> best(result.size(), Scalar::integer(0));
  bool isUnsigned = typeOf(getInput()).getElementType().isUnsignedInteger();
  forEachReduced(*operands[0], result, getAxes(), [&](int64_t flat, int64_t position, Scalar value) {
    Scalar current = best[flat];
    bool larger = value.isReal() ? value.real() > current.real() || (std::isnan(value.real()) && !std::isnan(current.real()))
                  : isUnsigned   ? static_cast<uint64_t>(value.integer()) > static_cast<uint64_t>(current.integer())
                                 : value.integer() > current.integer();
    if (result.integers[flat] < 0 || larger) {
      best[flat] = value;
      result.integers[flat] = position;
    }
  });
  return success();
}

} // namespace ember::ir

#include "ir/ops/Reduction.family.inc"
