#include "ir/index/Expr.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace mlir;

namespace ember::ir {

Expr::Expr(int64_t constant) {
  if (constant)
    sortedTerms.push_back({{}, constant});
}

Expr Expr::variable(VariableId id) {
  Expr expr;
  expr.sortedTerms.push_back({{id}, 1});
  return expr;
}

static bool termLess(const Expr::Term &a, const Expr::Term &b) {
  return std::lexicographical_compare(a.variables.begin(), a.variables.end(), b.variables.begin(), b.variables.end());
}

Expr operator+(const Expr &a, const Expr &b) {
  Expr sum;
  auto x = a.sortedTerms.begin(), y = b.sortedTerms.begin();
  while (x != a.sortedTerms.end() || y != b.sortedTerms.end()) {
    if (y == b.sortedTerms.end() || (x != a.sortedTerms.end() && termLess(*x, *y))) {
      sum.sortedTerms.push_back(*x++);
    } else if (x == a.sortedTerms.end() || termLess(*y, *x)) {
      sum.sortedTerms.push_back(*y++);
    } else {
      if (int64_t coefficient = x->coefficient + y->coefficient)
        sum.sortedTerms.push_back({x->variables, coefficient});
      ++x, ++y;
    }
  }
  return sum;
}

Expr operator*(const Expr &a, const Expr &b) {
  Expr product;
  for (const Expr::Term &x : a.sortedTerms)
    for (const Expr::Term &y : b.sortedTerms) {
      Expr::Term term;
      std::merge(x.variables.begin(), x.variables.end(), y.variables.begin(), y.variables.end(),
                 std::back_inserter(term.variables));
      term.coefficient = x.coefficient * y.coefficient;
      Expr one;
      one.sortedTerms.push_back(term);
      product = product + one;
    }
  return product;
}

Expr operator-(const Expr &a, const Expr &b) { return a + b * Expr(-1); }

bool operator==(const Expr &a, const Expr &b) {
  return llvm::equal(a.sortedTerms, b.sortedTerms, [](const Expr::Term &x, const Expr::Term &y) {
    return x.coefficient == y.coefficient && x.variables == y.variables;
  });
}

int64_t Expr::constant() const {
  return !sortedTerms.empty() && sortedTerms[0].variables.empty() ? sortedTerms[0].coefficient : 0;
}

std::optional<VariableId> Expr::asVariable() const {
  if (sortedTerms.size() == 1 && sortedTerms[0].coefficient == 1 && sortedTerms[0].variables.size() == 1)
    return sortedTerms[0].variables[0];
  return std::nullopt;
}

Expr Space::intern(Variable variable) {
  for (auto [id, known] : llvm::enumerate(variables))
    if (known.kind == variable.kind && known.name == variable.name && known.tensor == variable.tensor &&
        known.operands == variable.operands && known.extent == variable.extent)
      return Expr::variable(id);
  variables.push_back(std::move(variable));
  return Expr::variable(variables.size() - 1);
}

Expr Space::loop(const Expr &extent) {
  std::string name = "l" + std::to_string(variables.size());
  variables.push_back({Variable::Kind::Loop, name, extent, {}, {}});
  return Expr::variable(variables.size() - 1);
}

Expr Space::size(const SizeExpr &size) {
  Expr sum;
  for (const auto &[names, coefficient] : size.terms()) {
    Expr product(coefficient);
    for (const std::string &name : names)
      product = product * intern({Variable::Kind::Size, name, Expr(), {}, {}});
    sum = sum + product;
  }
  return sum;
}

// Interval arithmetic; a quotient that is subtracted as a remainder, c * (e - n * (e div n)), is in c * [0, n).
IndexRange Space::range(const Expr &expr) const {
  for (const Expr::Term &term : expr.terms()) {
    if (term.variables.size() != 1 || term.coefficient >= 0)
      continue;
    const Variable &quotient = variables[term.variables[0]];
    if (quotient.kind != Variable::Kind::Quotient || !quotient.operands[1].isConstant())
      continue;
    int64_t n = quotient.operands[1].constant();
    if (term.coefficient % n != 0)
      continue;
    int64_t c = -term.coefficient / n;
    Expr remainder = (quotient.operands[0] - Expr::variable(term.variables[0]) * Expr(n)) * Expr(c);
    Expr rest = expr - remainder;
    // Only when the whole dividend was there: what is left must be simpler.
    if (rest.terms().size() >= expr.terms().size())
      continue;
    IndexRange around = range(rest);
    if (around.high)
      *around.high += c * (n - 1);
    return around;
  }
  IndexRange sum{0, 0};
  for (const Expr::Term &term : expr.terms()) {
    IndexRange product{term.coefficient, term.coefficient};
    for (VariableId id : term.variables) {
      const Variable &variable = variables[id];
      IndexRange own{0, std::nullopt};
      if (variable.kind == Variable::Kind::Loop || variable.kind == Variable::Kind::Element) {
        IndexRange extent = range(variable.extent);
        if (extent.high)
          own.high = std::max<int64_t>(0, *extent.high - 1);
      } else if (variable.kind == Variable::Kind::Quotient) {
        IndexRange dividend = range(variable.operands[0]);
        own.low = std::nullopt;
        if (variable.operands[1].isConstant()) {
          int64_t n = variable.operands[1].constant();
          if (dividend.low)
            own.low = llvm::divideFloorSigned(*dividend.low, n);
          if (dividend.high)
            own.high = llvm::divideFloorSigned(*dividend.high, n);
        } else if (dividend.low && *dividend.low >= 0) {
          own.low = 0;
        }
      }
      // Products of ranges: exact where all ends are known, else only for what is known to be >= 0.
      if (product.low && product.high && own.low && own.high) {
        int64_t ends[] = {*product.low * *own.low, *product.low * *own.high, *product.high * *own.low, *product.high * *own.high};
        product = {*std::min_element(ends, ends + 4), *std::max_element(ends, ends + 4)};
      } else if (product.low && *product.low >= 0 && own.low && *own.low >= 0) {
        product = {*product.low * *own.low, std::nullopt};
      } else if (product.high && *product.high <= 0 && own.low && *own.low >= 0) {
        product = {std::nullopt, *product.high * *own.low};
      } else {
        product = {std::nullopt, std::nullopt};
      }
    }
    sum.low = sum.low && product.low ? std::optional(*sum.low + *product.low) : std::nullopt;
    sum.high = sum.high && product.high ? std::optional(*sum.high + *product.high) : std::nullopt;
  }
  return sum;
}

bool Space::isInside(const Expr &value, const Expr &bound) const {
  IndexRange own = range(value), below = range(bound - value);
  if (own.low && *own.low >= 0 && below.low && *below.low > 0)
    return true;
  // A loop against its own extent, symbolic too.
  std::optional<VariableId> id = value.asVariable();
  return id && variables[*id].kind != Variable::Kind::Size && variables[*id].kind != Variable::Kind::Quotient &&
         variables[*id].extent == bound;
}

Expr Space::floorDiv(const Expr &value, const Expr &divisor) {
  if (divisor == Expr(1))
    return value;
  // Terms that the divisor divides leave the quotient; the rest stays below it where its range shows so.
  Expr whole, rest;
  for (const Expr::Term &term : value.terms()) {
    Expr one(term.coefficient);
    for (VariableId id : term.variables)
      one = one * Expr::variable(id);
    std::optional<Expr> quotient;
    if (divisor.isConstant()) {
      if (term.coefficient % divisor.constant() == 0) {
        Expr reduced(term.coefficient / divisor.constant());
        for (VariableId id : term.variables)
          reduced = reduced * Expr::variable(id);
        quotient = reduced;
      }
    } else if (divisor.terms().size() == 1) {
      const Expr::Term &by = divisor.terms()[0];
      if (term.coefficient % by.coefficient == 0 &&
          std::includes(term.variables.begin(), term.variables.end(), by.variables.begin(), by.variables.end())) {
        Expr reduced(term.coefficient / by.coefficient);
        llvm::SmallVector<VariableId> left;
        std::set_difference(term.variables.begin(), term.variables.end(), by.variables.begin(), by.variables.end(),
                            std::back_inserter(left));
        for (VariableId id : left)
          reduced = reduced * Expr::variable(id);
        quotient = reduced;
      }
    }
    if (quotient)
      whole = whole + *quotient;
    else
      rest = rest + one;
  }
  if (isInside(rest, divisor))
    return whole;
  if (rest.isConstant() && divisor.isConstant())
    return whole + Expr(llvm::divideFloorSigned(rest.constant(), divisor.constant()));
  // (x div a) div b = x div (a b).
  if (std::optional<VariableId> id = rest.asVariable(); id && variables[*id].kind == Variable::Kind::Quotient) {
    Expr dividend = variables[*id].operands[0], joined = variables[*id].operands[1] * divisor;
    return whole + floorDiv(dividend, joined);
  }
  return whole + intern({Variable::Kind::Quotient, "", Expr(), {}, {rest, divisor}});
}

Expr Space::mod(const Expr &value, const Expr &divisor) { return value - floorDiv(value, divisor) * divisor; }

Expr Space::element(Operation *reader, Value tensor, llvm::ArrayRef<Expr> indices, const Expr &bound) {
  DenseIntElementsAttr constant;
  if (matchPattern(tensor, m_Constant(&constant)) && constant.isSplat()) {
    int64_t number = constant.getSplatValue<APInt>().getSExtValue();
    if (isInside(Expr(number), bound))
      return Expr(number);
  }
  return intern({Variable::Kind::Element, "", bound, tensor, llvm::SmallVector<Expr>(indices), reader});
}

bool Space::dependsOn(const Expr &expr, VariableId id) const {
  return llvm::any_of(expr.terms(), [&](const Expr::Term &term) {
    return llvm::any_of(term.variables, [&](VariableId own) {
      return own == id || llvm::any_of(variables[own].operands, [&](const Expr &inner) { return dependsOn(inner, id); });
    });
  });
}

static Expr product(llvm::ArrayRef<VariableId> variables, int64_t coefficient) {
  Expr result(coefficient);
  for (VariableId id : variables)
    result = result * Expr::variable(id);
  return result;
}

std::optional<Expr> Space::coefficient(const Expr &expr, VariableId id) const {
  Expr sum;
  for (const Expr::Term &term : expr.terms()) {
    llvm::SmallVector<VariableId> others;
    llvm::copy_if(term.variables, std::back_inserter(others), [&](VariableId own) { return own != id; });
    if (llvm::any_of(others, [&](VariableId own) { return dependsOn(Expr::variable(own), id); }))
      return std::nullopt;
    size_t power = term.variables.size() - others.size();
    if (power > 1)
      return std::nullopt;
    if (power == 1)
      sum = sum + product(others, term.coefficient);
  }
  return sum;
}

Expr Space::termsOn(const Expr &expr, llvm::ArrayRef<VariableId> ids) const {
  Expr sum;
  for (const Expr::Term &term : expr.terms()) {
    Expr own = product(term.variables, term.coefficient);
    if (llvm::any_of(ids, [&](VariableId id) { return dependsOn(own, id); }))
      sum = sum + own;
  }
  return sum;
}

std::string Space::str(const Expr &expr) const {
  if (expr.terms().empty())
    return "0";
  std::string text;
  for (const Expr::Term &term : expr.terms()) {
    std::string product = term.variables.empty() || term.coefficient != 1 ? std::to_string(term.coefficient) : "";
    for (VariableId id : term.variables) {
      const Variable &variable = variables[id];
      product += product.empty() ? "" : "*";
      if (variable.kind == Variable::Kind::Quotient)
        product += "(" + str(variable.operands[0]) + " div " + str(variable.operands[1]) + ")";
      else if (variable.kind == Variable::Kind::Element)
        product += "elem" + std::to_string(id);
      else
        product += variable.name;
    }
    text += (text.empty() ? "" : " + ") + product;
  }
  return text;
}

Expr flatIndex(Space &space, llvm::ArrayRef<Expr> indices, llvm::ArrayRef<SizeExpr> sizes) {
  Expr flat;
  for (auto [index, size] : llvm::zip_equal(indices, sizes))
    flat = flat * space.size(size) + index;
  return flat;
}

llvm::SmallVector<Expr> delinearize(Space &space, const Expr &flat, llvm::ArrayRef<SizeExpr> sizes) {
  llvm::SmallVector<Expr> indices(sizes.size());
  Expr rest = flat;
  for (size_t dim = sizes.size(); dim-- > 0;) {
    Expr size = space.size(sizes[dim]);
    if (size == Expr(1) || size == Expr(0))
      continue; // index 0, or a space without points
    Expr quotient = dim == 0 ? Expr(0) : space.floorDiv(rest, size);
    indices[dim] = rest - quotient * size;
    rest = quotient;
  }
  return indices;
}

} // namespace ember::ir
