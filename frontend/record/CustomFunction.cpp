// Functions with a gradient of the user's own: the call records a `custom_function` op, a backward calls the user's code.
#include "record/CustomFunction.h"

#include "ir/ops/CustomFunction.h"
#include "ir/ops/Gradient.h"
#include <cstdlib>
#include <cxxabi.h>
#include <mutex>
#include <set>

using namespace mlir;
using namespace ember::ir;
using namespace ember::record;

namespace ember {

namespace autograd {

void SavedValue::refuse(size_t expected) const {
  constexpr const char *kinds[] = {"nothing", "Int", "Double", "Bool", "String", "IntVector"};
  throw Error(std::string("saved_data: expected ") + kinds[expected] + ", found " + kinds[value.index()]);
}

// `app::Scale<double>` is ScaleBackward. Names live as long as the process: printing shows them.
static const char *nodeName(const std::type_info &type) {
  static std::mutex mutex;
  static std::set<std::string> names;
  char *demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, nullptr);
  std::string name = demangled ? demangled : type.name();
  std::free(demangled);
  size_t start = 0, depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    depth += name[i] == '<';
    depth -= name[i] == '>';
    if (depth == 0 && name[i] == ':')
      start = i + 1;
  }
  name = name.substr(start);
  std::lock_guard lock(mutex);
  return names.insert(name.substr(0, name.find('<')) + "Backward").first->c_str();
}

// ---- the call

FunctionCall::FunctionCall(const std::type_info &type, Backward backward) : function(std::make_shared<CustomFunction>()) {
  function->name = nodeName(type);
  function->backward = std::move(backward);
}

AutogradContext *FunctionCall::context() { return &function->context; }

void FunctionCall::takeTensor(const Tensor &tensor) {
  bool needsGradient = is_grad_enabled() && tensor.requires_grad();
  arguments.push_back(tensor);
  function->isTensor.push_back(true);
  context()->needs.push_back(needsGradient);
  requiresGrad |= needsGradient;
}

void FunctionCall::takeOther() { function->isTensor.push_back(false); }

void FunctionCall::begin() {
  if (!requiresGrad)
    return;
  std::lock_guard lock(Recorder::get().mutex);
  Recorder::get().enter();
  for (const Tensor &argument : arguments) {
    function->inputs.push_back(argument.defined() ? static_cast<int64_t>(function->held.size()) : CustomFunction::kNone);
    if (argument.defined())
      function->held.push_back(record::nodeOf(argument));
  }
}

tensor_list FunctionCall::finish(const tensor_list &outputs) {
  if (requiresGrad)
    return function->record(arguments, outputs);
  tensor_list results; // an argument that was returned may require a gradient
  for (const Tensor &output : outputs)
    results.push_back(output.requires_grad() ? output.detach() : output);
  return results;
}

} // namespace autograd

namespace record {

using autograd::tensor_list;

static std::optional<size_t> placeIn(const tensor_list &list, const Tensor &tensor) {
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i].defined() && list[i].impl == tensor.impl)
      return i;
  return std::nullopt;
}

tensor_list CustomFunction::record(const tensor_list &arguments, const tensor_list &returned) {
  Recorder &recorder = Recorder::get();
  std::lock_guard lock(recorder.mutex);
  SmallVector<Value> computed, from, saved;
  for (const Tensor &output : returned) {
    GradMode mode(false);
    outputs.push_back(output.defined() ? static_cast<int64_t>(computed.size()) : kNone);
    if (output.defined())
      computed.push_back(read(output));
  }
  if (computed.empty())
    return returned;
  for (const NodeRef &input : std::exchange(held, {}))
    from.push_back(recorder.valueOf(input));
  for (const Tensor &tensor : std::exchange(context.toSave, {}))
    saved.push_back(save(tensor, arguments, returned, computed));
  llvm::erase(saved, Value());
  auto op =
      CustomFunctionOp::create(recorder.builder(), recorder.location(), ValueRange(computed).getTypes(), computed, from, saved);
  tensor_list results;
  for (const Tensor &output : returned)
    results.push_back(output.defined() ? resultOf(recorder, op.getResult(outputs[results.size()]), output) : Tensor());
  context.nonDifferentiable.clear();
  return results;
}

// The value that the op keeps for the backward. A result is read as one: in a second backward it has this function's gradient.
Value CustomFunction::save(const Tensor &tensor, const tensor_list &arguments, const tensor_list &returned,
                           ArrayRef<Value> computed) {
  std::optional<size_t> result;
  if (tensor.defined() && !placeIn(arguments, tensor))
    result = placeIn(returned, tensor);
  saved.push_back({!tensor.defined(), result ? outputs[*result] : kNone});
  if (result)
    return computed[outputs[*result]];
  return tensor.defined() ? read(tensor) : Value();
}

Tensor CustomFunction::resultOf(Recorder &recorder, Value value, const Tensor &output) {
  Recorded &record = recorder.recordOf(value);
  record.tracked = output.is_floating_point() && !placeIn(context.nonDifferentiable, output);
  record.function = shared_from_this();
  NodeRef node = recorder.nodeOf(value);
  node->function = record.tracked ? name : "";
  return tensorOf(std::move(node));
}

// ---- its backward

// What is changed for the time of a backward: one may be called within another.
class CustomFunction::BackwardCall {
public:
  BackwardCall(autograd::AutogradContext &context, std::vector<bool> needs, std::function<tensor_list()> unpack)
      : context(context), needs(std::exchange(context.needs, std::move(needs))),
        unpack(std::exchange(context.unpack, std::move(unpack))) {}
  ~BackwardCall() {
    context.needs = std::move(needs);
    context.unpack = std::move(unpack);
  }
  BackwardCall(const BackwardCall &) = delete;

private:
  autograd::AutogradContext &context;
  std::vector<bool> needs;
  std::function<tensor_list()> unpack;
};

SmallVector<Value> CustomFunction::apply(Recorder &recorder, CustomFunctionOp op, ArrayRef<Value> cotangents,
                                         ArrayRef<bool> needs) {
  SmallVector<Value> gradients(op->getNumOperands());
  size_t first = op.getOutputs().size();
  std::vector<bool> own;
  for (int64_t input : inputs)
    own.push_back(input != kNone && needs[first + input]);
  if (!llvm::is_contained(own, true))
    return gradients;
  tensor_list returned = ofTensors(callBackward(recorder, op, own, gradientsOf(recorder, op, cotangents)));
  for (size_t i = 0; i < inputs.size(); ++i)
    if (own[i] && returned[i].defined())
      gradients[first + inputs[i]] =
          fitted(recorder, returned[i], cast<RankedTensorType>(op.getInputs()[inputs[i]].getType()), i);
  return gradients;
}

// By result of the call, zeros where a result has none.
tensor_list CustomFunction::gradientsOf(Recorder &recorder, CustomFunctionOp op, ArrayRef<Value> cotangents) const {
  tensor_list gradients;
  for (int64_t output : outputs) {
    Value gradient = output == kNone ? Value() : cotangents[output];
    if (!gradient && output != kNone && context.materializeGrads)
      gradient = fullLike(recorder.builder(), op.getLoc(), cast<RankedTensorType>(op.getResult(output).getType()), 0);
    gradients.push_back(gradient ? tensorOf(recorder.nodeOf(gradient)) : Tensor());
  }
  return gradients;
}

tensor_list CustomFunction::unpack(Recorder &recorder, CustomFunctionOp op) const {
  tensor_list tensors;
  auto operand = op.getSaved().begin();
  for (const Saved &own : saved) {
    if (own.isUndefined) {
      tensors.push_back(Tensor());
      continue;
    }
    Value value = own.result == kNone ? *operand : Value(op.getResult(own.result));
    ++operand;
    NodeRef node = recorder.nodeOf(value);
    if (own.result != kNone && node->requiresGrad)
      node->function = name;
    tensors.push_back(tensorOf(std::move(node)));
  }
  return tensors;
}

tensor_list CustomFunction::callBackward(Recorder &recorder, CustomFunctionOp op, const std::vector<bool> &needs,
                                         tensor_list gradients) {
  for (const Saved &own : saved)
    if (own.result != kNone)
      recorder.refuseOverwritten(op.getResult(own.result), op);
  BackwardCall call(context, needs, [this, &recorder, op] { return unpack(recorder, op); });
  return recorder.withinBackward([&] {
    UserCode lines;
    return backward(&context, std::move(gradients));
  });
}

// By tensor argument, of what the backward returned. Undefined ones too many are no mistake.
tensor_list CustomFunction::ofTensors(tensor_list returned) const {
  while (returned.size() > isTensor.size() && !returned.back().defined())
    returned.pop_back();
  if (returned.size() != isTensor.size())
    throw Error(std::string("function ") + name + " returned an incorrect number of gradients (expected " +
                std::to_string(isTensor.size()) + ", got " + std::to_string(returned.size()) + ")");
  tensor_list gradients;
  for (size_t i = 0; i < returned.size(); ++i) {
    if (isTensor[i])
      gradients.push_back(returned[i]);
    else if (returned[i].defined())
      throw Error(std::string("function ") + name + " returned a gradient different than None at position " +
                  std::to_string(i + 1) + ", but the corresponding forward input was not a Variable");
  }
  return gradients;
}

// A gradient as one of its argument: summed where it is broadcast, in its dtype.
Value CustomFunction::fitted(Recorder &recorder, const Tensor &gradient, RankedTensorType type, size_t number) const {
  Shape found = gradient.sizes(), expected(type.getShape().begin(), type.getShape().end());
  bool fits = found.size() >= expected.size();
  for (size_t i = 0; fits && i < expected.size(); ++i)
    fits = expected[i] == 1 || expected[i] == found[found.size() - expected.size() + i];
  if (!fits)
    throw Error(std::string("Function ") + name + " returned an invalid gradient at index " + std::to_string(number) + " - got " +
                shapeText(found) + " but expected shape compatible with " + shapeText(expected));
  Value value = read(gradient);
  auto own = RankedTensorType::get(type.getShape(), getElementTypeOrSelf(value.getType()));
  value = sumTo(recorder.builder(), recorder.location(), value, own);
  return castTo(recorder.builder(), recorder.location(), value, type.getElementType());
}

} // namespace record

} // namespace ember
