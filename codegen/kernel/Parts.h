// A group's parts that have nothing to do with each other.
#pragma once

#include "codegen/kernel/Group.h"

namespace ember::kernel {

/// A part of a group as a group of its own, and which of the whole's buffers (inputs, then outputs) are its own.
struct Part {
  Group group;
  llvm::SmallVector<unsigned> buffers;
};

/// The group itself as its only part.
Part wholeOf(const Group &group);

/// The parts of a group that share no computing op, by their first outputs; one when everything hangs together. Free ops
/// (constants, views) are in every part that reads them.
std::vector<Part> independentParts(const Group &group);

/// A part's ops without names and places: parts of equal text are computed by the same code.
std::string textOf(const Group &group);

} // namespace ember::kernel
