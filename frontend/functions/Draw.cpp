// Random numbers of the default generator, in PyTorch's order: elements as they lie in memory.
#include "functions/Draw.h"

#include "ember/functional.h"
#include "functions/Build.h"
#include "ir/ops/Random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

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

namespace {

// What this thread draws comes from another generator than the default one while it lives.
class DrawsFrom {
public:
  explicit DrawsFrom(const Generator &generator) : before(current()) { current() = &generator; }
  ~DrawsFrom() { current() = before; }
  DrawsFrom(const DrawsFrom &) = delete;

  static const Generator *&current() {
    static thread_local const Generator *generator = nullptr;
    return generator;
  }

private:
  const Generator *before;
};

Generator generatorInUse() { return DrawsFrom::current() ? *DrawsFrom::current() : default_generator(); }

// Whether a draw is an op of a trace. Its program has one state, the default generator's.
bool isRecorded(const record::Recorder &recorder) {
  if (recorder.drawing && &generatorInUse().impl() != &default_generator().impl())
    throw Error("trace: a draw from a generator of its own cannot be recorded, expected one from the default generator");
  return recorder.drawing != nullptr;
}

// How memory is filled with draws: the runtime's function on this generator.
using FillMemory = llvm::function_ref<void(ember_generator *, uint32_t dtype, void *data, int64_t count)>;
// What a trace records instead: values of this type, and the next state.
using RecordDraw = llvm::function_ref<Value(Value state, RankedTensorType type)>;

Value drawn(record::Recorder &recorder, RankedTensorType type, RecordDraw record) {
  Draw draw(recorder, 0);
  Value values = record(draw.before, type);
  draw.after(values.getDefiningOp()->getResult(1));
  return values;
}

template <typename Op, typename... Operands> Value emitDraw(Value state, RankedTensorType type, Operands... operands) {
  SmallVector<Value> all{state, operands...};
  return record::Recorder::get().emit<Op>(TypeRange{type, state.getType()}, all);
}

// Dimensions from the one whose elements lie furthest apart: numbers are drawn in the order of memory.
Shape memoryOrder(const Tensor &tensor) {
  Shape order(tensor.dim()), strides = tensor.impl->strides();
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return strides[a] != strides[b] ? strides[a] > strides[b] : a < b; });
  return order;
}

// Values of the tensor's shape that were drawn along `order`.
Tensor arranged(const Tensor &values, const Shape &order) {
  Shape back(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    back[order[i]] = static_cast<int64_t>(i);
  return std::is_sorted(order.begin(), order.end()) ? values : values.permute(back);
}

// Outside of traces memory is filled at once: no program is cut for it, and none compiled for each shape. The bits are the same.
Tensor &fill(Tensor &tensor, Here where, const char *function, FillMemory fillMemory, RecordDraw record) {
  Entry entry(where);
  record::requireWritable(tensor);
  if (tensor.numel() == 0)
    return tensor;
  Shape order = memoryOrder(tensor), sizes;
  for (int64_t dim : order)
    sizes.push_back(tensor.size(dim));
  if (isRecorded(entry.recorder)) {
    Tensor values = arranged(made(drawn(entry.recorder, typeOf(sizes, tensor.dtype()), record), ""), order);
    record::overwrite(tensor, record::read(values), function);
    return tensor;
  }
  Tensor values = empty(sizes, tensor.dtype());
  generatorInUse().impl().draw([&](ember_generator *generator) {
    fillMemory(generator, static_cast<uint32_t>(tensor.dtype()), record::contents(values)->data, values.numel());
  });
  const record::NodeRef &base = tensor.impl->storage->base;
  if (tensor.impl->isView() || base->leaf || entry.recorder.isRead(base))
    return record::copyOver(tensor, arranged(values, order), where, function);
  tensor.impl->storage->replace(record::nodeOf(values));
  return tensor;
}

// A tensor that starts with what was drawn: it has not been written.
Tensor fresh(const Tensor &filled) { return record::tensorOf(record::nodeOf(filled)); }

} // namespace

// As PyTorch's C++ side writes numbers in errors.
static std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

Tensor &Tensor::uniform_(double low, double high, Here where) {
  CallSite site(where);
  if (!is_floating_point())
    throw Error("\"check_uniform_bounds\" not implemented for '" + scalarTypeName(dtype()) + "'");
  if (!(low <= high))
    throw Error("uniform_ expects to return a [from, to) range, but found from=" + numberText(low) + " > to=" + numberText(high));
  double most = dtype() == kFloat16   ? 65504
                : dtype() == kFloat64 ? std::numeric_limits<double>::max()
                                      : std::numeric_limits<float>::max();
  for (auto [name, bound] : {std::pair("from", low), std::pair("to", high)})
    if (numel() > 0 && !(std::abs(bound) <= most)) // initialisers of empty weights have no bound
      throw Error(std::string(name) + " is out of bounds for " + dtype_name(dtype()));
  if (numel() > 0 && !(high - low <= most))
    throw Error("uniform_ expects to-from <= std::numeric_limits<" + scalarTypeName(dtype()) + ">::max(), but found to=" +
                numberText(high) + " and from=" + numberText(low) + " which result in to-from to exceed the limit");
  return fill(
      *this, where, "UniformBackward0",
      [&](ember_generator *g, uint32_t dtype, void *data, int64_t count) { ember_rt_uniform(g, dtype, data, count, low, high); },
      [&](Value state, RankedTensorType type) {
        return emitDraw<UniformOp>(state, type, number(low, kFloat64), number(high, kFloat64));
      });
}

Tensor &Tensor::normal_(double mean, double std, Here where) {
  CallSite site(where);
  if (!is_floating_point())
    throw Error("\"normal_kernel_cpu\" not implemented for '" + scalarTypeName(dtype()) + "'");
  if (!(std >= 0))
    throw Error("normal expects std >= 0.0, but found std " + numberText(std));
  bool singly = !is_contiguous();
  return fill(
      *this, where, "NormalBackward0",
      [&](ember_generator *g, uint32_t dtype, void *data, int64_t count) {
        (singly ? ember_rt_normal_singly : ember_rt_normal)(g, dtype, data, count, mean, std);
      },
      [&](Value state, RankedTensorType type) {
        return record::Recorder::get().emit<NormalOp>(TypeRange{type, state.getType()}, state, number(mean, kFloat64),
                                                      number(std, kFloat64), singly);
      });
}

Tensor &Tensor::bernoulli_(double p, Here where) {
  CallSite site(where);
  if (!(p >= 0 && p <= 1))
    throw Error("bernoulli_ expects p to be in [0, 1], but got p=" + numberText(p));
  return fill(
      *this, where, "BernoulliBackward2",
      [&](ember_generator *g, uint32_t dtype, void *data, int64_t count) { ember_rt_bernoulli(g, dtype, data, count, p); },
      [&](Value state, RankedTensorType type) { return emitDraw<BernoulliOp>(state, type, number(p, kFloat64)); });
}

Tensor rand(Shape shape, ScalarType dtype, Here where) {
  return fresh(empty(std::move(shape), dtype, where).uniform_(0, 1, where));
}
Tensor randn(Shape shape, ScalarType dtype, Here where) {
  return fresh(empty(std::move(shape), dtype, where).normal_(0, 1, where));
}
Tensor randn_like(const Tensor &other, Here where) { return randn(other.sizes(), other.dtype(), where); }
Tensor rand_like(const Tensor &other, Here where) { return rand(other.sizes(), other.dtype(), where); }

namespace functional {

// p = 0 and p = 1 draw nothing, as in PyTorch. The mode is part of the program: a model in evaluation draws nothing. A trace
// keeps the op all the same, so that the traced model can be trained.
Tensor dropout(const Tensor &input, double p, bool training, bool inplace, Here where) {
  Entry entry(where);
  if (!(p >= 0 && p <= 1))
    throw Error("dropout probability has to be between 0 and 1, but got " + numberText(p));
  bool keepsOp = entry.recorder.drawing && p != 1 && input.is_floating_point();
  if ((!training && !keepsOp) || p == 0 || input.numel() == 0)
    return input;
  if (inplace)
    record::requireWritable(input);
  auto given = [&](Value value) {
    if (!inplace)
      return made(value, training ? "MulBackward0" : "");
    record::write(input, value, "MulBackward0");
    return input;
  };
  if (!input.is_floating_point())
    throw Error("result type Float can't be cast to the desired output type " + scalarTypeName(input.dtype()));
  if (p == 1)
    return given(record::read(input * Operand(0.0, where)));
  Value own = record::read(input), probability = number(p, kFloat64), isTraining = number(training, kBool);
  if (!training) { // no state is read
    Value state = broadcastTo(number(0, kUInt8), {kGeneratorBytes});
    return given(entry.recorder.emit<DropoutOp>(own, probability, isTraining, state));
  }
  Draw draw(entry.recorder, 2 * static_cast<uint64_t>(input.numel()));
  auto op = entry.recorder.emit<DropoutOp>(own, probability, isTraining, draw.before).getDefiningOp<DropoutOp>();
  draw.after(op.getNext());
  return given(op.getResult());
}

} // namespace functional

Tensor randperm(int64_t count, Here where) {
  CallSite site(where);
  if (count < 0)
    throw Error("n must be non-negative, got" + std::to_string(count));
  Entry entry(where);
  if (isRecorded(entry.recorder) && count > 0)
    return made(drawn(entry.recorder, typeOf({count}, kInt64),
                      [](Value state, RankedTensorType type) { return emitDraw<RandpermOp>(state, type); }),
                "");
  Tensor order = empty({count}, kInt64, where);
  auto *numbers = static_cast<int64_t *>(record::contents(order)->data);
  generatorInUse().impl().draw([&](ember_generator *generator) { ember_rt_randperm(generator, numbers, count); });
  return order;
}

namespace {

// The whole numbers that a dtype can hold between PyTorch's bounds for random_, and its name for it; none: any.
struct WholeRange {
  int64_t least, most;
  const char *name;
};
std::optional<WholeRange> wholeRange(ScalarType dtype) {
  switch (dtype) {
  case kUInt8:
    return WholeRange{0, UINT8_MAX, "unsigned char"};
  case kInt8:
    return WholeRange{INT8_MIN, INT8_MAX, "signed char"};
  case kInt16:
    return WholeRange{INT16_MIN, INT16_MAX, "short int"};
  case kInt32:
    return WholeRange{INT32_MIN, INT32_MAX, "int"};
  case kBool:
    return WholeRange{0, 1, "bool"};
  case kFloat16:
    return WholeRange{-65504, 65504, "c10::Half"};
  default:
    return std::nullopt;
  }
}

// A number as a float dtype has it; `digits` are the bits of the dtype's significand.
int64_t inDtype(int64_t value, ScalarType dtype) {
  if (double wide = static_cast<double>(value); dtype == kFloat64)
    return wide < 0x1p63 ? static_cast<int64_t>(wide) : INT64_MAX;
  float narrow = static_cast<float>(value);
  if (dtype == kBFloat16)
    narrow = ember_rt_from_bf16(ember_rt_to_bf16(narrow));
  else if (dtype == kFloat16)
    narrow = ember_rt_from_f16(ember_rt_to_f16(narrow));
  return narrow < 0x1p63f ? static_cast<int64_t>(narrow) : INT64_MAX;
}
int digitsOf(ScalarType dtype) { return dtype == kFloat64 ? 53 : dtype == kFloat32 ? 24 : dtype == kFloat16 ? 11 : 8; }

// From one number that the dtype has to the next, near `value`.
int64_t spacingAt(int64_t value, ScalarType dtype) {
  int exponent = std::bit_width(static_cast<uint64_t>(std::abs(value))) - 1;
  return int64_t(1) << std::max(exponent - digitsOf(dtype) + 1, 0);
}

// Bounds as PyTorch takes them: a float dtype has not all large numbers, so that they move to ones it has.
void fitBounds(int64_t &low, int64_t &high, ScalarType dtype) {
  if (low >= high)
    throw Error("random_ expects 'from' to be less than 'to', but got from=" + std::to_string(low) +
                " >= to=" + std::to_string(high));
  if (std::optional<WholeRange> range = wholeRange(dtype)) {
    if (low < range->least || low > range->most)
      throw Error(std::string("from is out of bounds for ") + range->name);
    if (high - 1 < range->least || high - 1 > range->most)
      throw Error(std::string("to - 1 is out of bounds for ") + range->name);
  }
  if (dtype != kFloat64 && dtype != kFloat32 && dtype != kFloat16 && dtype != kBFloat16)
    return;
  if (int64_t next = inDtype(low + 1, dtype); next < low)
    low = next + spacingAt(low + 1, dtype);
  if (int64_t last = inDtype(high - 1, dtype); last >= high)
    high = last - spacingAt(high - 1, dtype);
  if (low >= high)
    throw Error("random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=" +
                std::to_string(low) + " >= to=" + std::to_string(high));
}

} // namespace

// Bounds are operands, 64 bits whole.
static Value bound(int64_t value) { return record::read(from_bytes(&value, {}, kInt64)); }

Tensor &Tensor::random_(int64_t low, int64_t high, Here where) {
  CallSite site(where);
  fitBounds(low, high, dtype());
  return fill(
      *this, where, "RandomBackward1",
      [&](ember_generator *g, uint32_t dtype, void *data, int64_t count) { ember_rt_randint(g, dtype, data, count, low, high); },
      [&](Value state, RankedTensorType type) { return emitDraw<RandintOp>(state, type, bound(low), bound(high)); });
}

Tensor randint(int64_t low, int64_t high, Shape shape, ScalarType dtype, Here where) {
  return fresh(empty(std::move(shape), dtype, where).random_(low, high, where));
}
Tensor randint(int64_t high, Shape shape, ScalarType dtype, Here where) {
  return randint(0, high, std::move(shape), dtype, where);
}

// ---- from a generator of the user's own

Tensor &Tensor::uniform_(double low, double high, const Generator &generator, Here where) {
  DrawsFrom own(generator);
  return uniform_(low, high, where);
}
Tensor &Tensor::normal_(double mean, double std, const Generator &generator, Here where) {
  DrawsFrom own(generator);
  return normal_(mean, std, where);
}
Tensor &Tensor::bernoulli_(double p, const Generator &generator, Here where) {
  DrawsFrom own(generator);
  return bernoulli_(p, where);
}
Tensor &Tensor::random_(int64_t low, int64_t high, const Generator &generator, Here where) {
  DrawsFrom own(generator);
  return random_(low, high, where);
}
Tensor rand(Shape shape, const Generator &generator, ScalarType dtype, Here where) {
  DrawsFrom own(generator);
  return rand(std::move(shape), dtype, where);
}
Tensor randn(Shape shape, const Generator &generator, ScalarType dtype, Here where) {
  DrawsFrom own(generator);
  return randn(std::move(shape), dtype, where);
}
Tensor randint(int64_t low, int64_t high, Shape shape, const Generator &generator, ScalarType dtype, Here where) {
  DrawsFrom own(generator);
  return randint(low, high, std::move(shape), dtype, where);
}
Tensor randperm(int64_t count, const Generator &generator, Here where) {
  DrawsFrom own(generator);
  return randperm(count, where);
}

} // namespace ember
