#include "ir/ops/Comparison.h"

#include "ir/ops/Gradient.h"
#include "ir/ops/ScalarEmitter.h"
#include "ir/ops/Splat.h"

#include <cmath>

using namespace mlir;

namespace ember::ir {

static bool sameShape(Type a, Type b) { return dimSizes(cast<RankedTensorType>(a)) == dimSizes(cast<RankedTensorType>(b)); }
static Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

void CompareOp::build(OpBuilder &builder, OperationState &state, StringRef predicate, Value lhs, Value rhs) {
  auto type = cast<RankedTensorType>(lhs.getType());
  build(builder, state, type.clone(builder.getI1Type()), builder.getStringAttr(predicate), lhs, rhs);
}

LogicalResult CompareOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  results.push_back(cast<RankedTensorType>(adaptor.getLhs().getType()).clone(IntegerType::get(context, 1)));
  return success();
}

enum class Predicate { eq, ne, lt, le, gt, ge };
static std::optional<Predicate> predicateOf(StringRef text) {
  constexpr StringRef names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
  for (int i = 0; i < 6; ++i)
    if (text == names[i])
      return static_cast<Predicate>(i);
  return std::nullopt;
}

LogicalResult CompareOp::verify() {
  if (!predicateOf(getPredicate()))
    return emitOpError("compare: predicate is '") << getPredicate() << "', expected eq ne lt le gt or ge";
  return success();
}

Value CompareOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  constexpr F floats[] = {F::OEQ, F::UNE, F::OLT, F::OLE, F::OGT, F::OGE};
  constexpr I signedOnes[] = {I::eq, I::ne, I::slt, I::sle, I::sgt, I::sge};
  constexpr I unsignedOnes[] = {I::eq, I::ne, I::ult, I::ule, I::ugt, I::uge};
  int which = static_cast<int>(*predicateOf(getPredicate()));
  if (ScalarEmitter::isFloat(args[0]))
    return arith::CmpFOp::create(builder, loc, floats[which], args[0], args[1]);
  bool isUnsigned = elementOf(getLhs()).isUnsignedInteger() || elementOf(getLhs()).isInteger(1);
  return arith::CmpIOp::create(builder, loc, isUnsigned ? unsignedOnes[which] : signedOnes[which], args[0], args[1]);
}

template <typename T> static bool compare(Predicate predicate, T x, T y) {
  switch (predicate) {
  case Predicate::eq:
    return x == y;
  case Predicate::ne:
    return x != y;
  case Predicate::lt:
    return x < y;
  case Predicate::le:
    return x <= y;
  case Predicate::gt:
    return x > y;
  case Predicate::ge:
    return x >= y;
  }
  llvm_unreachable("six predicates");
}

Scalar CompareOp::evaluateScalar(ArrayRef<Scalar> args) {
  Predicate predicate = *predicateOf(getPredicate());
  if (args[0].isReal())
    return Scalar::integer(compare(predicate, args[0].real(), args[1].real()));
  if (elementOf(getLhs()).isUnsignedInteger())
    return Scalar::integer(compare<uint64_t>(predicate, args[0].integer(), args[1].integer()));
  return Scalar::integer(compare(predicate, args[0].integer(), args[1].integer()));
}

LogicalResult SelectOp::verify() {
  if (!sameShape(getCondition().getType(), getType()))
    return emitOpError("select: the condition is ") << getCondition().getType() << ", expected the shape of " << getType();
  return success();
}
SmallVector<Value> SelectOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(3);
  Value zero = fullLike(builder, getLoc(), cast<RankedTensorType>(getType()), 0);
  if (needs[1])
    gradients[1] = SelectOp::create(builder, getLoc(), getCondition(), cotangents[0], zero);
  if (needs[2])
    gradients[2] = SelectOp::create(builder, getLoc(), getCondition(), zero, cotangents[0]);
  return gradients;
}
void SelectOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getCondition()); }
Value SelectOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::SelectOp::create(builder, loc, args[0], args[1], args[2]);
}
OpFoldResult SelectOp::fold(FoldAdaptor) {
  if (getYes() == getNo())
    return getYes();
  std::optional<Scalar> condition = splatOf(getCondition());
  if (!condition)
    return {};
  return condition->isTrue() ? getYes() : getNo();
}
Scalar SelectOp::evaluateScalar(ArrayRef<Scalar> args) { return args[0].isTrue() ? args[1] : args[2]; }

Value LogicalAndOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::AndIOp::create(builder, loc, args[0], args[1]);
}
Scalar LogicalAndOp::evaluateScalar(ArrayRef<Scalar> args) { return Scalar::integer(args[0].integer() & args[1].integer()); }
Value LogicalOrOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::OrIOp::create(builder, loc, args[0], args[1]);
}
Scalar LogicalOrOp::evaluateScalar(ArrayRef<Scalar> args) { return Scalar::integer(args[0].integer() | args[1].integer()); }
Value LogicalXorOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return arith::XOrIOp::create(builder, loc, args[0], args[1]);
}
Scalar LogicalXorOp::evaluateScalar(ArrayRef<Scalar> args) { return Scalar::integer(args[0].integer() ^ args[1].integer()); }
Value LogicalNotOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  return emitter.make<arith::XOrIOp>(args[0], emitter.constant(args[0], -1));
}
Scalar LogicalNotOp::evaluateScalar(ArrayRef<Scalar> args) {
  return elementOf(getInput()).isInteger(1) ? Scalar::integer(!args[0].integer()) : Scalar::integer(~args[0].integer());
}

LogicalResult CastOp::verify() {
  if (!sameShape(getInput().getType(), getType()))
    return emitOpError("cast: the operand is ") << getInput().getType() << ", expected the shape of " << getType();
  return success();
}
SmallVector<Value> CastOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  if (!isa<FloatType>(elementOf(getInput())) || !isa<FloatType>(elementOf(getResult())))
    return {Value()};
  return {CastOp::create(builder, getLoc(), getInput().getType(), cotangents[0])};
}
void CastOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

static Type computeType(OpBuilder &builder, Type element) {
  if (auto floating = dyn_cast<FloatType>(element))
    return floating.getWidth() < 32 ? builder.getF32Type() : element;
  return builder.getIntegerType(element.getIntOrFloatBitWidth());
}

// x86's conversion: what does not fit gives the smallest integer. Narrow integers take the low bits of a 64-bit one.
static Value emitTruncation(ScalarEmitter emitter, Value x, unsigned width) {
  unsigned wide = width == 32 ? 32 : 64;
  double limit = std::ldexp(1.0, wide - 1);
  OpBuilder &builder = emitter.builder;
  Value low = emitter.constant(x, -limit), high = emitter.constant(x, limit);
  Value notBelow = arith::CmpFOp::create(builder, emitter.loc, arith::CmpFPredicate::OGE, x, low);
  Value fits = emitter.make<arith::AndIOp>(notBelow, emitter.less(x, high));
  Value safe = emitter.select(fits, x, low);
  Value whole = arith::FPToSIOp::create(builder, emitter.loc, ScalarEmitter::typeLike(x, builder.getIntegerType(wide)), safe);
  if (width == wide)
    return whole;
  return arith::TruncIOp::create(builder, emitter.loc, ScalarEmitter::typeLike(x, builder.getIntegerType(width)), whole);
}

static Value emitFromInteger(ScalarEmitter emitter, Value x, Type target, bool isUnsigned) {
  OpBuilder &builder = emitter.builder;
  Type type = ScalarEmitter::typeLike(x, target);
  unsigned from = getElementTypeOrSelf(x).getIntOrFloatBitWidth(), to = target.getIntOrFloatBitWidth();
  if (isa<FloatType>(target))
    return isUnsigned ? arith::UIToFPOp::create(builder, emitter.loc, type, x).getResult()
                      : arith::SIToFPOp::create(builder, emitter.loc, type, x).getResult();
  if (to == from)
    return x;
  if (to < from)
    return arith::TruncIOp::create(builder, emitter.loc, type, x);
  return isUnsigned ? arith::ExtUIOp::create(builder, emitter.loc, type, x).getResult()
                    : arith::ExtSIOp::create(builder, emitter.loc, type, x).getResult();
}

Value CastOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarEmitter emitter{builder, loc};
  Value x = args[0];
  Type source = elementOf(getInput()), target = elementOf(getResult());
  Type compute = computeType(builder, target);
  if (target.isInteger(1)) {
    if (source.isInteger(1))
      return x;
    Value zero = emitter.constant(x, 0);
    if (ScalarEmitter::isFloat(x))
      return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, x, zero);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, x, zero);
  }
  if (!ScalarEmitter::isFloat(x))
    return emitFromInteger(emitter, x, compute, source.isInteger(1) || source.isUnsignedInteger());
  if (!isa<FloatType>(target))
    return emitTruncation(emitter, x, target.getIntOrFloatBitWidth());
  Type type = ScalarEmitter::typeLike(x, compute);
  if (type == x.getType())
    return x;
  if (compute.getIntOrFloatBitWidth() > getElementTypeOrSelf(x).getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, type, x);
  // f64 to bf16 or f16 must round once: see the walker's rounding store, which takes f64 for such a cast.
  return arith::TruncFOp::create(builder, loc, type, x);
}

// Whether every value of `from` is one of `to`, and of one kind: then a cast of the cast is a cast.
static bool widens(Type from, Type to) {
  unsigned narrow = from.getIntOrFloatBitWidth(), wide = to.getIntOrFloatBitWidth();
  if (isa<FloatType>(from) || isa<FloatType>(to))
    return isa<FloatType>(from) && isa<FloatType>(to) && narrow < wide;
  if (from.isUnsignedInteger() || from.isInteger(1))
    return narrow < wide;
  return narrow < wide && !to.isUnsignedInteger();
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  auto inner = getInput().getDefiningOp<CastOp>();
  if (!inner || !widens(elementOf(inner.getInput()), elementOf(inner.getResult())))
    return {};
  if (inner.getInput().getType() == getType())
    return inner.getInput();
  // To bool is "!= 0", no wrap; between kinds the intermediate type decides what fits.
  Type to = elementOf(getResult());
  if (isa<FloatType>(to) != isa<FloatType>(elementOf(inner.getResult())) || to.isInteger(1))
    return {};
  getInputMutable().assign(inner.getInput());
  return getResult();
}
// To f64 at once, to f32 and the narrower ones through f32, as PyTorch does: f64 to f16 rounds twice.
static Scalar castToFloat(Scalar value, Type source, Type target) {
  auto through = [&](auto number) {
    return Scalar::real(target.isF64() ? static_cast<double>(number) : static_cast<double>(static_cast<float>(number)));
  };
  if (value.isReal())
    return through(value.real());
  return source.isUnsignedInteger() ? through(static_cast<uint64_t>(value.integer())) : through(value.integer());
}

Scalar CastOp::evaluateScalar(ArrayRef<Scalar> args) {
  Type target = elementOf(getResult());
  if (target.isInteger(1))
    return Scalar::integer(args[0].isTrue());
  if (isa<FloatType>(target))
    return castToFloat(args[0], elementOf(getInput()), target);
  if (!args[0].isReal())
    return args[0];
  double limit = std::ldexp(1.0, target.getIntOrFloatBitWidth() == 32 ? 31 : 63), x = args[0].real();
  return Scalar::integer(x >= -limit && x < limit ? static_cast<int64_t>(x) : static_cast<int64_t>(-limit));
}

} // namespace ember::ir

#include "ir/ops/Comparison.family.inc"
