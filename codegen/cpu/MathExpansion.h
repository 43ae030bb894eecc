#pragma once

#include "mlir/IR/PatternMatch.h"

namespace ember::cpu {

/// Replaces math ops that no instruction computes: f32 ones by polynomials in explicit fma, so that every vector width and
/// scalar code give the same bits; f64 ones and pow by libm, element by element.
void populateMathExpansion(mlir::RewritePatternSet &patterns);

} // namespace ember::cpu
