// Tensors: PyTorch's tensor for C++. Operations are recorded, compiled and run when a value is looked at.
#pragma once

#include "ember/error.h"
#include "ember/random.h"

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <vector>

namespace ember {

/// Element types, numbered as in the runtime.
enum class ScalarType : uint8_t { Float64, Float32, BFloat16, Float16, Int64, Int32, Int16, Int8, UInt8, Bool };
inline constexpr ScalarType kFloat64 = ScalarType::Float64, kFloat32 = ScalarType::Float32, kBFloat16 = ScalarType::BFloat16,
                            kFloat16 = ScalarType::Float16, kInt64 = ScalarType::Int64, kInt32 = ScalarType::Int32,
                            kInt16 = ScalarType::Int16, kInt8 = ScalarType::Int8, kUInt8 = ScalarType::UInt8,
                            kBool = ScalarType::Bool;
bool is_floating(ScalarType dtype);
/// `torch.float32` and so on.
std::string dtype_name(ScalarType dtype);
std::ostream &operator<<(std::ostream &stream, ScalarType dtype);

/// The dtype that holds a C++ type.
template <typename T> constexpr ScalarType dtype_of() {
  if constexpr (std::is_same_v<T, double>)
    return kFloat64;
  else if constexpr (std::is_same_v<T, float>)
    return kFloat32;
  else if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, long long>)
    return kInt64;
  else if constexpr (std::is_same_v<T, int32_t>)
    return kInt32;
  else if constexpr (std::is_same_v<T, int16_t>)
    return kInt16;
  else if constexpr (std::is_same_v<T, int8_t>)
    return kInt8;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return kUInt8;
  else {
    static_assert(std::is_same_v<T, bool>, "no tensor dtype holds this type");
    return kBool;
  }
}

using Shape = std::vector<int64_t>;
/// Prints as `torch.Size([2, 3])`.
struct Size : Shape {
  using Shape::Shape;
  Size(Shape shape) : Shape(std::move(shape)) {}
};
std::ostream &operator<<(std::ostream &stream, const Size &size);

namespace record {
class TensorImpl;
class HookList;
} // namespace record
using Here = std::source_location;

/// A place along a dimension, from its end where negative, and where it was written.
struct Index {
  template <std::integral T> Index(T number, Here where = Here::current()) : number(static_cast<int64_t>(number)), where(where) {}
  int64_t number;
  Here where;
};

class Tensor;

/// What a backward calls with a tensor's gradient.
using Hook = std::function<Tensor(const Tensor &gradient)>;

/// Removes a hook. It outlives the tensor without harm.
class RemovableHandle {
public:
  RemovableHandle() = default;
  RemovableHandle(std::weak_ptr<record::HookList> hooks, uint64_t number) : hooks(std::move(hooks)), number(number) {}
  /// The hook is not called any more; nothing where it was removed before.
  void remove();

private:
  std::weak_ptr<record::HookList> hooks;
  uint64_t number = 0;
};

/// A shared handle on a tensor: copies are the same tensor.
class Tensor {
public:
  Tensor() = default; // undefined
  explicit Tensor(std::shared_ptr<record::TensorImpl> impl) : impl(std::move(impl)) {}

  bool defined() const { return impl != nullptr; }
  bool is_same(const Tensor &other) const;
  Size sizes() const;
  Size size() const { return sizes(); }
  int64_t size(int64_t dim, Here where = Here::current()) const;
  int64_t dim() const;
  int64_t numel() const;
  ScalarType dtype() const;
  bool is_floating_point() const { return is_floating(dtype()); }

  // ---- values: each look runs what is pending
  /// The one element, converted to T.
  template <typename T> T item(Here where = Here::current()) const;
  /// All elements in row-major order, converted to T.
  template <typename T> std::vector<T> to_vector(Here where = Here::current()) const;
  /// Row-major memory, valid until the tensor is written next. Throws for a tensor that requires a gradient, and for another T
  /// than the dtype's.
  template <typename T> const T *data_ptr(Here where = Here::current()) const;

  // ---- autograd
  Tensor &requires_grad_(bool requires_grad = true, Here where = Here::current());
  bool requires_grad() const;
  bool is_leaf() const;
  /// Keeps the gradient of a tensor that is no leaf in `.grad`.
  void retain_grad(Here where = Here::current());
  /// Whether retain_grad() was called on a tensor that is no leaf.
  bool retains_grad() const;
  /// Has `hook` called with the gradient of this tensor whenever a backward or autograd::grad has computed one: after all that
  /// contributes to it, before it is added to `.grad` or goes on. `hook` takes a `const Tensor &` and returns nothing, or a
  /// tensor of the same sizes and dtype that takes the gradient's place; an undefined one leaves it as it is. Several are called
  /// in the order in which they were registered, each with what the one before it gave.
  ///
  /// What a hook does is recorded; it may look at values. A write in place to the tensor leaves its hooks with what it was
  /// before; those of a leaf stay. A hook that holds the tensor itself keeps it alive.
  ///
  ///     auto handle = weight.register_hook([](const Tensor &gradient) { return gradient * 0.5; });
  ///     handle.remove();
  template <typename Function> RemovableHandle register_hook(Function hook, Here where = Here::current()) const {
    if constexpr (std::is_void_v<std::invoke_result_t<Function &, const Tensor &>>)
      return add_hook(
          [hook = std::move(hook)](const Tensor &gradient) mutable {
            hook(gradient);
            return Tensor();
          },
          where);
    else
      return add_hook(std::move(hook), where);
  }
  Tensor grad() const;
  /// Throws where the gradient has another shape or dtype.
  void set_grad(const Tensor &gradient, Here where = Here::current());
  void backward(const Tensor &gradient = {}, bool retain_graph = false, bool create_graph = false,
                Here where = Here::current()) const;
  Tensor detach() const;
  /// Replaces the memory this handle's storage stands for; keeps the autograd identity.
  void set_data(const Tensor &source, Here where = Here::current());

  // ---- views: share storage with this tensor
  /// Throws where the elements do not lie so in memory; reshape copies them then.
  Tensor view(Shape shape, Here where = Here::current()) const;
  Tensor reshape(Shape shape, Here where = Here::current()) const;
  Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1, Here where = Here::current()) const;
  Tensor transpose(int64_t dim0, int64_t dim1, Here where = Here::current()) const;
  Tensor permute(Shape dims, Here where = Here::current()) const;
  Tensor t(Here where = Here::current()) const;
  Tensor expand(Shape shape, Here where = Here::current()) const;
  /// Without every dimension of size 1, or without `dim` where its size is 1.
  Tensor squeeze(Here where = Here::current()) const;
  template <std::integral T> Tensor squeeze(T dim, Here where = Here::current()) const { return squeezed(dim, where); }
  Tensor unsqueeze(int64_t dim, Here where = Here::current()) const;
  Tensor select(int64_t dim, int64_t index, Here where = Here::current()) const;
  /// select along the first dimension.
  Tensor operator[](const Index &index) const;
  Tensor slice(int64_t dim, int64_t start, int64_t end, int64_t step = 1, Here where = Here::current()) const;
  Tensor narrow(int64_t dim, int64_t start, int64_t length, Here where = Here::current()) const;

  // ---- copies
  Tensor clone(Here where = Here::current()) const;
  bool is_contiguous() const;
  Tensor contiguous(Here where = Here::current()) const;
  Tensor to(ScalarType dtype, Here where = Here::current()) const;

  // ---- in place
  Tensor &add_(const class Operand &other);
  Tensor &sub_(const Operand &other);
  Tensor &mul_(const Operand &other);
  Tensor &div_(const Operand &other);
  Tensor &operator+=(const Operand &other) { return add_(other); }
  Tensor &operator-=(const Operand &other) { return sub_(other); }
  Tensor &operator*=(const Operand &other) { return mul_(other); }
  Tensor &operator/=(const Operand &other) { return div_(other); }
  Tensor &relu_(Here where = Here::current());
  Tensor &copy_(const Tensor &source, Here where = Here::current());
  Tensor &fill_(double value, Here where = Here::current());
  Tensor &zero_(Here where = Here::current());
  Tensor &uniform_(double low = 0, double high = 1, Here where = Here::current());
  Tensor &normal_(double mean = 0, double std = 1, Here where = Here::current());
  Tensor &bernoulli_(double p = 0.5, Here where = Here::current());
  /// Whole numbers from [low, high), low 0 where it is not told, which the dtype must hold; a float dtype takes the bounds next
  /// to them that it has.
  Tensor &random_(int64_t low, int64_t high, Here where = Here::current());
  Tensor &random_(int64_t high, Here where = Here::current()) { return random_(0, high, where); }
  /// The same, drawn from a generator of your own; not in a trace, which knows the default one alone.
  Tensor &uniform_(double low, double high, const Generator &generator, Here where = Here::current());
  Tensor &normal_(double mean, double std, const Generator &generator, Here where = Here::current());
  Tensor &bernoulli_(double p, const Generator &generator, Here where = Here::current());
  Tensor &random_(int64_t low, int64_t high, const Generator &generator, Here where = Here::current());

  // ---- element by element
  Tensor neg(Here where = Here::current()) const;
  Tensor abs(Here where = Here::current()) const;
  Tensor sign(Here where = Here::current()) const;
  Tensor exp(Here where = Here::current()) const;
  Tensor log(Here where = Here::current()) const;
  Tensor log1p(Here where = Here::current()) const;
  Tensor expm1(Here where = Here::current()) const;
  Tensor sqrt(Here where = Here::current()) const;
  Tensor rsqrt(Here where = Here::current()) const;
  Tensor reciprocal(Here where = Here::current()) const;
  Tensor sin(Here where = Here::current()) const;
  Tensor cos(Here where = Here::current()) const;
  Tensor tanh(Here where = Here::current()) const;
  Tensor sigmoid(Here where = Here::current()) const;
  Tensor relu(Here where = Here::current()) const;
  Tensor erf(Here where = Here::current()) const;
  Tensor floor(Here where = Here::current()) const;
  Tensor ceil(Here where = Here::current()) const;
  Tensor round(Here where = Here::current()) const;
  Tensor trunc(Here where = Here::current()) const;
  /// Booleans: whether an element is 0; whether one of two is, and not both.
  Tensor logical_not(Here where = Here::current()) const;
  Tensor logical_xor(const Operand &other) const;
  Tensor pow(const Operand &exponent) const;
  Tensor div(const Operand &other) const;

  Tensor matmul(const Tensor &other, Here where = Here::current()) const;

  // ---- reductions: over all dimensions, over those of a list, or over one
  Tensor sum(Here where = Here::current()) const;
  Tensor sum(Shape dims, bool keepdim = false, Here where = Here::current()) const;
  template <std::integral T> Tensor sum(T dim, bool keepdim = false, Here where = Here::current()) const {
    return sum(Shape{static_cast<int64_t>(dim)}, keepdim, where);
  }
  Tensor mean(Here where = Here::current()) const;
  Tensor mean(Shape dims, bool keepdim = false, Here where = Here::current()) const;
  template <std::integral T> Tensor mean(T dim, bool keepdim = false, Here where = Here::current()) const {
    return mean(Shape{static_cast<int64_t>(dim)}, keepdim, where);
  }
  Tensor max(Here where = Here::current()) const;
  Tensor amax(Shape dims, bool keepdim = false, Here where = Here::current()) const;
  template <std::integral T> Tensor amax(T dim, bool keepdim = false, Here where = Here::current()) const {
    return amax(Shape{static_cast<int64_t>(dim)}, keepdim, where);
  }
  /// Of all elements in row-major order.
  Tensor argmax(Here where = Here::current()) const;
  Tensor argmax(int64_t dim, bool keepdim = false, Here where = Here::current()) const;
  Tensor var(Shape dims, int64_t correction = 1, bool keepdim = false, Here where = Here::current()) const;

  std::shared_ptr<record::TensorImpl> impl;

private:
  Tensor squeezed(int64_t dim, Here where) const;
  RemovableHandle add_hook(Hook hook, Here where) const;
};

/// A tensor or a number, with the place where it was written: what operators take, so that they know the user's line.
class Operand {
public:
  Operand(const Tensor &tensor, Here where = Here::current()) : tensor(tensor), where(where) {
    if (!tensor.defined())
      refuseUndefined();
  }
  template <typename T>
    requires std::is_arithmetic_v<T>
  Operand(T number, Here where = Here::current())
      : number(static_cast<double>(number)), isReal(std::is_floating_point_v<T>), isBool(std::is_same_v<T, bool>), where(where) {}

  Tensor tensor; // undefined: the number
  double number = 0;
  bool isReal = false, isBool = false;
  Here where;

private:
  [[noreturn]] void refuseUndefined() const;
};

Tensor operator+(const Operand &a, const Operand &b);
Tensor operator-(const Operand &a, const Operand &b);
Tensor operator*(const Operand &a, const Operand &b);
Tensor operator/(const Operand &a, const Operand &b);
Tensor operator-(const Operand &a);
Tensor operator==(const Operand &a, const Operand &b);
Tensor operator!=(const Operand &a, const Operand &b);
Tensor operator<(const Operand &a, const Operand &b);
Tensor operator<=(const Operand &a, const Operand &b);
Tensor operator>(const Operand &a, const Operand &b);
Tensor operator>=(const Operand &a, const Operand &b);
/// Bit by bit, of whole numbers and booleans.
Tensor operator&(const Operand &a, const Operand &b);
Tensor operator|(const Operand &a, const Operand &b);
Tensor operator^(const Operand &a, const Operand &b);
Tensor operator~(const Operand &a);
std::ostream &operator<<(std::ostream &stream, const Tensor &tensor);
/// How tensors are printed from now on. More elements than `threshold` are printed as their first and last `edgeitems` along each
/// dimension. sci_mode: whether numbers have exponents; none: where their sizes ask for it.
struct PrintOptions {
  int precision = 4;
  int64_t threshold = 1000, edgeitems = 3, linewidth = 80;
  std::optional<bool> sci_mode{};
};
void set_printoptions(const PrintOptions &options, Here where = Here::current());

// ---- factories: memory is filled at once
Tensor empty(Shape shape, ScalarType dtype = kFloat32, Here where = Here::current());
Tensor zeros(Shape shape, ScalarType dtype = kFloat32, Here where = Here::current());
Tensor ones(Shape shape, ScalarType dtype = kFloat32, Here where = Here::current());
/// Throws where the dtype has no such number: 300 as uint8, infinity as int64.
Tensor full(Shape shape, double value, ScalarType dtype = kFloat32, Here where = Here::current());
Tensor arange(int64_t end, Here where = Here::current());
/// start, start + step, … before end; int64.
Tensor arange(Index start, int64_t end, int64_t step = 1);
Tensor rand(Shape shape, ScalarType dtype = kFloat32, Here where = Here::current());
Tensor randn(Shape shape, ScalarType dtype = kFloat32, Here where = Here::current());
Tensor randint(int64_t low, int64_t high, Shape shape, ScalarType dtype = kInt64, Here where = Here::current());
Tensor randint(int64_t high, Shape shape, ScalarType dtype = kInt64, Here where = Here::current());
Tensor randperm(int64_t count, Here where = Here::current());
Tensor rand(Shape shape, const Generator &generator, ScalarType dtype = kFloat32, Here where = Here::current());
Tensor randn(Shape shape, const Generator &generator, ScalarType dtype = kFloat32, Here where = Here::current());
Tensor randint(int64_t low, int64_t high, Shape shape, const Generator &generator, ScalarType dtype = kInt64,
               Here where = Here::current());
Tensor randperm(int64_t count, const Generator &generator, Here where = Here::current());
Tensor zeros_like(const Tensor &other, Here where = Here::current());
Tensor ones_like(const Tensor &other, Here where = Here::current());
Tensor randn_like(const Tensor &other, Here where = Here::current());
Tensor rand_like(const Tensor &other, Here where = Here::current());
/// A tensor of these row-major bytes, which are copied.
Tensor from_bytes(const void *bytes, Shape shape, ScalarType dtype, Here where = Here::current());
template <typename T> Tensor tensor(T value, Here where = Here::current()) {
  return from_bytes(&value, {}, dtype_of<T>(), where);
}
template <typename T> Tensor tensor(std::initializer_list<T> values, Here where = Here::current()) {
  return from_bytes(values.begin(), {static_cast<int64_t>(values.size())}, dtype_of<T>(), where);
}
template <typename T> Tensor tensor(const std::vector<T> &values, Here where = Here::current()) {
  std::vector<std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>> list(values.begin(), values.end());
  return from_bytes(list.data(), {static_cast<int64_t>(list.size())}, dtype_of<T>(), where);
}
template <typename T> Tensor tensor(std::initializer_list<std::initializer_list<T>> rows, Here where = Here::current()) {
  std::vector<std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>> list; // a vector of bools has no bytes
  CallSite site(where);
  for (const auto &row : rows) {
    if (row.size() != rows.begin()->size())
      throw Error("expected sequence of length " + std::to_string(rows.begin()->size()) + " at dim 1 (got " +
                  std::to_string(row.size()) + ")");
    list.insert(list.end(), row.begin(), row.end());
  }
  Shape shape{static_cast<int64_t>(rows.size())}; // `{}` is no row
  if (rows.size() != 0)
    shape.push_back(static_cast<int64_t>(rows.begin()->size()));
  return from_bytes(list.data(), std::move(shape), dtype_of<T>(), where);
}
/// Throws PyTorch's text where the shape has another number of elements.
void require_elements(const Shape &shape, size_t count, Here where);
template <typename T> Tensor from_vector(const std::vector<T> &values, Shape shape, Here where = Here::current()) {
  require_elements(shape, values.size(), where);
  return from_bytes(values.data(), std::move(shape), dtype_of<T>(), where);
}
/// A rank-0 tensor that is an argument of every program: for learning rates and other numbers that change from step to step.
Tensor runtime_scalar(double value, ScalarType dtype);
/// Rows of a tensor, copied in memory and not recorded: data for a batch.
Tensor copy_rows(const Tensor &tensor, const std::vector<int64_t> &rows, Here where = Here::current());

// ---- several tensors
Tensor matmul(const Tensor &a, const Tensor &b, Here where = Here::current());
Tensor maximum(const Tensor &a, const Tensor &b, Here where = Here::current());
Tensor minimum(const Tensor &a, const Tensor &b, Here where = Here::current());
Tensor where(const Tensor &condition, const Operand &yes, const Operand &no);
Tensor cat(const std::vector<Tensor> &tensors, int64_t dim = 0, Here where = Here::current());
Tensor stack(const std::vector<Tensor> &tensors, int64_t dim = 0, Here where = Here::current());
Tensor gather(const Tensor &input, int64_t dim, const Tensor &index, Here where = Here::current());
Tensor index_select(const Tensor &input, int64_t dim, const Tensor &index, Here where = Here::current());
Tensor scatter_add(const Tensor &base, int64_t dim, const Tensor &index, const Tensor &updates, Here where = Here::current());
bool equal(const Tensor &a, const Tensor &b, Here where = Here::current());
bool allclose(const Tensor &a, const Tensor &b, double rtol = 1e-5, double atol = 1e-8, Here where = Here::current());

// ---- recording
/// No operations of this thread are recorded for gradients while it lives.
class NoGradGuard {
public:
  NoGradGuard();
  ~NoGradGuard();
  NoGradGuard(const NoGradGuard &) = delete;

private:
  bool previous;
};
/// Operations of this thread are recorded for gradients while it lives, also within a NoGradGuard or in a hook.
class EnableGradGuard {
public:
  EnableGradGuard();
  ~EnableGradGuard();
  EnableGradGuard(const EnableGradGuard &) = delete;

private:
  bool previous;
};
bool is_grad_enabled();

/// Ends the recorded program at the next operation: an optimizer's step does.
void end_step();
/// Runs everything that is pending.
void synchronize();

namespace autograd {
/// The gradients of the outputs' sum (or of the products with grad_outputs) with respect to the inputs; `.grad` stays as it is.
std::vector<Tensor> grad(const std::vector<Tensor> &outputs, const std::vector<Tensor> &inputs,
                         const std::vector<Tensor> &grad_outputs = {}, bool retain_graph = false, bool create_graph = false,
                         bool allow_unused = false, Here where = Here::current());
} // namespace autograd

/// What happened so far, for tests and tools.
struct Counters {
  int64_t programsCompiled = 0, programsRun = 0, kernelsCompiled = 0, pendingOps = 0, liveBytes = 0;
  int64_t arenaBytes = 0, arenaLiveBytes = 0; ///< of the program that ran last: its arena, and what lives at once in it
  int64_t peakBytes = 0;                      ///< the most liveBytes that there were since the last reset_peak_bytes
  int64_t kernelsLaunched = 0, opsRecorded = 0;
  int64_t codeObjects = 0;    ///< pieces of machine code in memory: the kernels that were compiled together are one
  int64_t runNanoseconds = 0; // in programs, from their first kernel to their last
};
void reset_peak_bytes();
Counters counters();

/// Gathers the names of the kernels that this thread launches while it lives, in order, and how many operations they compute.
class LaunchLog {
public:
  LaunchLog();
  ~LaunchLog();
  LaunchLog(const LaunchLog &) = delete;
  std::vector<std::string> names;
  int64_t operations = 0; ///< that the programs were recorded with; constants are none

private:
  LaunchLog *previous;
};

/// Compiled programs that memory keeps, the least recently used going first (default: 512). Their machine code is freed when
/// none has it any more. A thread may hold on to twice as many.
void set_programs_kept(size_t count);

// ---- files
/// .npy; throws with the path and what is wrong with it.
Tensor load_npy(const std::string &path, Here where = Here::current());
void save_npy(const std::string &path, const Tensor &tensor, Here where = Here::current());

} // namespace ember
