// Which compiler this is.
#pragma once

#include <string>

namespace ember::cache {

/// The build ids that the linker gave the object that holds the compiler, LLVM's and MLIR's: other code, other text. Empty where
/// one has none; then nothing may outlive the process.
const std::string &compilerBuildId();

} // namespace ember::cache
