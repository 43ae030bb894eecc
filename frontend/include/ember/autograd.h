// Functions with a gradient of the user's own.
#pragma once

#include "ember/tensor.h"

#include <map>
#include <optional>
#include <typeinfo>
#include <variant>

namespace ember::record {
struct CustomFunction;
}

namespace ember::autograd {

using tensor_list = std::vector<Tensor>;
using variable_list = tensor_list;

/// A number, a text or sizes that a function keeps for its backward.
class SavedValue {
public:
  SavedValue() = default;
  template <typename T>
    requires std::is_arithmetic_v<T>
  SavedValue(T number) {
    if constexpr (std::is_same_v<T, bool>)
      value = number;
    else if constexpr (std::is_integral_v<T>)
      value = static_cast<int64_t>(number);
    else
      value = static_cast<double>(number);
  }
  SavedValue(const char *text) : value(std::string(text)) {}
  SavedValue(std::string text) : value(std::move(text)) {}
  SavedValue(Shape sizes) : value(std::move(sizes)) {}

  /// What was kept. Throw where that is of another kind, or nothing.
  double toDouble() const { return get<double>(2); }
  int64_t toInt() const { return get<int64_t>(1); }
  bool toBool() const { return get<bool>(3); }
  const std::string &toStringRef() const { return get<std::string>(4); }
  const Shape &toIntVector() const { return get<Shape>(5); }

private:
  template <typename T> const T &get(size_t kind) const {
    if (const T *own = std::get_if<T>(&value))
      return *own;
    refuse(kind);
  }
  [[noreturn]] void refuse(size_t expected) const;
  std::variant<std::monostate, int64_t, double, bool, std::string, Shape> value;
};

/// What the forward of one call of a function leaves for its backward.
class AutogradContext {
public:
  AutogradContext() = default;
  AutogradContext(const AutogradContext &) = delete;

  /// In forward: arguments, results or other tensors that the backward reads. A later call takes the place of an earlier one.
  void save_for_backward(tensor_list tensors) { toSave = std::move(tensors); }
  /// In backward: the same, those that require a gradient with their history. Throws where one was written in place since, or
  /// where an earlier backward without retain_graph has freed them. Empty in forward.
  tensor_list get_saved_variables() const { return unpack ? unpack() : tensor_list(); }
  /// Numbers, texts and sizes, by name.
  std::map<std::string, SavedValue> saved_data;

  /// In forward: these results require no gradient.
  void mark_non_differentiable(const tensor_list &outputs) { nonDifferentiable = outputs; }
  /// In forward. True, as it is at first: backward finds zeros where a result has no gradient; false: an undefined tensor.
  void set_materialize_grads(bool value) { materializeGrads = value; }
  /// Whether the gradient of a tensor argument is asked for. Tensors count alone, from 0.
  bool needs_input_grad(size_t argument) const { return argument < needs.size() && needs[argument]; }

private:
  friend class FunctionCall;
  friend struct record::CustomFunction;
  tensor_list toSave, nonDifferentiable; // until the call has ended
  bool materializeGrads = true;
  std::vector<bool> needs;             // by tensor argument
  std::function<tensor_list()> unpack; // while the backward is called
};

/// What `apply` does around a forward.
class FunctionCall {
public:
  using Backward = std::function<tensor_list(AutogradContext *context, tensor_list gradients)>;
  FunctionCall(const std::type_info &type, Backward backward);
  /// The next argument. Tensors, also those of a list, have gradients.
  template <typename Argument> void take(const Argument &argument) {
    if constexpr (std::is_convertible_v<const Argument &, const Tensor &>) {
      takeTensor(argument);
    } else if constexpr (std::is_convertible_v<const Argument &, const tensor_list &>) {
      for (const Tensor &tensor : argument)
        takeTensor(tensor);
    } else if constexpr (std::is_same_v<Argument, std::optional<Tensor>>) {
      takeTensor(argument.value_or(Tensor()));
    } else {
      takeOther();
    }
  }
  /// All arguments were taken; what they are now is what has the gradient.
  void begin();
  AutogradContext *context();
  /// The results with their history.
  tensor_list finish(const tensor_list &outputs);
  Tensor finish(const Tensor &output) { return finish(tensor_list{output})[0]; }

private:
  void takeTensor(const Tensor &tensor);
  void takeOther();

  std::shared_ptr<record::CustomFunction> function;
  tensor_list arguments; // the tensors among them
  bool requiresGrad = false;
};

/// A function with a gradient of its own, as in libtorch:
///
///     struct Scale : autograd::Function<Scale> {
///       static Tensor forward(autograd::AutogradContext *ctx, Tensor x, double factor) {
///         ctx->saved_data["factor"] = factor;
///         return x * factor;
///       }
///       static autograd::tensor_list backward(autograd::AutogradContext *ctx, autograd::tensor_list gradients) {
///         return {gradients[0] * ctx->saved_data["factor"].toDouble(), Tensor()};
///       }
///     };
///     Tensor y = Scale::apply(x, 2.0);
///
/// `forward` returns a Tensor or a tensor_list and is recorded without gradients. `backward` is called when a backward has the
/// gradients of the results, one a result, and returns one an argument: undefined for what is no tensor, and where there is none.
/// A gradient may have the sizes of the argument broadcast, and is summed to them. What it does is recorded, with gradients under
/// create_graph, and may look at values. The results are tensors of their own, never views of an argument.
template <typename T> struct Function {
  template <typename... Args> static auto apply(Args &&...args) {
    using Result = decltype(T::forward(static_cast<AutogradContext *>(nullptr), std::forward<Args>(args)...));
    static_assert(std::is_same_v<Result, Tensor> || std::is_same_v<Result, tensor_list>,
                  "forward returns a Tensor or a tensor_list");
    FunctionCall call(typeid(T), &T::backward);
    (call.take(args), ...);
    call.begin();
    auto forward = [&]() -> Result {
      NoGradGuard noGrad;
      return T::forward(call.context(), std::forward<Args>(args)...);
    };
    return call.finish(forward());
  }
};

} // namespace ember::autograd
