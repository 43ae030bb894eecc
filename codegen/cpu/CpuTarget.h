// The cpu's TargetModel: its generators, asked in order.
#pragma once

#include "codegen/kernel/Generator.h"
#include "ir/TargetModel.h"
#include <memory>
#include <vector>

namespace ember::cpu {

class CpuTarget : public ir::TargetModel {
public:
  CpuTarget();
  llvm::StringRef name() const override { return "cpu"; }
  ir::Verdict consider(llvm::ArrayRef<mlir::Operation *> group, llvm::ArrayRef<mlir::Value> outputs) const override;
  llvm::SmallVector<std::pair<unsigned, unsigned>> inPlacePairs(mlir::Operation *kernel) const override;
  bool mayFault(mlir::Operation *kernel) const override;

  /// The generator that takes a kernel op; asserts that one does.
  const kernel::Generator &generatorFor(const kernel::Group &group) const;

private:
  std::vector<std::unique_ptr<kernel::Generator>> generators;
};

} // namespace ember::cpu
