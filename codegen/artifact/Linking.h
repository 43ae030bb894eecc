// From an object to an archive, a shared library or an executable, by the system's tools.
#pragma once

#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace ember {

/// The bytes of `object`, whose symbols are of the model `name`, linked with the runtime: for the ending .a by `ar`, for .so and
/// none by `cc`. Works in a folder of its own among the temporary files (TMPDIR). Throws CompileError with the first line that a
/// tool complained with.
std::unique_ptr<llvm::MemoryBuffer> linked(llvm::StringRef ending, const std::string &name, llvm::StringRef object);

} // namespace ember
