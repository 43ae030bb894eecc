#include "ir/ops/Arithmetic.h"

#include "ir/ops/Comparison.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/ScalarEmitter.h"
#include "ir/ops/Splat.h"
#include "ir/ops/Unary.h"

#include <cmath>

using namespace mlir;

namespace ember::ir {

static bool isUnsigned(Operation *op) { return getElementTypeOrSelf(op->getResult(0).getType()).isUnsignedInteger(); }
static uint64_t bits(Scalar value) { return static_cast<uint64_t>(value.integer()); }

// d (x + y) = dx + dy.
SmallVector<Value> AddOp::buildVjp(OpBuilder &, ValueRange cotangents, ArrayRef<bool> needs) {
  return {needs[0] ? cotangents[0] : Value(), needs[1] ? cotangents[0] : Value()};
}
void AddOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
Value AddOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return ScalarEmitter{builder, loc}.either<arith::AddFOp, arith::AddIOp>(args[0], args[1]);
}
// x + -0 = x for every float; x + 0 is not: -0 + 0 = 0. Of integers both are 0.
OpFoldResult AddOp::fold(FoldAdaptor) {
  if (isSplat(getRhs(), -0.0))
    return getLhs();
  return isSplat(getLhs(), -0.0) ? getRhs() : Value();
}
Scalar AddOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal())
    return Scalar::real(args[0].real() + args[1].real());
  return Scalar::integer(bits(args[0]) + bits(args[1]));
}

// d (x - y) = dx - dy.
SmallVector<Value> SubOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  return {needs[0] ? cotangents[0] : Value(), needs[1] ? NegOp::create(builder, getLoc(), cotangents[0]).getResult() : Value()};
}
void SubOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
Value SubOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return ScalarEmitter{builder, loc}.either<arith::SubFOp, arith::SubIOp>(args[0], args[1]);
}
OpFoldResult SubOp::fold(FoldAdaptor) { return isSplat(getRhs(), 0) ? getLhs() : Value(); } // also of -0
Scalar SubOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal())
    return Scalar::real(args[0].real() - args[1].real());
  return Scalar::integer(bits(args[0]) - bits(args[1]));
}

// d (x * y) = y dx + x dy.
SmallVector<Value> MulOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  if (needs[0])
    gradients[0] = MulOp::create(builder, getLoc(), cotangents[0], getRhs());
  if (needs[1])
    gradients[1] = MulOp::create(builder, getLoc(), cotangents[0], getLhs());
  return gradients;
}
void MulOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[0])
    reads.push_back(getRhs());
  if (needs[1])
    reads.push_back(getLhs());
}
Value MulOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return ScalarEmitter{builder, loc}.either<arith::MulFOp, arith::MulIOp>(args[0], args[1]);
}
// x 0 is no 0 for infinities, NaN and negative floats.
OpFoldResult MulOp::fold(FoldAdaptor) {
  bool isInteger = !isa<FloatType>(getElementTypeOrSelf(getType()));
  for (auto [number, other] : {std::pair(getRhs(), getLhs()), std::pair(getLhs(), getRhs())}) {
    if (isSplat(number, 1))
      return other;
    if (isInteger && isSplat(number, 0))
      return number;
  }
  return {};
}
Scalar MulOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal())
    return Scalar::real(args[0].real() * args[1].real());
  return Scalar::integer(bits(args[0]) * bits(args[1]));
}

// d (x / y) = dx / y - (x / y) / y dy, in PyTorch's order: -g * ((x / y) / y).
SmallVector<Value> DivOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  Location loc = getLoc();
  if (needs[0])
    gradients[0] = DivOp::create(builder, loc, cotangents[0], getRhs());
  if (needs[1]) {
    Value ratio = DivOp::create(builder, loc, getResult(), getRhs());
    gradients[1] = MulOp::create(builder, loc, NegOp::create(builder, loc, cotangents[0]), ratio);
  }
  return gradients;
}
void DivOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  reads.push_back(getRhs());
  if (needs[1])
    reads.push_back(getResult());
}
Value DivOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::DivFOp::create(builder, loc, args[0], args[1]);
}
OpFoldResult DivOp::fold(FoldAdaptor) { return isSplat(getRhs(), 1) ? getLhs() : Value(); }
Scalar DivOp::evaluateScalar(ArrayRef<Scalar> args) { return Scalar::real(args[0].real() / args[1].real()); }

// floor_divide and remainder are steps: the quotient's gradient is 0, x - y floor(x / y) has 1 and -floor(x / y).
SmallVector<Value> FloorDivideOp::buildVjp(OpBuilder &, ValueRange, ArrayRef<bool>) { return {Value(), Value()}; }
void FloorDivideOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

// Integer division that cannot trap: the divisor 0 is replaced by 1 and the quotient by 0; INT_MIN / -1 wraps.
static std::pair<Value, Value> safeDivision(ScalarEmitter emitter, Value x, Value y, bool isUnsignedType) {
  Value zero = emitter.constant(x, 0), one = emitter.constant(x, 1);
  Value isZero = emitter.equal(y, zero);
  Value divisor = emitter.select(isZero, one, y);
  if (isUnsignedType) {
    Value quotient = emitter.select(isZero, zero, emitter.make<arith::DivUIOp>(x, divisor));
    Value rest = emitter.select(isZero, zero, emitter.make<arith::RemUIOp>(x, divisor));
    return {quotient, rest};
  }
  Value minusOne = emitter.constant(x, -1);
  Value isMinusOne = emitter.equal(divisor, minusOne);
  divisor = emitter.select(isMinusOne, one, divisor);
  Value quotient = emitter.make<arith::DivSIOp>(x, divisor);
  Value rest = emitter.make<arith::RemSIOp>(x, divisor);
  // Toward -infinity: one less where the signs differ and something is left; the rest takes the divisor's sign.
  Value hasRest = emitter.make<arith::XOrIOp>(emitter.equal(rest, zero), emitter.equal(one, one));
  Value differs = emitter.less(emitter.make<arith::XOrIOp>(rest, divisor), zero);
  Value adjust = emitter.make<arith::AndIOp>(hasRest, differs);
  quotient = emitter.select(adjust, emitter.make<arith::SubIOp>(quotient, one), quotient);
  rest = emitter.select(adjust, emitter.make<arith::AddIOp>(rest, divisor), rest);
  quotient = emitter.select(isMinusOne, emitter.make<arith::SubIOp>(zero, x), quotient);
  return {emitter.select(isZero, zero, quotient), emitter.select(isZero, zero, rest)};
}

static double floorDivide(double x, double y) {
  if (y == 0)
    return x / y;
  double rest = std::fmod(x, y);
  double quotient = (x - rest) / y;
  if (rest != 0 && (rest < 0) != (y < 0))
    quotient -= 1;
  return quotient == 0 ? std::copysign(0.0, x / y) : std::round(quotient);
}

// Whether C's remainder has to be moved to the divisor's sign.
static Value signsDiffer(ScalarEmitter emitter, Value rest, Value y) {
  Value zero = emitter.constant(rest, 0);
  Value hasRest = arith::CmpFOp::create(emitter.builder, emitter.loc, arith::CmpFPredicate::UNE, rest, zero);
  return emitter.make<arith::AndIOp>(hasRest, emitter.make<arith::XOrIOp>(emitter.less(rest, zero), emitter.less(y, zero)));
}

// x / y may be rounded up to a whole number that the quotient is below: what divides without rest is divided.
static Value floorDivideFloats(ScalarEmitter emitter, Value x, Value y) {
  Value zero = emitter.constant(x, 0), half = emitter.constant(x, 0.5), one = emitter.constant(x, 1);
  Value ratio = emitter.make<arith::DivFOp>(x, y), rest = emitter.make<arith::RemFOp>(x, y);
  Value quotient = emitter.make<arith::DivFOp>(emitter.make<arith::SubFOp>(x, rest), y);
  quotient = emitter.select(signsDiffer(emitter, rest, y), emitter.make<arith::SubFOp>(quotient, one), quotient);
  Value floor = emitter.make<math::FloorOp>(quotient);
  Value isAbove = emitter.less(half, emitter.make<arith::SubFOp>(quotient, floor));
  Value whole = emitter.select(isAbove, emitter.make<arith::AddFOp>(floor, one), floor);
  Value signedZero = emitter.make<math::CopySignOp>(zero, ratio);
  whole = emitter.select(emitter.equal(quotient, zero), signedZero, whole);
  return emitter.select(emitter.equal(y, zero), ratio, whole);
}

// The whole part of a quotient of many digits is rounded twice.
double FloorDivideOp::allowedUlps() { return foldsExactly() ? 0 : 1; }
bool FloorDivideOp::foldsExactly() { return !isa<FloatType>(getElementTypeOrSelf(getType())); }
Value FloorDivideOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  if (!ScalarEmitter::isFloat(args[0]))
    return safeDivision(emitter, args[0], args[1], isUnsigned(*this)).first;
  return floorDivideFloats(emitter, args[0], args[1]);
}
Scalar FloorDivideOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal())
    return Scalar::real(floorDivide(args[0].real(), args[1].real()));
  if (bits(args[1]) == 0)
    return Scalar::integer(0);
  if (isUnsigned(*this))
    return Scalar::integer(bits(args[0]) / bits(args[1]));
  int64_t x = args[0].integer(), y = args[1].integer();
  if (y == -1)
    return Scalar::integer(0 - bits(args[0]));
  return Scalar::integer(x / y - (x % y != 0 && ((x % y < 0) != (y < 0))));
}

SmallVector<Value> RemainderOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  if (needs[0])
    gradients[0] = cotangents[0];
  if (needs[1]) {
    Value steps = FloorDivideOp::create(builder, getLoc(), getLhs(), getRhs());
    gradients[1] = NegOp::create(builder, getLoc(), MulOp::create(builder, getLoc(), cotangents[0], steps));
  }
  return gradients;
}
void RemainderOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[1])
    reads.append({getLhs(), getRhs()});
}
// C's remainder, moved to the divisor's sign.
Value RemainderOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  if (!ScalarEmitter::isFloat(args[0]))
    return safeDivision(emitter, args[0], args[1], isUnsigned(*this)).second;
  Value rest = emitter.make<arith::RemFOp>(args[0], args[1]);
  return emitter.select(signsDiffer(emitter, rest, args[1]), emitter.make<arith::AddFOp>(rest, args[1]), rest);
}
Scalar RemainderOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal()) {
    double x = args[0].real(), y = args[1].real(), rest = std::fmod(x, y);
    return Scalar::real(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
  }
  int64_t x = args[0].integer(), y = args[1].integer();
  if (y == 0)
    return Scalar::integer(0);
  if (isUnsigned(*this))
    return Scalar::integer(bits(args[0]) % bits(args[1]));
  if (y == -1)
    return Scalar::integer(0);
  int64_t rest = x % y;
  return Scalar::integer(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
}

// The gradient goes to the operand that was taken, half to each where they are equal.
static SmallVector<Value> extremumVjp(Operation *op, OpBuilder &builder, Value cotangent, ArrayRef<bool> needs) {
  Location loc = op->getLoc();
  Value lhs = op->getOperand(0), rhs = op->getOperand(1), taken = op->getResult(0);
  if (!isa<FloatType>(getElementTypeOrSelf(taken.getType())))
    return {Value(), Value()};
  auto type = cast<RankedTensorType>(taken.getType());
  Value tie = CompareOp::create(builder, loc, "eq", lhs, rhs);
  Value half = MulOp::create(builder, loc, cotangent, fullLike(builder, loc, type, 0.5));
  SmallVector<Value> gradients(2);
  for (unsigned i = 0; i < 2; ++i) {
    if (!needs[i])
      continue;
    // "not the other one": a NaN operand passes the gradient, as in PyTorch.
    Value other = CompareOp::create(builder, loc, isa<MaximumOp>(op) ? "lt" : "gt", op->getOperand(i), op->getOperand(1 - i));
    Value zero = fullLike(builder, loc, type, 0);
    Value whole = SelectOp::create(builder, loc, other, zero, cotangent);
    gradients[i] = SelectOp::create(builder, loc, tie, half, whole);
  }
  return gradients;
}

static Value emitExtremum(Operation *op, OpBuilder &builder, Location loc, ValueRange args, bool larger) {
  ScalarEmitter emitter{builder, loc};
  if (ScalarEmitter::isFloat(args[0]))
    return larger ? emitter.make<arith::MaximumFOp>(args[0], args[1]) : emitter.make<arith::MinimumFOp>(args[0], args[1]);
  Value rhsIsLarger = emitter.less(args[0], args[1], isUnsigned(op));
  return larger ? emitter.select(rhsIsLarger, args[1], args[0]) : emitter.select(rhsIsLarger, args[0], args[1]);
}

static Scalar evaluateExtremum(Operation *op, ArrayRef<Scalar> args, bool larger) {
  if (args[0].isReal()) {
    double x = args[0].real(), y = args[1].real();
    if (std::isnan(x) || std::isnan(y))
      return Scalar::real(std::nan(""));
    if (x == y) // -0 and 0
      return Scalar::real(std::signbit(x) == larger ? y : x);
    return Scalar::real((x > y) == larger ? x : y);
  }
  bool rhsIsLarger = isUnsigned(op) ? bits(args[0]) < bits(args[1]) : args[0].integer() < args[1].integer();
  return rhsIsLarger == larger ? args[1] : args[0];
}

SmallVector<Value> MaximumOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  return extremumVjp(*this, builder, cotangents[0], needs);
}
void MaximumOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.append({getLhs(), getRhs()}); }
Value MaximumOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitExtremum(*this, builder, loc, args, true);
}
Scalar MaximumOp::evaluateScalar(ArrayRef<Scalar> args) { return evaluateExtremum(*this, args, true); }

SmallVector<Value> MinimumOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  return extremumVjp(*this, builder, cotangents[0], needs);
}
void MinimumOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.append({getLhs(), getRhs()}); }
Value MinimumOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitExtremum(*this, builder, loc, args, false);
}
Scalar MinimumOp::evaluateScalar(ArrayRef<Scalar> args) { return evaluateExtremum(*this, args, false); }

// d x^y = y x^(y-1) dx + x^y log x dy; where y = 0 the first is 0, where x = 0 and y >= 0 the second is.
SmallVector<Value> PowOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getType());
  Value zero = fullLike(builder, loc, type, 0), one = fullLike(builder, loc, type, 1);
  if (needs[0]) {
    Value lower = PowOp::create(builder, loc, getLhs(), SubOp::create(builder, loc, getRhs(), one));
    Value slope = MulOp::create(builder, loc, getRhs(), lower);
    Value gradient = MulOp::create(builder, loc, cotangents[0], slope);
    Value isZero = CompareOp::create(builder, loc, "eq", getRhs(), zero);
    gradients[0] = SelectOp::create(builder, loc, isZero, zero, gradient);
  }
  if (needs[1]) {
    Value slope = MulOp::create(builder, loc, getResult(), LogOp::create(builder, loc, getLhs()));
    Value gradient = MulOp::create(builder, loc, cotangents[0], slope);
    Value baseIsZero = CompareOp::create(builder, loc, "eq", getLhs(), zero);
    Value notNegative = CompareOp::create(builder, loc, "ge", getRhs(), zero);
    Value vanishes = LogicalAndOp::create(builder, loc, baseIsZero, notNegative);
    gradients[1] = SelectOp::create(builder, loc, vanishes, zero, gradient);
  }
  return gradients;
}
void PowOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  reads.append({getLhs(), getRhs()});
  if (needs[1])
    reads.push_back(getResult());
}
Value PowOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return math::PowFOp::create(builder, loc, args[0], args[1]);
}
Scalar PowOp::evaluateScalar(ArrayRef<Scalar> args) { return Scalar::real(std::pow(args[0].real(), args[1].real())); }
double PowOp::allowedUlps() { return 4; }

} // namespace ember::ir

#include "ir/ops/Arithmetic.family.inc"
