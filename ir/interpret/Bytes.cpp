#include "ir/interpret/Bytes.h"

#include "runtime/include/ember_rt.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>

using namespace mlir;

namespace ember::ir {

int64_t byteWidth(Type dtype) { return std::max<int64_t>(1, dtype.getIntOrFloatBitWidth() / 8); }

uint32_t dtypeNumber(Type element) {
  if (element.isF64())
    return EMBER_F64;
  if (element.isF32())
    return EMBER_F32;
  if (element.isBF16())
    return EMBER_BF16;
  if (element.isF16())
    return EMBER_F16;
  switch (element.getIntOrFloatBitWidth()) {
  case 64:
    return EMBER_I64;
  case 32:
    return EMBER_I32;
  case 16:
    return EMBER_I16;
  case 8:
    return element.isUnsignedInteger() ? EMBER_U8 : EMBER_I8;
  default:
    return EMBER_BOOL;
  }
}

static uint64_t loadBits(const char *bytes, int64_t width) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, width); // little endian
  return bits;
}

static double realOf(FloatType dtype, uint64_t bits) {
  APFloat value(dtype.getFloatSemantics(), APInt(dtype.getWidth(), bits));
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return value.convertToDouble();
}

static uint64_t bitsOf(FloatType dtype, double real) {
  APFloat value(real);
  bool losesInfo;
  value.convert(dtype.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return value.bitcastToAPInt().getZExtValue();
}

ReferenceTensor referenceOf(RankedTensorType type, const void *bytes) {
  ReferenceTensor tensor = ReferenceTensor::zeros(type);
  Type dtype = type.getElementType();
  int64_t width = byteWidth(dtype);
  auto *source = static_cast<const char *>(bytes);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint64_t bits = loadBits(source + i * width, width);
    if (auto floating = dyn_cast<FloatType>(dtype))
      tensor.reals[i] = realOf(floating, bits);
    else
      tensor.integers[i] = roundTo(dtype, Scalar::integer(static_cast<int64_t>(bits))).integer();
  }
  return tensor;
}

void writeBytes(const ReferenceTensor &tensor, void *bytes) {
  Type dtype = tensor.type.getElementType();
  int64_t width = byteWidth(dtype);
  auto *target = static_cast<char *>(bytes);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint64_t bits = tensor.isReal() ? bitsOf(cast<FloatType>(dtype), tensor.reals[i]) : tensor.integers[i];
    std::memcpy(target + i * width, &bits, width);
  }
}

ReferenceTensor referenceOf(ElementsAttr attribute) {
  auto type = cast<RankedTensorType>(attribute.getType());
  ReferenceTensor tensor = ReferenceTensor::zeros(type);
  int64_t i = 0;
  if (auto floating = dyn_cast<FloatType>(type.getElementType())) {
    for (const APFloat &value : attribute.getValues<APFloat>())
      tensor.reals[i++] = realOf(floating, value.bitcastToAPInt().getZExtValue());
  } else {
    for (const APInt &value : attribute.getValues<APInt>())
      tensor.integers[i++] = roundTo(type.getElementType(), Scalar::integer(value.getZExtValue())).integer();
  }
  return tensor;
}

DenseElementsAttr constantOf(const ReferenceTensor &tensor) {
  Type dtype = tensor.type.getElementType();
  if (dtype.isInteger(1)) {
    SmallVector<bool> values;
    for (int64_t value : tensor.integers)
      values.push_back(value != 0);
    return DenseElementsAttr::get(tensor.type, values);
  }
  std::vector<char> bytes(std::max<int64_t>(1, tensor.size() * byteWidth(dtype)));
  writeBytes(tensor, bytes.data());
  return DenseElementsAttr::getFromRawBuffer(tensor.type, ArrayRef<char>(bytes).take_front(tensor.size() * byteWidth(dtype)));
}

} // namespace ember::ir
