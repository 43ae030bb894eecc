// The C header of an artifact.
#pragma once

#include "codegen/artifact/Artifact.h"

namespace ember {

/// Text that compiles as C99 and C++, alone or beside other artifacts' headers.
std::string headerText(const ArtifactRequest &request);

} // namespace ember
