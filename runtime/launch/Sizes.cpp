// Programs with named sizes: their values and the layout of their arena for the sizes of a run.
#include "runtime/include/ember_rt.h"

#include <stdlib.h>

namespace {

// No real tensor is near: what is larger has no place in memory, and sums of such sizes stay numbers.
constexpr int64_t kMostBytes = INT64_MAX / 4;

int layOut(const ember_program *program, int64_t *values, ember_arena *arena) {
  uint32_t count = program->arena_value_count;
  auto *items = static_cast<ember_lifetime *>(calloc(count + 1, sizeof(ember_lifetime)));
  if (!items)
    return -1;
  int status = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const ember_arena_value &own = program->arena_values[i];
    int64_t bytes = values[own.bytes];
    if (bytes < 0 || bytes > kMostBytes)
      status = -1;
    else
      items[i] = {ember_rt_padded_bytes(bytes), own.first, own.last, 0};
  }
  if (status == 0)
    status = ember_rt_place(items, count, arena);
  for (uint32_t i = 0; status == 0 && i < count; ++i)
    values[program->arena_values[i].offset] = items[i].offset;
  free(items);
  return status;
}

} // namespace

extern "C" {

int64_t ember_rt_padded_bytes(int64_t bytes) { return (bytes + 127) / 64 * 64; }

int ember_rt_evaluate(const int64_t **code, const int64_t *sizes, int64_t *value) {
  const int64_t *next = *code;
  bool overflows = false;
  *value = 0;
  for (int64_t terms = *next++; terms > 0; --terms) {
    int64_t product = *next++;
    for (int64_t factors = *next++; factors > 0; --factors)
      overflows |= __builtin_mul_overflow(product, sizes[*next++], &product);
    overflows |= __builtin_add_overflow(*value, product, value);
  }
  *code = next;
  return overflows ? -1 : 0;
}

int ember_rt_resolve(const ember_program *program, const int64_t *sizes, int64_t *values, ember_arena *arena) {
  const int64_t *code = program->value_code;
  for (uint32_t i = 0; i < program->value_count; ++i)
    if (ember_rt_evaluate(&code, sizes, &values[i]) != 0)
      return -1;
  ember_arena own;
  if (layOut(program, values, &own) != 0)
    return -1;
  values[program->arena_bytes] = own.bytes;
  int64_t scratch = 0;
  for (uint32_t i = 0; i < program->launch_count; ++i) {
    int64_t bytes = values[program->launches[i].scratch];
    if (bytes < 0 || bytes > kMostBytes)
      return -1;
    scratch = bytes > scratch ? bytes : scratch;
  }
  values[program->scratch_bytes] = (scratch + 63) / 64 * 64;
  if (arena)
    *arena = own;
  return 0;
}

} // extern "C"
