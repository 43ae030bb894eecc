// Between bytes in memory and reference tensors.
#pragma once

#include "ir/interpret/ReferenceTensor.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace ember::ir {

/// Bytes of one element in memory: bool takes one.
int64_t byteWidth(mlir::Type dtype);
/// The dtype's number in the runtime: its ember_dtype.
uint32_t dtypeNumber(mlir::Type dtype);

/// A tensor of `type` (static) read from row-major bytes, and written to them.
ReferenceTensor referenceOf(mlir::RankedTensorType type, const void *bytes);
void writeBytes(const ReferenceTensor &tensor, void *bytes);

/// The values of a constant.
ReferenceTensor referenceOf(mlir::ElementsAttr attribute);
/// A constant of a tensor's values (a splat where all are equal).
mlir::DenseElementsAttr constantOf(const ReferenceTensor &tensor);

} // namespace ember::ir
