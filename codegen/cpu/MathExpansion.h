#pragma once

#include "mlir/IR/PatternMatch.h"

namespace ember::cpu {

/// Replaces math ops that no instruction computes by polynomials in explicit fma, so that every vector width and scalar code give
/// the same bits; pow on f64, and sin and cos of large numbers, by libm, element by element.
void populateMathExpansion(mlir::RewritePatternSet &patterns);

/// The part of it on f64, and pow on f32.
void populateDoubleExpansion(mlir::RewritePatternSet &patterns);

/// A sin or cos that libm computes: its argument is too large to be reduced with a few multiplications.
constexpr llvm::StringLiteral kLargeArgument = "ember.large_argument";

} // namespace ember::cpu
