// What libFuzzer hands over as a file, for readers that open one.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace ember::tests {

/// The path of a file in memory with these bytes. The next call replaces them.
inline const std::string &inputFile(const uint8_t *bytes, size_t count) {
  static const int memory = memfd_create("input", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(memory);
  if (ftruncate(memory, static_cast<off_t>(count)) != 0 || pwrite(memory, bytes, count, 0) != static_cast<ssize_t>(count))
    std::abort();
  return path;
}

} // namespace ember::tests
