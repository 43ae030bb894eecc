#include "ir/ops/Normalization.h"

#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/Reduction.h"
#include "ir/ops/Unary.h"

#include <cmath>

using namespace mlir;

namespace ember::ir {

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// What both the decomposition and the gradient are written with: arithmetic on channels and on whole inputs.
class Formula {
public:
  Formula(OpBuilder &builder, BatchNormOp op) : builder(builder), loc(op.getLoc()), op(op), wide(typeOf(op.getInput())) {
    for (int64_t dim = 0; dim < wide.getRank(); ++dim)
      if (dim != 1)
        axes.push_back(dim);
  }

  Value add(Value a, Value b) { return AddOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return SubOp::create(builder, loc, a, b); }
  Value mul(Value a, Value b) { return MulOp::create(builder, loc, a, b); }
  Value div(Value a, Value b) { return DivOp::create(builder, loc, a, b); }
  Value sum(Value value) { return SumOp::create(builder, loc, value, axes); }
  Value spread(Value channels) { return expandReduced(builder, loc, channels, axes, wide); }
  // A number in the dtype of the channels, one a channel.
  Value number(double value) { return fullLike(builder, loc, typeOf(op.getWeight()), value); }
  Value perChannel(Value scalar) {
    return broadcastTo(builder, loc, castTo(builder, loc, scalar, wide.getElementType()), typeOf(op.getWeight()));
  }
  Value centred(Value mean) { return sub(op.getInput(), spread(mean)); }
  // How many elements a channel has, rank-0 f64.
  Value count() { return elementCount(builder, loc, wide, axes); }
  // The statistics of a batch; of one without elements, which has none, the running ones.
  Value ofBatch(Value batch, Value running) {
    SizeExpr elements = 1;
    for (int64_t axis : axes)
      elements = elements * dimSize(wide, axis);
    if (elements.isConstant())
      return *elements.constant() > 0 ? batch : running;
    Value any = CompareOp::create(builder, loc, "gt", count(), fullLike(builder, loc, typeOf(count()), 0));
    return choose(builder, loc, any, batch, running);
  }
  // `yes` while training, else `no`; null stands for 0.
  Value whileTraining(Value yes, Value no) {
    std::optional<bool> training = constantBool(op.getTraining());
    if (training)
      return *training ? yes : no;
    if (!yes && !no)
      return {};
    yes = yes ? yes : fullLike(builder, loc, typeOf(no), 0);
    no = no ? no : fullLike(builder, loc, typeOf(yes), 0);
    return choose(builder, loc, op.getTraining(), yes, no);
  }

  OpBuilder &builder;
  Location loc;
  BatchNormOp op;
  RankedTensorType wide;
  SmallVector<int64_t> axes;
};

} // namespace

LogicalResult BatchNormOp::verify() {
  RankedTensorType input = typeOf(getInput()), channels = typeOf(getWeight());
  if (input.getRank() < 2)
    return emitOpError("batch_norm: the input is ") << input << ", expected a rank of at least 2";
  if (channels.getRank() != 1 || dimSize(channels, 0) != dimSize(input, 1) || channels.getElementType() != input.getElementType())
    return emitOpError("batch_norm: weight, bias and statistics are ")
           << channels << ", expected one number of the input's dtype "
           << "for each of " << dimSize(input, 1).str() << " channels";
  return success();
}

SmallVector<Value> BatchNormOp::decompose(OpBuilder &builder) {
  Formula f(builder, *this);
  Value batchMean, batchVar, nextMean = getRunningMean(), nextVar = getRunningVar(), nextBatches = getBatches();
  if (constantBool(getTraining()) != false) {
    Value count = f.count(), perChannel = f.perChannel(count);
    batchMean = f.ofBatch(f.div(f.sum(getInput()), perChannel), getRunningMean());
    Value centred = f.centred(batchMean);
    batchVar = f.ofBatch(f.div(f.sum(f.mul(centred, centred)), perChannel), getRunningVar());
    Value one = fullLike(builder, getLoc(), typeOf(getMomentum()), 1);
    Value keep = f.perChannel(f.sub(one, getMomentum()));
    Value unbiased = f.mul(getMomentum(), f.div(count, f.sub(count, one)));
    Value meanMoved = f.add(f.mul(nextMean, keep), f.mul(batchMean, f.perChannel(getMomentum())));
    Value varMoved = f.add(f.mul(nextVar, keep), f.mul(batchVar, f.perChannel(unbiased)));
    nextMean = f.whileTraining(f.ofBatch(meanMoved, nextMean), nextMean);
    nextVar = f.whileTraining(f.ofBatch(varMoved, nextVar), nextVar);
    Value more = f.add(nextBatches, fullLike(builder, getLoc(), typeOf(nextBatches), 1));
    nextBatches = f.whileTraining(more, nextBatches);
  }
  Value mean = f.whileTraining(batchMean, getRunningMean()), var = f.whileTraining(batchVar, getRunningVar());
  Value inverse = RsqrtOp::create(builder, getLoc(), f.add(var, f.perChannel(getEps())));
  Value scaled = f.mul(f.centred(mean), f.spread(f.mul(inverse, getWeight())));
  return {f.add(scaled, f.spread(getBias())), nextMean, nextVar, mean, inverse, nextBatches};
}

unsigned BatchNormOp::trainingOperand() { return getTrainingMutable().getOperandNumber(); }
SmallVector<std::pair<unsigned, unsigned>> BatchNormOp::nextStates() {
  return {{getRunningMeanMutable().getOperandNumber(), cast<OpResult>(getNextMean()).getResultNumber()},
          {getRunningVarMutable().getOperandNumber(), cast<OpResult>(getNextVar()).getResultNumber()},
          {getBatchesMutable().getOperandNumber(), cast<OpResult>(getNextBatches()).getResultNumber()}};
}

// result = (x - m) i w + b. Of the cotangents' total for m and i: d var = -i³/2 di; while training, m and var are those of x.
SmallVector<Value> BatchNormOp::buildVjp(OpBuilder &builder, ValueRange cotangents, ArrayRef<bool> needs) {
  Formula f(builder, *this);
  SmallVector<Value> gradients(9);
  Value g = cotangents[0], dMean = cotangents[3], dInverse = cotangents[4], direct, centred = f.centred(getMean());
  if (g) {
    Value sum = f.sum(g), withCentred = f.sum(f.mul(g, centred)), factor = f.mul(getInverse(), getWeight());
    gradients[1] = f.mul(withCentred, getInverse());
    gradients[2] = sum;
    direct = f.mul(g, f.spread(factor));
    Value ofMean = NegOp::create(builder, getLoc(), f.mul(sum, factor)), ofInverse = f.mul(withCentred, getWeight());
    dMean = dMean ? f.add(dMean, ofMean) : ofMean;
    dInverse = dInverse ? f.add(dInverse, ofInverse) : ofInverse;
  }
  Value dVar;
  if (dInverse) {
    Value cube = f.mul(f.mul(getInverse(), getInverse()), getInverse());
    dVar = f.mul(f.mul(dInverse, cube), f.number(-0.5));
  }
  std::optional<bool> training = constantBool(getTraining());
  Value total = direct;
  auto contribute = [&](Value value) {
    if (value)
      total = total ? f.add(total, value) : value;
  };
  if (needs[0] && training != false) {
    Value count = f.perChannel(f.count());
    if (dMean)
      contribute(f.spread(f.whileTraining(f.div(dMean, count), {})));
    if (dVar)
      contribute(f.mul(centred, f.spread(f.whileTraining(f.div(f.mul(dVar, f.number(2)), count), {}))));
  }
  gradients[0] = total;
  if (training != true) {
    gradients[3] = dMean ? f.whileTraining({}, dMean) : Value();
    gradients[4] = dVar ? f.whileTraining({}, dVar) : Value();
  }
  for (auto [gradient, needed] : llvm::zip_equal(gradients, needs))
    if (!needed)
      gradient = {};
  return gradients;
}

void BatchNormOp::vjpReads(ArrayRef<bool>, SmallVectorImpl<Value> &reads) {
  reads.append({getInput(), getWeight(), getMean(), getInverse()});
}

LogicalResult BatchNormOp::evaluate(ArrayRef<const ReferenceTensor *> operands, MutableArrayRef<ReferenceTensor> results) {
  const ReferenceTensor &input = *operands[0];
  int64_t channels = input.shape()[1], plane = 1;
  for (int64_t size : input.shape().drop_front(2))
    plane *= size;
  int64_t count = input.shape()[0] * plane;
  auto forEach = [&](int64_t channel, function_ref<void(int64_t)> visit) {
    for (int64_t sample = 0; sample < input.shape()[0]; ++sample)
      for (int64_t i = 0; i < plane; ++i)
        visit((sample * channels + channel) * plane + i);
  };
  auto rounded = [&](double value) { return roundTo(input.type.getElementType(), Scalar::real(value)).real(); };
  bool training = operands[5]->integers[0] != 0;
  results[5].integers[0] = operands[8]->integers[0] + training;
  double momentum = operands[6]->reals[0], n = static_cast<double>(count);
  for (int64_t c = 0; c < channels; ++c) {
    double mean = operands[3]->reals[c], var = operands[4]->reals[c], nextMean = mean, nextVar = var;
    if (training && count > 0) {
      mean = var = 0;
      forEach(c, [&](int64_t at) { mean += input.reals[at]; });
      mean /= n;
      forEach(c, [&](int64_t at) { var += (input.reals[at] - mean) * (input.reals[at] - mean); });
      var /= n;
      nextMean = rounded(1 - momentum) * nextMean + rounded(momentum) * mean;
      nextVar = rounded(1 - momentum) * nextVar + rounded(momentum * (n / (n - 1))) * var;
    }
    double inverse = 1 / std::sqrt(var + rounded(operands[7]->reals[0]));
    forEach(c, [&](int64_t at) {
      results[0].reals[at] = (input.reals[at] - mean) * inverse * operands[1]->reals[c] + operands[2]->reals[c];
    });
    results[1].reals[c] = nextMean;
    results[2].reals[c] = nextVar;
    results[3].reals[c] = mean;
    results[4].reals[c] = inverse;
  }
  return success();
}

// Cancellation in input - mean and in the variance: many ulps of a result that may be near 0.
double BatchNormOp::allowedUlps() { return 64; }

} // namespace ember::ir

#include "ir/ops/Normalization.family.inc"
