// Numbers seen at several sizes, as a polynomial of those sizes.
#pragma once

#include "ir/SizeBinding.h"
#include <map>
#include <string>
#include <vector>

namespace ember::jit {

using ir::SizeValues;

/// The points at which numbers are looked at: base, base + 1 and base + 2 for each name, in the order of `points()`, with one
/// point beyond them that checks what they say. Up to four names: all 3^n of them. More: those with base + 2 for one name at
/// most, so that products of all names are found, and squares of one with the others.
class SizeGrid {
public:
  SizeGrid(std::vector<std::string> names, std::vector<int64_t> bases);
  const std::vector<SizeValues> &points() const { return all; }

  /// The polynomial that has these values at the points: of degree at most 2 in each name, of more than four names in one of them
  /// and else 1, and with integer coefficients. Nothing when there is none.
  std::optional<ir::SizeExpr> fit(const std::vector<int64_t> &values) const;

private:
  std::vector<std::string> names;
  std::vector<int64_t> bases;
  std::vector<std::vector<int>> steps; // of each point but the last, from the base of each name
  std::map<std::vector<int>, size_t> numbers;
  std::vector<SizeValues> all;
};

} // namespace ember::jit
