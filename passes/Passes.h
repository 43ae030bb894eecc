// The passes by name, for ember-opt and pipelines.
#pragma once

namespace ember::passes {

/// Registers --ember-autodiff, --ember-decompose, --ember-fold-constants, --ember-simplify and --ember-form-kernels.
void registerPasses();

} // namespace ember::passes
