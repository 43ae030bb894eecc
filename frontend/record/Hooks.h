// Functions of the user's that a backward calls with a gradient.
#pragma once

#include "ember/tensor.h"
#include <map>
#include <mutex>

namespace ember::record {

/// The hooks of one tensor, in the order in which they were registered. Any thread may add, remove and call.
class HookList {
public:
  /// Whether any hook was registered in this process.
  static bool anywhere();
  /// The number that `remove` takes.
  uint64_t add(Hook hook);
  void remove(uint64_t number);
  bool empty() const;
  /// The gradient after all hooks. One that is added meanwhile is not called, nor one that another has removed.
  Tensor call(Tensor gradient) const;

private:
  bool has(uint64_t number) const;

  mutable std::mutex mutex;
  std::map<uint64_t, std::shared_ptr<Hook>> hooks;
  uint64_t next = 0;
};

} // namespace ember::record
