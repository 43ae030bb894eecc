// What a package may hold. A file's records are small, so that reading one takes little memory whatever it says.
#pragma once

#include <cstdint>

namespace ember::ir::limits {

constexpr uint32_t kFormat = 1;
constexpr uint64_t kRecordBytes = 256 << 10;
constexpr uint64_t kOps = 1 << 18, kTypes = 1 << 16, kFunctions = 1 << 10;
// No product of a size and an op's integer overflows.
constexpr int64_t kRank = 16, kSize = int64_t(1) << 34, kElements = int64_t(1) << 44, kInteger = int64_t(1) << 28;
constexpr uint64_t kRegionDepth = 8, kNameBytes = 1 << 10, kSizeTerms = 16;

} // namespace ember::ir::limits
