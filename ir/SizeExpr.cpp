#include "ir/SizeExpr.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <algorithm>
#include <cassert>
#include <new>

namespace ember::ir {

SizeExpr::SizeExpr(int64_t constant) {
  if (constant)
    coefficients[{}] = constant;
}

SizeExpr SizeExpr::name(llvm::StringRef name) {
  SizeExpr result;
  result.coefficients[{name.str()}] = 1;
  return result;
}

static bool isName(llvm::StringRef text) {
  auto isNameByte = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  return !text.empty() && !llvm::isDigit(text.front()) && llvm::all_of(text, isNameByte);
}

std::optional<SizeExpr> SizeExpr::parse(llvm::StringRef text) {
  SizeExpr sum;
  llvm::SmallVector<llvm::StringRef> terms;
  text.split(terms, '+');
  for (llvm::StringRef term : terms) {
    int64_t coefficient = 1;
    Monomial names;
    llvm::SmallVector<llvm::StringRef> factors;
    term.split(factors, '*');
    for (llvm::StringRef factor : factors) {
      factor = factor.trim();
      int64_t number;
      if (isName(factor))
        names.push_back(factor.str());
      else if (factor.getAsInteger(10, number) || __builtin_mul_overflow(coefficient, number, &coefficient))
        return std::nullopt;
    }
    std::sort(names.begin(), names.end());
    int64_t &total = sum.coefficients[names];
    if (__builtin_add_overflow(total, coefficient, &total))
      return std::nullopt;
    if (total == 0)
      sum.coefficients.erase(names);
  }
  return sum;
}

std::string SizeExpr::str() const {
  if (coefficients.empty())
    return "0";
  std::string text;
  // Names first, the number last: `2*S + 1`.
  for (auto it = coefficients.rbegin(); it != coefficients.rend(); ++it) {
    const auto &[names, coefficient] = *it;
    if (!text.empty())
      text += " + ";
    if (names.empty() || coefficient != 1)
      text += std::to_string(coefficient) + (names.empty() ? "" : "*");
    text += llvm::join(names, "*");
  }
  return text;
}

bool SizeExpr::isConstant() const { return constant().has_value(); }

std::optional<int64_t> SizeExpr::constant() const {
  if (coefficients.empty())
    return 0;
  if (coefficients.size() == 1 && coefficients.begin()->first.empty())
    return coefficients.begin()->second;
  return std::nullopt;
}

std::optional<SizeExpr::Linear> SizeExpr::linear() const {
  Linear result;
  for (const auto &[names, coefficient] : coefficients) {
    if (names.empty())
      result.offset = coefficient;
    else if (names.size() == 1 && result.name.empty())
      std::tie(result.name, result.factor) = std::pair(names[0], coefficient);
    else
      return std::nullopt;
  }
  return result.name.empty() ? std::nullopt : std::optional(result);
}

std::optional<SizeExpr> SizeExpr::dividedBy(const SizeExpr &divisor) const {
  if (*this == divisor && !coefficients.empty())
    return SizeExpr(1);
  if (divisor.coefficients.size() != 1)
    return std::nullopt;
  const auto &[divisorNames, divisorCoefficient] = *divisor.coefficients.begin();
  SizeExpr quotient;
  for (const auto &[names, coefficient] : coefficients) {
    if (coefficient % divisorCoefficient != 0 ||
        !std::includes(names.begin(), names.end(), divisorNames.begin(), divisorNames.end()))
      return std::nullopt;
    Monomial rest;
    std::set_difference(names.begin(), names.end(), divisorNames.begin(), divisorNames.end(), std::back_inserter(rest));
    quotient.coefficients[rest] = coefficient / divisorCoefficient;
  }
  return quotient;
}

int64_t SizeExpr::evaluate(const std::map<std::string, int64_t> &sizes) const {
  int64_t sum = 0;
  bool overflows = false;
  for (const auto &[names, coefficient] : coefficients) {
    int64_t product = coefficient;
    for (const std::string &name : names) {
      auto found = sizes.find(name);
      assert(found != sizes.end() && "every named size has a value when a size is evaluated");
      overflows |= __builtin_mul_overflow(product, found->second, &product);
    }
    overflows |= __builtin_add_overflow(sum, product, &sum);
  }
  if (overflows)
    throw std::bad_alloc();
  return sum;
}

SizeExpr SizeExpr::operator+(const SizeExpr &other) const {
  SizeExpr sum = *this;
  for (const auto &[names, coefficient] : other.coefficients)
    if ((sum.coefficients[names] += coefficient) == 0)
      sum.coefficients.erase(names);
  return sum;
}

SizeExpr SizeExpr::operator-(const SizeExpr &other) const { return *this + other * SizeExpr(-1); }

SizeExpr SizeExpr::operator*(const SizeExpr &other) const {
  SizeExpr product;
  for (const auto &[names, coefficient] : coefficients)
    for (const auto &[otherNames, otherCoefficient] : other.coefficients) {
      Monomial merged;
      std::merge(names.begin(), names.end(), otherNames.begin(), otherNames.end(), std::back_inserter(merged));
      if ((product.coefficients[merged] += coefficient * otherCoefficient) == 0)
        product.coefficients.erase(merged);
    }
  return product;
}

} // namespace ember::ir
