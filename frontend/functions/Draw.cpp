// Random numbers of the default generator, in PyTorch's order: elements row by row.
#include "functions/Draw.h"

#include "ember/functional.h"
#include "functions/Build.h"
#include "ir/ops/Random.h"

#include <cstdio>

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember {

namespace functions {

Draw::Draw(record::Recorder &recorder, uint64_t words) : recorder(recorder) {
  if (recorder.drawing) {
    before = recorder.valueOf(recorder.drawing->state);
    return;
  }
  auto snapshot = std::make_shared<record::Buffer>(kGeneratorBytes);
  default_generator().impl().draw([&](ember_generator *generator) {
    ember_rt_get_state(generator, static_cast<uint8_t *>(snapshot->data));
    ember_rt_skip(generator, words);
  });
  before = recorder.valueOf(recorder.memoryNode(typeOf({kGeneratorBytes}, kUInt8), std::move(snapshot)));
}

Draw::Draw(record::Recorder &recorder) : Draw(recorder, 0) { runs = !recorder.drawing; }

void Draw::after(Value next) {
  if (recorder.drawing)
    recorder.drawing->state = recorder.nodeOf(next);
  if (!runs)
    return;
  auto *bytes = static_cast<const uint8_t *>(recorder.materialize(recorder.nodeOf(next))->data);
  default_generator().set_state(std::vector<uint8_t>(bytes, bytes + kGeneratorBytes));
}

} // namespace functions

// What a trace records where memory is filled otherwise: values of this type from an op whose first operand is the state.
template <typename Op, typename... Numbers>
static Value drawn(record::Recorder &recorder, RankedTensorType type, Numbers... numbers) {
  Draw draw(recorder, 0);
  SmallVector<Value> operands{draw.before};
  (operands.push_back(number(numbers, kFloat64)), ...);
  auto op = recorder.emit<Op>(TypeRange{type, draw.before.getType()}, operands).template getDefiningOp<Op>();
  draw.after(op.getNext());
  return op.getValues();
}

// Outside of traces memory is filled at once: a program for each shape would take milliseconds to compile, and give the same
// bits.
template <typename Op, typename Fill, typename... Numbers>
static Tensor &fill(Tensor &tensor, Here where, const char *function, Fill fillMemory, Numbers... numbers) {
  Entry entry(where);
  record::requireWritable(tensor);
  if (tensor.numel() == 0)
    return tensor;
  RankedTensorType type = typeOf(tensor.sizes(), tensor.dtype());
  if (entry.recorder.drawing) {
    record::overwrite(tensor, drawn<Op>(entry.recorder, type, numbers...), function);
    return tensor;
  }
  Tensor values = empty(tensor.sizes(), tensor.dtype());
  default_generator().impl().draw([&](ember_generator *generator) {
    fillMemory(generator, static_cast<uint32_t>(tensor.dtype()), record::contents(values)->data, values.numel(), numbers...);
  });
  const record::NodeRef &base = tensor.impl->storage->base;
  if (tensor.impl->isView() || base->leaf || entry.recorder.isRead(base))
    return record::copyOver(tensor, values, where, function);
  tensor.impl->storage->replace(record::nodeOf(values));
  return tensor;
}

// As PyTorch's C++ side writes numbers in errors.
static std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

static std::string scalarTypeName(ScalarType dtype) {
  constexpr const char *names[] = {"Double", "Float", "BFloat16", "Half", "Long", "Int", "Short", "Char", "Byte", "Bool"};
  return names[static_cast<int>(dtype)];
}

Tensor &Tensor::uniform_(double low, double high, Here where) {
  CallSite site(where);
  if (!is_floating_point())
    throw Error("\"check_uniform_bounds\" not implemented for '" + scalarTypeName(dtype()) + "'");
  if (!(low <= high))
    throw Error("uniform_ expects to return a [from, to) range, but found from=" + numberText(low) + " > to=" + numberText(high));
  return fill<UniformOp>(*this, where, "UniformBackward0", ember_rt_uniform, low, high);
}

Tensor &Tensor::normal_(double mean, double std, Here where) {
  CallSite site(where);
  if (!is_floating_point())
    throw Error("\"normal_kernel_cpu\" not implemented for '" + scalarTypeName(dtype()) + "'");
  if (!(std >= 0))
    throw Error("normal expects std >= 0.0, but found std " + numberText(std));
  return fill<NormalOp>(*this, where, "NormalBackward0", ember_rt_normal, mean, std);
}

Tensor &Tensor::bernoulli_(double p, Here where) {
  CallSite site(where);
  if (!(p >= 0 && p <= 1))
    throw Error("bernoulli_ expects p to be in [0, 1], but got p=" + numberText(p));
  return fill<BernoulliOp>(*this, where, "BernoulliBackward2", ember_rt_bernoulli, p);
}

Tensor rand(Shape shape, ScalarType dtype, Here where) {
  return Tensor(empty(std::move(shape), dtype, where).uniform_(0, 1, where));
}
Tensor randn(Shape shape, ScalarType dtype, Here where) {
  return Tensor(empty(std::move(shape), dtype, where).normal_(0, 1, where));
}
Tensor randn_like(const Tensor &other, Here where) { return randn(other.sizes(), other.dtype(), where); }
Tensor rand_like(const Tensor &other, Here where) { return rand(other.sizes(), other.dtype(), where); }

namespace functional {

// p = 0 and p = 1 draw nothing, as in PyTorch. The mode is part of the program: a model in evaluation draws nothing. A trace
// keeps the op all the same, so that the traced model can be trained.
Tensor dropout(const Tensor &input, double p, bool training, Here where) {
  Entry entry(where);
  if (!(p >= 0 && p <= 1))
    throw Error("dropout probability has to be between 0 and 1, but got " + numberText(p));
  bool keepsOp = entry.recorder.drawing && p != 1 && input.is_floating_point();
  if ((!training && !keepsOp) || p == 0 || input.numel() == 0)
    return input;
  if (!input.is_floating_point())
    throw Error("result type Float can't be cast to the desired output type " + scalarTypeName(input.dtype()));
  if (p == 1)
    return input * Operand(0.0, where);
  Value own = record::read(input), probability = number(p, kFloat64), isTraining = number(training, kBool);
  if (!training) { // no state is read
    Value state = broadcastTo(number(0, kUInt8), {kGeneratorBytes});
    return made(entry.recorder.emit<DropoutOp>(own, probability, isTraining, state), "");
  }
  Draw draw(entry.recorder, 2 * static_cast<uint64_t>(input.numel()));
  auto op = entry.recorder.emit<DropoutOp>(own, probability, isTraining, draw.before).getDefiningOp<DropoutOp>();
  draw.after(op.getNext());
  return made(op.getResult(), "MulBackward0");
}

} // namespace functional

Tensor randperm(int64_t count, Here where) {
  CallSite site(where);
  if (count < 0)
    throw Error("n must be non-negative, got" + std::to_string(count));
  Entry entry(where);
  if (entry.recorder.drawing && count > 0)
    return made(drawn<RandpermOp>(entry.recorder, typeOf({count}, kInt64)), "");
  return from_vector(default_generator().permutation(count), {count}, where);
}

Tensor randint(int64_t low, int64_t high, Shape shape, ScalarType dtype, Here where) {
  CallSite site(where);
  if (low >= high)
    throw Error("random_ expects 'from' to be less than 'to', but got from=" + std::to_string(low) +
                " >= to=" + std::to_string(high));
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  if (recorder.drawing)
    throw Error("randint: a trace holds no draw of integers, expected uniform_, normal_, bernoulli_, randperm or dropout");
  Tensor tensor = empty(std::move(shape), dtype);
  void *data = record::contents(tensor)->data;
  default_generator().impl().draw(
      [&](ember_generator *g) { ember_rt_randint(g, static_cast<uint32_t>(dtype), data, tensor.numel(), low, high); });
  return tensor;
}

} // namespace ember
