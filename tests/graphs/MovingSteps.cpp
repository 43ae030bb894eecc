// Steps of a random graph that move elements.
#include "ir/ops/Constant.h"
#include "ir/ops/GatherScatter.h"
#include "ir/ops/View.h"
#include "tests/graphs/Grower.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::tests {

Value Grower::reshaped(Value x) {
  Sizes sizes = sizesOf(x);
  switch (sizes.empty() ? 0 : pick(3)) {
  case 0:
    sizes.insert(sizes.begin() + pick(sizes.size() + 1), 1);
    break;
  case 1:
    sizes = {elementCount(typeOf(x))};
    break;
  default: // two neighbours become one
    if (sizes.size() >= 2) {
      sizes[0] = sizes[0] * sizes[1];
      sizes.erase(sizes.begin() + 1);
    }
  }
  return ReshapeOp::create(builder, loc, tensorOf(sizes, dtypeOf(x)), x);
}

Value Grower::transposed(Value x) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, typeOf(x).getRank()));
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[pick(i)]);
  return TransposeOp::create(builder, loc, x, order);
}

// Starts are constants or known only at run time; a named dimension is taken whole.
Grower::Region Grower::someRegion(Value x) {
  Sizes sizes = sizesOf(x);
  Region region;
  for (SizeExpr &size : sizes) {
    int64_t start = 0, stride = 1;
    if (int64_t own = size.constant().value_or(0); own > 0) {
      start = static_cast<int64_t>(pick(own));
      stride = 1 + static_cast<int64_t>(pick(2));
      size = (own - start + stride - 1) / stride;
    }
    region.strides.push_back(stride);
    region.starts.push_back(start > 0 && !pick(3) ? argument({}, builder.getI64Type(), Holds::Indices, start + 1)
                                                  : constantIndex(start));
  }
  region.type = tensorOf(sizes, dtypeOf(x));
  return region;
}

Value Grower::sliced(Value x) {
  Region region = someRegion(x);
  return SliceOp::create(builder, loc, region.type, x, region.starts, region.strides);
}

Value Grower::updated(Value x) {
  Region region = someRegion(x);
  Value piece = SliceOp::create(builder, loc, region.type, x, region.starts, region.strides);
  return UpdateSliceOp::create(builder, loc, x.getType(), x, op(isBool(x) ? "not" : "neg", piece), region.starts, region.strides);
}

Value Grower::padded(Value x) {
  Sizes sizes = sizesOf(x);
  SmallVector<int64_t> low, high;
  for (SizeExpr &size : sizes) {
    low.push_back(static_cast<int64_t>(pick(3)));
    high.push_back(static_cast<int64_t>(pick(3)));
    size = size + SizeExpr(low.back() + high.back());
  }
  return PadOp::create(builder, loc, tensorOf(sizes, dtypeOf(x)), x, low, high, llvm::APFloat(isFloat(x) ? 0.75 : 1.0));
}

Value Grower::concatenated(Value x) {
  Sizes sizes = sizesOf(x);
  if (sizes.empty())
    return {};
  size_t axis = pick(sizes.size());
  Value other = pick(2) ? x : like(x);
  sizes[axis] = sizes[axis] + sizes[axis];
  return ConcatOp::create(builder, loc, tensorOf(sizes, dtypeOf(x)), axis, ValueRange{x, other});
}

Value Grower::taken(Value x) {
  Sizes sizes = sizesOf(x);
  int64_t axis = sizes.empty() ? 0 : static_cast<int64_t>(pick(sizes.size()));
  if (sizes.empty() || sizeOf(sizes[axis]) == 0)
    return {};
  Value indices = argument({4}, builder.getI64Type(), Holds::Indices, sizes[axis]);
  Value slices = TakeOp::create(builder, loc, x, indices, axis);
  return pick(2) ? slices : bounded(IndexAddOp::create(builder, loc, x, indices, slices, axis));
}

Value Grower::gathered(Value x) {
  Sizes sizes = sizesOf(x);
  int64_t axis = sizes.empty() ? 0 : static_cast<int64_t>(pick(sizes.size()));
  if (sizes.empty() || sizeOf(sizes[axis]) == 0)
    return {};
  SizeExpr bound = sizes[axis];
  sizes[axis] = 3;
  Value indices = argument(sizes, builder.getI64Type(), Holds::Indices, bound);
  Value elements = GatherOp::create(builder, loc, x, indices, axis);
  switch (pick(3)) {
  case 0:
    return elements;
  case 1:
    return bounded(ScatterAddOp::create(builder, loc, x, indices, elements, axis));
  default:
    return UpdateScatterOp::create(builder, loc, x, indices, op(isBool(x) ? "not" : "neg", elements), axis);
  }
}

} // namespace ember::tests
