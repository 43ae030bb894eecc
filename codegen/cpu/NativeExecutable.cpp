#include "codegen/cpu/NativeExecutable.h"

#include "codegen/Environment.h"
#include <cstdio>
#include <mutex>

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

namespace {

// Memory that a thread's programs share: one runs at a time.
struct ThreadArena {
  void *memory = nullptr;
  int64_t bytes = 0;
  ~ThreadArena() { ember_rt_free(memory); }
  void *reserve(int64_t wanted) {
    if (wanted > bytes) {
      ember_rt_free(memory);
      memory = ember_rt_allocate(wanted);
      bytes = memory ? wanted : 0;
      if (!memory)
        throw OutOfMemory(wanted);
    }
    return memory;
  }
};

} // namespace

// EMBER_TIMING=1: those whose times have not been printed yet.
static std::mutex timedMutex;
static std::vector<const NativeExecutable *> &timedExecutables() {
  static auto *list = [] {
    std::atexit([] {
      std::lock_guard lock(timedMutex);
      for (const NativeExecutable *executable : timedExecutables())
        executable->report();
    });
    return new std::vector<const NativeExecutable *>;
  }();
  return *list;
}

NativeExecutable::NativeExecutable(std::unique_ptr<HostTable> table, std::vector<LoadedKernel> kernels, ArenaUse staticArena)
    : table(std::move(table)), kernels(std::move(kernels)), staticArena(staticArena) {
  kernelNanoseconds.resize(this->kernels.size());
  measures = environment::timing();
  if (environment::timing()) {
    std::lock_guard lock(timedMutex);
    timedExecutables().push_back(this);
  }
}

NativeExecutable::~NativeExecutable() {
  if (!environment::timing())
    return;
  report();
  std::lock_guard lock(timedMutex);
  llvm::erase(timedExecutables(), this);
}

void NativeExecutable::report() const {
  for (size_t i = 0; i < kernelNanoseconds.size(); ++i)
    std::fprintf(stderr, "%10.4f ms  %6lld runs   kernel %s\n", kernelNanoseconds[i] / 1e6 / std::max<int64_t>(runs, 1),
                 static_cast<long long>(runs.load()), table->program.launches[i].name);
}

// Values and layout for these sizes: kept, because most runs have sizes that were seen before.
std::shared_ptr<const NativeExecutable::Resolved> NativeExecutable::resolved(const std::map<std::string, int64_t> &sizes) {
  constexpr size_t mostKept = 256;
  std::vector<int64_t> numbers;
  for (const std::string &name : table->sizeNames) {
    auto size = sizes.find(name);
    if (size == sizes.end())
      throw CompileError("the program needs a number for the size '" + name + "'");
    numbers.push_back(size->second);
  }
  std::lock_guard lock(mutex);
  std::shared_ptr<const Resolved> &kept = layouts[numbers];
  if (kept)
    return kept;
  auto fresh = std::make_shared<Resolved>();
  fresh->values.resize(table->program.value_count);
  if (ember_rt_resolve(&table->program, numbers.data(), fresh->values.data(), &fresh->arena) != 0) {
    layouts.erase(numbers);
    std::string text;
    for (auto [name, number] : llvm::zip(table->sizeNames, numbers))
      text += (text.empty() ? "" : ", ") + name + " = " + std::to_string(number);
    throw OutOfMemory(text);
  }
  if (layouts.size() > mostKept)
    layouts.clear();
  return layouts[numbers] = fresh;
}

ArenaUse NativeExecutable::arenaUse(const std::map<std::string, int64_t> &sizes) {
  if (table->isStatic())
    return staticArena;
  std::shared_ptr<const Resolved> own = resolved(sizes);
  return {own->arena.bytes, own->arena.live_bytes};
}

RunFault NativeExecutable::run(const std::vector<void *> &arguments, const std::vector<void *> &results,
                               const std::map<std::string, int64_t> &sizes) {
  thread_local ThreadArena arena, scratch;
  std::shared_ptr<const Resolved> own = table->isStatic() ? nullptr : resolved(sizes);
  const int64_t *values = own ? own->values.data() : table->staticValues.data();
  void *memory = arena.reserve(values[table->program.arena_bytes] + 64);
  void *room = scratch.reserve(values[table->program.scratch_bytes] * ember_rt_pool_size(processPool()) + 64);
  ember_fault fault;
  RunFault result;
  int64_t *times = measures ? kernelNanoseconds.data() : nullptr;
  ++runs;
  if (ember_rt_run_timed(&table->program, processPool(), values, arguments.data(), results.data(), memory, room, nullptr, &fault,
                         times) != 0) {
    result.happened = true;
    result.op = fault.op;
    result.place = ember_rt_place_of_op(&table->program, fault.op);
    result.message =
        "index " + std::to_string(fault.value) + " is out of bounds for a dimension with size " + std::to_string(fault.bound);
  }
  return result;
}

} // namespace ember::cpu
