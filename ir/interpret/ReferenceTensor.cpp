#include "ir/interpret/ReferenceTensor.h"

#include "llvm/ADT/APFloat.h"

using namespace mlir;

namespace ember::ir {

ReferenceTensor ReferenceTensor::zeros(RankedTensorType type) {
  assert(type.hasStaticShape() && "reference tensors have static shapes");
  ReferenceTensor tensor{type, {}, {}};
  if (tensor.isReal())
    tensor.reals.resize(type.getNumElements());
  else
    tensor.integers.resize(type.getNumElements());
  return tensor;
}

int64_t ReferenceTensor::flatten(ArrayRef<int64_t> index) const {
  int64_t flat = 0;
  for (auto [position, size] : llvm::zip_equal(index, shape()))
    flat = flat * size + position;
  return flat;
}

SmallVector<int64_t> ReferenceTensor::unflatten(int64_t flat) const {
  SmallVector<int64_t> index(shape().size());
  for (int64_t dim = shape().size() - 1; dim >= 0; --dim) {
    index[dim] = flat % shape()[dim];
    flat /= shape()[dim];
  }
  return index;
}

static double roundToFloat(FloatType dtype, double value) {
  if (dtype.isF64())
    return value;
  if (dtype.isF32())
    return static_cast<float>(value);
  APFloat rounded(value);
  bool losesInfo;
  rounded.convert(dtype.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  rounded.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return rounded.convertToDouble();
}

Scalar roundTo(Type dtype, Scalar value) {
  if (auto floating = dyn_cast<FloatType>(dtype))
    return Scalar::real(roundToFloat(floating, value.real()));
  assert(!value.isReal() && "an integer dtype holds integers: the op truncates");
  if (dtype.isInteger(1))
    return Scalar::integer(value.integer() != 0);
  unsigned unusedBits = 64 - dtype.getIntOrFloatBitWidth();
  uint64_t shifted = static_cast<uint64_t>(value.integer()) << unusedBits;
  if (dtype.isUnsignedInteger())
    return Scalar::integer(shifted >> unusedBits);
  return Scalar::integer(static_cast<int64_t>(shifted) >> unusedBits);
}

} // namespace ember::ir
