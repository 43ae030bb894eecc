// The kernels of random ops: draws from a state in memory.
#include "runtime/include/ember_rt.h"

#include <string.h>

namespace {

// A generator for the time of one call.
class Drawing {
public:
  // Bytes that are no generator's state are taken for a seed: a kernel has no way to refuse.
  Drawing(const uint8_t *state, uint8_t *next) : next(next) {
    memset(&generator, 0, sizeof generator);
    if (ember_rt_set_state(&generator, state) == 0)
      return;
    uint64_t seed;
    memcpy(&seed, state, sizeof seed);
    ember_rt_seed(&generator, seed);
  }
  ~Drawing() {
    if (next)
      ember_rt_get_state(&generator, next);
  }
  Drawing(const Drawing &) = delete;
  Drawing &operator=(const Drawing &) = delete;

  ember_generator generator;

private:
  uint8_t *next;
};

} // namespace

extern "C" {

void ember_rt_draw_uniform(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b) {
  Drawing drawing(state, next);
  ember_rt_uniform(&drawing.generator, dtype, out, count, a, b);
}

void ember_rt_draw_normal(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b) {
  Drawing drawing(state, next);
  ember_rt_normal(&drawing.generator, dtype, out, count, a, b);
}

void ember_rt_draw_normal_singly(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a,
                                 double b) {
  Drawing drawing(state, next);
  ember_rt_normal_singly(&drawing.generator, dtype, out, count, a, b);
}

void ember_rt_draw_bernoulli(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double) {
  Drawing drawing(state, next);
  ember_rt_bernoulli(&drawing.generator, dtype, out, count, a);
}

void ember_rt_draw_randint(const uint8_t *state, uint8_t *next, uint32_t dtype, void *out, int64_t count, double a, double b) {
  int64_t low, high;
  memcpy(&low, &a, sizeof low);
  memcpy(&high, &b, sizeof high);
  Drawing drawing(state, next);
  if (low < high)
    ember_rt_randint(&drawing.generator, dtype, out, count, low, high);
  else // a kernel has no way to refuse
    memset(out, 0, static_cast<size_t>(count) * ember_rt_dtype_size(dtype));
}

void ember_rt_draw_randperm(const uint8_t *state, uint8_t *next, uint32_t, void *out, int64_t count, double, double) {
  Drawing drawing(state, next);
  ember_rt_randperm(&drawing.generator, static_cast<int64_t *>(out), count);
}

} // extern "C"
