// One pool: the caller and its workers, which spin for a bounded while and then sleep.
#include "runtime/include/ember_rt.h"

#include <atomic>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// A task is handed out by a new generation; a worker is done when it has counted itself down.
struct ember_pool {
  unsigned size;
  std::atomic<pid_t> owner; // the process that started the workers
  pthread_t *threads;
  pthread_mutex_t callers; // one task at a time
  std::atomic<uint32_t> generation, pending;
  std::atomic<bool> stopping;
  void (*task)(void *, int64_t, int64_t, unsigned);
  void *context;
  int64_t extent, grain;
  unsigned parts;
};

namespace {

struct WorkerStart {
  ember_pool *pool;
  unsigned number;
};

int64_t nowNanoseconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

void wait(std::atomic<uint32_t> &word, uint32_t seen) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}
void wakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE, 1 << 30, nullptr, nullptr, 0);
}

// Spins for about twice what waking a sleeper costs, then sleeps.
uint32_t waitForChange(std::atomic<uint32_t> &word, uint32_t seen) {
  constexpr int64_t spinNanoseconds = 100000;
  int64_t until = nowNanoseconds() + spinNanoseconds;
  while (true) {
    for (int i = 0; i < 64; ++i) {
      uint32_t now = word.load(std::memory_order_acquire);
      if (now != seen)
        return now;
      __builtin_ia32_pause();
    }
    if (nowNanoseconds() > until)
      wait(word, seen);
  }
}

void runPart(ember_pool *pool, unsigned part) {
  if (part >= pool->parts)
    return;
  int64_t units = (pool->extent + pool->grain - 1) / pool->grain;
  int64_t begin = units * part / pool->parts * pool->grain, end = units * (part + 1) / pool->parts * pool->grain;
  if (end > pool->extent)
    end = pool->extent;
  if (begin < end)
    pool->task(pool->context, begin, end, part);
}

void *work(void *start) {
  WorkerStart own = *static_cast<WorkerStart *>(start);
  free(start);
  uint32_t seen = 0;
  while (true) {
    seen = waitForChange(own.pool->generation, seen);
    if (own.pool->stopping.load(std::memory_order_acquire))
      return nullptr;
    runPart(own.pool, own.number);
    if (own.pool->pending.fetch_sub(1, std::memory_order_acq_rel) == 1)
      wakeAll(own.pool->pending);
  }
}

// Goes on with the workers there are, where no more can be had.
void startWorkers(ember_pool *pool) {
  pthread_mutex_init(&pool->callers, nullptr);
  pool->generation.store(0, std::memory_order_relaxed);
  sigset_t all, before; // the host's signals go to the host's threads
  sigfillset(&all);
  sigdelset(&all, SIGPROF);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  unsigned number = 1;
  for (; pool->threads && number < pool->size; ++number) {
    auto *start = static_cast<WorkerStart *>(malloc(sizeof(WorkerStart)));
    if (start)
      *start = {pool, number};
    if (!start || pthread_create(&pool->threads[number], nullptr, work, start) != 0) {
      free(start);
      break;
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pool->size = number;
}

// A forked child has none of its parent's workers: the first of its threads that wants them starts new ones.
bool hasWorkers(ember_pool *pool) {
  constexpr pid_t starting = -1;
  pid_t own = getpid(), owner = pool->owner.load(std::memory_order_acquire);
  if (owner == own)
    return true;
  if (owner == starting || !pool->owner.compare_exchange_strong(owner, starting))
    return false;
  startWorkers(pool);
  pool->owner.store(own, std::memory_order_release);
  return true;
}

constexpr unsigned kMostThreads = 1024;

unsigned defaultSize() {
  if (const char *text = getenv("EMBER_NUM_THREADS"); text && *text) {
    char *end = nullptr;
    long count = strtol(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == 0 && count >= 1 && count <= kMostThreads) // strtol takes signs and spaces
      return static_cast<unsigned>(count);
    ember_rt_note_variable("EMBER_NUM_THREADS", text, "a number from 1 to 1024: there are as many threads as processors");
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    return CPU_COUNT(&set);
  return 1;
}

} // namespace

extern "C" {

ember_pool *ember_rt_pool_create(unsigned count) {
  auto *pool = static_cast<ember_pool *>(calloc(1, sizeof(ember_pool)));
  if (!pool)
    return nullptr;
  pool->size = count == 0 ? defaultSize() : count < kMostThreads ? count : kMostThreads;
  pool->threads = static_cast<pthread_t *>(calloc(pool->size, sizeof(pthread_t)));
  startWorkers(pool);
  pool->owner.store(getpid(), std::memory_order_release);
  return pool;
}

void ember_rt_pool_destroy(ember_pool *pool) {
  if (!pool)
    return;
  if (pool->owner.load(std::memory_order_acquire) == getpid()) {
    pool->stopping.store(true, std::memory_order_release);
    pool->generation.fetch_add(1, std::memory_order_release);
    wakeAll(pool->generation);
    for (unsigned number = 1; number < pool->size; ++number)
      pthread_join(pool->threads[number], nullptr);
  }
  free(pool->threads);
  free(pool);
}

unsigned ember_rt_pool_size(const ember_pool *pool) { return pool ? pool->size : 1; }

void ember_rt_parallel(ember_pool *pool, int64_t extent, int64_t grain, unsigned parts,
                       void (*task)(void *, int64_t, int64_t, unsigned), void *context) {
  if (extent <= 0)
    return;
  bool alone = !pool || parts <= 1 || pool->size == 1 || !hasWorkers(pool) || pthread_mutex_trylock(&pool->callers) != 0;
  if (alone) { // also when another thread is using the workers
    task(context, 0, extent, 0);
    return;
  }
  pool->task = task;
  pool->context = context;
  pool->extent = extent;
  pool->grain = grain;
  pool->parts = parts < pool->size ? parts : pool->size;
  pool->pending.store(pool->size - 1, std::memory_order_relaxed);
  pool->generation.fetch_add(1, std::memory_order_release);
  wakeAll(pool->generation);
  runPart(pool, 0);
  uint32_t left;
  while ((left = pool->pending.load(std::memory_order_acquire)) != 0)
    waitForChange(pool->pending, left);
  pthread_mutex_unlock(&pool->callers);
}

} // extern "C"
