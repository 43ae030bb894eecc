#pragma once

#include "codegen/kernel/Generator.h"

namespace ember::cpu {

/// Groups of elementwise ops, views and reductions that share their rows: maps, softmax, norms, column sums, pooling.
class Nest : public kernel::Generator {
public:
  llvm::StringRef name() const override { return "nest"; }
  std::string refuse(const kernel::Group &group) const override;
  kernel::KernelCode emit(const kernel::Group &group, mlir::ModuleOp module, llvm::StringRef symbol,
                          unsigned lanes) const override;
};

} // namespace ember::cpu
