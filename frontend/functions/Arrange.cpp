// Matrix products, joining, and reading and writing by index.
#include "functions/Build.h"
#include "ir/ops/Contraction.h"
#include "ir/ops/GatherScatter.h"
#include "ir/ops/View.h"

#include <algorithm>

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember {

static Shape batchOf(const Tensor &matrices) {
  Shape sizes = matrices.sizes();
  sizes.resize(sizes.size() - 2);
  return sizes;
}

// Inner sizes that differ, in the words of the product that PyTorch makes of such operands: of a matrix and a vector, of batches
// of matrices, or of matrices, into which all rows are folded.
[[noreturn]] static void refuseSizes(const Tensor &a, const Tensor &b) {
  auto text = [](int64_t number) { return std::to_string(number); };
  bool isVector = a.dim() == 1 || b.dim() == 1, isTransposed = a.dim() == 1 && b.dim() > 2;
  const Tensor &matrix = isTransposed ? b : a;
  int64_t depth = isTransposed ? b.size(-2) : a.size(-1), rows = depth ? matrix.numel() / depth : 0;
  if (isVector && matrix.dim() > 1)
    throw Error("size mismatch, got input (" + text(rows) + "), mat (" + text(rows) + "x" + text(depth) + "), vec (" +
                text(isTransposed ? a.size(0) : b.size(0)) + ")");
  if (a.dim() > 2 && b.dim() > 2) {
    int64_t count = 1;
    for (int64_t size : broadcastShapes(batchOf(a), batchOf(b)))
      count *= size;
    throw Error("Expected size for first two dimensions of batch2 tensor to be: [" + text(count) + ", " + text(depth) +
                "] but got: [" + text(count) + ", " + text(b.size(-2)) + "].");
  }
  throw Error("mat1 and mat2 shapes cannot be multiplied (" + text(rows) + "x" + text(depth) + " and " + text(b.size(-2)) + "x" +
              text(b.size(-1)) + ")");
}

// Vectors become matrices and lose the dimension again; batches broadcast.
Tensor Tensor::matmul(const Tensor &other, Here where) const { return ember::matmul(*this, other, where); }
Tensor matmul(const Tensor &a, const Tensor &b, Here where) {
  Entry entry(where);
  if (a.dim() == 0 || b.dim() == 0)
    throw Error("both arguments to matmul need to be at least 1D, but they are " + std::to_string(a.dim()) + "D and " +
                std::to_string(b.dim()) + "D");
  if (a.dtype() != b.dtype())
    throw Error("expected m1 and m2 to have the same dtype, but got: " + cppTypeName(a.dtype()) +
                " != " + cppTypeName(b.dtype()));
  if (!a.is_floating_point())
    throw Error("matmul: expected tensors of a floating dtype, found " + dtype_name(a.dtype()));
  if (a.dim() == 1 && b.dim() == 1 && a.size(0) != b.size(0))
    throw Error("inconsistent tensor size, expected tensor [" + std::to_string(a.size(0)) + "] and src [" +
                std::to_string(b.size(0)) + "] to have the same number of elements, but got " + std::to_string(a.size(0)) +
                " and " + std::to_string(b.size(0)) + " elements respectively");
  Tensor left = a.dim() == 1 ? a.unsqueeze(0, where) : a, right = b.dim() == 1 ? b.unsqueeze(1, where) : b;
  if (left.size(-1) != right.size(-2))
    refuseSizes(a, b);
  broadcastShapes(batchOf(left), batchOf(right)); // or the sizes do not fit
  const char *function = left.dim() > 2 || right.dim() > 2 ? "UnsafeViewBackward0" : "MmBackward0";
  Tensor product = made(entry.recorder.emit<MatmulOp>(record::read(left), record::read(right)), function);
  if (b.dim() == 1)
    product = product.squeeze(-1, where);
  if (a.dim() == 1)
    product = product.squeeze(b.dim() == 1 ? -1 : -2, where);
  return product;
}

// PyTorch passes over tensors of shape [0] beside those of another rank.
static bool isPassedOver(const Tensor &tensor) { return tensor.dim() == 1 && tensor.numel() == 0; }

Tensor cat(const std::vector<Tensor> &given, int64_t dim, Here where) {
  Entry entry(where);
  if (given.empty())
    throw Error("torch.cat(): expected a non-empty list of Tensors");
  std::vector<Tensor> tensors;
  llvm::copy_if(given, std::back_inserter(tensors), [](const Tensor &own) { return !isPassedOver(own); });
  if (tensors.empty())
    tensors = given;
  Shape shape = tensors[0].sizes();
  dim = wrapDim(dim, tensors[0].dim());
  if (shape.empty())
    throw Error("zero-dimensional tensor (at position 0) cannot be concatenated");
  ScalarType dtype = tensors[0].dtype();
  for (const Tensor &own : given)
    dtype = promoteTypes(dtype, own.dtype());
  shape[dim] = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Shape own = tensors[i].sizes();
    if (own.size() != shape.size())
      throw Error("Tensors must have same number of dimensions: got " + std::to_string(shape.size()) + " and " +
                  std::to_string(own.size()));
    for (size_t d = 0; d < own.size(); ++d)
      if (static_cast<int64_t>(d) != dim && own[d] != shape[d])
        throw Error("Sizes of tensors must match except in dimension " + std::to_string(dim) + ". Expected size " +
                    std::to_string(shape[d]) + " but got size " + std::to_string(own[d]) + " for tensor number " +
                    std::to_string(i) + " in the list.");
    shape[dim] += own[dim];
  }
  SmallVector<Value> values;
  for (const Tensor &tensor : tensors)
    values.push_back(value(tensor, dtype));
  return made(entry.recorder.emit<ConcatOp>(typeOf(shape, dtype), dim, values), "CatBackward0");
}

Tensor stack(const std::vector<Tensor> &tensors, int64_t dim, Here where) {
  Entry entry(where);
  if (tensors.empty())
    throw Error("stack expects a non-empty TensorList");
  std::vector<Tensor> raised;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].sizes() != tensors[0].sizes())
      throw Error("stack expects each tensor to be equal size, but got " + shapeText(tensors[0].sizes()) + " at entry 0 and " +
                  shapeText(tensors[i].sizes()) + " at entry " + std::to_string(i));
    raised.push_back(tensors[i].unsqueeze(dim, where));
  }
  Tensor result = cat(raised, wrapDim(dim, tensors[0].dim() + 1), where);
  record::nodeOf(result)->function = "StackBackward0";
  return result;
}

static Value indexValue(const Tensor &index) {
  if (index.dtype() != kInt64)
    throw Error("gather(): Expected dtype int64 for index");
  return record::read(index);
}

Tensor gather(const Tensor &input, int64_t dim, const Tensor &index, Here where) {
  Entry entry(where);
  dim = wrapDim(dim, input.dim());
  if (index.dim() != input.dim())
    throw Error("Index tensor must have the same number of dimensions as input tensor");
  if (input.dim() == 0)
    return gather(input.unsqueeze(0, where), 0, index.unsqueeze(0, where), where).squeeze(0, where);
  for (int64_t d = 0; d < input.dim(); ++d)
    if (d != dim && index.size(d) > input.size(d))
      throw Error("Size does not match at dimension " + std::to_string(d) + " expected index " + shapeText(index.sizes()) +
                  " to be smaller than self " + shapeText(input.sizes()) + " apart from dimension " + std::to_string(dim));
  return made(entry.recorder.emit<GatherOp>(record::read(input), indexValue(index), dim), "GatherBackward0");
}

Tensor index_select(const Tensor &input, int64_t dim, const Tensor &index, Here where) {
  Entry entry(where);
  if (index.dim() > 1)
    throw Error("index_select(): Index is supposed to be a vector");
  if (index.dtype() != kInt64 && index.dtype() != kInt32)
    throw Error("index_select(): Expected dtype int32 or int64 for index");
  if (input.dim() == 0 && index.numel() != 1)
    throw Error("index_select(): Index to scalar can have only 1 value, got " + std::to_string(index.numel()) + " value(s)");
  if (input.dim() == 0)
    return index_select(input.unsqueeze(0, where), wrapDim(dim, 0), index, where).reshape({}, where);
  return made(entry.recorder.emit<TakeOp>(record::read(input), value(index, kInt64), wrapDim(dim, input.dim())),
              "IndexSelectBackward0");
}

Tensor scatter_add(const Tensor &base, int64_t dim, const Tensor &index, const Tensor &updates, Here where) {
  Entry entry(where);
  dim = wrapDim(dim, base.dim());
  if (index.sizes() != updates.sizes() || index.dim() != base.dim())
    throw Error("Expected index " + shapeText(index.sizes()) + " to have the shape of src " + shapeText(updates.sizes()) +
                " and the rank of self " + shapeText(base.sizes()));
  if (base.dim() == 0)
    return scatter_add(base.unsqueeze(0, where), 0, index.unsqueeze(0, where), updates.unsqueeze(0, where), where)
        .squeeze(0, where);
  Value own = record::read(base);
  return made(entry.recorder.emit<ScatterAddOp>(own.getType(), own, indexValue(index), value(updates, base.dtype()), dim),
              "ScatterAddBackward0");
}

} // namespace ember
