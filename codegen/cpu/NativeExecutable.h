// A compiled program in this process.
#pragma once

#include "codegen/Compiler.h"
#include "codegen/cpu/HostTable.h"
#include "codegen/cpu/KernelCache.h"

namespace ember::cpu {

class NativeExecutable : public Executable {
public:
  NativeExecutable(std::unique_ptr<HostTable> table, std::vector<LoadedKernel> kernels);
  RunFault run(const std::vector<void *> &arguments, const std::vector<void *> &results,
               const std::map<std::string, int64_t> &sizes) override;

private:
  void report() const;
  static std::vector<NativeExecutable *> &timedExecutables();

  std::unique_ptr<HostTable> table;
  std::vector<LoadedKernel> kernels; // keep their code alive
  std::vector<int64_t> spent;        // nanoseconds by launch
  int64_t runs = 0;
};

} // namespace ember::cpu
