#include "ir/ops/View.h"

#include "ir/ops/Arithmetic.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/Splat.h"

using namespace mlir;

namespace ember::ir {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// ---- broadcast

LogicalResult BroadcastOp::verify() {
  if (typeOf(getInput()).getElementType() != typeOf(getResult()).getElementType())
    return emitOpError("broadcast: the operand is ")
           << getInput().getType() << ", the result " << getResult().getType() << ", expected one dtype";
  auto from = dimSizes(typeOf(getInput())), to = dimSizes(typeOf(getResult()));
  if (from.size() > to.size())
    return emitOpError("broadcast: the operand has rank ") << from.size() << ", expected at most " << to.size();
  size_t missing = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != SizeExpr(1) && from[i] != to[missing + i])
      return emitOpError("broadcast: operand dimension ")
             << i << " is " << from[i].str() << ", expected 1 or " << to[missing + i].str();
  return success();
}

Access BroadcastOp::access(unsigned, ArrayRef<Expr> loops, Space &) {
  auto from = dimSizes(typeOf(getInput()));
  size_t missing = loops.size() - from.size();
  Access access;
  for (size_t i = 0; i < from.size(); ++i)
    access.indices.push_back(from[i] == SizeExpr(1) ? Expr(0) : loops[missing + i]);
  return access;
}

SmallVector<Value> BroadcastOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {sumTo(builder, getLoc(), cotangents[0], typeOf(getInput()))};
}
// Dimensions align at the right, so one broadcast does what two in a row do; leading ones need no reshape.
OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<BroadcastOp>()) {
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  auto inner = getInput().getDefiningOp<ReshapeOp>();
  if (!inner)
    return {};
  SmallVector<SizeExpr> from = dimSizes(typeOf(inner.getInput())), to = dimSizes(typeOf(inner.getResult()));
  if (to.size() <= from.size() || ArrayRef(to).take_back(from.size()) != ArrayRef(from))
    return {};
  getInputMutable().assign(inner.getInput());
  return getResult();
}
void BroadcastOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

LogicalResult BroadcastOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  const ReferenceTensor &input = *operands[0];
  size_t missing = results[0].shape().size() - input.shape().size();
  for (int64_t flat = 0; flat < results[0].size(); ++flat) {
    SmallVector<int64_t> index = results[0].unflatten(flat);
    index.erase(index.begin(), index.begin() + missing);
    for (auto [position, size] : llvm::zip_equal(index, input.shape()))
      position = size == 1 ? 0 : position;
    results[0].set(flat, input.at(input.flatten(index)));
  }
  return success();
}

// ---- reshape

LogicalResult ReshapeOp::verify() {
  if (typeOf(getInput()).getElementType() != typeOf(getResult()).getElementType())
    return emitOpError("reshape: the operand is ")
           << getInput().getType() << ", the result " << getResult().getType() << ", expected one dtype";
  SizeExpr from = elementCount(typeOf(getInput())), to = elementCount(typeOf(getResult()));
  if (from != to)
    return emitOpError("reshape: the operand has ") << from.str() << " elements, the result " << to.str();
  return success();
}

Access ReshapeOp::access(unsigned, ArrayRef<Expr> loops, Space &space) {
  Expr flat = flatIndex(space, loops, dimSizes(typeOf(getResult())));
  return {delinearize(space, flat, dimSizes(typeOf(getInput()))), {}};
}

SmallVector<Value> ReshapeOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  return {ReshapeOp::create(builder, getLoc(), getInput().getType(), cotangents[0])};
}
OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  auto inner = getInput().getDefiningOp<ReshapeOp>();
  if (!inner)
    return {};
  getInputMutable().assign(inner.getInput());
  return getResult();
}
void ReshapeOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

LogicalResult ReshapeOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  for (int64_t flat = 0; flat < results[0].size(); ++flat)
    results[0].set(flat, operands[0]->at(flat));
  return success();
}

// ---- transpose

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  auto type = cast<RankedTensorType>(adaptor.getInput().getType());
  ArrayRef<int64_t> permutation = adaptor.getPermutation();
  SmallVector<int64_t> sorted(permutation);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, type.getRank())))
    return emitOptionalError(loc, "transpose: expected a permutation of the operand's ", type.getRank(), " dimensions");
  SmallVector<SizeExpr> sizes = dimSizes(type), permuted;
  for (int64_t dim : permutation)
    permuted.push_back(sizes[dim]);
  results.push_back(tensorOf(permuted, type.getElementType()));
  return success();
}

LogicalResult TransposeOp::verify() { return success(); } // inference has seen to it

Access TransposeOp::access(unsigned, ArrayRef<Expr> loops, Space &) {
  Access access;
  access.indices.resize(loops.size());
  for (auto [i, dim] : llvm::enumerate(getPermutation()))
    access.indices[dim] = loops[i];
  return access;
}

SmallVector<Value> TransposeOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  SmallVector<int64_t> inverse(getPermutation().size());
  for (auto [i, dim] : llvm::enumerate(getPermutation()))
    inverse[dim] = i;
  return {TransposeOp::create(builder, getLoc(), getInput().getType(), cotangents[0], inverse)};
}
OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (llvm::is_sorted(getPermutation()))
    return getInput();
  auto inner = getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return {};
  SmallVector<int64_t> combined;
  for (int64_t dim : getPermutation())
    combined.push_back(inner.getPermutation()[dim]);
  setPermutation(combined);
  getInputMutable().assign(inner.getInput());
  return getResult();
}
void TransposeOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}

LogicalResult TransposeOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  for (int64_t flat = 0; flat < results[0].size(); ++flat) {
    SmallVector<int64_t> index = results[0].unflatten(flat), source(index.size());
    for (auto [i, dim] : llvm::enumerate(getPermutation()))
      source[dim] = index[i];
    results[0].set(flat, operands[0]->at(operands[0]->flatten(source)));
  }
  return success();
}

// ---- slice and update_slice

static LogicalResult verifySlice(Operation *op, RankedTensorType whole, RankedTensorType part, size_t starts,
                                 ArrayRef<int64_t> strides) {
  size_t rank = whole.getRank();
  if (static_cast<size_t>(part.getRank()) != rank || starts != rank || strides.size() != rank)
    return op->emitOpError("expected one start, stride and size for each of the ") << rank << " dimensions";
  if (whole.getElementType() != part.getElementType())
    return op->emitOpError("the slice is of ") << part.getElementType() << ", expected " << whole.getElementType();
  for (auto [dim, stride] : llvm::enumerate(strides)) {
    if (stride < 1)
      return op->emitOpError("stride ") << dim << " is " << stride << ", expected at least 1";
    std::optional<int64_t> from = dimSize(whole, dim).constant(), size = dimSize(part, dim).constant();
    if (from && size && *size > 0 && (*size - 1 > INT64_MAX / stride || (*size - 1) * stride >= *from))
      return op->emitOpError("dimension ") << dim << ": " << *size << " elements " << stride << " apart do not fit into "
                                           << *from;
  }
  return success();
}

// The index start + l * stride of each dimension; starts beyond what fits are clamped where they are loaded.
static Access sliceAccess(Operation *op, RankedTensorType whole, RankedTensorType part, ValueRange starts,
                          ArrayRef<int64_t> strides, ArrayRef<Expr> loops, Space &space) {
  Access access;
  for (size_t dim = 0; dim < loops.size(); ++dim) {
    Expr span = (space.size(dimSize(part, dim)) - Expr(1)) * Expr(strides[dim]);
    Expr start = space.element(op, starts[dim], {}, space.size(dimSize(whole, dim)) - span);
    access.indices.push_back(start + loops[dim] * Expr(strides[dim]));
  }
  return access;
}

// The flat position in `whole` of element `flat` of `part`; nothing when a start does not fit.
static std::optional<int64_t> slicePosition(const ReferenceTensor &whole, const ReferenceTensor &part, int64_t flat,
                                            ArrayRef<const ReferenceTensor *> starts, ArrayRef<int64_t> strides) {
  SmallVector<int64_t> index = part.unflatten(flat);
  for (size_t dim = 0; dim < index.size(); ++dim) {
    int64_t start = starts[dim]->integers[0];
    if (start < 0 || start + (part.shape()[dim] - 1) * strides[dim] >= whole.shape()[dim])
      return std::nullopt;
    index[dim] = start + index[dim] * strides[dim];
  }
  return whole.flatten(index);
}

LogicalResult SliceOp::verify() {
  return verifySlice(*this, typeOf(getInput()), typeOf(getResult()), getStarts().size(), getStrides());
}
Access SliceOp::access(unsigned operand, ArrayRef<Expr> loops, Space &space) {
  if (operand > 0)
    return {};
  return sliceAccess(*this, typeOf(getInput()), typeOf(getResult()), getStarts(), getStrides(), loops, space);
}
SmallVector<Value> SliceOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(needs.size());
  Value zeros = fullLike(builder, getLoc(), typeOf(getInput()), 0);
  gradients[0] = UpdateSliceOp::create(builder, getLoc(), zeros, cotangents[0], getStarts(), getStrides());
  return gradients;
}
// Whether the starts are these numbers, known when compiling, one apart.
static bool startsAt(ValueRange starts, ArrayRef<int64_t> strides, ArrayRef<int64_t> numbers) {
  return llvm::all_of(strides, [](int64_t stride) { return stride == 1; }) &&
         llvm::all_of(llvm::zip_equal(starts, numbers),
                      [](auto pair) { return isSplat(std::get<0>(pair), static_cast<double>(std::get<1>(pair))); });
}

// The whole tensor, what `pad` put a border around, or what `update_slice` put there. A start known only when running may be
// out of range: that fault stays.
OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType() && startsAt(getStarts(), getStrides(), SmallVector<int64_t>(getStarts().size())))
    return getInput();
  if (auto pad = getInput().getDefiningOp<PadOp>())
    if (pad.getInput().getType() == getType() && startsAt(getStarts(), getStrides(), pad.getLow()))
      return pad.getInput();
  auto update = getInput().getDefiningOp<UpdateSliceOp>();
  bool isKnown = llvm::all_of(getStarts(), [](Value start) { return splatOf(start).has_value(); });
  if (update && isKnown && update.getUpdate().getType() == getType() && update.getStarts() == getStarts() &&
      update.getStrides() == getStrides())
    return update.getUpdate();
  return {};
}
void SliceOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { llvm::append_range(reads, getStarts()); }
LogicalResult SliceOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  for (int64_t flat = 0; flat < results[0].size(); ++flat) {
    auto position = slicePosition(*operands[0], results[0], flat, operands.drop_front(), getStrides());
    if (!position)
      return emitOpError("slice: a start is out of range");
    results[0].set(flat, operands[0]->at(*position));
  }
  return success();
}

LogicalResult UpdateSliceOp::verify() {
  return verifySlice(*this, typeOf(getBase()), typeOf(getUpdate()), getStarts().size(), getStrides());
}
StringRef UpdateSliceOp::kernelKind() { return "scatter"; }
int UpdateSliceOp::inPlaceOperand(unsigned) { return 0; }
unsigned UpdateSliceOp::updateOperand() { return 1; }
bool UpdateSliceOp::accumulates() { return false; }
Access UpdateSliceOp::target(ArrayRef<Expr> loops, Space &space) {
  return sliceAccess(*this, typeOf(getBase()), typeOf(getUpdate()), getStarts(), getStrides(), loops, space);
}
SmallVector<Value> UpdateSliceOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(needs.size());
  Location loc = getLoc();
  if (needs[0]) {
    Value zeros = fullLike(builder, loc, typeOf(getUpdate()), 0);
    gradients[0] = UpdateSliceOp::create(builder, loc, cotangents[0], zeros, getStarts(), getStrides());
  }
  if (needs[1])
    gradients[1] = SliceOp::create(builder, loc, getUpdate().getType(), cotangents[0], getStarts(), getStrides());
  return gradients;
}
OpFoldResult UpdateSliceOp::fold(FoldAdaptor) {
  bool isWhole =
      getUpdate().getType() == getType() && startsAt(getStarts(), getStrides(), SmallVector<int64_t>(getStarts().size()));
  return isWhole ? getUpdate() : Value();
}
void UpdateSliceOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { llvm::append_range(reads, getStarts()); }
LogicalResult UpdateSliceOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  results[0] = *operands[0];
  for (int64_t flat = 0; flat < operands[1]->size(); ++flat) {
    auto position = slicePosition(results[0], *operands[1], flat, operands.drop_front(2), getStrides());
    if (!position)
      return emitOpError("update_slice: a start is out of range");
    results[0].set(*position, operands[1]->at(flat));
  }
  return success();
}

// ---- pad

LogicalResult PadOp::verify() {
  if (typeOf(getInput()).getElementType() != typeOf(getResult()).getElementType())
    return emitOpError("pad: the operand is ")
           << getInput().getType() << ", the result " << getResult().getType() << ", expected one dtype";
  auto from = dimSizes(typeOf(getInput())), to = dimSizes(typeOf(getResult()));
  if (getLow().size() != from.size() || getHigh().size() != from.size() || to.size() != from.size())
    return emitOpError("pad: expected one border on each side of the ") << from.size() << " dimensions";
  for (size_t i = 0; i < from.size(); ++i) {
    if (getLow()[i] < 0 || getHigh()[i] < 0)
      return emitOpError("pad: border of dimension ") << i << " is negative";
    if (from[i] + SizeExpr(getLow()[i] + getHigh()[i]) != to[i])
      return emitOpError("pad: result dimension ")
             << i << " is " << to[i].str() << ", expected " << (from[i] + SizeExpr(getLow()[i] + getHigh()[i])).str();
  }
  return success();
}
Access PadOp::access(unsigned, ArrayRef<Expr> loops, Space &space) {
  Access access;
  for (auto [dim, size] : llvm::enumerate(dimSizes(typeOf(getInput())))) {
    access.indices.push_back(loops[dim] - Expr(getLow()[dim]));
    if (getLow()[dim] != 0 || getHigh()[dim] != 0)
      access.inside.push_back({access.indices.back(), space.size(size)});
  }
  return access;
}
std::optional<Scalar> PadOp::fill() {
  double value = getValue().convertToDouble();
  if (isa<FloatType>(typeOf(getResult()).getElementType()))
    return Scalar::real(value);
  return Scalar::integer(static_cast<int64_t>(value));
}
SmallVector<Value> PadOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  SmallVector<Value> starts;
  auto scalar = RankedTensorType::get({}, builder.getI64Type());
  for (int64_t low : getLow())
    starts.push_back(ConstantOp::create(builder, getLoc(), DenseElementsAttr::get(scalar, low)));
  SmallVector<int64_t> strides(getLow().size(), 1);
  return {SliceOp::create(builder, getLoc(), getInput().getType(), cotangents[0], starts, strides)};
}
OpFoldResult PadOp::fold(FoldAdaptor) { return getInput().getType() == getType() ? getInput() : Value(); }
void PadOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
LogicalResult PadOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  for (int64_t flat = 0; flat < results[0].size(); ++flat) {
    SmallVector<int64_t> index = results[0].unflatten(flat);
    bool inside = true;
    for (size_t dim = 0; dim < index.size(); ++dim) {
      index[dim] -= getLow()[dim];
      inside &= index[dim] >= 0 && index[dim] < operands[0]->shape()[dim];
    }
    results[0].set(flat, inside ? operands[0]->at(operands[0]->flatten(index)) : *fill());
  }
  return success();
}

// ---- concat

LogicalResult ConcatOp::verify() {
  auto result = dimSizes(typeOf(getResult()));
  uint64_t axis = getAxis();
  if (axis >= result.size())
    return emitOpError("concat: axis is ") << static_cast<int64_t>(axis) << ", expected one below the rank " << result.size();
  SizeExpr total;
  for (auto [number, input] : llvm::enumerate(getInputs())) {
    auto sizes = dimSizes(typeOf(input));
    if (typeOf(input).getElementType() != typeOf(getResult()).getElementType() || sizes.size() != result.size())
      return emitOpError("concat: operand ")
             << number << " is " << input.getType() << ", expected rank and dtype of " << getResult().getType();
    for (size_t dim = 0; dim < sizes.size(); ++dim)
      if (dim != axis && sizes[dim] != result[dim])
        return emitOpError("concat: dimension ")
               << dim << " of operand " << number << " is " << sizes[dim].str() << ", expected " << result[dim].str();
    total = total + sizes[axis];
  }
  if (total != result[axis])
    return emitOpError("concat: the operands have ") << total.str() << " along the axis, the result " << result[axis].str();
  return success();
}
Access ConcatOp::access(unsigned operand, ArrayRef<Expr> loops, Space &space) {
  SizeExpr named;
  int64_t known = 0; // static sizes as numbers: operands may be thousands
  for (Value earlier : getInputs().take_front(operand)) {
    if (typeOf(earlier).isDynamicDim(getAxis()))
      named = named + dimSize(typeOf(earlier), getAxis());
    else
      known += typeOf(earlier).getDimSize(getAxis());
  }
  Access access{SmallVector<Expr>(loops), {}};
  access.indices[getAxis()] = loops[getAxis()] - space.size(named + SizeExpr(known));
  access.inside.push_back({access.indices[getAxis()], space.size(dimSize(typeOf(getInputs()[operand]), getAxis()))});
  return access;
}
unsigned ConcatOp::movedOperands() { return getNumOperands(); }
SmallVector<Value> ConcatOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(needs.size());
  auto scalar = RankedTensorType::get({}, builder.getI64Type());
  auto number = [&](int64_t value) -> Value {
    return ConstantOp::create(builder, getLoc(), DenseElementsAttr::get(scalar, value));
  };
  SmallVector<int64_t> strides(typeOf(getResult()).getRank(), 1), axes{static_cast<int64_t>(getAxis())};
  int64_t known = 0; // of where an operand begins: the static sizes
  Value named;       // and those that have names
  for (auto [operand, input] : llvm::enumerate(getInputs())) {
    if (needs[operand]) {
      SmallVector<Value> starts(strides.size(), number(0));
      starts[getAxis()] = !named ? number(known) : known ? AddOp::create(builder, getLoc(), named, number(known)) : named;
      gradients[operand] = SliceOp::create(builder, getLoc(), input.getType(), cotangents[0], starts, strides);
    }
    if (std::optional<int64_t> size = dimSize(typeOf(input), getAxis()).constant()) {
      known += *size;
      continue;
    }
    Value size = castTo(builder, getLoc(), elementCount(builder, getLoc(), typeOf(input), axes), scalar.getElementType());
    named = named ? AddOp::create(builder, getLoc(), named, size) : size;
  }
  return gradients;
}
OpFoldResult ConcatOp::fold(FoldAdaptor) { return getInputs().size() == 1 ? getInputs().front() : Value(); }
void ConcatOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &) {}
LogicalResult ConcatOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  for (int64_t flat = 0; flat < results[0].size(); ++flat) {
    SmallVector<int64_t> index = results[0].unflatten(flat);
    size_t operand = 0;
    while (index[getAxis()] >= operands[operand]->shape()[getAxis()])
      index[getAxis()] -= operands[operand++]->shape()[getAxis()];
    results[0].set(flat, operands[operand]->at(operands[operand]->flatten(index)));
  }
  return success();
}

} // namespace ember::ir

#include "ir/ops/View.family.inc"
