#include "ir/ops/GatherScatter.h"

#include "ir/ops/Gradient.h"

using namespace mlir;

namespace ember::ir {

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// take's rule: loops a… i… b… address the input at a…, indices[i…], b….
Access takeAccess(Operation *op, RankedTensorType input, Value indices, int64_t axis, ArrayRef<Expr> loops, Space &space) {
  int64_t indexRank = typeOf(indices).getRank();
  Access access{SmallVector<Expr>(loops.take_front(axis)), {}};
  access.indices.push_back(space.element(op, indices, loops.slice(axis, indexRank), space.size(dimSize(input, axis))));
  llvm::append_range(access.indices, loops.drop_front(axis + indexRank));
  return access;
}

// gather's rule: the index tensor is read at the loops themselves.
Access gatherAccess(Operation *op, RankedTensorType input, Value indices, int64_t axis, ArrayRef<Expr> loops, Space &space) {
  Access access{SmallVector<Expr>(loops), {}};
  access.indices[axis] = space.element(op, indices, loops, space.size(dimSize(input, axis)));
  return access;
}

LogicalResult verifyGathered(function_ref<InFlightDiagnostic()> error, StringRef name, RankedTensorType whole,
                             RankedTensorType indices, int64_t axis) {
  if (axis < 0 || axis >= whole.getRank())
    return error() << name << ": axis is " << axis << ", expected one below the rank " << whole.getRank();
  if (indices.getRank() != whole.getRank())
    return error() << name << ": the indices have rank " << indices.getRank() << ", expected " << whole.getRank();
  for (int64_t dim = 0; dim < whole.getRank(); ++dim) {
    SizeExpr size = dimSize(whole, dim), own = dimSize(indices, dim);
    bool fits = size == own || (size.constant() && own.constant() && *own.constant() <= *size.constant());
    if (dim != axis && !fits)
      return error() << name << ": dimension " << dim << " of the indices is " << own.str() << ", expected at most "
                     << size.str();
  }
  return success();
}

SmallVector<SizeExpr> takenSizes(RankedTensorType input, RankedTensorType indices, int64_t axis) {
  SmallVector<SizeExpr> sizes = dimSizes(input), middle = dimSizes(indices);
  SmallVector<SizeExpr> result(sizes.begin(), sizes.begin() + axis);
  llvm::append_range(result, middle);
  result.append(sizes.begin() + axis + 1, sizes.end());
  return result;
}

// Flat position in `whole` of element `flat` of `part`, by take's or gather's rule.
FailureOr<int64_t> position(Operation *op, const ReferenceTensor &whole, const ReferenceTensor &indices,
                            const ReferenceTensor &part, int64_t flat, int64_t axis, bool byTake) {
  SmallVector<int64_t> loops = part.unflatten(flat);
  size_t indexRank = byTake ? indices.shape().size() : 1;
  SmallVector<int64_t> own = byTake ? SmallVector<int64_t>(ArrayRef(loops).slice(axis, indexRank)) : loops;
  int64_t index = indices.integers[indices.flatten(own)];
  if (index < 0 || index >= whole.shape()[axis])
    return op->emitError("index ") << index << " is out of bounds for a dimension with size " << whole.shape()[axis];
  SmallVector<int64_t> target(loops.begin(), loops.begin() + axis);
  target.push_back(index);
  target.append(loops.begin() + axis + indexRank, loops.end());
  return whole.flatten(target);
}

LogicalResult evaluateGathering(Operation *op, ArrayRef<const ReferenceTensor *> operands, ReferenceTensor &result, int64_t axis,
                                bool byTake) {
  for (int64_t flat = 0; flat < result.size(); ++flat) {
    FailureOr<int64_t> source = position(op, *operands[0], *operands[1], result, flat, axis, byTake);
    if (failed(source))
      return failure();
    result.set(flat, operands[0]->at(*source));
  }
  return success();
}

LogicalResult evaluateScattering(Operation *op, ArrayRef<const ReferenceTensor *> operands, ReferenceTensor &result, int64_t axis,
                                 bool byTake, bool adds) {
  result = *operands[0];
  for (int64_t flat = 0; flat < operands[2]->size(); ++flat) {
    FailureOr<int64_t> target = position(op, result, *operands[1], *operands[2], flat, axis, byTake);
    if (failed(target))
      return failure();
    if (!adds)
      result.set(*target, operands[2]->at(flat));
    else if (result.isReal())
      result.reals[*target] += operands[2]->reals[flat];
    else
      result.integers[*target] = static_cast<int64_t>(static_cast<uint64_t>(result.integers[*target]) +
                                                      static_cast<uint64_t>(operands[2]->integers[flat]));
  }
  return success();
}

} // namespace

// ---- take

LogicalResult TakeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  auto input = cast<RankedTensorType>(adaptor.getInput().getType());
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= input.getRank())
    return emitOptionalError(loc, "take: axis is ", axis, ", expected one below the rank ", input.getRank());
  auto indices = cast<RankedTensorType>(adaptor.getIndices().getType());
  results.push_back(tensorOf(takenSizes(input, indices, axis), input.getElementType()));
  return success();
}
Access TakeOp::access(unsigned operand, ArrayRef<Expr> loops, Space &space) {
  if (operand == 1)
    return {SmallVector<Expr>(loops.slice(getAxis(), typeOf(getIndices()).getRank())), {}};
  return takeAccess(*this, typeOf(getInput()), getIndices(), getAxis(), loops, space);
}
SmallVector<Value> TakeOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Value zeros = fullLike(builder, getLoc(), typeOf(getInput()), 0);
  return {IndexAddOp::create(builder, getLoc(), zeros, getIndices(), cotangents[0], getAxis()), Value()};
}
void TakeOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getIndices()); }
LogicalResult TakeOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  return evaluateGathering(*this, operands, results[0], getAxis(), true);
}

// ---- gather

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  auto input = cast<RankedTensorType>(adaptor.getInput().getType()),
       indices = cast<RankedTensorType>(adaptor.getIndices().getType());
  Location place = loc.value_or(UnknownLoc::get(input.getContext()));
  auto error = [&] { return mlir::emitError(place); };
  if (failed(verifyGathered(error, "gather", input, indices, adaptor.getAxis())))
    return failure();
  results.push_back(tensorOf(dimSizes(indices), input.getElementType()));
  return success();
}
Access GatherOp::access(unsigned operand, ArrayRef<Expr> loops, Space &space) {
  if (operand == 1)
    return {SmallVector<Expr>(loops), {}};
  return gatherAccess(*this, typeOf(getInput()), getIndices(), getAxis(), loops, space);
}
SmallVector<Value> GatherOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool>) {
  Value zeros = fullLike(builder, getLoc(), typeOf(getInput()), 0);
  return {ScatterAddOp::create(builder, getLoc(), zeros, getIndices(), cotangents[0], getAxis()), Value()};
}
void GatherOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getIndices()); }
LogicalResult GatherOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  return evaluateGathering(*this, operands, results[0], getAxis(), false);
}

// ---- scatter_add

template <typename Op> static LogicalResult verifyScatter(Op op, StringRef name) {
  auto indices = typeOf(op.getIndices()), updates = typeOf(op.getUpdates());
  auto error = [&] { return op.emitOpError(); };
  if (failed(verifyGathered(error, name, typeOf(op.getBase()), indices, op.getAxis())))
    return failure();
  if (dimSizes(indices) != dimSizes(updates))
    return op.emitOpError(name) << ": the updates are " << updates << ", expected the shape of the indices, " << indices;
  if (updates.getElementType() != typeOf(op.getBase()).getElementType())
    return op.emitOpError(name) << ": the updates are " << updates << ", expected the dtype of " << op.getBase().getType();
  return success();
}

LogicalResult ScatterAddOp::verify() { return verifyScatter(*this, "scatter_add"); }
StringRef ScatterAddOp::kernelKind() { return "scatter"; }
int ScatterAddOp::inPlaceOperand(unsigned) { return 0; }
unsigned ScatterAddOp::updateOperand() { return 2; }
bool ScatterAddOp::accumulates() { return true; }
double ScatterAddOp::allowedUlps() { return 4; }
bool ScatterAddOp::relativeToMagnitude() { return true; }
Access ScatterAddOp::target(ArrayRef<Expr> loops, Space &space) {
  return gatherAccess(*this, typeOf(getBase()), getIndices(), getAxis(), loops, space);
}
SmallVector<Value> ScatterAddOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(3);
  if (needs[0])
    gradients[0] = cotangents[0];
  if (needs[2])
    gradients[2] = GatherOp::create(builder, getLoc(), cotangents[0], getIndices(), getAxis());
  return gradients;
}
void ScatterAddOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[2])
    reads.push_back(getIndices());
}
LogicalResult ScatterAddOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  return evaluateScattering(*this, operands, results[0], getAxis(), false, true);
}

// ---- index_add

LogicalResult IndexAddOp::verify() {
  auto base = typeOf(getBase());
  int64_t axis = getAxis();
  if (axis < 0 || axis >= base.getRank())
    return emitOpError("index_add: axis is ") << axis << ", expected one below the rank " << base.getRank();
  if (takenSizes(base, typeOf(getIndices()), axis) != dimSizes(typeOf(getUpdates())))
    return emitOpError("index_add: the updates are ") << getUpdates().getType() << ", expected the shape that take gives";
  if (typeOf(getUpdates()).getElementType() != base.getElementType())
    return emitOpError("index_add: the updates are ") << getUpdates().getType() << ", expected the dtype of " << base;
  return success();
}
StringRef IndexAddOp::kernelKind() { return "scatter"; }
int IndexAddOp::inPlaceOperand(unsigned) { return 0; }
unsigned IndexAddOp::updateOperand() { return 2; }
bool IndexAddOp::accumulates() { return true; }
double IndexAddOp::allowedUlps() { return 4; }
bool IndexAddOp::relativeToMagnitude() { return true; }
Access IndexAddOp::target(ArrayRef<Expr> loops, Space &space) {
  return takeAccess(*this, typeOf(getBase()), getIndices(), getAxis(), loops, space);
}
SmallVector<Value> IndexAddOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(3);
  if (needs[0])
    gradients[0] = cotangents[0];
  if (needs[2])
    gradients[2] = TakeOp::create(builder, getLoc(), cotangents[0], getIndices(), getAxis());
  return gradients;
}
void IndexAddOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[2])
    reads.push_back(getIndices());
}
LogicalResult IndexAddOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  return evaluateScattering(*this, operands, results[0], getAxis(), true, true);
}

// ---- update_scatter

LogicalResult UpdateScatterOp::verify() { return verifyScatter(*this, "update_scatter"); }
StringRef UpdateScatterOp::kernelKind() { return "scatter"; }
int UpdateScatterOp::inPlaceOperand(unsigned) { return 0; }
unsigned UpdateScatterOp::updateOperand() { return 2; }
bool UpdateScatterOp::accumulates() { return false; }
Access UpdateScatterOp::target(ArrayRef<Expr> loops, Space &space) {
  return gatherAccess(*this, typeOf(getBase()), getIndices(), getAxis(), loops, space);
}
SmallVector<Value> UpdateScatterOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(3);
  Location loc = getLoc();
  if (needs[0]) {
    Value zeros = fullLike(builder, loc, typeOf(getUpdates()), 0);
    gradients[0] = UpdateScatterOp::create(builder, loc, cotangents[0], getIndices(), zeros, getAxis());
  }
  if (needs[2])
    gradients[2] = GatherOp::create(builder, loc, cotangents[0], getIndices(), getAxis());
  return gradients;
}
void UpdateScatterOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) { reads.push_back(getIndices()); }
LogicalResult UpdateScatterOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  return evaluateScattering(*this, operands, results[0], getAxis(), false, false);
}

} // namespace ember::ir

#include "ir/ops/GatherScatter.family.inc"
