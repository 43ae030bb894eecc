#include "ir/ops/Random.h"

#include "ir/interpret/Bytes.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Gradient.h"
#include "runtime/include/ember_rt.h"
#include <bit>

using namespace mlir;

namespace ember::ir {

namespace {

using Draw = decltype(&ember_rt_draw_uniform);

// The reference is the runtime's own generator: it is tested against PyTorch's draws bit for bit.
void evaluateDraw(Draw draw, ArrayRef<const ReferenceTensor *> operands, ReferenceTensor &values, ReferenceTensor &next) {
  std::vector<uint8_t> state(5056), after(5056);
  writeBytes(*operands[0], state.data());
  auto parameter = [&](size_t number) {
    if (number >= operands.size())
      return 0.0;
    const ReferenceTensor &own = *operands[number];
    return own.isReal() ? own.reals[0] : std::bit_cast<double>(own.integers[0]);
  };
  std::vector<char> bytes(values.size() * byteWidth(values.type.getElementType()) + 64);
  draw(state.data(), after.data(), dtypeNumber(values.type.getElementType()), bytes.data(), values.size(), parameter(1),
       parameter(2));
  values = referenceOf(values.type, bytes.data());
  next = referenceOf(next.type, after.data());
}

} // namespace

#define EMBER_DRAWING_OP_OF(OP, FUNCTION, SYMBOL)                                                                                \
  StringRef OP::kernelKind() { return "random"; }                                                                                \
  int OP::inPlaceOperand(unsigned result) { return result == 1 ? 0 : -1; }                                                       \
  StringRef OP::runtimeKernel() { return SYMBOL; }                                                                               \
  LogicalResult OP::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {             \
    evaluateDraw(FUNCTION, operands, results[0], results[1]);                                                                    \
    return success();                                                                                                            \
  }
#define EMBER_DRAWING_OP(OP, FUNCTION) EMBER_DRAWING_OP_OF(OP, FUNCTION, #FUNCTION)

EMBER_DRAWING_OP(UniformOp, ember_rt_draw_uniform)
EMBER_DRAWING_OP_OF(NormalOp, getSingly() ? ember_rt_draw_normal_singly : ember_rt_draw_normal,
                    getSingly() ? "ember_rt_draw_normal_singly" : "ember_rt_draw_normal")
EMBER_DRAWING_OP(BernoulliOp, ember_rt_draw_bernoulli)
EMBER_DRAWING_OP(RandintOp, ember_rt_draw_randint)
EMBER_DRAWING_OP(RandpermOp, ember_rt_draw_randperm)

#undef EMBER_DRAWING_OP
#undef EMBER_DRAWING_OP_OF

// ---- dropout

// What kept elements are multiplied with, rank 0: divided in f32 for bf16 and f16, and rounded once, as PyTorch does.
static Value keptScale(OpBuilder &builder, Location loc, Value keep, Type dtype) {
  Type accumulator = dtype.getIntOrFloatBitWidth() < 32 ? builder.getF32Type() : dtype;
  Value one = fullLike(builder, loc, RankedTensorType::get({}, accumulator), 1);
  return castTo(builder, loc, DivOp::create(builder, loc, one, castTo(builder, loc, keep, accumulator)), dtype);
}

SmallVector<Value> DropoutOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  auto type = cast<RankedTensorType>(getInput().getType());
  std::optional<bool> training = constantBool(getTraining());
  Value one = fullLike(builder, loc, type, 1);
  if (training == false)
    return {getInput(), one, getState()};
  Value keep = SubOp::create(builder, loc, fullLike(builder, loc, cast<RankedTensorType>(getP().getType()), 1), getP());
  auto kept = BernoulliOp::create(builder, loc, type.clone(builder.getI1Type()), getState().getType(), getState(), keep);
  // A select, so that p = 1 multiplies nothing with 1 / 0.
  Value scale = broadcastTo(builder, loc, keptScale(builder, loc, keep, type.getElementType()), type);
  scale = zeroUnless(builder, loc, kept.getValues(), scale);
  Value next = kept.getNext();
  if (!training) {
    scale = choose(builder, loc, getTraining(), scale, one);
    next = choose(builder, loc, getTraining(), next, getState());
  }
  return {MulOp::create(builder, loc, getInput(), scale), scale, next};
}

unsigned DropoutOp::trainingOperand() { return getTrainingMutable().getOperandNumber(); }
SmallVector<std::pair<unsigned, unsigned>> DropoutOp::nextStates() {
  return {{getStateMutable().getOperandNumber(), cast<OpResult>(getNext()).getResultNumber()}};
}
int64_t DropoutOp::drawnWords() { return 2 * cast<RankedTensorType>(getInput().getType()).getNumElements(); }

// d (x s) = s dx: the draws have no gradient.
SmallVector<Value> DropoutOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(4);
  if (needs[0] && cotangents[0])
    gradients[0] = MulOp::create(builder, getLoc(), cotangents[0], getScale());
  return gradients;
}
void DropoutOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[0])
    reads.push_back(getScale());
}

LogicalResult DropoutOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  const ReferenceTensor &input = *operands[0];
  ReferenceTensor &scale = results[1];
  llvm::fill(scale.reals, 1.0);
  results[2] = *operands[3];
  if (operands[2]->integers[0]) {
    ReferenceTensor keep = ReferenceTensor::zeros(operands[1]->type);
    keep.reals[0] = 1 - operands[1]->reals[0];
    evaluateDraw(ember_rt_draw_bernoulli, {operands[3], &keep}, scale, results[2]);
    Type dtype = input.type.getElementType();
    bool isNarrow = dtype.getIntOrFloatBitWidth() < 32;
    double divisor = roundTo(isNarrow ? Float32Type::get(dtype.getContext()) : dtype, Scalar::real(keep.reals[0])).real();
    for (double &own : scale.reals)
      own = own == 0 ? 0 : roundTo(dtype, Scalar::real(1 / divisor)).real();
  }
  for (int64_t i = 0; i < input.size(); ++i)
    results[0].reals[i] = input.reals[i] * scale.reals[i];
  return success();
}

} // namespace ember::ir

#include "ir/ops/Random.family.inc"
