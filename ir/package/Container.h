// The file around a package: a header with a table of two sections, the graph and the data, with sizes and checksums.
#pragma once

#include "ir/package/Package.h"
#include "llvm/ADT/StringRef.h"

namespace ember::ir {

constexpr uint64_t kDataAlignment = 64, kSectionAlignment = 4096;

/// `offset` rounded up to a multiple of `alignment`.
constexpr uint64_t alignedUp(uint64_t offset, uint64_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

/// An open file whose header and checksums are right.
struct Container {
  std::shared_ptr<const void> file; // the mapping
  llvm::StringRef graph, data;
};
Container openContainer(const std::string &path);

/// Writes graph and data; every piece of data starts at the next multiple of 64 in the data section.
void writeContainer(const std::string &path, llvm::StringRef graph, const std::vector<Memory> &data);

} // namespace ember::ir
