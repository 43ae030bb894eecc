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

template <typename Op> static Tensor binary(const Operand &a, const Operand &b, const char *function, bool needsFloat = false) {
  Entry entry(a.where);
  ScalarType dtype = promote(a, b);
  if (needsFloat && !is_floating(dtype))
    dtype = kFloat32;
  Shape shape = broadcastShapes(shapeOf(a), shapeOf(b));
  return made(entry.recorder.emit<Op>(value(a, dtype, shape), value(b, dtype, shape)), function);
}

Tensor operator+(const Operand &a, const Operand &b) { return binary<AddOp>(a, b, "AddBackward0"); }
Tensor operator-(const Operand &a, const Operand &b) {
  if (a.tensor.defined() && b.tensor.defined() && a.tensor.dtype() == kBool && b.tensor.dtype() == kBool) {
    CallSite site(a.where);
    throw Error("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
                "instead.");
  }
  return binary<SubOp>(a, b, a.tensor.defined() ? "SubBackward0" : "RsubBackward1");
}
Tensor operator*(const Operand &a, const Operand &b) { return binary<MulOp>(a, b, "MulBackward0"); }
Tensor operator/(const Operand &a, const Operand &b) { return binary<DivOp>(a, b, "DivBackward0", true); }
Tensor Tensor::div(const Operand &other) const { return *this / other; }
Tensor maximum(const Tensor &a, const Tensor &b, Here where) {
  return binary<MaximumOp>(Operand(a, where), Operand(b, where), "MaximumBackward0");
}
Tensor minimum(const Tensor &a, const Tensor &b, Here where) {
  return binary<MinimumOp>(Operand(a, where), Operand(b, where), "MinimumBackward0");
}

Tensor Tensor::pow(const Operand &exponent) const {
  if (!exponent.tensor.defined() && exponent.number == 2)
    return *this * *this;
  return binary<PowOp>(Operand(*this, exponent.where), exponent, "PowBackward0", true);
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
EMBER_UNARY(neg, NegOp, "NegBackward0", false)
EMBER_UNARY(abs, AbsOp, "AbsBackward0", false)
EMBER_UNARY(sign, SignOp, "SignBackward0", false)
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
EMBER_UNARY(relu, ReluOp, "ReluBackward0", true)
EMBER_UNARY(erf, ErfOp, "ErfBackward0", true)
EMBER_UNARY(floor, FloorOp, "FloorBackward0", true)
EMBER_UNARY(ceil, CeilOp, "CeilBackward0", true)
EMBER_UNARY(round, RoundOp, "RoundBackward0", true)
EMBER_UNARY(trunc, TruncOp, "TruncBackward0", true)
#undef EMBER_UNARY
Tensor operator-(const Tensor &a) { return a.neg(); }

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

template <typename Op> static void inPlace(Tensor &target, const Operand &other, const char *function, bool needsFloat = false) {
  Entry entry(other.where);
  record::requireWritable(target);
  ScalarType dtype = target.dtype(), result = promote(Operand(target, other.where), other);
  if (needsFloat && !is_floating(result))
    result = kFloat32;
  if (is_floating(result) && !is_floating(dtype))
    throw Error("result type " + scalarTypeName(result) + " can't be cast to the desired output type " + scalarTypeName(dtype));
  Shape shape = broadcastShapes(target.sizes(), shapeOf(other));
  if (shape != target.sizes())
    throw Error("output with shape " + shapeText(target.sizes()) + " doesn't match the broadcast shape " + shapeText(shape));
  Value left = record::read(target), right = value(other, dtype, shape);
  if (entry.recorder.requiresGrad(right)) // whose gradient may read what was there before
    left = entry.recorder.emit<CopyOp>(left);
  record::write(target, entry.recorder.emit<Op>(left, right), function);
}
Tensor &Tensor::add_(const Operand &other) {
  inPlace<AddOp>(*this, other, "AddBackward0");
  return *this;
}
Tensor &Tensor::sub_(const Operand &other) {
  inPlace<SubOp>(*this, other, "SubBackward0");
  return *this;
}
Tensor &Tensor::mul_(const Operand &other) {
  inPlace<MulOp>(*this, other, "MulBackward0");
  return *this;
}
Tensor &Tensor::div_(const Operand &other) {
  inPlace<DivOp>(*this, other, "DivBackward0", true);
  return *this;
}

Tensor &Tensor::relu_(Here where) {
  Entry entry(where);
  record::requireWritable(*this);
  record::write(*this, entry.recorder.emit<ReluOp>(record::read(*this)), "ReluBackward0");
  return *this;
}

} // namespace ember
