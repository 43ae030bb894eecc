// Tensors made of numbers and files: their memory is filled at once.
#include "ember/tensor.h"

#include "ir/interpret/Bytes.h"
#include "record/Storage.h"
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace ember::ir;
using namespace ember::record;

namespace ember {

// Throws PyTorch's texts where there is no such number.
static int64_t bytesOf(const Shape &shape, ScalarType dtype) {
  auto bytes = static_cast<int64_t>(ember_rt_dtype_size(static_cast<uint32_t>(dtype)));
  bool overflows = false;
  for (int64_t size : shape) {
    if (size < 0)
      throw Error("Trying to create tensor with negative dimension " + std::to_string(size) + ": " + shapeText(shape));
    overflows |= __builtin_mul_overflow(bytes, size, &bytes);
  }
  if (overflows && std::find(shape.begin(), shape.end(), 0) == shape.end())
    throw Error("Storage size calculation overflowed with sizes=" + shapeText(shape));
  return overflows ? 0 : bytes;
}

Tensor empty(Shape shape, ScalarType dtype, Here where) {
  CallSite site(where);
  Recorder &recorder = Recorder::get();
  std::lock_guard lock(recorder.mutex);
  size_t bytes = bytesOf(shape, dtype);
  auto buffer = std::make_shared<Buffer>(bytes);
  std::memset(buffer->data, 0, bytes);
  return tensorOf(recorder.memoryNode(RankedTensorType::get(shape, recorder.elementType(dtype)), buffer));
}
Tensor zeros(Shape shape, ScalarType dtype, Here where) { return empty(std::move(shape), dtype, where); }
Tensor ones(Shape shape, ScalarType dtype, Here where) { return full(std::move(shape), 1, dtype, where); }

// PyTorch's check: no number below or above a dtype's. Infinity is a float, and -1 the largest number without a sign.
static void requireHolds(double value, ScalarType dtype) {
  struct Range {
    const char *name;
    double least, most;
  };
  constexpr double kInt64Most = 9223372036854774784; // the largest double below 2^63
  static constexpr Range ranges[] = {
      {"double", -DBL_MAX, DBL_MAX},     {"float", -FLT_MAX, FLT_MAX},       {"at::BFloat16", -0x1.fep127, 0x1.fep127},
      {"at::Half", -65504, 65504},       {"int64_t", INT64_MIN, kInt64Most}, {"int", INT32_MIN, INT32_MAX},
      {"int16_t", INT16_MIN, INT16_MAX}, {"int8_t", INT8_MIN, INT8_MAX},     {"uint8_t", -UINT8_MAX, UINT8_MAX},
  };
  if (dtype == kBool || (is_floating(dtype) && !std::isfinite(value)))
    return;
  const Range &range = ranges[static_cast<int>(dtype)];
  double whole = is_floating(dtype) ? value : std::trunc(value);
  if (!(range.least <= whole && whole <= range.most))
    throw Error(std::string("value cannot be converted to type ") + range.name + " without overflow");
}

Tensor full(Shape shape, double value, ScalarType dtype, Here where) {
  CallSite site(where);
  requireHolds(value, dtype);
  return record::filled(std::move(shape), value, dtype, where);
}

Tensor record::filled(Shape shape, double value, ScalarType dtype, Here where) {
  Tensor tensor = empty(std::move(shape), dtype, where);
  NodeRef node = tensor.impl->storage->base;
  ReferenceTensor one = ReferenceTensor::zeros(RankedTensorType::get({}, node->type.getElementType()));
  auto whole = [&] { return dtype == kBool ? value != 0 : static_cast<int64_t>(value); }; // of an infinity there is none
  one.set(0, roundTo(node->type.getElementType(), one.isReal() ? Scalar::real(value) : Scalar::integer(whole())));
  int64_t width = byteWidth(node->type.getElementType());
  char bytes[8];
  writeBytes(one, bytes);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    std::memcpy(static_cast<char *>(node->buffer->data) + i * width, bytes, width);
  return tensor;
}
void require_elements(const Shape &shape, size_t count, Here where) {
  CallSite site(where);
  uint64_t wanted = 1;
  bool fits = true;
  for (int64_t size : shape)
    fits = fits && size >= 0 && !__builtin_mul_overflow(wanted, static_cast<uint64_t>(size), &wanted);
  if (!fits || wanted != count)
    throw Error("shape '" + shapeText(shape) + "' is invalid for input of size " + std::to_string(count));
}
Tensor from_bytes(const void *bytes, Shape shape, ScalarType dtype, Here where) {
  CallSite site(where);
  Tensor tensor = empty(std::move(shape), dtype, where);
  size_t count = tensor.numel() * ember_rt_dtype_size(static_cast<uint32_t>(dtype));
  if (count == 0)
    return tensor;
  if (!bytes)
    throw Error("from_bytes: the pointer is null, expected " + std::to_string(count) + " bytes");
  std::memcpy(tensor.impl->storage->base->buffer->data, bytes, count);
  return tensor;
}
Tensor arange(int64_t end, Here where) { return arange(Index(0, where), end); }
Tensor arange(Index start, int64_t end, int64_t step) {
  CallSite site(start.where);
  if (step == 0)
    throw Error("step must be nonzero");
  if (step > 0 ? start.number > end : start.number < end)
    throw Error("upper bound and larger bound inconsistent with step sign");
  // Differences of any two numbers fit without a sign.
  auto from = static_cast<uint64_t>(start.number), to = static_cast<uint64_t>(end), width = static_cast<uint64_t>(step);
  uint64_t way = step > 0 ? to - from : from - to, stride = step > 0 ? width : -width;
  uint64_t count = way / stride + (way % stride != 0);
  Tensor tensor = empty({static_cast<int64_t>(count)}, kInt64, start.where);
  auto *values = static_cast<uint64_t *>(tensor.impl->storage->base->buffer->data);
  for (uint64_t i = 0; i < count; ++i)
    values[i] = from + i * width;
  return tensor;
}
Tensor zeros_like(const Tensor &other, Here where) {
  CallSite site(where);
  return zeros(other.sizes(), other.dtype(), where);
}
Tensor ones_like(const Tensor &other, Here where) {
  CallSite site(where);
  return ones(other.sizes(), other.dtype(), where);
}
Tensor runtime_scalar(double value, ScalarType dtype) { return record::filled({}, value, dtype); }

Tensor copy_rows(const Tensor &tensor, const std::vector<int64_t> &rows, Here where) {
  CallSite site(where);
  std::lock_guard lock(Recorder::get().mutex);
  NoGradGuard noGrad;
  Shape shape = tensor.sizes();
  if (shape.empty())
    throw Error("copy_rows() cannot be applied to a 0-dim tensor.");
  std::shared_ptr<Buffer> source = contents(tensor);
  int64_t count = shape[0],
          width = tensor.numel() / std::max<int64_t>(count, 1) * ember_rt_dtype_size(static_cast<uint32_t>(tensor.dtype()));
  shape[0] = static_cast<int64_t>(rows.size());
  Tensor result = empty(shape, tensor.dtype());
  auto *to = static_cast<char *>(result.impl->storage->base->buffer->data);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < -count || rows[i] >= count)
      throw Error("index " + std::to_string(rows[i]) + " is out of bounds for dimension 0 with size " + std::to_string(count));
    int64_t row = rows[i] < 0 ? rows[i] + count : rows[i];
    std::memcpy(to + i * width, static_cast<char *>(source->data) + row * width, width);
  }
  return result;
}

Tensor load_npy(const std::string &path, Here where) {
  CallSite site(where);
  ember_array array;
  char error[512];
  if (ember_rt_read_npy(path.c_str(), &array, error, sizeof error) != 0)
    throw Error(error);
  Tensor tensor = from_bytes(array.data, Shape(array.dims, array.dims + array.rank), static_cast<ScalarType>(array.dtype));
  ember_rt_free(array.data);
  return tensor;
}
void save_npy(const std::string &path, const Tensor &tensor, Here where) {
  CallSite site(where);
  std::lock_guard lock(Recorder::get().mutex);
  Shape shape = tensor.sizes();
  char error[512];
  if (ember_rt_write_npy(path.c_str(), static_cast<uint32_t>(tensor.dtype()), static_cast<uint32_t>(shape.size()), shape.data(),
                         contents(tensor)->data, error, sizeof error) != 0)
    throw Error(error);
}

} // namespace ember
