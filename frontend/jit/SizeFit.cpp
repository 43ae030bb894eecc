#include "jit/SizeFit.h"

using ember::ir::SizeExpr;

namespace ember::jit {

SizeGrid::SizeGrid(std::vector<std::string> names, std::vector<int64_t> bases)
    : names(std::move(names)), bases(std::move(bases)) {
  size_t count = 1;
  for (size_t i = 0; i < this->names.size(); ++i)
    count *= 3;
  for (size_t point = 0; point < count; ++point) {
    size_t rest = point;
    SizeValues sizes;
    for (size_t i = 0; i < this->names.size(); ++i, rest /= 3)
      sizes[this->names[i]] = this->bases[i] + static_cast<int64_t>(rest % 3);
    all.push_back(std::move(sizes));
  }
  SizeValues beyond;
  for (size_t i = 0; i < this->names.size(); ++i)
    beyond[this->names[i]] = this->bases[i] + 4 + static_cast<int64_t>(i % 3);
  all.push_back(std::move(beyond));
}

// Newton's forward differences along one name after the other; then sum of difference * product of binomials, where
// 2 * binomial(n - base, k) is a polynomial with integer coefficients for k = 0, 1, 2.
std::optional<SizeExpr> SizeGrid::fit(const std::vector<int64_t> &values) const {
  std::vector<int64_t> differences(values.begin(), values.end() - 1);
  for (size_t step = 1; step < differences.size(); step *= 3)
    for (size_t point = 0; point < differences.size(); ++point)
      if (point / step % 3 == 0) {
        int64_t zero = differences[point], one = differences[point + step], two = differences[point + 2 * step];
        differences[point + step] = one - zero;
        differences[point + 2 * step] = two - 2 * one + zero;
      }
  SizeExpr sum;
  for (size_t point = 0; point < differences.size(); ++point) {
    if (differences[point] == 0)
      continue;
    SizeExpr product(differences[point]);
    size_t rest = point;
    for (size_t i = 0; i < names.size(); ++i, rest /= 3) {
      SizeExpr offset = SizeExpr::name(names[i]) - SizeExpr(bases[i]);
      SizeExpr binomials[] = {SizeExpr(2), SizeExpr(2) * offset, offset * (offset - SizeExpr(1))};
      product = product * binomials[rest % 3];
    }
    sum = sum + product;
  }
  std::optional<SizeExpr> result = sum == SizeExpr(0) ? sum : sum.dividedBy(SizeExpr(int64_t(1) << names.size()));
  if (!result || result->evaluate(all.back()) != values.back())
    return std::nullopt;
  return result;
}

} // namespace ember::jit
