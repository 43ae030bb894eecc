// Tensors of the reference interpreter: doubles or 64-bit integers, row-major.
#pragma once

#include "ir/interpret/Scalar.h"
#include "mlir/IR/BuiltinTypes.h"
#include <vector>

namespace ember::ir {

/// A tensor of static shape whose elements are doubles (float dtypes) or 64-bit integers (integers, bool), row-major.
struct ReferenceTensor {
  mlir::RankedTensorType type;   // static; its element type is the dtype the values are rounded to
  std::vector<double> reals;     // float dtypes
  std::vector<int64_t> integers; // integer dtypes and bool

  /// A tensor of zeros. Asserts that the type is static.
  static ReferenceTensor zeros(mlir::RankedTensorType type);

  bool isReal() const { return llvm::isa<mlir::FloatType>(type.getElementType()); }
  int64_t size() const { return type.getNumElements(); }
  llvm::ArrayRef<int64_t> shape() const { return type.getShape(); }
  Scalar at(int64_t flat) const { return isReal() ? Scalar::real(reals[flat]) : Scalar::integer(integers[flat]); }
  void set(int64_t flat, Scalar value) {
    if (isReal())
      reals[flat] = value.real();
    else
      integers[flat] = value.isReal() ? static_cast<int64_t>(value.real()) : value.integer();
  }
  int64_t flatten(llvm::ArrayRef<int64_t> index) const; // row-major
  llvm::SmallVector<int64_t> unflatten(int64_t flat) const;
};

/// `value` rounded to the float dtype (nearest even) or wrapped to the integer dtype.
Scalar roundTo(mlir::Type dtype, Scalar value);

} // namespace ember::ir
