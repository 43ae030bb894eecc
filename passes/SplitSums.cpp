#include "passes/SplitSums.h"

#include "ir/index/ReductionOrder.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Reduction.h"
#include "ir/ops/View.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

constexpr int64_t kFewResults = 2048; // more of them occupy the threads by themselves
constexpr int64_t kLargestBlock = ReductionOrder::kBlock * ReductionOrder::kBlock; // positions of one partial

// Elements that a view rearranges or repeats have addresses that a cut may make quotients of.
static bool readsThroughView(Value value, unsigned depth = 0) {
  Operation *op = value.getDefiningOp();
  if (!op || !isa<ScalarOp, ViewOp>(op))
    return false;
  if (isa<ViewOp>(op) || depth == 8)
    return cast<RankedTensorType>(op->getOperand(0).getType()).getRank() > 0;
  return llvm::any_of(op->getOperands(), [&](Value operand) { return readsThroughView(operand, depth + 1); });
}

namespace {

// A sum as leading x run x columns elements.
struct Shape {
  int64_t leading = 1, run = 1, columns = 1, partials = 1;
  int64_t pieces() const { return (run + kLargestBlock * partials - 1) / (kLargestBlock * partials); }
};

} // namespace

static std::optional<Shape> shapeOf(SumOp op) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  ArrayRef<int64_t> axes = op.getAxes();
  ReductionOrder order = reductionOrder(op);
  if (!type.hasStaticShape() || axes.empty() || order.lastRun != axes.size())
    return std::nullopt;
  Shape shape;
  shape.partials = order.partials;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    (static_cast<int64_t>(dim) < axes.front()  ? shape.leading
     : static_cast<int64_t>(dim) > axes.back() ? shape.columns
                                               : shape.run) *= size;
  // Pieces are added in one chain, as in the order, as long as they are no more than a block.
  bool isLong = shape.pieces() > 1 && shape.pieces() <= ReductionOrder::kBlock;
  bool hasFew = shape.leading * shape.columns > 0 && shape.leading * shape.columns <= kFewResults;
  return isLong && hasFew && !readsThroughView(op.getInput()) ? std::optional(shape) : std::nullopt;
}

static void split(SumOp op, const Shape &shape) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Type dtype = getElementTypeOrSelf(op.getType()), wide = dtype;
  if (auto floating = dyn_cast<FloatType>(dtype); floating && floating.getWidth() < 32)
    wide = builder.getF32Type(); // sums of them are added in f32 and rounded once
  Value value = op.getInput();
  auto cast = [&](Type to) {
    if (getElementTypeOrSelf(value.getType()) != to)
      value = CastOp::create(builder, loc, mlir::cast<RankedTensorType>(value.getType()).clone(to), value);
  };
  auto reshape = [&](ArrayRef<int64_t> sizes) {
    value = ReshapeOp::create(builder, loc, RankedTensorType::get(sizes, wide), value);
  };
  cast(wide);
  int64_t pieces = shape.pieces(), length = kLargestBlock * shape.partials;
  reshape({shape.leading, shape.run, shape.columns});
  if (int64_t missing = pieces * length - shape.run) // zeros add nothing: a sum that starts at 0 is never -0
    value = PadOp::create(builder, loc, RankedTensorType::get({shape.leading, pieces * length, shape.columns}, wide), value,
                          ArrayRef<int64_t>{0, 0, 0}, ArrayRef<int64_t>{0, missing, 0}, APFloat(0.0));
  reshape({shape.leading, pieces, kLargestBlock, shape.partials * shape.columns}); // one of the two last is 1
  value = SumOp::create(builder, loc, value, ArrayRef<int64_t>{2});
  value = SumOp::create(builder, loc, value, ArrayRef<int64_t>{1});
  if (shape.partials > 1)
    value = SumOp::create(builder, loc, value, ArrayRef<int64_t>{1});
  value = ReshapeOp::create(builder, loc, mlir::cast<RankedTensorType>(op.getType()).clone(wide), value);
  cast(dtype);
  op.replaceAllUsesWith(value);
  op.erase();
}

void splitSums(func::FuncOp function) {
  SmallVector<std::pair<SumOp, Shape>> found;
  function.walk([&](SumOp op) {
    if (std::optional<Shape> shape = shapeOf(op))
      found.push_back({op, *shape});
  });
  for (auto &[op, shape] : found)
    split(op, shape);
}

} // namespace ember::passes
