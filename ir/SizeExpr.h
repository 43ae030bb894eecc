// Sizes of tensors: polynomials with integer coefficients over named sizes.
#pragma once

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ember::ir {

/// A polynomial over named sizes, kept sorted: equal functions are equal values.
/// `2*S + B*S + 1` has the terms {[S]: 2, [B, S]: 1, []: 1}.
class SizeExpr {
public:
  using Monomial = std::vector<std::string>; // sorted names; a name twice is a square

  SizeExpr(int64_t constant = 0);
  static SizeExpr name(llvm::StringRef name);
  /// Reads canonical or any other text of the form `2*S + B*S + 1`; nothing when the text is no such polynomial.
  static std::optional<SizeExpr> parse(llvm::StringRef text);

  std::string str() const;
  bool isConstant() const;
  std::optional<int64_t> constant() const;
  const std::map<Monomial, int64_t> &terms() const { return coefficients; }

  /// `factor*name + offset`, where the polynomial is one; a constant is not.
  struct Linear {
    std::string name;
    int64_t factor = 0, offset = 0;
  };
  std::optional<Linear> linear() const;

  /// The quotient when `divisor` divides every coefficient and its names every monomial (one-term divisors only).
  std::optional<SizeExpr> dividedBy(const SizeExpr &divisor) const;
  /// The value for these sizes. Asserts that every name has one. Throws std::bad_alloc where it is no 64-bit number: no memory is
  /// as large.
  int64_t evaluate(const std::map<std::string, int64_t> &sizes) const;

  SizeExpr operator+(const SizeExpr &other) const;
  SizeExpr operator-(const SizeExpr &other) const;
  SizeExpr operator*(const SizeExpr &other) const;
  bool operator==(const SizeExpr &other) const { return coefficients == other.coefficients; }
  bool operator!=(const SizeExpr &other) const { return !(*this == other); }
  bool operator<(const SizeExpr &other) const { return coefficients < other.coefficients; }

private:
  std::map<Monomial, int64_t> coefficients; // no zero coefficients
};

} // namespace ember::ir
