// Steps of a random graph that reduce, contract, look through windows, normalize and draw.
#include "ir/ops/Contraction.h"
#include "ir/ops/Convolution.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/Pooling.h"
#include "ir/ops/Reduction.h"
#include "tests/graphs/Grower.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::tests {

Value Grower::reduced(Value x) {
  SmallVector<int64_t> axes;
  for (int64_t axis = 0; axis < typeOf(x).getRank(); ++axis)
    if (pick(2))
      axes.push_back(axis);
  if (axes.empty())
    return {};
  if (isBool(x))
    x = castTo(builder, loc, x, builder.getI32Type());
  switch (pick(4)) {
  case 0:
    return MaxOp::create(builder, loc, x, axes);
  case 1: {
    Value where = ArgmaxOp::create(builder, loc, x, axes);
    keep(where);
    return op("mul", {castTo(builder, loc, where, dtypeOf(x)), MaxOp::create(builder, loc, x, axes)});
  }
  default:
    return bounded(SumOp::create(builder, loc, x, axes));
  }
}

Value Grower::multiplied(Value x) {
  x = asFloat(x);
  Sizes sizes = sizesOf(x);
  if (sizes.size() < 2)
    return {};
  constexpr int64_t columns[] = {1, 7, 16, 65};
  Sizes own;
  if (pick(2)) // a product of its own for each of the leading dimensions
    own.append(sizes.begin(), sizes.end() - 2);
  own.append({sizes.back(), columns[pick(4)]});
  return bounded(MatmulOp::create(builder, loc, x, argument(own, dtypeOf(x))));
}

Value Grower::convolved(Value x) {
  Sizes sizes = sizesOf(x);
  int64_t channels = *sizes[1].constant(), groups = pick(4) ? 1 : channels;
  int64_t width = std::min<int64_t>({3, *sizes[2].constant(), *sizes[3].constant()}), stride = 1 + static_cast<int64_t>(pick(2));
  Value weight = argument({groups == 1 ? 4 : 2 * groups, channels / groups, width, width}, dtypeOf(x));
  return bounded(Conv2dOp::create(builder, loc, weight, x, ArrayRef<int64_t>{stride, stride}, ArrayRef<int64_t>{1, 0},
                                  ArrayRef<int64_t>{1, 1}, groups));
}

Value Grower::pooled(Value x) {
  Sizes sizes = sizesOf(x);
  int64_t width = std::min<int64_t>({2, *sizes[2].constant(), *sizes[3].constant()});
  SmallVector<int64_t> kernel{width, width}, stride{1 + static_cast<int64_t>(pick(2)), 2}, padding{0, 0};
  bool isWide = *sizes[2].constant() > 2 && *sizes[3].constant() > 2;
  SmallVector<int64_t> dilation{isWide && pick(2) ? 2 : 1, 1};
  if (pick(2))
    return MaxPool2dOp::create(builder, loc, x, kernel, stride, padding, dilation);
  return bounded(WindowSumOp::create(builder, loc, x, kernel, stride, padding));
}

Value Grower::normalized(Value x) {
  x = asFloat(x);
  Sizes sizes = sizesOf(x);
  if (sizes.size() < 2 || !sizes[1].isConstant() || elementsOf(sizes) < 2 * sizeOf(sizes[1]))
    return {};
  Type scalar = builder.getF64Type();
  Value perChannel = argument({sizes[1]}, dtypeOf(x)), bias = argument({sizes[1]}, dtypeOf(x)),
        mean = argument({sizes[1]}, dtypeOf(x)), variance = argument({sizes[1]}, dtypeOf(x), Holds::Positive),
        training = argument({}, builder.getI1Type(), Holds::Flag), momentum = argument({}, scalar, Holds::Probability),
        batches = argument({}, builder.getI64Type());
  Type own = perChannel.getType();
  return op("batch_norm", {x, perChannel, bias, mean, variance, training, momentum, momentum, batches},
            {x.getType(), own, own, own, own, batches.getType()});
}

// The generator's state goes from draw to draw.
Value Grower::drawn(Value x) {
  if (!state)
    state = argument({5056}, IntegerType::get(builder.getContext(), 8, IntegerType::Unsigned), Holds::State);
  Value probability = argument({}, builder.getF64Type(), Holds::Probability), values;
  size_t kind = pick(6);
  if (kind == 0 || kind == 4)
    x = asFloat(x);
  switch (kind) {
  case 0:
    values = op(pick(2) ? "uniform" : "normal", {state, probability, number(probability, 2)}, {x.getType(), state.getType()});
    break;
  case 1:
  case 2:
    values = op("bernoulli", {state, probability}, {x.getType(), state.getType()});
    break;
  case 3:
    values = op("randperm", {state}, {tensorOf({elementCount(typeOf(x))}, builder.getI64Type()), state.getType()});
    break;
  case 5:
    values = op("randint", {state, constantIndex(-3), constantIndex(int64_t(1) << (pick(2) ? 3 : 40))},
                {x.getType(), state.getType()});
    break;
  default:
    values = op("dropout", {x, probability, argument({}, builder.getI1Type(), Holds::Flag), state},
                {x.getType(), x.getType(), state.getType()});
  }
  Operation *draw = values.getDefiningOp();
  state = draw->getResult(draw->getNumResults() - 1);
  return values;
}

} // namespace ember::tests
