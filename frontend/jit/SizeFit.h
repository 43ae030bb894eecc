// Numbers seen at several sizes, as a polynomial of those sizes.
#pragma once

#include "ir/SizeBinding.h"
#include <string>
#include <vector>

namespace ember::jit {

using ir::SizeValues;

/// The points at which numbers are looked at: a grid of base, base + 1 and base + 2 for each name, in the order of `points()`,
/// with one point beyond it that checks what the grid says.
class SizeGrid {
public:
  SizeGrid(std::vector<std::string> names, std::vector<int64_t> bases);
  const std::vector<SizeValues> &points() const { return all; }

  /// The polynomial, of degree at most 2 in each name and with integer coefficients, that has these values at the points; nothing
  /// when there is none.
  std::optional<ir::SizeExpr> fit(const std::vector<int64_t> &values) const;

private:
  std::vector<std::string> names;
  std::vector<int64_t> bases;
  std::vector<SizeValues> all;
};

} // namespace ember::jit
