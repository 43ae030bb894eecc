#pragma once

#include "codegen/kernel/Generator.h"

namespace ember::cpu {

/// One scatter: the base copied, then the updates one after the other, in rising order.
class Scatter : public kernel::Generator {
public:
  llvm::StringRef name() const override { return "scatter"; }
  std::string refuse(const kernel::Group &group) const override;
  kernel::KernelCode emit(const kernel::Group &group, mlir::ModuleOp module, llvm::StringRef symbol,
                          unsigned lanes) const override;
};

} // namespace ember::cpu
