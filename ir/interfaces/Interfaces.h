// The interfaces that passes, recording and generators ask. Each stands in a .td beside this file.
#pragma once

#include "ir/SizeExpr.h"
#include "ir/index/Access.h"
#include "ir/interpret/ReferenceTensor.h"
#include "ir/interpret/Scalar.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace ember::ir {

/// The access of an elementwise op: the loops themselves; nothing for a rank-0 operand.
Access elementwiseAccess(mlir::Operation *op, unsigned operand, llvm::ArrayRef<Expr> loops);

/// The stated word that an op has no gradient.
template <typename ConcreteType> struct NoGradient : mlir::OpTrait::TraitBase<ConcreteType, NoGradient> {};

} // namespace ember::ir

#include "ir/interfaces/Differentiable.h.inc"
#include "ir/interfaces/Reference.h.inc"

#include "ir/interfaces/Indexed.h.inc" // asks for the tolerance above
