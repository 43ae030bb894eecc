// Tracing: a module or function recorded once as a graph of its own.
#pragma once

#include "ember/nn/module.h"

#include <functional>
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

private:
  std::shared_ptr<Impl> impl;
};

/// Records `function` on the examples. Data-dependent C++ control flow is followed once.
TracedModule trace(const std::function<Tensor(const std::vector<Tensor> &)> &function, const std::vector<Tensor> &examples);
TracedModule trace(nn::Module &module, const std::vector<Tensor> &examples);
template <typename Impl> TracedModule trace(const nn::ModuleHolder<Impl> &module, const std::vector<Tensor> &examples) {
  return trace(*module, examples);
}

void save(const TracedModule &traced, const std::string &path);
/// Reads a package. Its weights are mapped, not copied. Nothing in the file is trusted: what is wrong with it is an Error of one
/// line, and no memory is taken beyond four times the file's size and 64 MB.
TracedModule load(const std::string &path);

} // namespace ember::jit
