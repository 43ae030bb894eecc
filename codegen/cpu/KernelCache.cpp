#include "codegen/cpu/KernelCache.h"

#include "codegen/Environment.h"
#include "codegen/Timing.h"
#include "codegen/artifact/Tables.h"
#include "codegen/cache/BuildId.h"
#include "codegen/cpu/KernelRecord.h"
#include <list>
#include <mutex>
#include <set>
#include <unordered_map>

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

namespace {

// Loaded kernels by their text, the most recently used first.
class KernelMemory {
public:
  const LoadedKernel *find(const std::string &key) {
    auto place = places.find(key);
    if (place == places.end())
      return nullptr;
    kernels.splice(kernels.begin(), kernels, place->second);
    return &place->second->second;
  }
  void add(const std::string &key, const LoadedKernel &kernel) {
    kernels.emplace_front(key, kernel);
    places[key] = kernels.begin();
    shrink();
  }
  void setLimit(size_t count) {
    limit = count;
    shrink();
  }

private:
  void shrink() {
    while (kernels.size() > limit) {
      places.erase(kernels.back().first);
      kernels.pop_back();
    }
  }
  using List = std::list<std::pair<std::string, LoadedKernel>>;
  List kernels;
  std::unordered_map<std::string, List::iterator> places;
  size_t limit = 4096;
};

class KernelCache {
public:
  std::mutex mutex;
  KernelMemory memory;
  CompileCounters counters;
};

KernelCache &kernelCache() {
  static auto *cache = new KernelCache; // never destroyed: programs may outlive statics
  return *cache;
}

// The kernel's content without names and places: what its code depends on.
std::string keyOf(KernelOp kernel, const Level &level) {
  OwningOpRef<Operation *> copy = kernel->clone();
  cast<KernelOp>(copy.get()).setLabel("");
  std::string text = level.cpu + "\n";
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  flags.useLocalScope();
  copy->print(stream, flags);
  return text;
}

// The kernels of one call, by key.
class Batch {
public:
  Batch(KernelCache &cache, const CpuTarget &target, const Level &level) : cache(cache), target(target), level(level) {}

  void want(const std::string &key, KernelOp kernel) {
    if (const LoadedKernel *known = cache.memory.find(key)) {
      ready.emplace(key, *known);
      ++cache.counters.kernelsReused;
    } else if (seen.insert(key).second) {
      missing.push_back({key, kernel});
    }
  }

  void readFolder(KernelFolder &folder) {
    llvm::erase_if(missing, [&](const auto &wanted) {
      std::optional<LoadedKernel> found = folder.load(wanted.first);
      if (found) {
        keep(wanted.first, *found);
        ++cache.counters.kernelsLoaded;
      }
      return found.has_value();
    });
  }

  // All that is missing, as one object.
  void compile(KernelFolder *folder) {
    if (missing.empty())
      return;
    OwningOpRef<ModuleOp> module = newKernelModule(*missing.front().second->getContext());
    std::map<std::string, LoadedKernel> fresh;
    {
      PassTimer timer("vector");
      for (auto &[key, kernel] : missing) {
        kernel::Group group = kernel::Group::of(kernel);
        std::string symbol = "kernel_" + std::to_string(fresh.size());
        fresh[key].code = target.generatorFor(group).emit(group, *module, symbol, level.lanes);
      }
    }
    lowerToLlvmDialect(*module);
    std::string object = compileObject(*module, level);
    auto code = std::make_shared<LoadedCode>(object);
    std::string digest = folder ? folder->storeObject(object) : "";
    for (auto &[key, loaded] : fresh) {
      loaded.owner = code;
      loaded.function = reinterpret_cast<ember_kernel_fn>(code->find(loaded.code.symbol));
      keep(key, loaded);
      if (folder)
        folder->storeKernel(key, loaded.code, digest);
      ++cache.counters.kernelsCompiled;
    }
  }

  const LoadedKernel &at(const std::string &key) const { return ready.at(key); }

private:
  void keep(const std::string &key, const LoadedKernel &kernel) {
    ready.emplace(key, kernel);
    cache.memory.add(key, kernel);
  }

  KernelCache &cache;
  const CpuTarget &target;
  const Level &level;
  std::map<std::string, LoadedKernel> ready;
  std::set<std::string> seen;
  std::vector<std::pair<std::string, KernelOp>> missing; // in the program's order
};

} // namespace

std::vector<LoadedKernel> compileKernels(ArrayRef<KernelOp> kernels, const CpuTarget &target, const Level &level) {
  KernelCache &cache = kernelCache();
  std::lock_guard lock(cache.mutex);
  Batch batch(cache, target, level);
  std::vector<std::string> keys;
  for (KernelOp kernel : kernels) {
    keys.push_back(keyOf(kernel, level));
    batch.want(keys.back(), kernel);
  }
  std::optional<std::string> path = environment::cacheFolder();
  std::optional<KernelFolder> folder;
  if (path && !cache::compilerBuildId().empty())
    folder.emplace(*path);
  if (folder && !folder->prepare())
    environment::noteUnusableCache();
  if (folder)
    batch.readFolder(*folder);
  batch.compile(folder ? &*folder : nullptr);
  std::vector<LoadedKernel> result;
  for (const std::string &key : keys)
    result.push_back(batch.at(key));
  return result;
}

} // namespace ember::cpu

namespace ember {

CompileCounters compileCounters() {
  cpu::KernelCache &cache = cpu::kernelCache();
  std::lock_guard lock(cache.mutex);
  CompileCounters counters = cache.counters;
  counters.objectsInMemory = cpu::LoadedCode::count();
  return counters;
}

void setKernelsKept(size_t count) {
  cpu::KernelCache &cache = cpu::kernelCache();
  std::lock_guard lock(cache.mutex);
  cache.memory.setLimit(count);
}

} // namespace ember
