#include "ir/ops/Unary.h"

#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/ScalarEmitter.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace ember::ir {

// Rules of one operand x with result y and cotangent g: short builders.
struct Rule {
  OpBuilder &builder;
  Location loc;
  RankedTensorType type;
  template <typename Op>
  Rule(Op op, OpBuilder &builder) : builder(builder), loc(op.getLoc()), type(cast<RankedTensorType>(op.getType())) {}
  Value full(double value) { return fullLike(builder, loc, type, value); }
  Value mul(Value a, Value b) { return MulOp::create(builder, loc, a, b); }
  Value div(Value a, Value b) { return DivOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return SubOp::create(builder, loc, a, b); }
  Value add(Value a, Value b) { return AddOp::create(builder, loc, a, b); }
  Value neg(Value a) { return NegOp::create(builder, loc, a); }
};

#define EMBER_VJP_READS_INPUT(OP)                                                                                                \
  void OP::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getInput()); }
#define EMBER_VJP_READS_RESULT(OP)                                                                                               \
  void OP::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getResult()); }
// A gradient of zeros, which is not none: a parameter that has one is updated.
#define EMBER_NO_SLOPE(OP)                                                                                                       \
  SmallVector<Value> OP::buildVjp(OpBuilder &builder, ValueRange, ArrayRef<bool>) {                                              \
    return {fullLike(builder, getLoc(), cast<RankedTensorType>(getType()), 0)};                                                  \
  }                                                                                                                              \
  void OP::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
#define EMBER_MEANING(OP, MATH_OP, EXPRESSION, COST)                                                                             \
  Value OP::emitScalar(OpBuilder &builder, Location loc, ValueRange args) { return MATH_OP::create(builder, loc, args[0]); }     \
  Scalar OP::evaluateScalar(ArrayRef<Scalar> args) {                                                                             \
    double x = args[0].real();                                                                                                   \
    return Scalar::real(EXPRESSION);                                                                                             \
  }                                                                                                                              \
  unsigned OP::cost() { return COST; }

SmallVector<Value> NegOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {Rule(*this, builder).neg(cotangents[0])};
}
void NegOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
Value NegOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  if (ScalarEmitter::isFloat(args[0]))
    return emitter.make<arith::NegFOp>(args[0]);
  return emitter.make<arith::SubIOp>(emitter.constant(args[0], 0), args[0]);
}
Scalar NegOp::evaluateScalar(ArrayRef<Scalar> args) {
  return args[0].isReal() ? Scalar::real(-args[0].real()) : Scalar::integer(0 - static_cast<uint64_t>(args[0].integer()));
}
unsigned NegOp::cost() { return 1; }

SmallVector<Value> AbsOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {Rule(*this, builder).mul(cotangents[0], SignOp::create(builder, getLoc(), getInput()))};
}
EMBER_VJP_READS_INPUT(AbsOp)
Value AbsOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  if (ScalarEmitter::isFloat(args[0]))
    return emitter.make<math::AbsFOp>(args[0]);
  if (getElementTypeOrSelf(getType()).isUnsignedInteger())
    return args[0];
  Value zero = emitter.constant(args[0], 0);
  return emitter.select(emitter.less(args[0], zero), emitter.make<arith::SubIOp>(zero, args[0]), args[0]);
}
Scalar AbsOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal())
    return Scalar::real(std::fabs(args[0].real()));
  if (getElementTypeOrSelf(getType()).isUnsignedInteger() || args[0].integer() >= 0)
    return args[0];
  return Scalar::integer(0 - static_cast<uint64_t>(args[0].integer()));
}
unsigned AbsOp::cost() { return 1; }

EMBER_NO_SLOPE(SignOp)
Value SignOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  bool isUnsignedType = getElementTypeOrSelf(getType()).isUnsignedInteger();
  Value x = args[0], zero = emitter.constant(x, 0);
  Value negative = emitter.less(x, zero, isUnsignedType), positive = emitter.less(zero, x, isUnsignedType);
  // NaN and both zeros are neither, as in PyTorch.
  return emitter.select(negative, emitter.constant(x, -1), emitter.select(positive, emitter.constant(x, 1), zero));
}
Scalar SignOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal()) {
    double x = args[0].real();
    return Scalar::real(x > 0 ? 1 : x < 0 ? -1 : 0);
  }
  if (getElementTypeOrSelf(getType()).isUnsignedInteger())
    return Scalar::integer(args[0].integer() != 0);
  return Scalar::integer((args[0].integer() > 0) - (args[0].integer() < 0));
}
unsigned SignOp::cost() { return 2; }

EMBER_NO_SLOPE(FloorOp)
EMBER_MEANING(FloorOp, math::FloorOp, std::floor(x), 1)
EMBER_NO_SLOPE(CeilOp)
EMBER_MEANING(CeilOp, math::CeilOp, std::ceil(x), 1)
EMBER_NO_SLOPE(RoundOp)
EMBER_MEANING(RoundOp, math::RoundEvenOp, std::nearbyint(x), 1)
EMBER_NO_SLOPE(TruncOp)
EMBER_MEANING(TruncOp, math::TruncOp, std::trunc(x), 1)

// Zeroed where the result is not above 0; a NaN passes it.
SmallVector<Value> ReluOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Value zero = fullLike(builder, getLoc(), cast<RankedTensorType>(getType()), 0);
  Value dead = CompareOp::create(builder, getLoc(), "le", getResult(), zero);
  return {SelectOp::create(builder, getLoc(), dead, zero, cotangents[0])};
}
EMBER_VJP_READS_RESULT(ReluOp)
Value ReluOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  Value zero = emitter.constant(args[0], 0);
  // "x < 0 ? 0 : x" keeps NaN and -0 with one compare.
  return emitter.select(emitter.less(args[0], zero), zero, args[0]);
}
Scalar ReluOp::evaluateScalar(ArrayRef<Scalar> args) { return Scalar::real(args[0].real() < 0 ? 0 : args[0].real()); }
unsigned ReluOp::cost() { return 1; }

// d √x = dx / (2 √x).
SmallVector<Value> SqrtOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  return {rule.div(cotangents[0], rule.mul(rule.full(2), getResult()))};
}
EMBER_VJP_READS_RESULT(SqrtOp)
EMBER_MEANING(SqrtOp, math::SqrtOp, std::sqrt(x), 4)

// d x^(-1/2) = -1/2 x^(-3/2) dx.
SmallVector<Value> RsqrtOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  Value cube = rule.mul(rule.mul(getResult(), getResult()), getResult());
  return {rule.mul(rule.mul(rule.full(-0.5), cotangents[0]), cube)};
}
EMBER_VJP_READS_RESULT(RsqrtOp)
Value RsqrtOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  return emitter.make<arith::DivFOp>(emitter.constant(args[0], 1), emitter.make<math::SqrtOp>(args[0]));
}
Scalar RsqrtOp::evaluateScalar(ArrayRef<Scalar> args) {
  Scalar root = roundTo(getElementTypeOrSelf(getType()), Scalar::real(std::sqrt(args[0].real())));
  return Scalar::real(1 / root.real());
}
// bf16 and f16 are computed in f32, the root too.
bool RsqrtOp::foldsExactly() { return getElementTypeOrSelf(getType()).getIntOrFloatBitWidth() >= 32; }
unsigned RsqrtOp::cost() { return 8; }
double RsqrtOp::allowedUlps() { return 1; } // a root and a division, each rounded

// d (1/x) = -(1/x)² dx.
SmallVector<Value> ReciprocalOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  return {rule.mul(rule.neg(cotangents[0]), rule.mul(getResult(), getResult()))};
}
EMBER_VJP_READS_RESULT(ReciprocalOp)
Value ReciprocalOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  return emitter.make<arith::DivFOp>(emitter.constant(args[0], 1), args[0]);
}
Scalar ReciprocalOp::evaluateScalar(ArrayRef<Scalar> args) { return Scalar::real(1 / args[0].real()); }
unsigned ReciprocalOp::cost() { return 4; }

SmallVector<Value> ExpOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {Rule(*this, builder).mul(cotangents[0], getResult())};
}
EMBER_VJP_READS_RESULT(ExpOp)
EMBER_MEANING(ExpOp, math::ExpOp, std::exp(x), 12)
double ExpOp::allowedUlps() { return 1; }

SmallVector<Value> Expm1Op::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  return {rule.mul(cotangents[0], rule.add(getResult(), rule.full(1)))};
}
EMBER_VJP_READS_RESULT(Expm1Op)
EMBER_MEANING(Expm1Op, math::ExpM1Op, std::expm1(x), 16)
double Expm1Op::allowedUlps() { return 2; }

SmallVector<Value> LogOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {Rule(*this, builder).div(cotangents[0], getInput())};
}
EMBER_VJP_READS_INPUT(LogOp)
EMBER_MEANING(LogOp, math::LogOp, std::log(x), 14)
double LogOp::allowedUlps() { return 1; }

SmallVector<Value> Log1pOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  return {rule.div(cotangents[0], rule.add(getInput(), rule.full(1)))};
}
EMBER_VJP_READS_INPUT(Log1pOp)
EMBER_MEANING(Log1pOp, math::Log1pOp, std::log1p(x), 16)
double Log1pOp::allowedUlps() { return 2; }

SmallVector<Value> SinOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {Rule(*this, builder).mul(cotangents[0], CosOp::create(builder, getLoc(), getInput()))};
}
EMBER_VJP_READS_INPUT(SinOp)
EMBER_MEANING(SinOp, math::SinOp, std::sin(x), 20)
double SinOp::allowedUlps() { return 2; }

SmallVector<Value> CosOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  return {rule.neg(rule.mul(cotangents[0], SinOp::create(builder, getLoc(), getInput())))};
}
EMBER_VJP_READS_INPUT(CosOp)
EMBER_MEANING(CosOp, math::CosOp, std::cos(x), 20)
double CosOp::allowedUlps() { return 2; }

// d tanh = (1 - tanh²) dx.
SmallVector<Value> TanhOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  return {rule.mul(cotangents[0], rule.sub(rule.full(1), rule.mul(getResult(), getResult())))};
}
EMBER_VJP_READS_RESULT(TanhOp)
EMBER_MEANING(TanhOp, math::TanhOp, std::tanh(x), 20)
double TanhOp::allowedUlps() { return 2; }

// d erf = 2/√π exp(-x²) dx.
SmallVector<Value> ErfOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  Value bell = ExpOp::create(builder, getLoc(), rule.neg(rule.mul(getInput(), getInput())));
  return {rule.mul(rule.mul(rule.full(2 * std::numbers::inv_sqrtpi), bell), cotangents[0])};
}
EMBER_VJP_READS_INPUT(ErfOp)
EMBER_MEANING(ErfOp, math::ErfOp, std::erf(x), 24)
double ErfOp::allowedUlps() { return 2; }

// d sigmoid = sigmoid (1 - sigmoid) dx.
SmallVector<Value> SigmoidOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Rule rule(*this, builder);
  return {rule.mul(rule.mul(cotangents[0], rule.sub(rule.full(1), getResult())), getResult())};
}
EMBER_VJP_READS_RESULT(SigmoidOp)
Value SigmoidOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  Value one = emitter.constant(args[0], 1);
  Value decay = emitter.make<math::ExpOp>(emitter.make<arith::NegFOp>(args[0]));
  return emitter.make<arith::DivFOp>(one, emitter.make<arith::AddFOp>(one, decay));
}
// exp(-x) overflows where the op is computed in f32: 0 below -88, as PyTorch has it.
Scalar SigmoidOp::evaluateScalar(ArrayRef<Scalar> args) {
  Type dtype = getElementTypeOrSelf(getType());
  Scalar decay = Scalar::real(std::exp(-args[0].real()));
  if (!dtype.isF64())
    decay = roundTo(Float32Type::get(getContext()), decay);
  return Scalar::real(1 / (1 + decay.real()));
}
unsigned SigmoidOp::cost() { return 18; }
double SigmoidOp::allowedUlps() { return 3; }

} // namespace ember::ir

#include "ir/ops/Unary.family.inc"
