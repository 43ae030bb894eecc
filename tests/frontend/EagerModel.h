// A plain eager model of tensors: storages, views, writes and gradients in doubles, computed at once and without cleverness. What
// recorded programs are compared with. Its rules are PyTorch's.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace eager {

using Values = std::vector<double>;

/// A text that PyTorch would throw.
class Refusal : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The gradient of a leaf, added to by every backward.
struct Gradient {
  bool defined = false, nowhere = false;
  Values values;
};

/// A value, and how gradients flow from it.
struct Value {
  Values values;
  bool requiresGrad = false;
  int number = 0;                 // in the order of making
  std::shared_ptr<Gradient> leaf; // set: gradients end here
  std::shared_ptr<Value> memory;  // a view: the value whose memory it shares
  bool overwritten = false, freed = false;
  std::vector<std::shared_ptr<Value>> saved; // what its gradient reads
  struct Edge {
    std::shared_ptr<Value> operand;
    std::function<Values(const Values &)> back;
  };
  std::vector<Edge> edges;
};
using ValueRef = std::shared_ptr<Value>;

inline bool &gradMode() {
  static bool enabled = true;
  return enabled;
}

/// Edges to what requires no gradient are dropped, all of them without grad mode.
inline ValueRef make(Values values, std::vector<Value::Edge> edges = {}, bool tracked = gradMode()) {
  static int count = 0;
  auto made = std::make_shared<Value>();
  made->values = std::move(values);
  made->number = count++;
  for (Value::Edge &edge : edges)
    if (tracked && edge.operand->requiresGrad)
      made->edges.push_back(std::move(edge));
  made->requiresGrad = !made->edges.empty();
  return made;
}

struct Storage {
  ValueRef base;
  int version = 0;
};

/// A handle: a storage, or a view of another handle.
struct Tensor {
  enum class Kind { Base, View, Detach, Leaf, History };
  Kind kind = Kind::Base;
  std::shared_ptr<Storage> storage;
  std::shared_ptr<Tensor> parent;
  std::vector<size_t> places; // View: which of the parent's elements
  bool tracked = true;        // made with gradients on
  bool attached = false;      // View: and of what required one
  int versionMade = 0;
  std::shared_ptr<Gradient> gradient;
  ValueRef history; // History: whose gradient the contents have
  ValueRef known;   // what it was when last read
  int knownVersion = -1;
};
using TensorRef = std::shared_ptr<Tensor>;

inline TensorRef tensorOf(ValueRef value) {
  auto tensor = std::make_shared<Tensor>();
  tensor->storage = std::make_shared<Storage>();
  tensor->storage->base = std::move(value);
  return tensor;
}

inline bool requiresGrad(const Tensor &tensor) {
  switch (tensor.kind) {
  case Tensor::Kind::Base:
    return tensor.storage->base->requiresGrad;
  case Tensor::Kind::View:
    return requiresGrad(*tensor.parent);
  case Tensor::Kind::Detach:
    return false;
  default:
    return true;
  }
}

/// Whether a view gives its gradient on: not where it was made without gradients, or before its base required one.
inline bool givesOn(const Tensor &view) {
  if (view.kind != Tensor::Kind::View)
    return view.kind == Tensor::Kind::History;
  return view.versionMade == view.storage->version ? view.attached : requiresGrad(view);
}

/// A view of views that was made without gradients, and not detached since.
inline bool madeWithout(const Tensor &tensor) {
  for (const Tensor *own = &tensor; own->kind != Tensor::Kind::Base && own->kind != Tensor::Kind::Detach; own = own->parent.get())
    if (!own->tracked)
      return true;
  return false;
}

/// A view made without gradients cannot be made anew with them.
inline void requireCurrent(const Tensor &tensor) {
  bool detached = false;
  for (const Tensor *own = &tensor; own->kind != Tensor::Kind::Base; own = own->parent.get())
    detached |= own->kind == Tensor::Kind::Detach;
  if (tensor.versionMade != tensor.storage->version && !detached && tensor.storage->base->requiresGrad && madeWithout(tensor))
    throw Refusal("A view was created in no_grad mode and its base or another view of its base has been modified inplace");
}

inline TensorRef viewOf(const TensorRef &parent, Tensor::Kind kind, std::vector<size_t> places) {
  auto view = std::make_shared<Tensor>();
  view->kind = kind;
  view->storage = parent->storage;
  view->parent = parent;
  view->places = std::move(places);
  view->tracked = gradMode();
  view->versionMade = parent->storage->version;
  view->attached = gradMode() && kind == Tensor::Kind::View && requiresGrad(*parent);
  return view;
}

inline Values pick(const Values &from, const std::vector<size_t> &places) {
  Values picked;
  for (size_t place : places)
    picked.push_back(from[place]);
  return picked;
}

inline ValueRef contents(Tensor &tensor) {
  if (tensor.kind == Tensor::Kind::Base)
    return tensor.storage->base;
  if (tensor.known && tensor.knownVersion == tensor.storage->version)
    return tensor.known;
  ValueRef from = contents(*tensor.parent), made;
  auto same = [](const Values &g) { return g; };
  switch (tensor.kind) {
  case Tensor::Kind::View: {
    auto spread = [places = tensor.places, count = from->values.size()](const Values &g) {
      Values whole(count);
      for (size_t i = 0; i < places.size(); ++i)
        whole[places[i]] += g[i];
      return whole;
    };
    made = make(pick(from->values, tensor.places), {{from, spread}}, givesOn(tensor));
    break;
  }
  case Tensor::Kind::History:
    made = make(from->values, {{tensor.history, same}}, true);
    break;
  default:
    made = make(from->values);
    made->requiresGrad = tensor.kind == Tensor::Kind::Leaf;
    made->leaf = tensor.kind == Tensor::Kind::Leaf ? tensor.gradient : nullptr;
  }
  made->memory = from;
  tensor.known = made;
  tensor.knownVersion = tensor.storage->version;
  return made;
}

/// A view that requires a gradient and gives none on is read as a leaf whose gradient nobody sees.
inline ValueRef read(Tensor &tensor) {
  if (gradMode())
    requireCurrent(tensor);
  ValueRef value = contents(tensor);
  if (!gradMode() || tensor.kind == Tensor::Kind::Base || value->requiresGrad || !requiresGrad(tensor))
    return value;
  ValueRef made = make(value->values);
  made->requiresGrad = true;
  made->leaf = std::make_shared<Gradient>();
  made->leaf->nowhere = true;
  made->memory = value;
  return tensor.known = made;
}

inline bool isLeaf(const Tensor &tensor) {
  if (!requiresGrad(tensor))
    return true;
  requireCurrent(tensor);
  return tensor.kind == Tensor::Kind::Base ? tensor.storage->base->leaf != nullptr : !givesOn(tensor);
}

inline const Gradient *gradientOf(const Tensor &tensor) {
  return tensor.kind == Tensor::Kind::Base ? tensor.storage->base->leaf.get() : tensor.gradient.get();
}

/// Before a write in place, as a whole or by a number.
inline void requireWritable(const Tensor &tensor) {
  if (!gradMode())
    return;
  if (madeWithout(tensor) && requiresGrad(tensor))
    throw Refusal("A view was created in no_grad mode and is being modified inplace with grad mode enabled.");
  const Tensor *own = &tensor;
  for (; own->kind != Tensor::Kind::Base; own = own->parent.get()) {
    if (own->kind == Tensor::Kind::Detach)
      return;
    if (own->kind == Tensor::Kind::Leaf)
      throw Refusal(own == &tensor && own->parent->kind == Tensor::Kind::Detach
                        ? "a leaf Variable that requires grad is being used in an in-place operation."
                        : "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  }
  if (own->storage->base->leaf && own->storage->base->requiresGrad)
    throw Refusal(&tensor == own ? "a leaf Variable that requires grad is being used in an in-place operation."
                                 : "a view of a leaf Variable that requires grad is being used in an in-place operation.");
}

/// Replaces what the tensor looks at. Returns the handle that it is from then on: a detached view gets a history of its own.
inline TensorRef write(const TensorRef &tensor, ValueRef value) {
  Storage &storage = *tensor->storage;
  bool detached = !gradMode();
  for (Tensor *own = tensor.get(); own->kind != Tensor::Kind::Base; own = own->parent.get())
    detached |= own->kind == Tensor::Kind::Detach;
  ValueRef old = storage.base;
  if (gradMode() && madeWithout(*tensor) && value->requiresGrad)
    throw Refusal("A view was created in no_grad mode and is being modified inplace with grad mode enabled.");
  ValueRef whole = value;
  for (Tensor *own = tensor.get(); own->kind != Tensor::Kind::Base; own = own->parent.get()) {
    if (own->kind != Tensor::Kind::View)
      continue;
    ValueRef base = contents(*own->parent);
    Values values = base->values;
    for (size_t i = 0; i < own->places.size(); ++i)
      values[own->places[i]] = whole->values[i];
    auto outside = [places = own->places](const Values &g) {
      Values rest = g;
      for (size_t place : places)
        rest[place] = 0;
      return rest;
    };
    auto inside = [places = own->places](const Values &g) { return pick(g, places); };
    whole = make(values, {{base, outside}, {whole, inside}});
  }
  auto same = [](const Values &g) { return g; };
  if (detached && old->requiresGrad && !old->leaf)
    whole = make(whole->values, {{old, same}}, true);
  else if (detached || whole == value)
    whole = make(whole->values, {{whole, same}}, !detached);
  if (old->leaf) {
    whole->leaf = old->leaf;
    whole->requiresGrad = old->requiresGrad;
  }
  old->overwritten = true;
  storage.base = whole;
  ++storage.version;
  if (!detached || !value->requiresGrad)
    return tensor;
  TensorRef own = viewOf(tensor, Tensor::Kind::History, {});
  own->history = value;
  own->gradient = tensor->gradient;
  return own;
}

/// All that a value depends on for gradients, the latest first.
inline std::vector<ValueRef> below(const ValueRef &top) {
  std::vector<ValueRef> all, work{top};
  std::set<Value *> seen;
  while (!work.empty()) {
    ValueRef value = work.back();
    work.pop_back();
    if (!value->requiresGrad || !seen.insert(value.get()).second)
      continue;
    all.push_back(value);
    if (!value->leaf)
      for (const Value::Edge &edge : value->edges)
        work.push_back(edge.operand);
  }
  std::sort(all.begin(), all.end(), [](const ValueRef &a, const ValueRef &b) { return a->number > b->number; });
  return all;
}

/// Of these values, the latest first, those that lead to inputs.
inline std::set<Value *> leading(const std::vector<ValueRef> &all, const std::vector<ValueRef> &inputs) {
  std::set<Value *> wanted, active;
  for (const ValueRef &input : inputs)
    wanted.insert(input.get());
  for (auto value = all.rbegin(); value != all.rend(); ++value) {
    bool leads = wanted.count(value->get()) > 0;
    if (!(*value)->leaf)
      for (const Value::Edge &edge : (*value)->edges)
        leads |= active.count(edge.operand.get()) > 0;
    if (leads)
      active.insert(value->get());
  }
  return active;
}

inline bool isFreed(const Value &value) { return value.freed && !value.saved.empty(); }

/// The gradients of the sum of `top` with respect to `inputs`; empty where it does not depend on one. Frees what is not retained.
inline std::vector<Values> gradients(const ValueRef &top, const std::vector<ValueRef> &inputs, bool retain) {
  std::vector<ValueRef> all = below(top);
  std::set<Value *> active = leading(all, inputs);
  std::vector<Value *> visited;
  std::map<Value *, Values> sums;
  auto add = [&](Value *value, const Values &g) {
    Values &sum = sums[value];
    sum.resize(g.size());
    for (size_t i = 0; i < g.size(); ++i)
      sum[i] += g[i];
  };
  if (top->requiresGrad)
    add(top.get(), Values(top->values.size(), 1));
  for (const ValueRef &value : all) {
    if (value->leaf || !active.count(value.get()) || !sums.count(value.get()))
      continue;
    bool goesOn = false;
    for (const Value::Edge &edge : value->edges)
      goesOn |= active.count(edge.operand.get()) > 0;
    if (!goesOn)
      continue;
    if (isFreed(*value))
      throw Refusal("Trying to backward through the graph a second time");
    for (const ValueRef &saved : value->saved) {
      Value *memory = saved.get();
      while (memory->memory)
        memory = memory->memory.get();
      if (memory->overwritten)
        throw Refusal("one of the variables needed for gradient computation has been modified by an inplace operation");
    }
    visited.push_back(value.get());
    Values own = sums[value.get()];
    for (const Value::Edge &edge : value->edges)
      if (active.count(edge.operand.get()))
        add(edge.operand.get(), edge.back(own));
  }
  if (!retain)
    for (Value *value : visited)
      value->freed = true;
  std::vector<Values> results;
  for (const ValueRef &input : inputs)
    results.push_back(sums.count(input.get()) ? sums[input.get()] : Values());
  return results;
}

inline void backward(const ValueRef &top, bool retain) {
  if (!top->requiresGrad)
    throw Refusal("element 0 of tensors does not require grad and does not have a grad_fn");
  std::vector<ValueRef> leaves;
  for (const ValueRef &value : below(top)) {
    if (isFreed(*value))
      throw Refusal("Trying to backward through the graph a second time");
    if (value->leaf)
      leaves.push_back(value);
  }
  std::vector<Values> found = gradients(top, leaves, retain);
  for (size_t i = 0; i < leaves.size(); ++i) {
    Gradient &gradient = *leaves[i]->leaf;
    if (!gradient.defined)
      gradient.values.assign(found[i].size(), 0);
    gradient.defined = true;
    for (size_t j = 0; j < found[i].size(); ++j)
      gradient.values[j] += found[i][j];
  }
}

} // namespace eager
