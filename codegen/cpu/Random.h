#pragma once

#include "codegen/kernel/Generator.h"

namespace ember::cpu {

/// One draw: a call of the runtime's generator, which is serial by its nature.
class Random : public kernel::Generator {
public:
  llvm::StringRef name() const override { return "random"; }
  std::string refuse(const kernel::Group &group) const override;
  kernel::KernelCode emit(const kernel::Group &group, mlir::ModuleOp module, llvm::StringRef symbol,
                          unsigned lanes) const override;
};

} // namespace ember::cpu
