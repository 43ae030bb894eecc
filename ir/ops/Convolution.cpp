#include "ir/ops/Convolution.h"

using namespace mlir;

namespace ember::ir {

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// The shared geometry of a convolution and its two gradients.
struct Geometry {
  RankedTensorType weight, input, output;
  ArrayRef<int64_t> stride, padding, dilation;
  int64_t groups;

  SizeExpr channelsPerGroup() const { return dimSize(weight, 1); }

  // The place in the input under output position `out` and kernel position `tap` along spatial dimension d (0 or 1).
  Expr under(unsigned d, const Expr &out, const Expr &tap) const {
    return out * Expr(stride[d]) + tap * Expr(dilation[d]) - Expr(padding[d]);
  }
  // The input channel of channel `c` within the group of output channel `o`.
  Expr inputChannel(Space &space, const Expr &o, const Expr &c) const {
    if (groups == 1)
      return c;
    SizeExpr perGroup = *dimSize(output, 1).dividedBy(SizeExpr(groups));
    return space.floorDiv(o, space.size(perGroup)) * space.size(channelsPerGroup()) + c;
  }
  Access inputAccess(Space &space, const Expr &n, const Expr &o, const Expr &y, const Expr &x, const Expr &c, const Expr &i,
                     const Expr &j) const {
    Access access{{n, inputChannel(space, o, c), under(0, y, i), under(1, x, j)}, {}};
    for (unsigned d = 0; d < 2; ++d)
      if (padding[d] != 0)
        access.inside.push_back({access.indices[2 + d], space.size(dimSize(input, 2 + d))});
    return access;
  }
  LogicalResult verify(Operation *op) const;

  // Every product of one multiplication: visit(output position, input position, weight position), in rising order.
  template <typename Visit>
  void forEach(const ReferenceTensor &w, const ReferenceTensor &in, const ReferenceTensor &out, Visit visit) const;
};

LogicalResult Geometry::verify(Operation *op) const {
  if (weight.getRank() != 4 || input.getRank() != 4 || output.getRank() != 4)
    return op->emitOpError("expected tensors of rank 4");
  if (stride.size() != 2 || padding.size() != 2 || dilation.size() != 2)
    return op->emitOpError("expected two strides, paddings and dilations");
  if (stride[0] < 1 || stride[1] < 1 || dilation[0] < 1 || dilation[1] < 1 || padding[0] < 0 || padding[1] < 0 || groups < 1)
    return op->emitOpError("expected strides, dilations and groups of at least 1 and paddings of at least 0");
  if (dimSize(weight, 1) * SizeExpr(groups) != dimSize(input, 1))
    return op->emitOpError("the weight is for ")
           << (dimSize(weight, 1) * SizeExpr(groups)).str() << " input channels, the input has " << dimSize(input, 1).str();
  if (dimSize(weight, 0) != dimSize(output, 1) || !dimSize(weight, 0).dividedBy(SizeExpr(groups)))
    return op->emitOpError("the weight is for ") << dimSize(weight, 0).str() << " output channels, the output has "
                                                 << dimSize(output, 1).str() << " in " << groups << " groups";
  if (dimSize(input, 0) != dimSize(output, 0))
    return op->emitOpError("the input has batch ") << dimSize(input, 0).str() << ", the output " << dimSize(output, 0).str();
  if (weight.getElementType() != input.getElementType() || output.getElementType() != input.getElementType())
    return op->emitOpError("expected one dtype (the weight is ")
           << weight << ", the input " << input << ", the output " << output << ")";
  for (unsigned d = 0; d < 2; ++d) {
    std::optional<int64_t> size = dimSize(input, 2 + d).constant(), kernel = dimSize(weight, 2 + d).constant(),
                           out = dimSize(output, 2 + d).constant();
    if (!size || !kernel || !out)
      return op->emitOpError("expected heights and widths known when the program is recorded");
    int64_t room = *size + 2 * padding[d] - dilation[d] * (*kernel - 1) - 1;
    if (*kernel < 1 || room < 0 || *out != room / stride[d] + 1)
      return op->emitOpError("dimension ") << 2 + d << ": a kernel of " << *kernel << " on an input of " << *size
                                           << " gives no output of " << *out;
  }
  return success();
}

template <typename Visit>
void Geometry::forEach(const ReferenceTensor &w, const ReferenceTensor &in, const ReferenceTensor &out, Visit visit) const {
  int64_t outPerGroup = w.shape()[0] / groups, inPerGroup = w.shape()[1];
  for (int64_t flat = 0; flat < out.size(); ++flat) {
    SmallVector<int64_t> o = out.unflatten(flat);
    for (int64_t c = 0; c < inPerGroup; ++c)
      for (int64_t i = 0; i < w.shape()[2]; ++i)
        for (int64_t j = 0; j < w.shape()[3]; ++j) {
          int64_t h = o[2] * stride[0] + i * dilation[0] - padding[0], x = o[3] * stride[1] + j * dilation[1] - padding[1];
          if (h < 0 || h >= in.shape()[2] || x < 0 || x >= in.shape()[3])
            continue;
          int64_t channel = o[1] / outPerGroup * inPerGroup + c;
          visit(flat, in.flatten({o[0], channel, h, x}), w.flatten({o[1], c, i, j}));
        }
  }
}

template <typename Op> Geometry geometryOf(Op op, Value weight, Value input, Value output) {
  return {typeOf(weight),
          typeOf(input),
          typeOf(output),
          op.getStride(),
          op.getPadding(),
          op.getDilation(),
          static_cast<int64_t>(op.getGroups())};
}
Geometry geometryOf(Conv2dOp op) { return geometryOf(op, op.getWeight(), op.getInput(), op.getResult()); }
Geometry geometryOf(Conv2dInputGradOp op) { return geometryOf(op, op.getWeight(), op.getResult(), op.getCotangent()); }
Geometry geometryOf(Conv2dWeightGradOp op) { return geometryOf(op, op.getResult(), op.getInput(), op.getCotangent()); }

} // namespace

// ---- conv2d

LogicalResult Conv2dOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  auto weight = cast<RankedTensorType>(adaptor.getWeight().getType()),
       input = cast<RankedTensorType>(adaptor.getInput().getType());
  if (weight.getRank() != 4 || input.getRank() != 4)
    return emitOptionalError(loc, "conv2d: expected operands of rank 4 (weight is ", weight, ", input is ", input, ")");
  if (adaptor.getStride().size() != 2 || adaptor.getPadding().size() != 2 || adaptor.getDilation().size() != 2 ||
      llvm::any_of(adaptor.getStride(), [](int64_t stride) { return stride < 1; }))
    return emitOptionalError(loc, "conv2d: expected two strides of at least 1, two paddings and two dilations");
  SmallVector<SizeExpr> sizes{dimSize(input, 0), dimSize(weight, 0)};
  for (unsigned d = 0; d < 2; ++d) {
    std::optional<int64_t> size = dimSize(input, 2 + d).constant(), kernel = dimSize(weight, 2 + d).constant();
    if (!size || !kernel)
      return emitOptionalError(loc, "conv2d: expected heights and widths known when the program is recorded (input is ", input,
                               ")");
    int64_t padded = *size + 2 * adaptor.getPadding()[d], span = adaptor.getDilation()[d] * (*kernel - 1) + 1;
    if (span > padded)
      return emitOptionalError(loc, "conv2d: dimension ", 2 + d, ": the kernel spans ", span, " but the padded input has ",
                               padded);
    sizes.push_back(SizeExpr((padded - span) / adaptor.getStride()[d] + 1));
  }
  results.push_back(tensorOf(sizes, input.getElementType()));
  return success();
}
LogicalResult Conv2dOp::verify() { return geometryOf(*this).verify(*this); }
SmallVector<SizeExpr> Conv2dOp::reducedSizes() {
  auto sizes = dimSizes(typeOf(getWeight()));
  return {sizes[1], sizes[2], sizes[3]};
}
Access Conv2dOp::access(unsigned operand, ArrayRef<Expr> l, Space &space) { // n o y x | c i j
  if (operand == 0)
    return {{l[1], l[4], l[5], l[6]}, {}};
  return geometryOf(*this).inputAccess(space, l[0], l[1], l[2], l[3], l[4], l[5], l[6]);
}
SmallVector<Value> Conv2dOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  if (needs[0])
    gradients[0] = Conv2dWeightGradOp::create(builder, getLoc(), getWeight().getType(), cotangents[0], getInput(), getStride(),
                                              getPadding(), getDilation(), getGroups());
  if (needs[1])
    gradients[1] = Conv2dInputGradOp::create(builder, getLoc(), getInput().getType(), getWeight(), cotangents[0], getStride(),
                                             getPadding(), getDilation(), getGroups());
  return gradients;
}
void Conv2dOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[0])
    reads.push_back(getInput());
  if (needs[1])
    reads.push_back(getWeight());
}
LogicalResult Conv2dOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  geometryOf(*this).forEach(*operands[0], *operands[1], results[0], [&](int64_t out, int64_t in, int64_t weight) {
    results[0].reals[out] += operands[0]->reals[weight] * operands[1]->reals[in];
  });
  return success();
}
double Conv2dOp::allowedUlps() { return 8; }
bool Conv2dOp::relativeToMagnitude() { return true; }

// ---- conv2d_input_grad

LogicalResult Conv2dInputGradOp::verify() { return geometryOf(*this).verify(*this); }
SmallVector<SizeExpr> Conv2dInputGradOp::reducedSizes() {
  auto sizes = dimSizes(typeOf(getWeight()));
  return {*sizes[0].dividedBy(SizeExpr(getGroups())), sizes[2], sizes[3]};
}
Access Conv2dInputGradOp::access(unsigned operand, ArrayRef<Expr> l, Space &space) { // n c h w | o i j
  Geometry geometry = geometryOf(*this);
  Expr group = 0, channel = l[1];
  if (getGroups() > 1) {
    Expr perGroup = space.size(geometry.channelsPerGroup());
    group = space.floorDiv(l[1], perGroup);
    channel = l[1] - group * perGroup;
  }
  Expr o = group * space.size(reducedSizes()[0]) + l[4];
  if (operand == 0)
    return {{o, channel, l[5], l[6]}, {}};
  Access access{{l[0], o}, {}};
  for (unsigned d = 0; d < 2; ++d) {
    Expr shifted = l[2 + d] + Expr(getPadding()[d]) - l[5 + d] * Expr(getDilation()[d]);
    Expr position = shifted;
    if (getStride()[d] > 1) {
      position = space.floorDiv(shifted, Expr(getStride()[d]));
      access.inside.push_back({shifted - position * Expr(getStride()[d]), Expr(1)});
    }
    access.inside.push_back({position, space.size(dimSize(geometry.output, 2 + d))});
    access.indices.push_back(position);
  }
  return access;
}
SmallVector<Value> Conv2dInputGradOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  if (needs[0])
    gradients[0] = Conv2dWeightGradOp::create(builder, getLoc(), getWeight().getType(), getCotangent(), cotangents[0],
                                              getStride(), getPadding(), getDilation(), getGroups());
  if (needs[1])
    gradients[1] =
        Conv2dOp::create(builder, getLoc(), getWeight(), cotangents[0], getStride(), getPadding(), getDilation(), getGroups());
  return gradients;
}
void Conv2dInputGradOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[0])
    reads.push_back(getCotangent());
  if (needs[1])
    reads.push_back(getWeight());
}
LogicalResult Conv2dInputGradOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  geometryOf(*this).forEach(*operands[0], results[0], *operands[1], [&](int64_t out, int64_t in, int64_t weight) {
    results[0].reals[in] += operands[0]->reals[weight] * operands[1]->reals[out];
  });
  return success();
}
double Conv2dInputGradOp::allowedUlps() { return 8; }
bool Conv2dInputGradOp::relativeToMagnitude() { return true; }

// ---- conv2d_weight_grad

LogicalResult Conv2dWeightGradOp::verify() { return geometryOf(*this).verify(*this); }
SmallVector<SizeExpr> Conv2dWeightGradOp::reducedSizes() {
  auto sizes = dimSizes(typeOf(getCotangent()));
  return {sizes[0], sizes[2], sizes[3]};
}
Access Conv2dWeightGradOp::access(unsigned operand, ArrayRef<Expr> l, Space &space) { // o c i j | n y x
  if (operand == 0)
    return {{l[4], l[0], l[5], l[6]}, {}};
  return geometryOf(*this).inputAccess(space, l[4], l[0], l[5], l[6], l[1], l[2], l[3]);
}
SmallVector<Value> Conv2dWeightGradOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  if (needs[0])
    gradients[0] =
        Conv2dOp::create(builder, getLoc(), cotangents[0], getInput(), getStride(), getPadding(), getDilation(), getGroups());
  if (needs[1])
    gradients[1] = Conv2dInputGradOp::create(builder, getLoc(), getInput().getType(), cotangents[0], getCotangent(), getStride(),
                                             getPadding(), getDilation(), getGroups());
  return gradients;
}
void Conv2dWeightGradOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[0])
    reads.push_back(getInput());
  if (needs[1])
    reads.push_back(getCotangent());
}
LogicalResult Conv2dWeightGradOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  geometryOf(*this).forEach(results[0], *operands[1], *operands[0], [&](int64_t out, int64_t in, int64_t weight) {
    results[0].reals[weight] += operands[0]->reals[out] * operands[1]->reals[in];
  });
  return success();
}
double Conv2dWeightGradOp::allowedUlps() { return 8; }
bool Conv2dWeightGradOp::relativeToMagnitude() { return true; }

} // namespace ember::ir

#include "ir/ops/Convolution.family.inc"
