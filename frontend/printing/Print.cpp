// std::cout << tensor.
#include "ember/tensor.h"
#include "printing/TensorFormat.h"
#include "record/Storage.h"

#include <cstring>
#include <ostream>

namespace ember {

void set_printoptions(const PrintOptions &options, Here where) {
  CallSite site(where);
  if (options.precision < 0 || options.precision > 100)
    throw Error("set_printoptions: expected a precision from 0 to 100, found " + std::to_string(options.precision));
  if (options.threshold < 0 || options.edgeitems < 1 || options.linewidth < 1)
    throw Error("set_printoptions: expected a threshold of at least 0, edgeitems and a linewidth of at least 1, found " +
                std::to_string(options.threshold) + ", " + std::to_string(options.edgeitems) + " and " +
                std::to_string(options.linewidth));
  printing::look() = {options.precision, options.threshold, options.edgeitems, options.linewidth, options.sci_mode};
}

static double realAt(const void *memory, ScalarType dtype, int64_t place) {
  if (dtype == kFloat64)
    return static_cast<const double *>(memory)[place];
  if (dtype == kFloat32)
    return static_cast<const float *>(memory)[place];
  uint16_t bits = static_cast<const uint16_t *>(memory)[place];
  return dtype == kBFloat16 ? ember_rt_from_bf16(bits) : ember_rt_from_f16(bits);
}

// Little endian, extended from the dtype's width.
static int64_t integerAt(const void *memory, ScalarType dtype, int64_t place) {
  int64_t value = 0, width = ember_rt_dtype_size(static_cast<uint32_t>(dtype)), rest = 64 - 8 * width;
  std::memcpy(&value, static_cast<const char *>(memory) + place * width, width);
  bool isUnsigned = dtype == kUInt8 || dtype == kBool;
  return isUnsigned ? value : static_cast<int64_t>(static_cast<uint64_t>(value) << rest) >> rest;
}

// Of many elements few are shown: they are read where they lie. A view may have more of them than there is memory for.
static void readShown(const Tensor &tensor, printing::Printable &shown) {
  record::Entry entry(Here::current());
  NoGradGuard noGrad;
  const record::TensorImpl &impl = *tensor.impl;
  std::shared_ptr<record::Buffer> buffer = entry.recorder.materialize(impl.storage->base);
  ScalarType dtype = tensor.dtype();
  int64_t offset = impl.offset();
  printing::forEachShown(shown.sizes, impl.strides(), [&](int64_t place) {
    if (tensor.is_floating_point())
      shown.reals.push_back(realAt(buffer->data, dtype, offset + place));
    else
      shown.integers.push_back(integerAt(buffer->data, dtype, offset + place));
  });
}

std::ostream &operator<<(std::ostream &stream, const Tensor &tensor) {
  if (!tensor.defined())
    return stream << "None";
  printing::Printable shown;
  shown.sizes = tensor.sizes();
  ScalarType dtype = tensor.dtype();
  if (!tensor.is_floating_point())
    shown.kind = dtype == kBool ? printing::Printable::Kind::Bool : printing::Printable::Kind::Integer;
  if (printing::isSummarized(shown.sizes)) {
    readShown(tensor, shown);
  } else {
    NoGradGuard noGrad;
    if (tensor.is_floating_point())
      shown.reals = tensor.to_vector<double>();
    else
      shown.integers = tensor.to_vector<int64_t>();
  }
  shown.dtype = dtype_name(dtype);
  shown.dtypeIsDefault = dtype == kFloat32;
  shown.dtypeIsImplied = dtype == kFloat32 || dtype == kInt64 || dtype == kBool;
  if (tensor.requires_grad()) {
    if (tensor.is_leaf())
      shown.requiresGrad = true;
    else
      shown.gradientFunction = tensor.impl->function();
  }
  return stream << (tensor.impl->isParameter ? "Parameter containing:\n" : "") << printing::formatTensor(shown);
}

} // namespace ember
