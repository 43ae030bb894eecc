// Pooling windows, and borders around images.
#include "ember/functional.h"

#include "functions/Build.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Pooling.h"
#include "ir/ops/View.h"

#include <limits>

using namespace mlir;
using namespace ember::ir;
using namespace ember::functions;

namespace ember::functional {

namespace {

// The windows of one call, checked. Rounding sizes up (ceil_mode) lets the last window reach beyond the padded input, by
// `excess`; one that would start beyond the input and its first border is left out.
struct Windows {
  Shape kernel, stride, padding, dilation, excess = {0, 0};

  Windows(const Tensor &input, Shape kernelSizes, Shape strides, Shape paddings, Shape dilations, bool ceil)
      : kernel(std::move(kernelSizes)), stride(strides.empty() ? kernel : std::move(strides)), padding(std::move(paddings)),
        dilation(std::move(dilations)) {
    for (int d = 0; d < 2; ++d) {
      if (kernel[d] < 1 || stride[d] < 1)
        throw Error("kernel size and stride should be greater than zero");
      if (padding[d] < 0)
        throw Error("pad must be non-negative, but got pad: " + std::to_string(padding[d]));
      if (dilation[d] < 1)
        throw Error("dilation should be greater than zero, but got dilation: " + std::to_string(dilation[d]));
      if (padding[d] > span(d) / 2)
        throw Error("pad should be at most half of effective kernel size, but got pad=" + std::to_string(padding[d]) +
                    ", kernel_size=" + std::to_string(kernel[d]) + " and dilation=" + std::to_string(dilation[d]));
    }
    Shape sizes = {sizeOf(input, 0, ceil), sizeOf(input, 1, ceil)};
    if (sizes[0] >= 1 && sizes[1] >= 1)
      return;
    std::string channels = std::to_string(input.size(1));
    throw Error("Given input size: (" + channels + "x" + std::to_string(input.size(2)) + "x" + std::to_string(input.size(3)) +
                "). Calculated output size: (" + channels + "x" + std::to_string(sizes[0]) + "x" + std::to_string(sizes[1]) +
                "). Output size is too small");
  }

  // From the first element of a window to the last.
  int64_t span(int d) const { return dilation[d] * (kernel[d] - 1) + 1; }

  int64_t sizeOf(const Tensor &input, int d, bool ceil) {
    int64_t size = input.size(2 + d), room = size + 2 * padding[d] - span(d);
    if (room < 0 && !(ceil && room + stride[d] > 0))
      return 0;
    int64_t count = room < 0 ? 0 : room / stride[d], wanted = count * stride[d];
    if (ceil && wanted < room && (count + 1) * stride[d] < size + padding[d])
      excess[d] = (++count) * stride[d] - room;
    else if (room < 0)
      return 0;
    return count + 1;
  }
  bool reachesBeyond() const { return excess[0] > 0 || excess[1] > 0; }
};

// An image is a batch of one.
template <typename Pool> Tensor pooled(const Tensor &input, Here where, const char *name, Pool pool) {
  if (!input.is_floating_point())
    throw Error(std::string("\"") + name + "\" not implemented for '" + scalarTypeName(input.dtype()) + "'");
  if (input.dim() == 3)
    return pool(input.unsqueeze(0, where)).squeeze(0, where);
  if (input.dim() != 4)
    throw Error("non-empty 3D or 4D (batch mode) tensor expected for input");
  return pool(input);
}

Value windowSum(Entry &entry, Value input, const Windows &windows, const Shape &padding) {
  return entry.recorder.emit<WindowSumOp>(input, ArrayRef<int64_t>(windows.kernel), ArrayRef<int64_t>(windows.stride),
                                          ArrayRef<int64_t>(padding));
}

// How many elements each window holds, of the input or of the input and its borders; what it reaches beyond counts in neither.
Tensor counts(Entry &entry, const Tensor &input, const Windows &windows, bool withBorders) {
  Shape shape = {1, 1, input.size(2), input.size(3)}, none = {0, 0};
  for (int d = 0; d < 2 && withBorders; ++d)
    shape[2 + d] += 2 * windows.padding[d];
  Tensor ones = made(broadcastTo(number(1, input.dtype()), shape), "");
  if (windows.reachesBeyond())
    ones = pad(ones, {0, windows.excess[1], 0, windows.excess[0]});
  return made(windowSum(entry, record::read(ones), windows, withBorders ? none : windows.padding), "");
}

} // namespace

// The input as far as windows reach, nothing beyond it being larger.
static Tensor reached(const Tensor &image, const Windows &windows, Here where) {
  if (!windows.reachesBeyond())
    return image;
  return pad(image, {0, windows.excess[1], 0, windows.excess[0]}, "constant", -std::numeric_limits<double>::infinity(), where);
}

Tensor max_pool2d(const Tensor &input, Shape kernel, Shape stride, Shape padding, Shape dilation, bool ceil_mode, Here where) {
  Entry entry(where);
  return pooled(input, where, "max_pool2d", [&](const Tensor &image) {
    Windows windows(image, kernel, stride, padding, dilation, ceil_mode);
    return made(entry.recorder.emit<MaxPool2dOp>(record::read(reached(image, windows, where)), ArrayRef<int64_t>(windows.kernel),
                                                 ArrayRef<int64_t>(windows.stride), ArrayRef<int64_t>(windows.padding),
                                                 ArrayRef<int64_t>(windows.dilation)),
                "MaxPool2DWithIndicesBackward0");
  });
}

std::pair<Tensor, Tensor> max_pool2d_with_indices(const Tensor &input, Shape kernel, Shape stride, Shape padding, Shape dilation,
                                                  bool ceil_mode, Here where) {
  Entry entry(where);
  Tensor values = max_pool2d(input, kernel, stride, padding, dilation, ceil_mode, where);
  Tensor places = pooled(input.detach(), where, "max_pool2d", [&](const Tensor &image) {
    Windows windows(image, kernel, stride, padding, dilation, ceil_mode);
    Tensor whole = reached(image, windows, where);
    Shape plane = {image.size(2), image.size(3)};
    Value flat = entry.recorder.emit<IotaOp>(typeOf({plane[0] * plane[1]}, kInt64), 0);
    Tensor positions = made(entry.recorder.emit<ReshapeOp>(typeOf(plane, kInt64), flat), "");
    if (windows.reachesBeyond()) // places count in the input's own plane
      positions = pad(positions, {0, windows.excess[1], 0, windows.excess[0]}, "constant", 0, where);
    return made(entry.recorder.emit<MaxPool2dIndicesOp>(record::read(whole), record::read(positions),
                                                        ArrayRef<int64_t>(windows.kernel), ArrayRef<int64_t>(windows.stride),
                                                        ArrayRef<int64_t>(windows.padding), ArrayRef<int64_t>(windows.dilation)),
                "");
  });
  return {values, places};
}

Tensor avg_pool2d(const Tensor &input, Shape kernel, Shape stride, Shape padding, bool ceil_mode, bool count_include_pad,
                  std::optional<int64_t> divisor_override, Here where) {
  Entry entry(where);
  if (divisor_override == 0)
    throw Error("divisor must be not zero");
  return pooled(input, where, "avg_pool2d", [&](Tensor image) {
    Windows windows(image, kernel, stride, padding, {1, 1}, ceil_mode);
    bool isFull = (count_include_pad || (windows.padding[0] == 0 && windows.padding[1] == 0)) && !windows.reachesBeyond();
    Tensor divisor;
    if (!divisor_override && !isFull)
      divisor = counts(entry, image, windows, count_include_pad);
    if (windows.reachesBeyond())
      image = pad(image, {0, windows.excess[1], 0, windows.excess[0]}, "constant", 0, where);
    Tensor sums = made(windowSum(entry, record::read(image), windows, windows.padding), "");
    double whole = static_cast<double>(divisor_override.value_or(windows.kernel[0] * windows.kernel[1]));
    return named(divisor.defined() ? sums / divisor : sums / Operand(whole, where), "AvgPool2DBackward0");
  });
}

// ---- borders

// Where the elements of a padded dimension come from.
static std::vector<int64_t> sources(int64_t size, int64_t low, int64_t high, const std::string &mode) {
  std::vector<int64_t> from;
  for (int64_t i = -low; i < size + high; ++i) {
    if (mode == "circular")
      from.push_back((i + size) % size);
    else if (mode == "replicate")
      from.push_back(std::clamp<int64_t>(i, 0, size - 1));
    else
      from.push_back(i < 0 ? -i : i >= size ? 2 * size - 2 - i : i);
  }
  return from;
}

// The elements one after the other: a slice for each run that rises by one.
static Tensor joined(const Tensor &input, int64_t dim, const std::vector<int64_t> &from, Here where) {
  std::vector<Tensor> pieces;
  for (size_t first = 0, last; first < from.size(); first = last) {
    for (last = first + 1; last < from.size() && from[last] == from[last - 1] + 1;)
      ++last;
    pieces.push_back(input.narrow(dim, from[first], static_cast<int64_t>(last - first), where));
  }
  return cat(pieces, dim, where);
}

static Tensor bordered(const Tensor &input, int64_t dim, int64_t low, int64_t high, const std::string &mode, Here where) {
  int64_t size = input.size(dim), most = std::max(low, high);
  if (low < 0 || high < 0)
    throw Error("pad: " + mode + " borders of " + std::to_string(low) + " and " + std::to_string(high) + ", expected at least 0");
  if (mode == "circular" && most > size)
    throw Error("Padding value causes wrapping around more than once.");
  if (mode == "reflect" && most >= size)
    throw Error("Padding size should be less than the corresponding input dimension, but got: padding (" + std::to_string(low) +
                ", " + std::to_string(high) + ") at dimension " + std::to_string(dim) + " of input " + shapeText(input.sizes()));
  if (size == 0)
    throw Error("pad: dimension " + std::to_string(dim) + " of input " + shapeText(input.sizes()) +
                " is empty, expected elements");
  return joined(input, dim, sources(size, low, high, mode), where);
}

static Tensor constantBorders(Entry &entry, const Tensor &input, const Shape &low, const Shape &high, double value, Here where) {
  Tensor cut = input;
  Shape grown = input.sizes(), first = low, last = high;
  for (size_t dim = 0; dim < grown.size(); ++dim) {
    int64_t size = grown[dim] + low[dim] + high[dim], start = std::max<int64_t>(-low[dim], 0);
    int64_t end = grown[dim] - std::max<int64_t>(-high[dim], 0);
    if (size < 0 || start > end)
      throw Error("The input size " + std::to_string(grown[dim]) + ", plus negative padding " + std::to_string(low[dim]) +
                  " and " + std::to_string(high[dim]) +
                  " resulted in a negative output size, which is invalid. Check dimension " + std::to_string(dim) +
                  " of your input.");
    if (start > 0 || end < grown[dim])
      cut = cut.slice(static_cast<int64_t>(dim), start, end, 1, where);
    first[dim] = std::max<int64_t>(low[dim], 0);
    last[dim] = std::max<int64_t>(high[dim], 0);
    grown[dim] = size;
  }
  if (grown == Shape(cut.sizes()))
    return cut.clone(where);
  Type type = typeOf(grown, input.dtype());
  Builder builder(type.getContext());
  return made(entry.recorder.emit<PadOp>(type, record::read(cut), builder.getDenseI64ArrayAttr(first),
                                         builder.getDenseI64ArrayAttr(last), builder.getF64FloatAttr(value)),
              "ConstantPadNdBackward0");
}

Tensor pad(const Tensor &input, const Shape &borders, const std::string &mode, double value, Here where) {
  Entry entry(where);
  if (borders.size() % 2 != 0)
    throw Error("Padding length must be divisible by 2");
  if (borders.size() / 2 > static_cast<size_t>(input.dim()))
    throw Error("Padding length too large");
  if (mode != "constant" && mode != "reflect" && mode != "replicate" && mode != "circular")
    throw Error("Unrecognised padding mode " + mode);
  Shape low(input.dim(), 0), high(input.dim(), 0);
  for (size_t i = 0; i < borders.size() / 2; ++i) {
    low[input.dim() - 1 - i] = borders[2 * i];
    high[input.dim() - 1 - i] = borders[2 * i + 1];
  }
  if (mode == "constant")
    return constantBorders(entry, input, low, high, value, where);
  Tensor result = input;
  for (int64_t dim = 0; dim < input.dim(); ++dim)
    if (low[dim] != 0 || high[dim] != 0)
      result = bordered(result, dim, low[dim], high[dim], mode, where);
  return result;
}

} // namespace ember::functional
