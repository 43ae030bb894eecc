#include "frontend/printing/TensorFormat.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ember::printing {

namespace {

constexpr int64_t kIndent = 7; // the length of "tensor("

// format: `%.*e` and the like.
std::string formatNumber(const char *format, int precision, double value) {
  std::string text(std::snprintf(nullptr, 0, format, precision, value), '\0');
  std::snprintf(text.data(), text.size() + 1, format, precision, value);
  return text;
}

// How every element of one tensor is written: decided once from the elements that are shown.
struct ElementStyle {
  enum class Form { Whole, Fixed, Scientific };
  Form form = Form::Whole;
  size_t width = 1;
};

// Indices along a dimension, of which `skips` leaves out those in the middle.
int64_t shownCount(int64_t size, bool skips) { return skips ? std::min(size, 2 * look().edgeItems) : size; }

// Sizes are those of the elements that are shown.
class Formatter {
public:
  explicit Formatter(const Printable &tensor) : tensor(tensor) {
    bool skips = isSummarized(tensor.sizes);
    for (int64_t size : tensor.sizes)
      shown.push_back(shownCount(size, skips));
    style = chooseStyle();
  }

  std::string body() const { return block(0, 0, kIndent); }

private:
  static ElementStyle styleOfReals(const std::vector<double> &values) {
    ElementStyle style;
    std::vector<double> magnitudes;
    std::vector<double> finite;
    for (double value : values)
      if (std::isfinite(value) && value != 0) {
        finite.push_back(value);
        magnitudes.push_back(std::fabs(value));
      }
    if (finite.empty())
      return style;
    auto [smallest, largest] = std::minmax_element(magnitudes.begin(), magnitudes.end());
    bool isWide = *largest / *smallest > 1000.0 || *largest > 1.0e8;
    bool allWhole = std::all_of(finite.begin(), finite.end(), [](double value) { return std::ceil(value) == value; });
    if (isWide || (!allWhole && *smallest < 1.0e-4))
      style.form = ElementStyle::Form::Scientific;
    else if (!allWhole)
      style.form = ElementStyle::Form::Fixed;
    for (double value : finite)
      style.width = std::max(style.width, realText(value, style.form).size());
    if (look().scientific) // widths stay those of the form that the numbers asked for, as in PyTorch
      style.form = *look().scientific ? ElementStyle::Form::Scientific
                   : allWhole         ? ElementStyle::Form::Whole
                                      : ElementStyle::Form::Fixed;
    return style;
  }

  ElementStyle chooseStyle() const {
    if (tensor.kind == Printable::Kind::Real)
      return styleOfReals(tensor.reals);
    ElementStyle style;
    for (int64_t value : tensor.integers)
      style.width = std::max(style.width, integerText(value).size());
    return style;
  }

  // Where `...` stands.
  bool isGap(size_t dim, int64_t i) const { return i == look().edgeItems && shown[dim] < tensor.sizes[dim]; }

  static std::string realText(double value, ElementStyle::Form form) {
    if (std::isnan(value))
      return "nan";
    if (std::isinf(value))
      return value > 0 ? "inf" : "-inf";
    if (form == ElementStyle::Form::Scientific)
      return formatNumber("%.*e", look().precision, value);
    if (form == ElementStyle::Form::Fixed)
      return formatNumber("%.*f", look().precision, value);
    return formatNumber("%.*f", 0, value) + ".";
  }

  std::string integerText(int64_t value) const {
    if (tensor.kind == Printable::Kind::Bool)
      return value ? "True" : "False";
    return std::to_string(value);
  }

  std::string element(int64_t flat) const {
    std::string text =
        tensor.kind == Printable::Kind::Real ? realText(tensor.reals[flat], style.form) : integerText(tensor.integers[flat]);
    if (text.size() < style.width)
      text.insert(0, style.width - text.size(), ' ');
    return text;
  }

  std::string row(int64_t flat, int64_t indent) const {
    size_t dim = shown.size() - 1;
    std::vector<std::string> items;
    for (int64_t i = 0; i < shown[dim]; ++i) {
      if (isGap(dim, i))
        items.push_back(" ...");
      items.push_back(element(flat * shown[dim] + i));
    }
    int64_t perLine = std::max<int64_t>(1, (look().lineWidth - indent) / (static_cast<int64_t>(style.width) + 2));
    std::string text = "[";
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0)
        text += i % perLine == 0 ? ",\n" + std::string(indent + 1, ' ') : ", ";
      text += items[i];
    }
    return text + "]";
  }

  std::string block(size_t dim, int64_t flat, int64_t indent) const {
    size_t rank = shown.size();
    if (rank == 0)
      return element(0);
    if (dim + 1 == rank)
      return row(flat, indent);
    std::string separator = "," + std::string(rank - dim - 1, '\n') + std::string(indent + 1, ' ');
    std::string text = "[";
    for (int64_t i = 0; i < shown[dim]; ++i) {
      if (i > 0)
        text += separator;
      if (isGap(dim, i))
        text += "..." + separator;
      text += block(dim + 1, flat * shown[dim] + i, indent + 1);
    }
    return text + "]";
  }

  const Printable &tensor;
  std::vector<int64_t> shown;
  ElementStyle style;
};

std::string sizesText(const std::vector<int64_t> &sizes) {
  std::string text = "(";
  for (size_t i = 0; i < sizes.size(); ++i)
    text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text + (sizes.size() == 1 ? ",)" : ")");
}

void visitShown(const std::vector<int64_t> &sizes, const std::vector<int64_t> &strides, bool skips, size_t dim, int64_t place,
                const std::function<void(int64_t)> &visit) {
  if (dim == sizes.size())
    return visit(place);
  int64_t count = shownCount(sizes[dim], skips);
  for (int64_t i = 0; i < count; ++i) {
    int64_t index = i < look().edgeItems ? i : i + sizes[dim] - count;
    visitShown(sizes, strides, skips, dim + 1, place + index * strides[dim], visit);
  }
}

} // namespace

Look &look() {
  static Look own;
  return own;
}

bool isSummarized(const std::vector<int64_t> &sizes) {
  int64_t count = 1;
  bool isMore = false;
  for (int64_t size : sizes) {
    if (size == 0)
      return false;
    isMore |= __builtin_mul_overflow(count, size, &count) || count > look().threshold;
  }
  return isMore;
}

void forEachShown(const std::vector<int64_t> &sizes, const std::vector<int64_t> &strides,
                  const std::function<void(int64_t)> &visit) {
  visitShown(sizes, strides, isSummarized(sizes), 0, 0, visit);
}

std::string formatTensor(const Printable &tensor) {
  bool isEmpty = std::find(tensor.sizes.begin(), tensor.sizes.end(), 0) != tensor.sizes.end();
  std::vector<std::string> suffixes;
  if (isEmpty && tensor.sizes.size() != 1)
    suffixes.push_back("size=" + sizesText(tensor.sizes));
  if (isEmpty ? !tensor.dtypeIsDefault : !tensor.dtypeIsImplied)
    suffixes.push_back("dtype=" + tensor.dtype);
  if (!tensor.gradientFunction.empty())
    suffixes.push_back("grad_fn=<" + tensor.gradientFunction + ">");
  else if (tensor.requiresGrad)
    suffixes.push_back("requires_grad=True");

  std::string text = "tensor(" + (isEmpty ? std::string("[]") : Formatter(tensor).body());
  // PyTorch counts the last line so (a missing line break is at -1); its wrapping follows from it.
  size_t lastBreak = text.rfind('\n');
  int64_t breakPosition = lastBreak == std::string::npos ? -1 : static_cast<int64_t>(lastBreak);
  int64_t lastLine = static_cast<int64_t>(text.size()) - breakPosition + 1;
  for (const std::string &suffix : suffixes) {
    int64_t length = static_cast<int64_t>(suffix.size());
    if (lastLine + length + 2 > look().lineWidth) {
      text += ",\n" + std::string(kIndent, ' ') + suffix;
      lastLine = kIndent + length;
    } else {
      text += ", " + suffix;
      lastLine += length + 2;
    }
  }
  return text + ")";
}

} // namespace ember::printing
