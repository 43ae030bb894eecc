#include "jit/SizeFit.h"

#include <algorithm>

using ember::ir::SizeExpr;

namespace ember::jit {

SizeGrid::SizeGrid(std::vector<std::string> names, std::vector<int64_t> bases)
    : names(std::move(names)), bases(std::move(bases)) {
  constexpr size_t mostInFull = 4;
  std::vector<int> own(this->names.size());
  bool isLast = false;
  while (!isLast) {
    if (own.size() <= mostInFull || std::count(own.begin(), own.end(), 2) <= 1) {
      SizeValues sizes;
      for (size_t i = 0; i < own.size(); ++i)
        sizes[this->names[i]] = this->bases[i] + own[i];
      numbers[own] = steps.size();
      steps.push_back(own);
      all.push_back(std::move(sizes));
    }
    size_t place = 0; // counts in base 3
    while (place < own.size() && own[place] == 2)
      own[place++] = 0;
    isLast = place == own.size();
    if (!isLast)
      ++own[place];
  }
  SizeValues beyond;
  for (size_t i = 0; i < this->names.size(); ++i)
    beyond[this->names[i]] = this->bases[i] + 4 + static_cast<int64_t>(i % 3);
  all.push_back(std::move(beyond));
}

// Newton's forward differences along one name after the other; then sum of difference * product of binomials, where
// 2 * binomial(n - base, k) is a polynomial with integer coefficients for k = 0, 1, 2. With each point those below it are there:
// differences need no others.
std::optional<SizeExpr> SizeGrid::fit(const std::vector<int64_t> &values) const {
  std::vector<int64_t> differences(values.begin(), values.end() - 1);
  for (size_t name = 0; name < names.size(); ++name)
    for (size_t point = 0; point < steps.size(); ++point) {
      std::vector<int> own = steps[point];
      if (own[name] != 0)
        continue;
      int64_t zero = differences[point];
      own[name] = 1;
      int64_t &one = differences[numbers.at(own)];
      own[name] = 2;
      if (auto far = numbers.find(own); far != numbers.end())
        differences[far->second] += zero - 2 * one;
      one -= zero;
    }
  SizeExpr sum;
  for (size_t point = 0; point < steps.size(); ++point) {
    if (differences[point] == 0)
      continue;
    SizeExpr product(differences[point]);
    for (size_t i = 0; i < names.size(); ++i) {
      SizeExpr offset = SizeExpr::name(names[i]) - SizeExpr(bases[i]);
      SizeExpr binomials[] = {SizeExpr(2), SizeExpr(2) * offset, offset * (offset - SizeExpr(1))};
      product = product * binomials[steps[point][i]];
    }
    sum = sum + product;
  }
  std::optional<SizeExpr> result = sum == SizeExpr(0) ? sum : sum.dividedBy(SizeExpr(int64_t(1) << names.size()));
  if (!result || result->evaluate(all.back()) != values.back())
    return std::nullopt;
  return result;
}

} // namespace ember::jit
