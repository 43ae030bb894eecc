#pragma once

#include "codegen/kernel/Generator.h"

namespace ember::cpu {

/// One contraction (matrix product, convolution, either gradient of one) with what is read into it and what follows it.
class Contraction : public kernel::Generator {
public:
  llvm::StringRef name() const override { return "contraction"; }
  std::string refuse(const kernel::Group &group) const override;
  kernel::KernelCode emit(const kernel::Group &group, mlir::ModuleOp module, llvm::StringRef symbol,
                          unsigned lanes) const override;
};

/// How many elements of operand 1 the group's contraction packs: each column once for every k.
double panelElements(const kernel::Group &group);

} // namespace ember::cpu
