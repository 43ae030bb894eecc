// A compiled program in this process.
#pragma once

#include "codegen/Compiler.h"
#include "codegen/cpu/HostTable.h"
#include "codegen/cpu/KernelCache.h"
#include <atomic>
#include <mutex>

namespace ember::cpu {

class NativeExecutable : public Executable {
public:
  NativeExecutable(std::unique_ptr<HostTable> table, std::vector<LoadedKernel> kernels, ArenaUse staticArena);
  RunFault run(const std::vector<void *> &arguments, const std::vector<void *> &results,
               const std::map<std::string, int64_t> &sizes) override;
  ArenaUse arenaUse(const std::map<std::string, int64_t> &sizes) override;

  ~NativeExecutable() override;

  /// Prints what each kernel took a run: EMBER_TIMING=1.
  void report() const;

private:
  struct Resolved {
    std::vector<int64_t> values;
    ember_arena arena;
  };
  std::shared_ptr<const Resolved> resolved(const std::map<std::string, int64_t> &sizes);

  std::unique_ptr<HostTable> table;
  std::mutex mutex; // of the layouts
  std::map<std::vector<int64_t>, std::shared_ptr<const Resolved>> layouts;
  std::vector<LoadedKernel> kernels; // keep their code alive
  ArenaUse staticArena;
  std::atomic<int64_t> runs = 0;
};

} // namespace ember::cpu
