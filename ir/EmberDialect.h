// The ember dialect, its attributes, and the list of its op families.
#pragma once

#include "ir/SizeExpr.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/TypeRange.h"

#include "ir/EmberDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/EmberAttrs.h.inc"

namespace ember::ir {

/// The size of dimension `dim` of a ranked tensor type: a number, or the named polynomial of a dynamic dimension.
/// A dynamic dimension without a name gets a name of its own from `type` and `dim` only when printed; passes refuse it.
SizeExpr dimSize(mlir::RankedTensorType type, int64_t dim);

/// The tensor type with these sizes: numbers become static dimensions, the rest `?` with their names in the encoding.
mlir::RankedTensorType tensorOf(llvm::ArrayRef<SizeExpr> sizes, mlir::Type elementType);

/// All sizes of a type, outermost first.
llvm::SmallVector<SizeExpr> dimSizes(mlir::RankedTensorType type);

/// The product of all sizes.
SizeExpr elementCount(mlir::RankedTensorType type);

/// Every name in the sizes of these tensor types, sorted.
std::vector<std::string> sizeNamesOf(mlir::TypeRange types);

} // namespace ember::ir
