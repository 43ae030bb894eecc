// Runs a program: its launches in order, each split over the pool's threads.
#include "runtime/include/ember_rt.h"

#include <stdlib.h>
#include <time.h>

namespace {

constexpr unsigned kMaxBuffers = 256;
constexpr float kParallelNanoseconds = 10000; // less work than this costs more to hand out than to do

struct Launch {
  const ember_launch *launch;
  void *const *buffers;
  const int64_t *params;
  char *scratch;
  int64_t scratchBytes;
  ember_fault *fault;
};

void runRange(void *context, int64_t begin, int64_t end, unsigned thread) {
  auto *own = static_cast<Launch *>(context);
  own->launch->kernel(own->buffers, own->params, own->scratch + thread * own->scratchBytes, own->fault, begin, end);
}

// Keeps, of a program's faults, that of the op which comes first.
void keepFirst(ember_fault &first, const ember_fault &noted, const ember_launch &launch) {
  int32_t op = launch.ops ? launch.ops[noted.op] : EMBER_UNKNOWN_OP;
  if (first.op >= 0 && first.op <= op)
    return;
  first = noted;
  first.op = op;
}

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

} // namespace

extern "C" {

void ember_rt_note_fault(ember_fault *fault, int32_t op, int64_t value, int64_t bound) {
  while (__atomic_exchange_n(&fault->lock, 1, __ATOMIC_ACQUIRE)) {
  }
  bool isWorse = op == fault->op && static_cast<uint64_t>(value) > static_cast<uint64_t>(fault->value);
  if (fault->op < 0 || op < fault->op || isWorse) {
    fault->op = op;
    fault->value = value;
    fault->bound = bound;
  }
  __atomic_store_n(&fault->lock, 0, __ATOMIC_RELEASE);
}

const char *ember_rt_place_of_op(const ember_program *program, int32_t op) {
  for (uint32_t i = 0; i < program->op_place_count; ++i)
    if (program->op_places[i].op == op)
      return program->op_places[i].text;
  return "";
}

int ember_rt_run(const ember_program *program, ember_pool *pool, const int64_t *values, void *const *arguments,
                 void *const *results, void *arena, void *scratch, const void *constants, ember_fault *fault) {
  return ember_rt_run_timed(program, pool, values, arguments, results, arena, scratch, constants, fault, nullptr);
}

int ember_rt_run_timed(const ember_program *program, ember_pool *pool, const int64_t *values, void *const *arguments,
                       void *const *results, void *arena, void *scratch, const void *constants, ember_fault *fault,
                       int64_t *nanoseconds) {
  fault->op = -1;
  for (uint32_t number = 0; number < program->launch_count; ++number) {
    if (number == program->fault_launches && fault->op >= 0)
      return -1;
    const ember_launch &launch = program->launches[number];
    void *buffers[kMaxBuffers];
    for (uint32_t i = 0; i < launch.buffer_count; ++i) {
      const ember_buffer_ref &ref = launch.buffers[i];
      if (ref.kind == EMBER_ARENA)
        buffers[i] = static_cast<char *>(arena) + values[ref.index];
      else if (ref.kind == EMBER_CONSTANT)
        buffers[i] = const_cast<char *>(static_cast<const char *>(constants)) + values[ref.index];
      else
        buffers[i] = ref.kind == EMBER_ARGUMENT ? arguments[ref.index] : results[ref.index];
    }
    int64_t params[kMaxBuffers];
    for (uint32_t i = 0; i < launch.param_count; ++i)
      params[i] = values[launch.params[i]];
    int64_t extent = values[launch.extent];
    ember_fault noted = {-1, 0, 0, 0};
    Launch own{&launch, buffers, params, static_cast<char *>(scratch), values[program->scratch_bytes], &noted};
    bool isLarge = static_cast<float>(extent) * launch.nanoseconds_per_unit > kParallelNanoseconds;
    int64_t start = nanoseconds ? now() : 0;
    ember_rt_parallel(pool, extent, launch.grain, isLarge ? ember_rt_pool_size(pool) : 1, runRange, &own);
    if (nanoseconds)
      nanoseconds[number] += now() - start;
    if (noted.op >= 0)
      keepFirst(*fault, noted, launch);
  }
  return fault->op >= 0 ? -1 : 0;
}

} // extern "C"
