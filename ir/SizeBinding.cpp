#include "ir/SizeBinding.h"

using namespace mlir;

namespace ember::ir {

// Learns the name of `c*name + d`; other dimensions are checked when every name is known.
static void learn(const SizeExpr &size, int64_t found, SizeValues &sizes) {
  std::optional<SizeExpr::Linear> own = size.linear();
  int64_t rest;
  if (!own || found < 0 || __builtin_sub_overflow(found, own->offset, &rest))
    return;
  if (rest % own->factor == 0 && rest / own->factor >= 0)
    sizes.emplace(own->name, rest / own->factor);
}

static bool fits(const SizeExpr &size, int64_t found, const SizeValues &sizes) {
  for (const auto &[names, coefficient] : size.terms())
    for (const std::string &name : names)
      if (!sizes.count(name))
        return false;
  return size.evaluate(sizes) == found;
}

std::optional<unsigned> bindSizes(ArrayRef<RankedTensorType> types, ArrayRef<SmallVector<int64_t>> shapes, SizeValues &sizes) {
  for (auto [number, type] : llvm::enumerate(types)) {
    if (static_cast<int64_t>(shapes[number].size()) != type.getRank())
      return number;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      learn(dimSize(type, dim), shapes[number][dim], sizes);
  }
  for (auto [number, type] : llvm::enumerate(types))
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (!fits(dimSize(type, dim), shapes[number][dim], sizes))
        return number;
  return std::nullopt;
}

bool tells(RankedTensorType type, const std::string &name) {
  return llvm::any_of(dimSizes(type), [&](const SizeExpr &size) {
    return !size.isConstant() && llvm::all_of(size.terms(), [&](const auto &term) {
      return term.first.empty() || (term.first.size() == 1 && term.first[0] == name);
    });
  });
}

std::string dimsText(RankedTensorType type) {
  std::string text = "[";
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    text += (dim ? ", " : "") + dimSize(type, dim).str();
  return text + "]";
}

std::string sizesText(const SizeValues &sizes) {
  std::string text;
  for (const auto &[name, size] : sizes)
    text += (text.empty() ? "" : ", ") + name + " = " + std::to_string(size);
  return text;
}

// An attribute for each name: packages hold lists of integers, no dictionaries.
static constexpr StringLiteral rangePrefix = "ember.size.";

std::map<std::string, SizeRange> sizeRanges(func::FuncOp function) {
  std::map<std::string, SizeRange> ranges;
  for (NamedAttribute own : function->getDiscardableAttrs()) {
    StringRef name = own.getName();
    auto numbers = dyn_cast<DenseI64ArrayAttr>(own.getValue());
    if (name.consume_front(rangePrefix) && numbers && numbers.size() == 2)
      ranges[name.str()] = {numbers[0], numbers[1]};
  }
  return ranges;
}

std::string rangesFault(func::FuncOp function) {
  for (NamedAttribute own : function->getDiscardableAttrs()) {
    auto numbers = dyn_cast<DenseI64ArrayAttr>(own.getValue());
    bool isRange = numbers && numbers.size() == 2 && numbers[0] >= 0 && numbers[0] <= numbers[1];
    if (own.getName().strref().starts_with(rangePrefix) && !isRange)
      return own.getName().str() + ": expected array<i64: LEAST, MOST>";
  }
  return "";
}

void setSizeRanges(func::FuncOp function, const std::map<std::string, SizeRange> &ranges) {
  Builder builder(function.getContext());
  for (const auto &[name, range] : ranges)
    function->setAttr((rangePrefix + name).str(), builder.getDenseI64ArrayAttr({range.least, range.most}));
}

std::string outOfRange(const std::map<std::string, SizeRange> &ranges, const SizeValues &sizes) {
  for (const auto &[name, range] : ranges) {
    auto size = sizes.find(name);
    if (size == sizes.end() || (size->second >= range.least && size->second <= range.most))
      continue;
    return "the size " + name + " is " + std::to_string(size->second) + ", expected at " +
           (size->second < range.least ? "least " + std::to_string(range.least) : "most " + std::to_string(range.most));
  }
  return "";
}

} // namespace ember::ir
