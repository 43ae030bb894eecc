#include "codegen/cpu/KernelCache.h"

#include "codegen/artifact/Tables.h"
#include <mutex>

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

namespace {

class KernelCache {
public:
  std::mutex mutex;
  std::map<std::string, LoadedKernel> kernels;
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
  flags.useLocalScope().elideLargeElementsAttrs(1 << 20);
  copy->print(stream, flags);
  return text;
}

} // namespace

std::vector<LoadedKernel> compileKernels(ArrayRef<KernelOp> kernels, const CpuTarget &target, const Level &level) {
  KernelCache &cache = kernelCache();
  std::lock_guard lock(cache.mutex);
  std::vector<std::string> keys;
  std::map<std::string, LoadedKernel> fresh;
  OwningOpRef<ModuleOp> module = newKernelModule(*kernels.front()->getContext());
  for (KernelOp kernel : kernels) {
    keys.push_back(keyOf(kernel, level));
    if (cache.kernels.count(keys.back()) || fresh.count(keys.back())) {
      ++cache.counters.kernelsReused;
      continue;
    }
    kernel::Group group = kernel::Group::of(kernel);
    std::string symbol = "kernel_" + std::to_string(fresh.size());
    LoadedKernel loaded;
    loaded.code = target.generatorFor(group).emit(group, *module, symbol, level.lanes);
    fresh[keys.back()] = loaded;
    ++cache.counters.kernelsCompiled;
  }
  if (!fresh.empty()) {
    lowerToLlvmDialect(*module);
    auto code = std::make_shared<LoadedCode>(compileObject(*module, level));
    for (auto &[key, loaded] : fresh) {
      loaded.owner = code;
      loaded.function = reinterpret_cast<ember_kernel_fn>(code->find(loaded.code.symbol));
      cache.kernels[key] = loaded;
    }
  }
  std::vector<LoadedKernel> result;
  for (const std::string &key : keys)
    result.push_back(cache.kernels.at(key));
  return result;
}

} // namespace ember::cpu

namespace ember {

CompileCounters compileCounters() {
  cpu::KernelCache &cache = cpu::kernelCache();
  std::lock_guard lock(cache.mutex);
  return cache.counters;
}

} // namespace ember
