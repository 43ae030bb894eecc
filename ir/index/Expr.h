// Index expressions: integer polynomials over loops, sizes, loaded elements, and div and mod of such.
#pragma once

#include "ir/SizeExpr.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace ember::ir {

/// A variable of an index expression, numbered in its Space.
using VariableId = uint32_t;

/// An integer polynomial over the variables of one Space; terms are sorted, so equal functions are equal values.
/// Loops, sizes, loaded elements, and `e div n`, `e mod n` of them are variables.
class Expr {
public:
  struct Term {
    llvm::SmallVector<VariableId, 2> variables; // sorted; a variable twice is a square
    int64_t coefficient = 0;
  };

  Expr(int64_t constant = 0);

  friend Expr operator+(const Expr &a, const Expr &b);
  friend Expr operator-(const Expr &a, const Expr &b);
  friend Expr operator*(const Expr &a, const Expr &b);
  friend bool operator==(const Expr &a, const Expr &b);
  friend bool operator!=(const Expr &a, const Expr &b) { return !(a == b); }

  llvm::ArrayRef<Term> terms() const { return sortedTerms; }
  bool isConstant() const;
  int64_t constant() const; // the constant term

private:
  friend class Space;
  llvm::SmallVector<Term, 2> sortedTerms;
};

/// The variables of one kernel's index expressions, with their ranges.
class Space {
public:
  virtual ~Space() = default;
  /// A size as an expression; a name becomes a size variable.
  virtual Expr size(const SizeExpr &size) = 0;
  /// Floor division and remainder by a size > 0, simplified by what the ranges of the variables show.
  virtual Expr floorDiv(const Expr &value, const Expr &divisor) = 0;
  virtual Expr mod(const Expr &value, const Expr &divisor) = 0;
  /// The element of integer tensor `tensor` at these indices, as an index in [0, bound): out-of-range values are clamped by the
  /// generator, which notes a fault. A constant tensor's element is its number.
  virtual Expr element(mlir::Value tensor, llvm::ArrayRef<Expr> indices, const Expr &bound) = 0;
};

/// Flat row-major index of `indices` in a tensor of these sizes, and back (reshape's access).
Expr flatIndex(Space &space, llvm::ArrayRef<Expr> indices, llvm::ArrayRef<SizeExpr> sizes);
llvm::SmallVector<Expr> delinearize(Space &space, const Expr &flat, llvm::ArrayRef<SizeExpr> sizes);

} // namespace ember::ir
