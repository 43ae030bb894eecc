#include "tests/graphs/RandomGraph.h"

#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Contraction.h"
#include "ir/ops/Convolution.h"
#include "ir/ops/GatherScatter.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/Pooling.h"
#include "ir/ops/Reduction.h"
#include "ir/ops/Unary.h"
#include "ir/ops/View.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Autodiff.h"
#include <random>

using namespace mlir;
using namespace ember::ir;

namespace ember::tests {

namespace {

constexpr int64_t kMostElements = 3000;
using Sizes = SmallVector<int64_t>;

class Grower {
public:
  Grower(MLIRContext &context, uint32_t seed) : random(seed), builder(&context), loc(UnknownLoc::get(&context)) {
    graph.module = ModuleOp::create(loc);
    builder.setInsertionPointToStart(graph.module->getBody());
    function = func::FuncOp::create(builder, loc, "main", builder.getFunctionType({}, {}));
    block = function.addEntryBlock();
    builder.setInsertionPointToStart(block);
    Type choices[] = {builder.getF32Type(), builder.getF32Type(), builder.getF32Type(), builder.getF64Type(),
                      builder.getBF16Type()};
    dtype = choices[pick(5)];
  }

  RandomGraph grow(int length) {
    for (int i = 0; i < 2; ++i)
      keep(argument(someSizes()));
    for (int i = 0; i < length; ++i)
      step();
    finish();
    return std::move(graph);
  }

private:
  size_t pick(size_t count) { return random() % count; }
  static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
  static Sizes sizesOf(Value value) { return Sizes(typeOf(value).getShape()); }

  Sizes someSizes() {
    constexpr int64_t sizes[] = {1, 2, 3, 5, 8, 17, 33};
    Sizes shape;
    int64_t elements = 1;
    for (size_t rank = pick(5); shape.size() < rank;) {
      shape.push_back(sizes[pick(7)]);
      elements *= shape.back();
      if (elements > kMostElements)
        shape.back() = 1;
    }
    return shape;
  }

  Value argument(ArrayRef<int64_t> sizes, int64_t indexBound = 0) {
    graph.indexBounds.push_back(indexBound);
    Type element = indexBound ? builder.getI64Type() : dtype;
    return block->addArgument(RankedTensorType::get(sizes, element), loc);
  }

  void keep(Value value) {
    if (typeOf(value).getNumElements() <= kMostElements)
      values.push_back(value);
  }
  Value any() { return values[values.size() - 1 - pick(std::min<size_t>(values.size(), 5))]; }

  // A value of rank 4, so that windows fit: an old one of that rank, or a new argument.
  Value image() {
    for (int i = 0; i < 4; ++i)
      if (Value value = any(); typeOf(value).getRank() == 4)
        return value;
    return argument({1 + static_cast<int64_t>(pick(2)), 2, 5 + static_cast<int64_t>(pick(4)), 6});
  }

  // Another value in this shape: broadcast where that is possible, else a new argument.
  Value like(Value value) {
    Value other = any();
    ArrayRef<int64_t> from = typeOf(other).getShape(), to = typeOf(value).getShape();
    if (from == to)
      return other;
    bool fits = from.size() <= to.size();
    for (size_t i = 0; fits && i < from.size(); ++i) {
      int64_t own = from[from.size() - 1 - i];
      fits = own == 1 || own == to[to.size() - 1 - i];
    }
    return fits ? BroadcastOp::create(builder, loc, typeOf(value), other).getResult() : argument(to);
  }

  Value number(Value value, double of) { return fullLike(builder, loc, typeOf(value), of); }
  // Away from where functions have no value or a steep slope.
  Value atLeastHalf(Value value) { return AddOp::create(builder, loc, AbsOp::create(builder, loc, value), number(value, 0.5)); }
  Value small(Value value) { return TanhOp::create(builder, loc, value); }

  Value unary(Value x) {
    switch (pick(15)) {
    case 0:
      return NegOp::create(builder, loc, x);
    case 1:
      return AbsOp::create(builder, loc, x);
    case 2:
      return ReluOp::create(builder, loc, x);
    case 3:
      return SigmoidOp::create(builder, loc, x);
    case 4:
      return TanhOp::create(builder, loc, x);
    case 5:
      return SinOp::create(builder, loc, small(x));
    case 6:
      return CosOp::create(builder, loc, small(x));
    case 7:
      return ErfOp::create(builder, loc, x);
    case 8:
      return ExpOp::create(builder, loc, small(x));
    case 9:
      return Expm1Op::create(builder, loc, small(x));
    case 10:
      return LogOp::create(builder, loc, atLeastHalf(x));
    case 11:
      return Log1pOp::create(builder, loc, AbsOp::create(builder, loc, x));
    case 12:
      return SqrtOp::create(builder, loc, atLeastHalf(x));
    case 13:
      return RsqrtOp::create(builder, loc, atLeastHalf(x));
    default:
      return ReciprocalOp::create(builder, loc, atLeastHalf(x));
    }
  }

  Value binary(Value x, Value y) {
    switch (pick(6)) {
    case 0:
      return AddOp::create(builder, loc, x, y);
    case 1:
      return SubOp::create(builder, loc, x, y);
    case 2:
      return MulOp::create(builder, loc, x, y);
    case 3:
      return DivOp::create(builder, loc, x, atLeastHalf(y));
    case 4:
      return MaximumOp::create(builder, loc, x, y);
    default:
      return MinimumOp::create(builder, loc, x, y);
    }
  }

  Value selected(Value x, Value y) {
    constexpr const char *predicates[] = {"lt", "le", "gt", "ge", "eq", "ne"};
    Value flags = CompareOp::create(builder, loc, predicates[pick(6)], x, y);
    if (pick(2))
      flags = LogicalNotOp::create(builder, loc, flags);
    return SelectOp::create(builder, loc, flags, x, y);
  }

  Value throughOtherDtype(Value x) {
    Type others[] = {builder.getF64Type(), builder.getF32Type(), builder.getBF16Type(),
                     builder.getF16Type(), builder.getI64Type(), builder.getI1Type()};
    Type other = others[pick(6)];
    if (other == dtype)
      return x;
    return CastOp::create(builder, loc, typeOf(x), CastOp::create(builder, loc, typeOf(x).clone(other), x));
  }

  Value reshaped(Value x) {
    Sizes sizes = sizesOf(x);
    switch (sizes.empty() ? 0 : pick(3)) {
    case 0:
      sizes.insert(sizes.begin() + pick(sizes.size() + 1), 1);
      break;
    case 1:
      sizes = {typeOf(x).getNumElements()};
      break;
    default: // two neighbours become one
      if (sizes.size() >= 2) {
        sizes[0] *= sizes[1];
        sizes.erase(sizes.begin() + 1);
      }
    }
    return ReshapeOp::create(builder, loc, RankedTensorType::get(sizes, dtype), x);
  }

  Value transposed(Value x) {
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, typeOf(x).getRank()));
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[pick(i)]);
    return TransposeOp::create(builder, loc, x, order);
  }

  Value sliced(Value x) {
    Sizes sizes = sizesOf(x), strides;
    SmallVector<Value> starts;
    for (int64_t &size : sizes) {
      int64_t start = static_cast<int64_t>(pick(size)), stride = 1 + static_cast<int64_t>(pick(2));
      size = (size - start + stride - 1) / stride;
      strides.push_back(stride);
      auto type = RankedTensorType::get({}, builder.getI64Type());
      starts.push_back(ConstantOp::create(builder, loc, DenseElementsAttr::get(type, start)));
    }
    return SliceOp::create(builder, loc, RankedTensorType::get(sizes, dtype), x, starts, strides);
  }

  Value padded(Value x) {
    Sizes sizes = sizesOf(x), low, high;
    for (int64_t &size : sizes) {
      low.push_back(static_cast<int64_t>(pick(3)));
      high.push_back(static_cast<int64_t>(pick(3)));
      size += low.back() + high.back();
    }
    return PadOp::create(builder, loc, RankedTensorType::get(sizes, dtype), x, low, high, llvm::APFloat(0.75));
  }

  Value concatenated(Value x) {
    Sizes sizes = sizesOf(x);
    if (sizes.empty())
      return x;
    size_t axis = pick(sizes.size());
    Value other = pick(2) ? x : like(x);
    sizes[axis] *= 2;
    return ConcatOp::create(builder, loc, RankedTensorType::get(sizes, dtype), axis, ValueRange{x, other});
  }

  Value reduced(Value x) {
    SmallVector<int64_t> axes;
    for (int64_t axis = 0; axis < typeOf(x).getRank(); ++axis)
      if (pick(2))
        axes.push_back(axis);
    if (axes.empty())
      return x;
    switch (pick(3)) {
    case 0:
      return MaxOp::create(builder, loc, x, axes);
    case 1: {
      Value where = ArgmaxOp::create(builder, loc, x, axes);
      Value chosen = CastOp::create(builder, loc, typeOf(where).clone(dtype), where);
      return MulOp::create(builder, loc, chosen, MaxOp::create(builder, loc, x, axes));
    }
    default:
      return SumOp::create(builder, loc, x, axes);
    }
  }

  Value multiplied(Value x) {
    Sizes sizes = sizesOf(x);
    if (sizes.size() < 2)
      return x;
    constexpr int64_t columns[] = {1, 7, 16, 65};
    return MatmulOp::create(builder, loc, x, argument({sizes.back(), columns[pick(4)]}));
  }

  Value convolved(Value x) {
    Sizes sizes = sizesOf(x);
    int64_t width = std::min<int64_t>({3, sizes[2], sizes[3]}), stride = 1 + static_cast<int64_t>(pick(2));
    Value weight = argument({4, sizes[1], width, width});
    return Conv2dOp::create(builder, loc, weight, x, ArrayRef<int64_t>{stride, stride}, ArrayRef<int64_t>{1, 0},
                            ArrayRef<int64_t>{1, 1}, 1);
  }

  Value pooled(Value x) {
    Sizes sizes = sizesOf(x);
    int64_t width = std::min<int64_t>({2, sizes[2], sizes[3]});
    Sizes kernel{width, width}, stride{1 + static_cast<int64_t>(pick(2)), 2}, padding{0, 0};
    if (pick(2))
      return MaxPool2dOp::create(builder, loc, x, kernel, stride, padding);
    return WindowSumOp::create(builder, loc, x, kernel, stride, padding);
  }

  Value gathered(Value x) {
    Sizes sizes = sizesOf(x);
    if (sizes.empty())
      return x;
    int64_t axis = static_cast<int64_t>(pick(sizes.size()));
    Value indices = argument({4}, sizes[axis]);
    Value taken = TakeOp::create(builder, loc, x, indices, axis);
    return pick(2) ? taken : IndexAddOp::create(builder, loc, x, indices, taken, axis);
  }

  void step() {
    Value x = any();
    switch (pick(17)) {
    case 0:
    case 1:
    case 2:
      return keep(unary(x));
    case 3:
    case 4:
    case 5:
      return keep(binary(x, like(x)));
    case 6:
      return keep(selected(x, like(x)));
    case 7:
      return keep(throughOtherDtype(x));
    case 8:
      return keep(reshaped(x));
    case 9:
      return keep(transposed(x));
    case 10:
      return keep(sliced(x));
    case 11:
      return keep(pick(2) ? padded(x) : concatenated(x));
    case 12:
      return keep(reduced(x));
    case 13:
      return keep(multiplied(x));
    case 14:
      return keep(convolved(image()));
    case 15:
      return keep(pooled(image()));
    default:
      return keep(gathered(x));
    }
  }

  // The loss is the sum of every value that nobody reads; the function gives it, the last value, and the gradients.
  void finish() {
    Value loss;
    for (Value value : values) {
      if (!value.use_empty() && value != values.back())
        continue;
      Value part = small(value);
      part = SumOp::create(builder, loc, part, llvm::to_vector(llvm::seq<int64_t>(0, typeOf(value).getRank())));
      loss = loss ? AddOp::create(builder, loc, loss, part).getResult() : part;
    }
    passes::GradientRequest request;
    request.outputs = {loss};
    request.cotangents = {number(loss, 1)};
    for (auto [number, argument] : llvm::enumerate(block->getArguments()))
      if (graph.indexBounds[number] == 0)
        request.inputs.push_back(argument);
    auto everywhere = [](Value) { return true; };
    request.flowsThrough = everywhere;
    SmallVector<Value> results{loss, values.back()};
    for (Value gradient : passes::buildGradients(builder, request))
      if (gradient)
        results.push_back(gradient);
    func::ReturnOp::create(builder, loc, results);
    function.setType(
        builder.getFunctionType(llvm::to_vector(block->getArgumentTypes()), llvm::to_vector(ValueRange(results).getTypes())));
  }

  std::mt19937 random;
  OpBuilder builder;
  Location loc;
  RandomGraph graph;
  func::FuncOp function;
  Block *block;
  Type dtype;
  std::vector<Value> values;
};

} // namespace

RandomGraph randomGraph(MLIRContext &context, uint32_t seed, int length) { return Grower(context, seed).grow(length); }

} // namespace ember::tests
