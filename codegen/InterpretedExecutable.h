// A program on the reference interpreter: EMBER_INTERPRET=1.
#pragma once

#include "codegen/Compiler.h"
#include "mlir/IR/OwningOpRef.h"

namespace ember {

class InterpretedExecutable : public Executable {
public:
  explicit InterpretedExecutable(mlir::ModuleOp program);
  RunFault run(const std::vector<void *> &arguments, const std::vector<void *> &results,
               const std::map<std::string, int64_t> &sizes) override;
  ArenaUse arenaUse(const std::map<std::string, int64_t> &) override { return {}; } // values are the interpreter's own

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace ember
