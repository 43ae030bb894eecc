// Element by element: operators, comparisons, functions of one tensor, writes in place.
#include "functions/Build.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Unary.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember {

void Operand::refuseUndefined() const {
  CallSite site(where);
  throw Error("expected a tensor, found an undefined one");
}

// An op, or, of booleans, what PyTorch takes for it: `or` for sums and maxima, `and` for products and minima.
template <typename Op, typename OfBools> static Value emitFor(ScalarType dtype, Value left, Value right) {
  record::Recorder &recorder = record::Recorder::get();
  return dtype == kBool ? recorder.emit<OfBools>(left, right) : recorder.emit<Op>(left, right);
}

template <typename Op, typename OfBools = Op>
static Tensor binary(const Operand &a, const Operand &b, const char *function, bool needsFloat = false) {
  Entry entry(a.where);
  ScalarType dtype = promote(a, b);
  if (needsFloat && !is_floating(dtype))
    dtype = kFloat32;
  Shape shape = broadcastShapes(shapeOf(a), shapeOf(b));
  return made(emitFor<Op, OfBools>(dtype, value(a, dtype, shape), value(b, dtype, shape)), function);
}

static void requireSubtractable(const Operand &a, const Operand &b) {
  auto isBool = [](const Operand &own) { return own.tensor.defined() ? own.tensor.dtype() == kBool : own.isBool; };
  CallSite site(a.where);
  if (isBool(a) && isBool(b))
    throw Error("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
                "instead.");
  if (isBool(a) || isBool(b))
    throw Error("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
                "`~` or `logical_not()` operator instead.");
}

Tensor operator+(const Operand &a, const Operand &b) { return binary<AddOp, LogicalOrOp>(a, b, "AddBackward0"); }
Tensor operator-(const Operand &a, const Operand &b) {
  requireSubtractable(a, b);
  return binary<SubOp>(a, b, a.tensor.defined() ? "SubBackward0" : "RsubBackward1");
}
Tensor operator*(const Operand &a, const Operand &b) { return binary<MulOp, LogicalAndOp>(a, b, "MulBackward0"); }
Tensor operator/(const Operand &a, const Operand &b) { return binary<DivOp>(a, b, "DivBackward0", true); }
Tensor Tensor::div(const Operand &other) const { return *this / other; }
Tensor maximum(const Tensor &a, const Tensor &b, Here where) {
  return binary<MaximumOp, LogicalOrOp>(Operand(a, where), Operand(b, where), "MaximumBackward0");
}
Tensor minimum(const Tensor &a, const Tensor &b, Here where) {
  return binary<MinimumOp, LogicalAndOp>(Operand(a, where), Operand(b, where), "MinimumBackward0");
}

// ---- bits

template <typename Op> static Tensor bitwise(const Operand &a, const Operand &b, const char *name) {
  CallSite site(a.where);
  if (ScalarType dtype = promote(a, b); is_floating(dtype))
    throw Error(std::string("\"bitwise_") + name + "_cpu\" not implemented for '" + scalarTypeName(dtype) + "'");
  return binary<Op>(a, b, "");
}
Tensor operator&(const Operand &a, const Operand &b) { return bitwise<LogicalAndOp>(a, b, "and"); }
Tensor operator|(const Operand &a, const Operand &b) { return bitwise<LogicalOrOp>(a, b, "or"); }
Tensor operator^(const Operand &a, const Operand &b) { return bitwise<LogicalXorOp>(a, b, "xor"); }
Tensor operator~(const Operand &a) {
  Entry entry(a.where);
  if (is_floating(a.tensor.dtype()))
    throw Error("~ (operator.invert) is only implemented on integer and Boolean-type tensors");
  return made(entry.recorder.emit<LogicalNotOp>(record::read(a.tensor)), "");
}
Tensor Tensor::logical_not(Here where) const { return Operand(*this, where) == Operand(0, where); }
Tensor Tensor::logical_xor(const Operand &other) const {
  Here where = other.where;
  return Operand(logical_not(where), where) != (other == Operand(0, where));
}

template <typename Op> static Tensor unary(const Tensor &input, Here where, const char *function, bool needsFloat);

// ---- powers

// Of whole numbers by squaring, which wraps as products do.
static Tensor wholePower(Tensor base, double exponent, Here where) {
  if (exponent < 0)
    throw Error("Integers to negative integer powers are not allowed.");
  Tensor power = ones_like(base);
  for (auto rest = static_cast<uint64_t>(exponent); rest > 0; rest /= 2) {
    if (rest % 2)
      power = Operand(power, where) * base;
    base = Operand(base, where) * base;
  }
  return power;
}

// The same with an exponent for each element, bit by bit; negative ones give what is left of the fraction: 0, 1 or -1.
static Tensor wholePower(Tensor base, const Tensor &exponent, Here where) {
  auto n = [&](int64_t number) { return Operand(number, where); };
  auto has = [&](int64_t bit) {
    Tensor mask = runtime_scalar(std::ldexp(1, static_cast<int>(bit)), base.dtype());
    return Operand(binary<LogicalAndOp>(Operand(exponent, where), Operand(mask, where), ""), where) != n(0);
  };
  Tensor small = ember::where(Operand(base, where) == n(-1), ember::where(has(0), n(-1), n(1)), n(0)).to(base.dtype());
  small = ember::where(Operand(base, where) == n(1), Operand(base, where), small);
  Tensor power = ones_like(base);
  int64_t bits = 8 * ember_rt_dtype_size(static_cast<uint32_t>(exponent.dtype())) - (exponent.dtype() != kUInt8);
  for (int64_t bit = 0; bit < bits; ++bit) {
    power = ember::where(has(bit), Operand(power, where) * base, power);
    base = Operand(base, where) * base;
  }
  return ember::where(Operand(exponent, where) < n(0), small, power);
}

Tensor Tensor::pow(const Operand &exponent) const {
  Here where = exponent.where;
  Entry entry(where);
  ScalarType dtype = promote(Operand(*this, where), exponent);
  if (is_floating(dtype) && !exponent.tensor.defined() && exponent.number == 2) {
    Tensor own = to(dtype, where);
    return Operand(own, where) * own;
  }
  // As in PyTorch: pow has other values at -0 and -inf.
  if (is_floating(dtype) && !exponent.tensor.defined() && exponent.number == 0.5)
    return unary<SqrtOp>(to(dtype, where), where, "PowBackward0", true);
  if (is_floating(dtype))
    return binary<PowOp>(Operand(*this, where), exponent, "PowBackward0");
  if (dtype == kBool)
    throw Error("\"pow\" not implemented for 'Bool'");
  Tensor base = to(dtype, where);
  return exponent.tensor.defined() ? wholePower(base, exponent.tensor.to(dtype, where), where)
                                   : wholePower(base, exponent.number, where);
}

static Tensor compare(const char *predicate, const Operand &a, const Operand &b) {
  Entry entry(a.where);
  ScalarType dtype = promote(a, b);
  Shape shape = broadcastShapes(shapeOf(a), shapeOf(b));
  return made(entry.recorder.emit<CompareOp>(predicate, value(a, dtype, shape), value(b, dtype, shape)), "");
}
Tensor operator==(const Operand &a, const Operand &b) { return compare("eq", a, b); }
Tensor operator!=(const Operand &a, const Operand &b) { return compare("ne", a, b); }
Tensor operator<(const Operand &a, const Operand &b) { return compare("lt", a, b); }
Tensor operator<=(const Operand &a, const Operand &b) { return compare("le", a, b); }
Tensor operator>(const Operand &a, const Operand &b) { return compare("gt", a, b); }
Tensor operator>=(const Operand &a, const Operand &b) { return compare("ge", a, b); }

Tensor where(const Tensor &condition, const Operand &yes, const Operand &no) {
  Entry entry(yes.where);
  ScalarType dtype = promote(yes, no);
  Shape shape = broadcastShapes(condition.sizes(), broadcastShapes(shapeOf(yes), shapeOf(no)));
  if (condition.dtype() != kBool && condition.dtype() != kUInt8)
    throw Error("where expected condition to be a boolean tensor, but got a tensor with dtype " +
                scalarTypeName(condition.dtype()));
  Value chosen = broadcastTo(value(condition, kBool), shape);
  Value left = value(yes, dtype, shape);
  return made(entry.recorder.emit<SelectOp>(left.getType(), chosen, left, value(no, dtype, shape)), "WhereBackward0");
}

// ---- functions of one tensor

template <typename Op> static Tensor unary(const Tensor &input, Here where, const char *function, bool needsFloat) {
  Entry entry(where);
  ScalarType dtype = input.dtype();
  if (needsFloat && !is_floating(dtype))
    dtype = kFloat32;
  return made(entry.recorder.emit<Op>(value(input, dtype)), function);
}

#define EMBER_UNARY(NAME, OP, FUNCTION, NEEDS_FLOAT)                                                                             \
  Tensor Tensor::NAME(Here where) const { return unary<OP>(*this, where, FUNCTION, NEEDS_FLOAT); }
EMBER_UNARY(exp, ExpOp, "ExpBackward0", true)
EMBER_UNARY(log, LogOp, "LogBackward0", true)
EMBER_UNARY(log1p, Log1pOp, "Log1PBackward0", true)
EMBER_UNARY(expm1, Expm1Op, "Expm1Backward0", true)
EMBER_UNARY(sqrt, SqrtOp, "SqrtBackward0", true)
EMBER_UNARY(rsqrt, RsqrtOp, "RsqrtBackward0", true)
EMBER_UNARY(reciprocal, ReciprocalOp, "ReciprocalBackward0", true)
EMBER_UNARY(sin, SinOp, "SinBackward0", true)
EMBER_UNARY(cos, CosOp, "CosBackward0", true)
EMBER_UNARY(tanh, TanhOp, "TanhBackward0", true)
EMBER_UNARY(sigmoid, SigmoidOp, "SigmoidBackward0", true)
EMBER_UNARY(erf, ErfOp, "ErfBackward0", true)
#undef EMBER_UNARY

static void refuseBools(const Tensor &input, const char *text) {
  if (input.dtype() == kBool)
    throw Error(text);
}

Tensor Tensor::neg(Here where) const {
  Entry entry(where);
  refuseBools(*this, "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
                     "`~` or `logical_not()` operator instead.");
  return unary<NegOp>(*this, where, "NegBackward0", false);
}
Tensor Tensor::abs(Here where) const {
  Entry entry(where);
  refuseBools(*this, "\"abs_cpu\" not implemented for 'Bool'");
  return unary<AbsOp>(*this, where, "AbsBackward0", false);
}
Tensor Tensor::sign(Here where) const {
  return dtype() == kBool ? clone(where) : unary<SignOp>(*this, where, "SignBackward0", false);
}

static Value reluOf(const Tensor &input) {
  record::Recorder &recorder = record::Recorder::get();
  refuseBools(input, "Boolean inputs not supported for relu");
  Value own = record::read(input);
  if (input.is_floating_point())
    return recorder.emit<ReluOp>(own);
  return recorder.emit<MaximumOp>(own, broadcastTo(number(0, input.dtype()), input.sizes()));
}
Tensor Tensor::relu(Here where) const {
  Entry entry(where);
  return made(reluOf(*this), "ReluBackward0");
}

// Whole numbers stay as they are.
template <typename Op> static Tensor rounded(const Tensor &input, Here where, const char *function, const char *ofBools) {
  Entry entry(where);
  refuseBools(input, ofBools);
  return input.is_floating_point() ? unary<Op>(input, where, function, false) : input.clone(where);
}
#define EMBER_ROUNDING(NAME, OP, FUNCTION)                                                                                       \
  Tensor Tensor::NAME(Here where) const {                                                                                        \
    return rounded<OP>(*this, where, FUNCTION, "\"" #NAME "_vml_cpu\" not implemented for 'Bool'");                              \
  }
EMBER_ROUNDING(floor, FloorOp, "FloorBackward0")
EMBER_ROUNDING(ceil, CeilOp, "CeilBackward0")
EMBER_ROUNDING(round, RoundOp, "RoundBackward0")
EMBER_ROUNDING(trunc, TruncOp, "TruncBackward0")
#undef EMBER_ROUNDING
Tensor operator-(const Operand &a) { return a.tensor.neg(a.where); }

Tensor Tensor::clone(Here where) const {
  Entry entry(where);
  return made(entry.recorder.emit<CopyOp>(record::read(*this)), "CloneBackward0");
}
Tensor Tensor::to(ScalarType dtype, Here where) const {
  if (dtype == this->dtype())
    return *this;
  Entry entry(where);
  return made(value(*this, dtype), "ToCopyBackward0");
}

// ---- in place: the shape and the dtype stay

template <typename Op, typename OfBools = Op>
static void inPlace(Tensor &target, const Operand &other, const char *function, bool needsFloat = false) {
  Entry entry(other.where);
  record::requireWritable(target);
  ScalarType dtype = target.dtype(), result = promote(Operand(target, other.where), other);
  if (needsFloat && !is_floating(result))
    result = kFloat32;
  if ((is_floating(result) && !is_floating(dtype)) || (result != kBool && dtype == kBool))
    throw Error("result type " + scalarTypeName(result) + " can't be cast to the desired output type " + scalarTypeName(dtype));
  Shape shape = broadcastShapes(target.sizes(), shapeOf(other));
  if (shape != target.sizes())
    throw Error("output with shape " + shapeText(target.sizes()) + " doesn't match the broadcast shape " + shapeText(shape));
  Value left = record::read(target), right = value(other, dtype, shape);
  if (entry.recorder.requiresGrad(right)) // whose gradient may read what was there before
    left = entry.recorder.emit<CopyOp>(left);
  record::write(target, emitFor<Op, OfBools>(dtype, left, right), function);
}
Tensor &Tensor::add_(const Operand &other) {
  inPlace<AddOp, LogicalOrOp>(*this, other, "AddBackward0");
  return *this;
}
Tensor &Tensor::sub_(const Operand &other) {
  requireSubtractable(Operand(*this, other.where), other);
  inPlace<SubOp>(*this, other, "SubBackward0");
  return *this;
}
Tensor &Tensor::mul_(const Operand &other) {
  inPlace<MulOp, LogicalAndOp>(*this, other, "MulBackward0");
  return *this;
}
Tensor &Tensor::div_(const Operand &other) {
  inPlace<DivOp>(*this, other, "DivBackward0", true);
  return *this;
}

Tensor &Tensor::relu_(Here where) {
  Entry entry(where);
  record::requireWritable(*this);
  record::write(*this, reluOf(*this), "ReluBackward0");
  return *this;
}

} // namespace ember
