#include "record/SizeFamily.h"

#include "llvm/ADT/STLExtras.h"
#include <new>
#include <numeric>

using ember::ir::SizeExpr;
using ember::ir::SizeValues;

namespace ember::record {

constexpr size_t kMostSeen = 24; // recordings; what they have not told, others will not
constexpr size_t kMostNames = 8;

std::optional<SizeValues> SizeFamily::namesAt(const Sizes &sizes) const {
  if (unique.empty())
    return std::nullopt;
  SizeValues values;
  for (const Name &name : names)
    values[name.text] = sizes[name.dim];
  Sizes expected;
  try {
    for (const SizeExpr &size : unique)
      expected.push_back(size.evaluate(values));
  } catch (const std::bad_alloc &) { // no 64-bit number, so not one of these sizes
    return std::nullopt;
  }
  for (auto [size, number] : llvm::zip_equal(sizes, numbers))
    if (size != expected[number])
      return std::nullopt;
  return values;
}

bool SizeFamily::learn(const Sizes &sizes, size_t argumentSizes) {
  if (seen.size() == kMostSeen || llvm::is_contained(seen, sizes))
    return false;
  seen.push_back(sizes);
  if (seen.size() < nextAttempt)
    return false;
  nextAttempt *= 2;
  generalise(argumentSizes);
  return !unique.empty();
}

std::vector<SizeExpr> SizeFamily::dims() const {
  std::vector<SizeExpr> all;
  for (uint32_t number : numbers)
    all.push_back(unique[number]);
  return all;
}

std::string SizeFamily::text() const {
  std::string text;
  for (uint32_t number : numbers)
    text += unique[number].str() + ",";
  return text;
}

SizeFamily::Sizes SizeFamily::column(size_t dim) const {
  Sizes values;
  for (const Sizes &sizes : seen)
    values.push_back(sizes[dim]);
  return values;
}

// Small sizes become names first, so that others are sums and products of them. Ops' own shape rules have the last word.
void SizeFamily::generalise(size_t argumentSizes) {
  names.clear();
  unique.clear();
  numbers.assign(seen[0].size(), 0);
  std::map<Sizes, uint32_t> numberOf; // by values
  std::vector<size_t> order(seen[0].size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](size_t a, size_t b) { return std::pair(seen[0][a], a) < std::pair(seen[0][b], b); });
  for (size_t dim : order) {
    Sizes values = column(dim);
    auto [known, isNew] = numberOf.try_emplace(values, unique.size());
    numbers[dim] = known->second;
    if (!isNew)
      continue;
    std::optional<SizeExpr> size = fit(values);
    if (!size) {
      if (names.size() == kMostNames)
        return unique.clear();
      names.push_back({"S" + std::to_string(names.size()), dim, values});
      size = SizeExpr::name(names.back().text);
    }
    unique.push_back(*size);
  }
  if (!llvm::all_of(names, [&](const Name &name) { return isInArguments(name.text, argumentSizes); }))
    unique.clear();
}

bool SizeFamily::isInArguments(const std::string &name, size_t argumentSizes) const {
  return llvm::any_of(llvm::ArrayRef(numbers).take_front(argumentSizes), [&](uint32_t number) {
    return llvm::any_of(unique[number].terms(), [&](const auto &term) { return llvm::is_contained(term.first, name); });
  });
}

namespace {

using Sizes = SizeFamily::Sizes;

// What is left of each value by `rest(i)`, if it is the same everywhere.
std::optional<int64_t> same(const Sizes &values, llvm::function_ref<std::optional<int64_t>(size_t)> rest) {
  std::optional<int64_t> first = rest(0);
  for (size_t i = 1; first && i < values.size(); ++i)
    if (rest(i) != first)
      return std::nullopt;
  return first;
}

std::optional<int64_t> quotient(int64_t value, int64_t divisor) {
  return divisor != 0 && value % divisor == 0 ? std::optional(value / divisor) : std::nullopt;
}

// A product too large for a size may be any number: it is a guess as all else here is.
int64_t times(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); }

// factor * name + offset
std::optional<SizeExpr> affine(const Sizes &values, const Sizes &name, const SizeExpr &text) {
  size_t other = llvm::find_if(name, [&](int64_t own) { return own != name[0]; }) - name.begin();
  std::optional<int64_t> factor = quotient(values[other] - values[0], name[other] - name[0]);
  if (!factor || *factor == 0)
    return std::nullopt;
  std::optional<int64_t> offset = same(values, [&](size_t i) { return values[i] - times(*factor, name[i]); });
  return offset ? std::optional(text * SizeExpr(*factor) + SizeExpr(*offset)) : std::nullopt;
}

} // namespace

// A constant; a factor and an offset of one name; c*m*n, m*(n + c), m + n + c and c*k*m*n of several.
std::optional<SizeExpr> SizeFamily::fit(const Sizes &values) const {
  if (llvm::all_equal(values))
    return SizeExpr(values[0]);
  for (const Name &name : names)
    if (std::optional<SizeExpr> size = affine(values, name.values, SizeExpr::name(name.text)))
      return size;
  for (const Name &a : names)
    for (const Name &b : names) {
      SizeExpr m = SizeExpr::name(a.text), n = SizeExpr::name(b.text);
      auto product = [&](size_t i) { return times(a.values[i], b.values[i]); };
      if (auto factor = same(values, [&](size_t i) { return quotient(values[i], product(i)); }))
        return SizeExpr(*factor) * m * n;
      if (auto offset = same(values, [&](size_t i) -> std::optional<int64_t> {
            std::optional<int64_t> other = quotient(values[i], a.values[i]);
            return other ? std::optional(*other - b.values[i]) : std::nullopt;
          }))
        return m * (n + SizeExpr(*offset));
      if (auto offset = same(values, [&](size_t i) -> std::optional<int64_t> { return values[i] - a.values[i] - b.values[i]; }))
        return m + n + SizeExpr(*offset);
      for (const Name &c : names)
        if (auto factor = same(values, [&](size_t i) { return quotient(values[i], times(product(i), c.values[i])); }))
          return SizeExpr(*factor) * m * n * SizeExpr::name(c.text);
    }
  return std::nullopt;
}

} // namespace ember::record
