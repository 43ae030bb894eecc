// Tracing: a module or function recorded once as a graph of its own.
#pragma once

#include "ember/nn/module.h"
#include "ember/optim.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace ember::jit {

/// A recorded graph with the parameters and buffers it reads.
class TracedModule {
public:
  struct Impl;
  explicit TracedModule(std::shared_ptr<Impl> impl) : impl(std::move(impl)) {}

  /// The outputs for inputs of the examples' dtypes and shapes (named sizes may differ).
  std::vector<Tensor> run(const std::vector<Tensor> &inputs, Here where = Here::current()) const;
  Tensor operator()(const Tensor &input, Here where = Here::current()) const { return run({input}, where).at(0); }
  /// The graph as text.
  std::string graph() const;
  /// The graph at a stage of compilation: graph, kernels, planned, vector, llvm, asm.
  std::string emit(const std::string &stage) const;
  /// Writes a native artifact that needs neither ember nor LLVM: `.so`, `.a`, `.o` with a C header beside, or, without an ending,
  /// an executable that takes and gives .npy files; or `.ember`, a package. `name` prefixes its functions; default: the file's
  /// stem.
  void compile(const std::string &path, std::string name = "") const;

  /// Writes the graph and its weights as one package, whole or not at all. The same graph and weights give the same bytes.
  void save(const std::string &path) const;

  /// The graph as a module that starts from these weights, with the trainable flags that they had: to train on, or to
  /// trace_training. Its parameters and buffers have the names of the traced module's. Throws where there is not one input and
  /// one output.
  nn::ModuleHolder<nn::Module> module(Here where = Here::current()) const;

private:
  std::shared_ptr<Impl> impl;
};

/// A size that may differ from run to run: a name, or a polynomial of names such as "2*B" or "S + 1". Equal names are equal
/// sizes. min and max are of a name alone; a run outside of them is refused.
struct Dim {
  Dim(const char *text) : text(text) {}
  explicit Dim(std::string text, int64_t min = 0, int64_t max = INT64_MAX) : text(std::move(text)), min(min), max(max) {}
  std::string text;
  int64_t min = 0, max = INT64_MAX;
};

struct TraceOptions {
  /// By input: its dimensions (from the end where negative) whose sizes have names, at most 8 in all. A size that follows from
  /// them may have squares of up to four names; of more it is found where it has the square of one alone in each product.
  std::vector<std::map<int64_t, Dim>> dims;
};

/// Records `function` on the examples. Data-dependent C++ control flow is followed once. Nothing runs: buffers and the default
/// generator are afterwards as before.
///
/// What the function draws (dropout in training, uniform_, normal_, bernoulli_, random_, randint, randperm) is drawn when the
/// trace runs, from the default generator, which goes on as it does for the function: equal bits for the same seed. What a module
/// writes to its buffers (running statistics in training) is written to the trace's own.
///
/// With named sizes the function is recorded several times, at sizes near the examples': what differs between the recordings by
/// sizes alone becomes a polynomial of the names. The result runs for every size and gives the bits of a recording at that size.
/// Where a size of 0 or 1 would be recorded otherwise, the name's least value lies above it. Throws Error, with the op and its
/// line, where recordings differ in another way: control flow or numbers that depend on sizes, memory made in the function.
///
///     auto traced = jit::trace(model, {images}, {.dims = {{{0, "B"}}}});
TracedModule trace(const std::function<Tensor(const std::vector<Tensor> &)> &function, const std::vector<Tensor> &examples,
                   const TraceOptions &options = {}, Here where = Here::current());
/// The same of a function that gives several tensors, which `run` gives in their order.
TracedModule trace(const std::function<std::vector<Tensor>(const std::vector<Tensor> &)> &function,
                   const std::vector<Tensor> &examples, const TraceOptions &options = {}, Here where = Here::current());
TracedModule trace(nn::Module &module, const std::vector<Tensor> &examples, const TraceOptions &options = {},
                   Here where = Here::current());
template <typename Impl>
TracedModule trace(const nn::ModuleHolder<Impl> &module, const std::vector<Tensor> &examples, const TraceOptions &options = {},
                   Here where = Here::current()) {
  return trace(*module, examples, options, where);
}

void save(const TracedModule &traced, const std::string &path);
/// Reads a package. Its weights are mapped, not copied. Nothing in the file is trusted: what is wrong with it is an Error of one
/// line, and no memory is taken beyond four times the file's size and 64 MB.
TracedModule load(const std::string &path);

/// How a training library is compiled.
struct TrainingOptions {
  bool fuse = true;       // false: every op is a kernel of its own
  int64_t max_memory = 0; // bytes of each program's arena at most, by computing values again; 0: no limit
};

/// A recorded training step with the state that it starts from: parameters, buffers, optimizer and default generator.
class TracedTraining {
public:
  struct Impl;
  explicit TracedTraining(std::shared_ptr<Impl> impl) : impl(std::move(impl)) {}

  /// The step's graph as text: the loss, then the next value of all that the step changes.
  std::string graph() const;
  /// Writes a training library, `.so`, `.a` or `.o` with a C header beside, that needs neither ember nor LLVM: NAME_step,
  /// NAME_predict, NAME_set_hyper, NAME_seed, NAME_permutation, NAME_get_weight, NAME_set_weight, NAME_save, NAME_load and more.
  /// `name` prefixes its functions; default: the file's stem.
  void compile(const std::string &path, std::string name = "", const TrainingOptions &options = {}) const;

private:
  std::shared_ptr<Impl> impl;
};

/// The loss, a float tensor of one element, from the model's output and the targets. Errors name the line where it was made, or,
/// of a function, its own lines.
class Loss {
public:
  template <typename Function>
    requires std::is_invocable_r_v<Tensor, const Function &, const Tensor &, const Tensor &>
  Loss(Function function, Here where = Here::current())
      : function([function = std::move(function), where](const Tensor &output, const Tensor &target) -> Tensor {
          if constexpr (std::is_invocable_v<const Function &, const Tensor &, const Tensor &, const Here &>)
            return function(output, target, where);
          static_cast<void>(where); // other functions name lines of their own
          return function(output, target);
        }) {}
  Tensor operator()(const Tensor &output, const Tensor &target) const { return function(output, target); }

private:
  std::function<Tensor(const Tensor &, const Tensor &)> function;
};

/// Records one step on an example batch {input, target}: forward in training mode, loss, backward and the optimizer's update; and
/// the forward in evaluation mode. Nothing runs, and model, optimizer, gradients and generator are afterwards as before. The
/// optimizer's options that are not 0 become hyper-parameters; those that are 0 stay out of the step. Throws where the step looks
/// at a value or draws numbers while it is recorded, where the optimizer has parameters that are not the model's, and where
/// these have not all taken the same number of steps.
///
/// With named sizes, as of `trace`, the step takes batches of any size, such as the last short one of an epoch:
///
///     jit::compile_train(model, loss, optimizer, {images, labels}, "libm.so", "m", {.dims = {{{0, "B"}}, {{0, "B"}}}});
TracedTraining trace_training(nn::Module &module, const Loss &loss, optim::Optimizer &optimizer,
                              const std::vector<Tensor> &example, const TraceOptions &options = {});
template <typename Impl>
TracedTraining trace_training(const nn::ModuleHolder<Impl> &module, const Loss &loss, optim::Optimizer &optimizer,
                              const std::vector<Tensor> &example, const TraceOptions &options = {}) {
  return trace_training(*module, loss, optimizer, example, options);
}

/// `trace_training` and `compile` in one.
template <typename Model>
void compile_train(Model &&model, const Loss &loss, optim::Optimizer &optimizer, const std::vector<Tensor> &example,
                   const std::string &path, std::string name = "", const TraceOptions &options = {}) {
  trace_training(model, loss, optimizer, example, options).compile(path, std::move(name));
}

} // namespace ember::jit
