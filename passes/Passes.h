// The passes by name, for ember-opt and pipelines.
#pragma once

namespace ember::passes {

/// Registers --ember-autodiff, --ember-decompose, --ember-fold-constants, --ember-simplify, --ember-split-sums,
/// --ember-rematerialize, --ember-form-kernels and --ember-plan-memory.
void registerPasses();

} // namespace ember::passes
