#include "ember/nn/module.h"

#include "ember/error.h"
#include "ember/scope.h"
#include "record/Storage.h"

#include <algorithm>
#include <cxxabi.h>
#include <ostream>
#include <set>

namespace ember::nn {

Module::Module() = default;
Module::~Module() = default;

Tensor Module::forward(const Tensor &) {
  throw Error(type_name() + ": forward is not implemented: a module overrides forward(const Tensor &)");
}

std::string Module::type_name() const {
  std::unique_ptr<char, void (*)(void *)> own(abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, nullptr), std::free);
  std::string name = own ? own.get() : "Module";
  name = name.substr(0, name.find('<'));
  name = name.substr(name.rfind(':') + 1); // npos + 1 is 0
  return name.size() > 4 && name.ends_with("Impl") ? name.substr(0, name.size() - 4) : name;
}

Tensor Module::operator()(const Tensor &input, std::source_location where) {
  ModuleScope scope(nameInParent, where);
  return forward(input);
}

static void requireFreshName(const std::string &name, const char *kind, const std::set<std::string> &taken) {
  if (name.empty())
    throw Error(std::string(kind) + " name can't be empty string \"\"");
  if (name.find('.') != std::string::npos)
    throw Error(std::string(kind) + " name can't contain \".\", got: " + name);
  if (taken.count(name))
    throw Error("attribute '" + name + "' already exists");
}

template <typename... Lists> static std::set<std::string> namesOf(const Lists &...lists) {
  std::set<std::string> names;
  auto add = [&](const auto &list) {
    for (const auto &entry : list)
      names.insert(entry.first);
  };
  (add(lists), ...);
  return names;
}

Tensor Module::enter(NamedTensors &list, std::string name, Tensor tensor) {
  auto known = std::find_if(list.begin(), list.end(), [&](const auto &own) { return own.first == name; });
  if (known != list.end())
    known->second = tensor;
  else
    list.emplace_back(std::move(name), tensor);
  return tensor;
}

Tensor Module::register_parameter(std::string name, Tensor tensor, bool requires_grad, Here where) {
  CallSite site(where);
  requireFreshName(name, "parameter", namesOf(ownBuffers, children));
  tensor.requires_grad_(requires_grad);
  tensor.impl->isParameter = true;
  return enter(ownParameters, std::move(name), std::move(tensor));
}

Tensor Module::register_buffer(std::string name, Tensor tensor, Here where) {
  CallSite site(where);
  requireFreshName(name, "buffer", namesOf(ownParameters, children));
  return enter(ownBuffers, std::move(name), std::move(tensor));
}

void Module::adopt(std::string name, std::shared_ptr<Module> child) {
  requireFreshName(name, "module", namesOf(ownParameters, ownBuffers));
  for (const auto &[path, module] : child->named_modules())
    if (module == this)
      throw Error("module '" + name + "' would hold itself, expected another module");
  child->nameInParent = name;
  auto known = std::find_if(children.begin(), children.end(), [&](const auto &own) { return own.first == name; });
  if (known != children.end())
    known->second = std::move(child);
  else
    children.emplace_back(std::move(name), std::move(child));
}

void Module::collect(const std::string &prefix, bool ofBuffers, bool recurse, NamedTensors &out) const {
  for (const auto &[name, tensor] : ofBuffers ? ownBuffers : ownParameters)
    out.emplace_back(prefix + name, tensor);
  if (!recurse)
    return;
  for (const auto &[name, child] : children)
    child->collect(prefix + name + ".", ofBuffers, recurse, out);
}

// A tensor that is registered under two names counts once, under the first (shared weights).
static NamedTensors withoutRepeats(const NamedTensors &all) {
  NamedTensors unique;
  for (const auto &entry : all)
    if (std::none_of(unique.begin(), unique.end(), [&](const auto &seen) { return seen.second.is_same(entry.second); }))
      unique.push_back(entry);
  return unique;
}

NamedTensors Module::named_parameters(bool recurse) const {
  NamedTensors all;
  collect("", false, recurse, all);
  return withoutRepeats(all);
}

NamedTensors Module::named_buffers(bool recurse) const {
  NamedTensors all;
  collect("", true, recurse, all);
  return withoutRepeats(all);
}

static std::vector<Tensor> tensorsOf(const NamedTensors &named) {
  std::vector<Tensor> tensors;
  for (const auto &entry : named)
    tensors.push_back(entry.second);
  return tensors;
}

std::vector<Tensor> Module::parameters(bool recurse) const { return tensorsOf(named_parameters(recurse)); }
std::vector<Tensor> Module::buffers(bool recurse) const { return tensorsOf(named_buffers(recurse)); }

NamedChildren Module::named_children() const {
  NamedChildren unique;
  for (const auto &entry : children)
    if (std::none_of(unique.begin(), unique.end(), [&](const auto &seen) { return seen.second == entry.second; }))
      unique.push_back(entry);
  return unique;
}

std::vector<std::pair<std::string, Module *>> Module::named_modules() {
  std::vector<std::pair<std::string, Module *>> all = {{"", this}};
  std::set<Module *> seen = {this};
  for (const auto &[name, child] : children)
    for (const auto &[path, module] : child->named_modules())
      if (seen.insert(module).second)
        all.emplace_back(path.empty() ? name : name + "." + path, module);
  return all;
}

void Module::collectState(const std::string &prefix, NamedTensors &out) const {
  for (const NamedTensors *list : {&ownParameters, &ownBuffers})
    for (const auto &[name, tensor] : *list)
      out.emplace_back(prefix + name, tensor);
  for (const auto &[name, child] : children)
    child->collectState(prefix + name + ".", out);
}

NamedTensors Module::state_dict() const {
  NamedTensors state;
  collectState("", state);
  for (auto &entry : state)
    entry.second = entry.second.detach();
  return state;
}

static std::string quotedList(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

static std::string sizeText(const Tensor &tensor) {
  std::string text;
  for (int64_t size : tensor.sizes())
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "torch.Size([" + text + "])";
}

IncompatibleKeys Module::load_state_dict(const NamedTensors &state, bool strict, Here where) {
  CallSite site(where);
  std::map<std::string, Tensor> given(state.begin(), state.end());
  NamedTensors own = state_dict();
  IncompatibleKeys keys;
  std::string misshapen;
  for (const auto &[name, tensor] : own) {
    auto found = given.find(name);
    if (found == given.end())
      keys.missing_keys.push_back(name);
    else if (found->second.sizes() != tensor.sizes())
      misshapen += "\n\tsize mismatch for " + name + ": copying a param with shape " + sizeText(found->second) +
                   " from checkpoint, the shape in current model is " + sizeText(tensor) + ".";
  }
  std::set<std::string> ownNames = namesOf(own);
  for (const auto &[name, tensor] : state)
    if (!ownNames.count(name))
      keys.unexpected_keys.push_back(name);

  std::string faults;
  if (strict && !keys.missing_keys.empty())
    faults += "\n\tMissing key(s) in state_dict: " + quotedList(keys.missing_keys) + ". ";
  if (strict && !keys.unexpected_keys.empty())
    faults += "\n\tUnexpected key(s) in state_dict: " + quotedList(keys.unexpected_keys) + ". ";
  faults += misshapen;
  if (!faults.empty())
    throw Error("Error(s) in loading state_dict for " + type_name() + ":" + faults);

  NoGradGuard noGrad;
  for (auto &[name, tensor] : own) {
    auto found = given.find(name);
    if (found != given.end())
      tensor.copy_(found->second);
  }
  return keys;
}

void Module::train(bool on) {
  training = on;
  for (auto &[name, child] : children)
    child->train(on);
}

void Module::requires_grad_(bool requires_grad) {
  for (auto &[name, parameter] : named_parameters())
    parameter.requires_grad_(requires_grad);
}

void Module::zero_grad(bool set_to_none) {
  for (auto &[name, parameter] : named_parameters()) {
    if (set_to_none)
      parameter.set_grad(Tensor());
    else if (parameter.grad().defined())
      parameter.grad().zero_();
  }
}

void Module::to(ScalarType dtype, Here where) {
  CallSite site(where);
  if (!is_floating(dtype))
    throw Error("nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=" + dtype_name(dtype));
  NoGradGuard noGrad;
  apply([&](Module &module) {
    for (NamedTensors *list : {&module.ownParameters, &module.ownBuffers})
      for (auto &[name, tensor] : *list)
        if (tensor.is_floating_point())
          tensor.set_data(tensor.detach().to(dtype));
  });
}

void Module::apply(const std::function<void(Module &)> &visit) {
  for (auto &[name, child] : named_children())
    child->apply(visit);
  visit(*this);
}

std::string Module::reprIndented(int indent) const {
  std::string text = type_name() + "(", extra = extra_repr(), margin(indent + 2, ' ');
  if (children.empty())
    return text + extra + ")";
  if (!extra.empty())
    text += "\n" + margin + extra;
  for (const auto &[name, child] : children)
    text += "\n" + margin + "(" + name + "): " + child->reprIndented(indent + 2);
  return text + "\n" + std::string(indent, ' ') + ")";
}

std::string Module::repr() const { return reprIndented(0); }

std::ostream &operator<<(std::ostream &stream, const Module &module) { return stream << module.repr(); }

} // namespace ember::nn
