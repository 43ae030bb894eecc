#include "ir/interfaces/Interfaces.h"

#include "ir/interfaces/Differentiable.cpp.inc"
#include "ir/interfaces/Indexed.cpp.inc"
#include "ir/interfaces/Reference.cpp.inc"

namespace ember::ir {

Access elementwiseAccess(mlir::Operation *op, unsigned operand, llvm::ArrayRef<Expr> loops) {
  auto type = mlir::cast<mlir::RankedTensorType>(op->getOperand(operand).getType());
  return {llvm::SmallVector<Expr>(loops.take_front(type.getRank())), {}};
}

} // namespace ember::ir
