// Index expressions: integer polynomials over loops, sizes, loaded elements and quotients of such.
#pragma once

#include "ir/SizeExpr.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace ember::ir {

/// A variable of an index expression, numbered in its Space.
using VariableId = uint32_t;

/// An integer polynomial over the variables of one Space; terms are sorted, so equal functions are equal values.
class Expr {
public:
  struct Term {
    llvm::SmallVector<VariableId, 2> variables; // sorted; a variable twice is a square
    int64_t coefficient = 0;
  };

  Expr(int64_t constant = 0);
  static Expr variable(VariableId id);

  friend Expr operator+(const Expr &a, const Expr &b);
  friend Expr operator-(const Expr &a, const Expr &b);
  friend Expr operator*(const Expr &a, const Expr &b);
  friend bool operator==(const Expr &a, const Expr &b);
  friend bool operator!=(const Expr &a, const Expr &b) { return !(a == b); }

  llvm::ArrayRef<Term> terms() const { return sortedTerms; }
  bool isConstant() const { return sortedTerms.empty() || (sortedTerms.size() == 1 && sortedTerms[0].variables.empty()); }
  /// The constant term.
  int64_t constant() const;
  /// The variable, when the expression is one and nothing else.
  std::optional<VariableId> asVariable() const;

private:
  llvm::SmallVector<Term, 2> sortedTerms; // by variables; no zero coefficients
};

/// The least and largest value of an expression, where known.
struct IndexRange {
  std::optional<int64_t> low, high;
};

/// The variables of one kernel's index expressions, with their ranges. A remainder is no variable of its own: `e mod n` is
/// `e - n * (e div n)`, so `n * (e div n) + e mod n` is `e` by itself.
class Space {
public:
  struct Variable {
    enum class Kind { Loop, Size, Element, Quotient };
    Kind kind;
    std::string name;                  // Loop, Size: printed
    Expr extent;                       // Loop, Element: values are in [0, extent)
    mlir::Value tensor;                // Element: where it is loaded
    llvm::SmallVector<Expr> operands;  // Element: indices; Quotient: dividend, divisor
    mlir::Operation *reader = nullptr; // Element: the op that reads or writes there; the first of several
  };

  /// A new loop with values in [0, extent).
  Expr loop(const Expr &extent);
  /// A size as an expression; a name becomes a size variable.
  Expr size(const SizeExpr &size);
  /// Floor division by a size > 0, and the remainder, simplified by what the ranges show.
  Expr floorDiv(const Expr &value, const Expr &divisor);
  Expr mod(const Expr &value, const Expr &divisor);
  /// The element of integer tensor `tensor` at these indices, as an index in [0, bound) for `reader`: out-of-range values are
  /// clamped by the generator, which notes them as that op's fault. A constant tensor's element is its number.
  Expr element(mlir::Operation *reader, mlir::Value tensor, llvm::ArrayRef<Expr> indices, const Expr &bound);

  const Variable &variable(VariableId id) const { return variables[id]; }
  IndexRange range(const Expr &expr) const;
  /// Whether 0 <= value < bound follows from the ranges.
  bool isInside(const Expr &value, const Expr &bound) const;
  /// Whether a variable occurs in an expression, also inside quotients and loaded indices.
  bool dependsOn(const Expr &expr, VariableId id) const;
  /// What a variable is multiplied by; nothing where the expression is not linear in it.
  std::optional<Expr> coefficient(const Expr &expr, VariableId id) const;
  /// The terms in which one of these variables occurs.
  Expr termsOn(const Expr &expr, llvm::ArrayRef<VariableId> ids) const;
  std::string str(const Expr &expr) const;

private:
  Expr intern(Variable variable);
  std::deque<Variable> variables; // references stay valid while it grows
};

/// Flat row-major index of `indices` in a tensor of these sizes, and back (reshape's access).
Expr flatIndex(Space &space, llvm::ArrayRef<Expr> indices, llvm::ArrayRef<SizeExpr> sizes);
llvm::SmallVector<Expr> delinearize(Space &space, const Expr &flat, llvm::ArrayRef<SizeExpr> sizes);

} // namespace ember::ir
