// Aligned memory with counters, and conversions of narrow floats.
#include "runtime/include/ember_rt.h"

#include <atomic>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static std::atomic<int64_t> liveBytes{0}, peakBytes{0};

namespace {

// Freed large blocks wait here for the next allocation of their size: the kernel would take their pages back and hand out zeroed
// ones, which costs more than most kernels that write them.
constexpr size_t kLargeBlock = 256 << 10, kMostKept = 512 << 20;
constexpr int kSlots = 64;
struct Kept {
  void *memory;
  size_t bytes;
};
Kept kept[kSlots];
size_t keptBytes = 0;
pthread_mutex_t keptMutex = PTHREAD_MUTEX_INITIALIZER;

// A block of at least this size, at most an eighth larger; null when none waits.
void *takeKept(size_t bytes) {
  pthread_mutex_lock(&keptMutex);
  Kept *best = nullptr;
  for (Kept &slot : kept)
    if (slot.memory && slot.bytes >= bytes && slot.bytes - bytes <= bytes / 8 && (!best || slot.bytes < best->bytes))
      best = &slot;
  void *memory = nullptr;
  if (best) {
    memory = best->memory;
    keptBytes -= best->bytes;
    best->memory = nullptr;
  }
  pthread_mutex_unlock(&keptMutex);
  return memory;
}

bool keep(void *memory, size_t bytes) {
  bool isKept = false;
  pthread_mutex_lock(&keptMutex);
  for (int i = 0; i < kSlots && !isKept && keptBytes + bytes <= kMostKept; ++i)
    if (!kept[i].memory) {
      kept[i] = {memory, bytes};
      keptBytes += bytes;
      isKept = true;
    }
  pthread_mutex_unlock(&keptMutex);
  return isKept;
}

} // namespace

// The size stands before the memory, in a cache line of its own.
struct alignas(64) Header {
  size_t bytes;
};

extern "C" {

size_t ember_rt_dtype_size(uint32_t dtype) {
  static const size_t sizes[] = {8, 4, 2, 2, 8, 4, 2, 1, 1, 1};
  return dtype < sizeof sizes / sizeof *sizes ? sizes[dtype] : 0;
}

const char *ember_rt_dtype_name(uint32_t dtype) {
  static const char *const names[] = {"f64", "f32", "bf16", "f16", "i64", "i32", "i16", "i8", "u8", "bool"};
  return dtype < sizeof names / sizeof *names ? names[dtype] : "?";
}

void *ember_rt_allocate(size_t bytes) {
  if (bytes > SIZE_MAX - 4096)
    return nullptr;
  size_t rounded = (bytes + 127) / 64 * 64; // 64 bytes beyond the end may be read by whole vectors of an empty tensor
  void *memory = rounded >= kLargeBlock ? takeKept(rounded) : nullptr;
  if (memory) {
    rounded = static_cast<Header *>(memory)->bytes;
  } else {
    if (posix_memalign(&memory, 64, sizeof(Header) + rounded) != 0)
      return nullptr;
    static_cast<Header *>(memory)->bytes = rounded;
  }
  int64_t now = liveBytes.fetch_add(rounded, std::memory_order_relaxed) + static_cast<int64_t>(rounded);
  int64_t peak = peakBytes.load(std::memory_order_relaxed);
  while (now > peak && !peakBytes.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
  return static_cast<Header *>(memory) + 1;
}

void ember_rt_free(void *memory) {
  if (!memory)
    return;
  Header *header = static_cast<Header *>(memory) - 1;
  liveBytes.fetch_sub(header->bytes, std::memory_order_relaxed);
  if (header->bytes < kLargeBlock || !keep(header, header->bytes))
    free(header);
}

int64_t ember_rt_live_bytes(void) { return liveBytes.load(std::memory_order_relaxed); }
int64_t ember_rt_peak_bytes(void) { return peakBytes.load(std::memory_order_relaxed); }
void ember_rt_reset_peak(void) { peakBytes.store(liveBytes.load()); }

uint16_t ember_rt_to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (value != value)
    return 0x7fc0;
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float ember_rt_from_bf16(uint16_t bits) {
  uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

uint16_t ember_rt_to_f16(float value) {
  _Float16 narrow = static_cast<_Float16>(value);
  uint16_t bits;
  memcpy(&bits, &narrow, 2);
  return bits;
}

float ember_rt_from_f16(uint16_t bits) {
  _Float16 narrow;
  memcpy(&narrow, &bits, 2);
  return static_cast<float>(narrow);
}

} // extern "C"
