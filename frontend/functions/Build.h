// What the op functions share: operands, promotion, broadcasting, results.
#pragma once

#include "record/Storage.h"

namespace ember::functions {

using record::Entry;
using record::shapeText;
using record::wrapDim;

/// The tensor of a value; `function` is PyTorch's name of its gradient, for printing.
Tensor made(mlir::Value value, const char *function);
/// The tensor, under PyTorch's name of the gradient of what was composed.
Tensor named(Tensor tensor, const char *function);

/// The dtype of an operation on these operands: PyTorch's promotion (tensors with dimensions, then rank-0 tensors, then
/// numbers decide, within the highest category).
ScalarType promote(const Operand &a, const Operand &b);
ScalarType promoteTypes(ScalarType a, ScalarType b);

/// An operand's value in this dtype, broadcast to this shape.
mlir::Value value(const Operand &operand, ScalarType dtype, const Shape &shape);
mlir::Value value(const Tensor &tensor, ScalarType dtype);
/// A number in this dtype: 0, 1, -1, 2 and 0.5 are constants, all others arguments of the program.
mlir::Value number(double value, ScalarType dtype);
mlir::Value broadcastTo(mlir::Value value, const Shape &shape);
/// Throws PyTorch's text where the shapes do not fit.
Shape broadcastShapes(const Shape &a, const Shape &b);
Shape shapeOf(const Operand &operand);

/// PyTorch's name of a dtype in errors of its C++ side: `Long`.
std::string scalarTypeName(ScalarType dtype);
/// And by the type that holds it: `long int`.
std::string cppTypeName(ScalarType dtype);

mlir::RankedTensorType typeOf(const Shape &shape, ScalarType dtype);

} // namespace ember::functions
