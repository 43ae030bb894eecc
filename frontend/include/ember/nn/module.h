// nn::Module: a tree of parameters, buffers and submodules with a forward function.
#pragma once

#include "ember/tensor.h"

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace ember::nn {

/// Names and tensors in registration order.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

class Module;
using NamedChildren = std::vector<std::pair<std::string, std::shared_ptr<Module>>>;

/// What load_state_dict found amiss with strict = false.
struct IncompatibleKeys {
  std::vector<std::string> missing_keys, unexpected_keys;
};

/// The base of all modules: PyTorch's nn.Module. Own parameters come first, then own buffers, then children, each in the
/// order of registration; that is also the order of state_dict.
class Module {
public:
  Module();
  virtual ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  /// The module's computation. Call the module itself (`module(x)`): that carries the caller's line and the module's
  /// path into errors.
  virtual Tensor forward(const Tensor &input);

  Tensor operator()(const Tensor &input, std::source_location where = std::source_location::current());

  /// Registers and returns a tensor as parameter (requires a gradient unless told not to) or buffer (state without one). A name
  /// that has one already gets this one in its place; so it is with modules. A tensor, and a module, may be registered under
  /// several names: it is shared then, and stands in state_dict under each of them, elsewhere under the first:
  ///
  ///     decoder->weight = decoder->register_parameter("weight", embedding->weight);
  Tensor register_parameter(std::string name, Tensor tensor, bool requires_grad = true, Here where = Here::current());
  Tensor register_buffer(std::string name, Tensor tensor, Here where = Here::current());
  template <typename Holder> Holder register_module(std::string name, Holder holder, Here where = Here::current()) {
    CallSite site(where);
    adopt(std::move(name), holder.ptr());
    return holder;
  }

  NamedTensors named_parameters(bool recurse = true) const;
  NamedTensors named_buffers(bool recurse = true) const;
  std::vector<Tensor> parameters(bool recurse = true) const;
  std::vector<Tensor> buffers(bool recurse = true) const;
  NamedChildren named_children() const;
  /// This module under the name "", then all below it by path.
  std::vector<std::pair<std::string, Module *>> named_modules();

  /// Parameters and buffers by path (`0.weight`), as detached tensors that share memory with the module's.
  NamedTensors state_dict() const;
  /// Copies values in place. Throws PyTorch's text for missing, unexpected and misshapen entries; with strict = false only
  /// for misshapen ones.
  IncompatibleKeys load_state_dict(const NamedTensors &state, bool strict = true, Here where = Here::current());

  virtual void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training; }
  /// Sets requires_grad of every parameter (freezing: false).
  void requires_grad_(bool requires_grad = true);
  void zero_grad(bool set_to_none = true);
  /// Converts floating parameters and buffers in place.
  void to(ScalarType dtype, Here where = Here::current());
  void apply(const std::function<void(Module &)> &visit);

  /// `Linear(in_features=3, out_features=4, bias=True)`, nested as PyTorch prints it.
  std::string repr() const;
  /// The class's name without `Impl`, and what stands in the parentheses.
  virtual std::string type_name() const;
  virtual std::string extra_repr() const { return ""; }

protected:
  void adopt(std::string name, std::shared_ptr<Module> child);
  /// Each name, where named_children has each module.
  const NamedChildren &all_children() const { return children; }
  bool training = true;

private:
  friend class ModuleCall;
  static Tensor enter(NamedTensors &list, std::string name, Tensor tensor);
  void collect(const std::string &prefix, bool ofBuffers, bool recurse, NamedTensors &out) const;
  void collectState(const std::string &prefix, NamedTensors &out) const;
  std::string reprIndented(int indent) const;

  std::string nameInParent;
  NamedTensors ownParameters, ownBuffers;
  NamedChildren children;
};

std::ostream &operator<<(std::ostream &stream, const Module &module);

/// A shared handle on a module: `nn::Linear` is the handle of `nn::LinearImpl`.
template <typename Impl> class ModuleHolder {
public:
  template <typename... Args>
    requires std::is_constructible_v<Impl, Args...>
  explicit ModuleHolder(Args &&...args) : impl(std::make_shared<Impl>(std::forward<Args>(args)...)) {}
  explicit ModuleHolder(std::shared_ptr<Impl> impl) : impl(std::move(impl)) {}
  /// A mistake in the arguments is told with this place.
  template <typename... Args>
  ModuleHolder(std::source_location where, std::in_place_t, Args &&...args)
      : ModuleHolder((CallSite(where), std::make_shared<Impl>(std::forward<Args>(args)...))) {}

  Tensor operator()(const Tensor &input, std::source_location where = std::source_location::current()) const {
    return (*impl)(input, where);
  }
  Impl *operator->() const { return impl.get(); }
  Impl &operator*() const { return *impl; }
  const std::shared_ptr<Impl> &ptr() const { return impl; }

private:
  std::shared_ptr<Impl> impl;
};

template <typename Impl> std::ostream &operator<<(std::ostream &stream, const ModuleHolder<Impl> &holder) {
  return stream << *holder;
}

/// Declares the handle NAME of the module class NAMEImpl.
#define EMBER_MODULE(NAME)                                                                                                       \
  class NAME : public ::ember::nn::ModuleHolder<NAME##Impl> {                                                                    \
  public:                                                                                                                        \
    using ::ember::nn::ModuleHolder<NAME##Impl>::ModuleHolder;                                                                   \
  }

} // namespace ember::nn
