#include "ir/ops/Contraction.h"

#include "ir/ops/Gradient.h"
#include "ir/ops/View.h"

using namespace mlir;

namespace ember::ir {

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  auto lhs = cast<RankedTensorType>(adaptor.getLhs().getType()), rhs = cast<RankedTensorType>(adaptor.getRhs().getType());
  if (lhs.getRank() < 2 || rhs.getRank() < 2)
    return emitOptionalError(loc, "matmul: expected operands of rank 2 or more (lhs is ", lhs, ", rhs is ", rhs, ")");
  if (lhs.getElementType() != rhs.getElementType())
    return emitOptionalError(loc, "matmul: expected operands of one dtype (lhs is ", lhs, ", rhs is ", rhs, ")");
  auto a = dimSizes(lhs), b = dimSizes(rhs);
  if (a.back() != b[b.size() - 2])
    return emitOptionalError(loc, "matmul: lhs dimension ", a.size() - 1, " is ", a.back().str(), " but rhs dimension ",
                             b.size() - 2, " is ", b[b.size() - 2].str(), " (lhs is ", lhs, ", rhs is ", rhs, ")");
  size_t rank = std::max(a.size(), b.size());
  SmallVector<SizeExpr> sizes;
  for (size_t dim = 0; dim + 2 < rank; ++dim) {
    SizeExpr left = dim + a.size() >= rank ? a[dim + a.size() - rank] : SizeExpr(1);
    SizeExpr right = dim + b.size() >= rank ? b[dim + b.size() - rank] : SizeExpr(1);
    if (left != right && left != SizeExpr(1) && right != SizeExpr(1))
      return emitOptionalError(loc, "matmul: batch dimensions ", left.str(), " and ", right.str(), " do not fit (lhs is ", lhs,
                               ", rhs is ", rhs, ")");
    sizes.push_back(left == SizeExpr(1) ? right : left);
  }
  sizes.push_back(a[a.size() - 2]);
  sizes.push_back(b.back());
  results.push_back(tensorOf(sizes, lhs.getElementType()));
  return success();
}

SmallVector<SizeExpr> MatmulOp::reducedSizes() { return {dimSizes(typeOf(getLhs())).back()}; }

Access MatmulOp::access(unsigned operand, ArrayRef<Expr> loops, Space &) {
  auto sizes = dimSizes(typeOf(getOperand(operand)));
  size_t rank = loops.size() - 1; // of the result; the last loop is k
  Access access;
  for (size_t dim = 0; dim + 2 < sizes.size(); ++dim)
    access.indices.push_back(sizes[dim] == SizeExpr(1) ? Expr(0) : loops[dim + rank - sizes.size()]);
  access.indices.push_back(operand == 0 ? loops[rank - 2] : loops.back());
  access.indices.push_back(operand == 0 ? loops.back() : loops[rank - 1]);
  return access;
}

static Value swapLast(OpBuilder &builder, Location loc, Value value) {
  int64_t rank = typeOf(value).getRank();
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(permutation[rank - 1], permutation[rank - 2]);
  return TransposeOp::create(builder, loc, value, permutation);
}

// dA = dY Bᵀ, dB = Aᵀ dY, summed over batch dimensions that were repeated.
SmallVector<Value> MatmulOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  SmallVector<Value> gradients(2);
  Location loc = getLoc();
  if (needs[0]) {
    Value whole = MatmulOp::create(builder, loc, cotangents[0], swapLast(builder, loc, getRhs()));
    gradients[0] = sumTo(builder, loc, whole, typeOf(getLhs()));
  }
  if (needs[1]) {
    Value whole = MatmulOp::create(builder, loc, swapLast(builder, loc, getLhs()), cotangents[0]);
    gradients[1] = sumTo(builder, loc, whole, typeOf(getRhs()));
  }
  return gradients;
}
void MatmulOp::vjpReads(ArrayRef<bool> needs, SmallVectorImpl<Value> &reads) {
  if (needs[0])
    reads.push_back(getRhs());
  if (needs[1])
    reads.push_back(getLhs());
}

LogicalResult MatmulOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  const ReferenceTensor &a = *operands[0], &b = *operands[1];
  ReferenceTensor &result = results[0];
  int64_t depth = a.shape().back();
  auto flatAt = [](const ReferenceTensor &tensor, ArrayRef<int64_t> index, int64_t row, int64_t column) {
    SmallVector<int64_t> own;
    size_t batch = tensor.shape().size() - 2, skipped = index.size() - 2 - batch;
    for (size_t dim = 0; dim < batch; ++dim)
      own.push_back(tensor.shape()[dim] == 1 ? 0 : index[dim + skipped]);
    own.append({row, column});
    return tensor.flatten(own);
  };
  for (int64_t flat = 0; flat < result.size(); ++flat) {
    SmallVector<int64_t> index = result.unflatten(flat);
    for (int64_t k = 0; k < depth; ++k)
      result.reals[flat] += a.reals[flatAt(a, index, index[index.size() - 2], k)] * b.reals[flatAt(b, index, k, index.back())];
  }
  return success();
}
double MatmulOp::allowedUlps() { return 8; }
bool MatmulOp::relativeToMagnitude() { return true; }

} // namespace ember::ir

#include "ir/ops/Contraction.family.inc"
