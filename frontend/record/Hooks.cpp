// Hooks on gradients, and the handles that remove them.
#include "record/Hooks.h"

#include "record/Storage.h"
#include <atomic>

using namespace ember::record;

namespace ember {

namespace record {

static std::atomic<bool> hooksExist;
bool HookList::anywhere() { return hooksExist; }

uint64_t HookList::add(Hook hook) {
  hooksExist = true;
  std::lock_guard lock(mutex);
  hooks.emplace(next, std::make_shared<Hook>(std::move(hook)));
  return next++;
}

void HookList::remove(uint64_t number) {
  std::shared_ptr<Hook> released; // without the lock: what it holds may reach this list again
  std::lock_guard lock(mutex);
  if (auto found = hooks.find(number); found != hooks.end()) {
    released = std::move(found->second);
    hooks.erase(found);
  }
}

bool HookList::empty() const {
  std::lock_guard lock(mutex);
  return hooks.empty();
}

bool HookList::has(uint64_t number) const {
  std::lock_guard lock(mutex);
  return hooks.count(number);
}

// What a hook gives in place of a gradient must be one of the same tensor.
static void requireSameKind(const Tensor &before, const Tensor &after, uint64_t number) {
  std::string hook = "hook '" + std::to_string(number) + "' has changed the ";
  if (before.dtype() != after.dtype())
    throw Error(hook + "type of value (was " + tensorTypeName(before.dtype()) + " got " + tensorTypeName(after.dtype()) + ")");
  if (before.sizes() != after.sizes())
    throw Error(hook + "size of value");
}

Tensor HookList::call(Tensor gradient) const {
  std::map<uint64_t, std::shared_ptr<Hook>> present;
  {
    std::lock_guard lock(mutex);
    present = hooks;
  }
  auto callOne = [&](const Hook &hook) {
    UserCode lines;
    return hook(gradient);
  };
  for (const auto &[number, hook] : present) {
    if (!has(number))
      continue;
    Tensor replaced = callOne(*hook);
    if (!replaced.defined())
      continue;
    requireSameKind(gradient, replaced, number);
    gradient = std::move(replaced);
  }
  return gradient;
}

} // namespace record

void RemovableHandle::remove() {
  if (std::shared_ptr<HookList> own = hooks.lock())
    own->remove(number);
}

RemovableHandle Tensor::add_hook(Hook hook, Here where) const {
  Entry entry(where);
  if (!requires_grad())
    throw Error("cannot register a hook on a tensor that doesn't require gradient");
  std::shared_ptr<HookList> hooks = hooksFor(*this);
  return RemovableHandle(hooks, hooks->add(std::move(hook)));
}

} // namespace ember
