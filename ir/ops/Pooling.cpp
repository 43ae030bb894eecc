#include "ir/ops/Pooling.h"

#include "ir/ops/Constant.h"
#include "ir/ops/GatherScatter.h"
#include "ir/ops/ScalarEmitter.h"
#include "ir/ops/View.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace ember::ir {

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

constexpr int64_t kUndilated[] = {1, 1};

template <typename Op> ArrayRef<int64_t> dilationOf(Op op) {
  if constexpr (requires { op.getDilation(); })
    return op.getDilation();
  else
    return kUndilated;
}

struct Window {
  ArrayRef<int64_t> kernel, stride, padding, dilation;
  template <typename Op>
  explicit Window(Op op) : kernel(op.getKernel()), stride(op.getStride()), padding(op.getPadding()), dilation(dilationOf(op)) {}

  SmallVector<SizeExpr> taps() const { return {SizeExpr(kernel[0]), SizeExpr(kernel[1])}; }

  // Input element under output (y, x) and tap (i, j): loops n c y x | i j.
  Access input(RankedTensorType type, ArrayRef<Expr> l, Space &space) const {
    Access access{{l[0], l[1]}, {}};
    for (unsigned d = 0; d < 2; ++d) {
      access.indices.push_back(l[2 + d] * Expr(stride[d]) + l[4 + d] * Expr(dilation[d]) - Expr(padding[d]));
      if (padding[d] != 0)
        access.inside.push_back({access.indices.back(), space.size(dimSize(type, 2 + d))});
    }
    return access;
  }

  // Output whose tap (i, j) is input (h, w): loops n c h w | i j.
  Access output(RankedTensorType type, ArrayRef<Expr> l, Space &space) const {
    Access access{{l[0], l[1]}, {}};
    for (unsigned d = 0; d < 2; ++d) {
      Expr shifted = l[2 + d] + Expr(padding[d]) - l[4 + d] * Expr(dilation[d]), position = shifted;
      if (stride[d] > 1) {
        position = space.floorDiv(shifted, Expr(stride[d]));
        access.inside.push_back({shifted - position * Expr(stride[d]), Expr(1)});
      }
      access.inside.push_back({position, space.size(dimSize(type, 2 + d))});
      access.indices.push_back(position);
    }
    return access;
  }

  // visit(flat output, flat input) for every tap that is inside, taps in rising order.
  template <typename Visit> void forEach(const ReferenceTensor &out, const ReferenceTensor &in, Visit visit) const {
    for (int64_t flat = 0; flat < out.size(); ++flat) {
      SmallVector<int64_t> o = out.unflatten(flat);
      for (int64_t i = 0; i < kernel[0]; ++i)
        for (int64_t j = 0; j < kernel[1]; ++j) {
          int64_t h = o[2] * stride[0] + i * dilation[0] - padding[0], w = o[3] * stride[1] + j * dilation[1] - padding[1];
          if (h >= 0 && h < in.shape()[2] && w >= 0 && w < in.shape()[3])
            visit(flat, in.flatten({o[0], o[1], h, w}));
        }
    }
  }
};

LogicalResult inferPooled(std::optional<Location> loc, StringRef name, RankedTensorType input, ArrayRef<int64_t> kernel,
                          ArrayRef<int64_t> stride, ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation, Type dtype,
                          SmallVectorImpl<Type> &results) {
  if (input.getRank() != 4)
    return emitOptionalError(loc, name, ": expected an input of rank 4 (it is ", input, ")");
  if (kernel.size() != 2 || stride.size() != 2 || padding.size() != 2 || dilation.size() != 2)
    return emitOptionalError(loc, name, ": expected two kernel sizes, strides, paddings and dilations");
  SmallVector<SizeExpr> sizes{dimSize(input, 0), dimSize(input, 1)};
  for (unsigned d = 0; d < 2; ++d) {
    std::optional<int64_t> size = dimSize(input, 2 + d).constant();
    if (!size)
      return emitOptionalError(loc, name, ": expected a height and width known when the program is recorded (it is ", input, ")");
    int64_t span = 0; // of a dilated kernel; files may hold any numbers
    bool overflows = kernel[d] < 1 || dilation[d] < 1 || __builtin_mul_overflow(kernel[d] - 1, dilation[d], &span) ||
                     __builtin_add_overflow(span, 1, &span);
    if (overflows || stride[d] < 1 || padding[d] < 0 || padding[d] > span / 2)
      return emitOptionalError(
          loc, name, ": expected kernel, stride and dilation of at least 1 and padding of at most half the dilated kernel");
    if (span > *size + 2 * padding[d])
      return emitOptionalError(loc, name, ": dimension ", 2 + d, ": the kernel is ", span, " but the padded input has ",
                               *size + 2 * padding[d]);
    sizes.push_back(SizeExpr((*size + 2 * padding[d] - span) / stride[d] + 1));
  }
  results.push_back(tensorOf(sizes, dtype));
  return success();
}

// A gradient's operand has the shape and dtype of what pooling its result gives.
template <typename Op> LogicalResult verifyPooled(Op op, Value pooled, RankedTensorType input, Type dtype) {
  SmallVector<Type> expected;
  if (failed(inferPooled(op.getLoc(), op->getName().stripDialect(), input, op.getKernel(), op.getStride(), op.getPadding(),
                         dilationOf(op), dtype, expected)))
    return failure();
  if (pooled.getType() != expected[0])
    return op.emitOpError("expected an operand of type ") << expected[0] << ", found " << pooled.getType();
  return success();
}

template <typename Op> LogicalResult verifyPosition(Op op, RankedTensorType input) {
  if (input.getRank() != 4 || dimSizes(typeOf(op.getPosition())) != SmallVector<SizeExpr>{dimSize(input, 2), dimSize(input, 3)})
    return op.emitOpError("expected a position of the input's height and width (it is ")
           << op.getPosition().getType() << ", the input is " << input << ")";
  return success();
}

Type accumulatorOf(Type dtype) {
  auto floating = cast<FloatType>(dtype);
  return floating.getWidth() < 32 ? Type(Float32Type::get(dtype.getContext())) : dtype;
}

Value filled(OpBuilder &builder, Location loc, Type type, unsigned lanes, double number) {
  Attribute value = isa<FloatType>(type) ? Attribute(builder.getFloatAttr(type, number))
                                         : Attribute(builder.getIntegerAttr(type, static_cast<int64_t>(number)));
  if (lanes == 0)
    return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(value));
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(VectorType::get({lanes}, type), value));
}

// h * W + w of every input element, as a (H, W) tensor made of iotas.
Value positions(OpBuilder &builder, Location loc, RankedTensorType input) {
  SizeExpr height = dimSize(input, 2), width = dimSize(input, 3);
  Value flat = IotaOp::create(builder, loc, tensorOf({height * width}, builder.getI64Type()), 0);
  return ReshapeOp::create(builder, loc, tensorOf({height, width}, builder.getI64Type()), flat);
}

} // namespace

LogicalResult MaxPool2dIndicesOp::verify() { return verifyPosition(*this, typeOf(getInput())); }
LogicalResult MaxPool2dGradOp::verify() {
  RankedTensorType input = typeOf(getResult());
  if (failed(verifyPooled(*this, getCotangent(), input, input.getElementType())) ||
      failed(verifyPooled(*this, getIndices(), input, typeOf(getIndices()).getElementType())))
    return failure();
  return verifyPosition(*this, input);
}
LogicalResult WindowSumGradOp::verify() {
  RankedTensorType input = typeOf(getResult());
  return verifyPooled(*this, getCotangent(), input, input.getElementType());
}

// ---- max_pool2d

LogicalResult MaxPool2dOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  auto input = cast<RankedTensorType>(adaptor.getInput().getType());
  return inferPooled(loc, "max_pool2d", input, adaptor.getKernel(), adaptor.getStride(), adaptor.getPadding(),
                     adaptor.getDilation(), input.getElementType(), results);
}
SmallVector<SizeExpr> MaxPool2dOp::reducedSizes() { return Window(*this).taps(); }
Access MaxPool2dOp::access(unsigned, ArrayRef<Expr> loops, Space &space) {
  return Window(*this).input(typeOf(getInput()), loops, space);
}
SmallVector<Type> MaxPool2dOp::accumulatorTypes() { return {accumulatorOf(typeOf(getInput()).getElementType())}; }
SmallVector<Value> MaxPool2dOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  return {filled(builder, loc, accumulatorTypes()[0], lanes, -std::numeric_limits<double>::infinity())};
}
SmallVector<Value> MaxPool2dOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  return {arith::MaximumFOp::create(builder, loc, left[0], right[0])};
}
SmallVector<Value> MaxPool2dOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Location loc = getLoc();
  Value position = positions(builder, loc, typeOf(getInput()));
  Value indices =
      MaxPool2dIndicesOp::create(builder, loc, getInput(), position, getKernel(), getStride(), getPadding(), getDilation());
  return {MaxPool2dGradOp::create(builder, loc, getInput().getType(), cotangents[0], indices, position, getKernel(), getStride(),
                                  getPadding(), getDilation())};
}
void MaxPool2dOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getInput()); }
LogicalResult MaxPool2dOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  llvm::fill(results[0].reals, -std::numeric_limits<double>::infinity());
  Window(*this).forEach(results[0], *operands[0], [&](int64_t out, int64_t in) {
    double value = operands[0]->reals[in], &best = results[0].reals[out];
    if (!(value <= best) && !std::isnan(best))
      best = value;
  });
  return success();
}

// ---- max_pool2d_indices: the state is the value and its position

LogicalResult MaxPool2dIndicesOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor adaptor,
                                                   SmallVectorImpl<Type> &results) {
  return inferPooled(loc, "max_pool2d_indices", cast<RankedTensorType>(adaptor.getInput().getType()), adaptor.getKernel(),
                     adaptor.getStride(), adaptor.getPadding(), adaptor.getDilation(), IntegerType::get(context, 64), results);
}
SmallVector<SizeExpr> MaxPool2dIndicesOp::reducedSizes() { return Window(*this).taps(); }
Access MaxPool2dIndicesOp::access(unsigned operand, ArrayRef<Expr> loops, Space &space) {
  Access access = Window(*this).input(typeOf(getInput()), loops, space);
  if (operand == 1) // the position of the same element, without batch and channel
    access.indices.erase(access.indices.begin(), access.indices.begin() + 2);
  return access;
}
SmallVector<Type> MaxPool2dIndicesOp::accumulatorTypes() {
  return {accumulatorOf(typeOf(getInput()).getElementType()), IntegerType::get(getContext(), 64)};
}
SmallVector<Value> MaxPool2dIndicesOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  return {filled(builder, loc, accumulatorTypes()[0], lanes, -std::numeric_limits<double>::infinity()),
          filled(builder, loc, builder.getI64Type(), lanes, -1)};
}
SmallVector<Value> MaxPool2dIndicesOp::lift(OpBuilder &, Location, ValueRange args, Value) { return {args[0], args[1]}; }
// Taps come in rising order: the later one wins only when larger, or NaN, or when nothing was inside before it.
SmallVector<Value> MaxPool2dIndicesOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  ScalarEmitter emitter{builder, loc};
  Value zero = emitter.constant(left[1], 0);
  Value larger = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, left[0], right[0]);
  Value isFirst = emitter.less(left[1], zero);
  Value wins = emitter.make<arith::OrIOp>(isFirst, emitter.make<arith::OrIOp>(larger, emitter.isNan(right[0])));
  return {emitter.select(wins, right[0], left[0]), emitter.select(wins, right[1], left[1])};
}
Value MaxPool2dIndicesOp::finish(OpBuilder &, Location, ValueRange state) { return state[1]; }
LogicalResult MaxPool2dIndicesOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  std::vector<double> best(results[0].size());
  llvm::fill(results[0].integers, -1);
  int64_t plane = operands[0]->shape()[2] * operands[0]->shape()[3];
  Window(*this).forEach(results[0], *operands[0], [&](int64_t out, int64_t in) {
    double value = operands[0]->reals[in];
    if (results[0].integers[out] < 0 || value > best[out] || std::isnan(value)) {
      best[out] = value;
      results[0].integers[out] = in % plane;
    }
  });
  return success();
}

// ---- max_pool2d_grad

SmallVector<SizeExpr> MaxPool2dGradOp::reducedSizes() { return Window(*this).taps(); }
Access MaxPool2dGradOp::access(unsigned operand, ArrayRef<Expr> loops, Space &space) {
  if (operand == 2)
    return {{loops[2], loops[3]}, {}};
  return Window(*this).output(typeOf(getCotangent()), loops, space);
}
SmallVector<Type> MaxPool2dGradOp::accumulatorTypes() { return {accumulatorOf(typeOf(getCotangent()).getElementType())}; }
SmallVector<Value> MaxPool2dGradOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  return {filled(builder, loc, accumulatorTypes()[0], lanes, 0)};
}
SmallVector<Value> MaxPool2dGradOp::lift(OpBuilder &builder, Location loc, ValueRange args, Value) {
  ScalarEmitter emitter{builder, loc};
  return {emitter.select(emitter.equal(args[1], args[2]), args[0], emitter.constant(args[0], 0))};
}
SmallVector<Value> MaxPool2dGradOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  return {arith::AddFOp::create(builder, loc, left[0], right[0])};
}
// Adjoint: each window picks its element again.
SmallVector<Value> MaxPool2dGradOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Location loc = getLoc();
  RankedTensorType whole = typeOf(getResult()), pooled = typeOf(getIndices());
  auto flattened = [&](RankedTensorType type) {
    return tensorOf({dimSize(type, 0), dimSize(type, 1), dimSize(type, 2) * dimSize(type, 3)}, type.getElementType());
  };
  Value planes = ReshapeOp::create(builder, loc, flattened(whole), cotangents[0]);
  Value indices = ReshapeOp::create(builder, loc, flattened(pooled), getIndices());
  Value picked = GatherOp::create(builder, loc, planes, indices, 2);
  return {ReshapeOp::create(builder, loc, getCotangent().getType(), picked), Value(), Value()};
}
void MaxPool2dGradOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getIndices()); }
LogicalResult MaxPool2dGradOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  int64_t plane = results[0].shape()[2] * results[0].shape()[3];
  Window(*this).forEach(*operands[0], results[0], [&](int64_t out, int64_t in) {
    if (operands[1]->integers[out] == in % plane)
      results[0].reals[in] += operands[0]->reals[out];
  });
  return success();
}
double MaxPool2dGradOp::allowedUlps() { return 4; }
bool MaxPool2dGradOp::relativeToMagnitude() { return true; }

// ---- window_sum and its gradient

LogicalResult WindowSumOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  auto input = cast<RankedTensorType>(adaptor.getInput().getType());
  return inferPooled(loc, "window_sum", input, adaptor.getKernel(), adaptor.getStride(), adaptor.getPadding(), kUndilated,
                     input.getElementType(), results);
}
SmallVector<SizeExpr> WindowSumOp::reducedSizes() { return Window(*this).taps(); }
Access WindowSumOp::access(unsigned, ArrayRef<Expr> loops, Space &space) {
  return Window(*this).input(typeOf(getInput()), loops, space);
}
SmallVector<Type> WindowSumOp::accumulatorTypes() { return {accumulatorOf(typeOf(getInput()).getElementType())}; }
SmallVector<Value> WindowSumOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  return {filled(builder, loc, accumulatorTypes()[0], lanes, 0)};
}
SmallVector<Value> WindowSumOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  return {arith::AddFOp::create(builder, loc, left[0], right[0])};
}
SmallVector<Value> WindowSumOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {
      WindowSumGradOp::create(builder, getLoc(), getInput().getType(), cotangents[0], getKernel(), getStride(), getPadding())};
}
void WindowSumOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
LogicalResult WindowSumOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  Window(*this).forEach(results[0], *operands[0],
                        [&](int64_t out, int64_t in) { results[0].reals[out] += operands[0]->reals[in]; });
  return success();
}
double WindowSumOp::allowedUlps() { return 4; }
bool WindowSumOp::relativeToMagnitude() { return true; }

SmallVector<SizeExpr> WindowSumGradOp::reducedSizes() { return Window(*this).taps(); }
Access WindowSumGradOp::access(unsigned, ArrayRef<Expr> loops, Space &space) {
  return Window(*this).output(typeOf(getCotangent()), loops, space);
}
SmallVector<Type> WindowSumGradOp::accumulatorTypes() { return {accumulatorOf(typeOf(getCotangent()).getElementType())}; }
SmallVector<Value> WindowSumGradOp::identity(OpBuilder &builder, Location loc, unsigned lanes) {
  return {filled(builder, loc, accumulatorTypes()[0], lanes, 0)};
}
SmallVector<Value> WindowSumGradOp::combine(OpBuilder &builder, Location loc, ValueRange left, ValueRange right) {
  return {arith::AddFOp::create(builder, loc, left[0], right[0])};
}
SmallVector<Value> WindowSumGradOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {WindowSumOp::create(builder, getLoc(), cotangents[0], getKernel(), getStride(), getPadding())};
}
void WindowSumGradOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
LogicalResult WindowSumGradOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  Window(*this).forEach(*operands[0], results[0],
                        [&](int64_t out, int64_t in) { results[0].reals[in] += operands[0]->reals[out]; });
  return success();
}
double WindowSumGradOp::allowedUlps() { return 4; }
bool WindowSumGradOp::relativeToMagnitude() { return true; }

} // namespace ember::ir

#include "ir/ops/Pooling.family.inc"
