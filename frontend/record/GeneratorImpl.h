// What a Generator handle shares.
#pragma once

#include "ember/random.h"
#include "runtime/include/ember_rt.h"
#include <mutex>

namespace ember {

/// Of a generator's state.
constexpr int64_t kGeneratorBytes = 5056;

struct Generator::Impl {
  std::mutex mutex;
  ember_generator state;
  template <typename Draw> auto draw(Draw body) {
    std::lock_guard lock(mutex);
    return body(&state);
  }
};

} // namespace ember
