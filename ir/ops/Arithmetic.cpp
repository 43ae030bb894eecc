#include "ir/ops/Arithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace ember::ir {

static bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }

// d (x + y) = dx + dy.
SmallVector<Value> AddOp::buildVjp(OpBuilder &, ValueRange cotangents, ArrayRef<bool> needs) {
  return {needs[0] ? cotangents[0] : Value(), needs[1] ? cotangents[0] : Value()};
}

void AddOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

Value AddOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  if (isFloat(args[0]))
    return arith::AddFOp::create(builder, loc, args[0], args[1]);
  return arith::AddIOp::create(builder, loc, args[0], args[1]);
}

Scalar AddOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal())
    return Scalar::real(args[0].real() + args[1].real());
  return Scalar::integer(static_cast<uint64_t>(args[0].integer()) + static_cast<uint64_t>(args[1].integer()));
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
  if (isFloat(args[0]))
    return arith::MulFOp::create(builder, loc, args[0], args[1]);
  return arith::MulIOp::create(builder, loc, args[0], args[1]);
}

Scalar MulOp::evaluateScalar(ArrayRef<Scalar> args) {
  if (args[0].isReal())
    return Scalar::real(args[0].real() * args[1].real());
  return Scalar::integer(static_cast<uint64_t>(args[0].integer()) * static_cast<uint64_t>(args[1].integer()));
}

} // namespace ember::ir

#include "ir/ops/Arithmetic.family.inc"
