#pragma once

#include "codegen/kernel/Generator.h"

namespace ember::cpu {

/// Several kernels of the nest that have nothing to do with each other, in one launch: the updates of all parameters, small
/// copies at a program's end. Threads share the work of all of them.
class Sweep : public kernel::Generator {
public:
  explicit Sweep(const kernel::Generator &each) : each(each) {}
  llvm::StringRef name() const override { return "sweep"; }
  std::string refuse(const kernel::Group &group) const override;
  std::vector<kernel::Part> parts(const kernel::Group &group) const override { return kernel::independentParts(group); }
  kernel::KernelCode emit(const kernel::Group &group, mlir::ModuleOp module, llvm::StringRef symbol,
                          unsigned lanes) const override;

private:
  const kernel::Generator &each; // takes a part
};

} // namespace ember::cpu
