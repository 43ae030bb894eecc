// libFuzzer's entry to the checkpoint (safetensors) reader.
#include "serialize/SafeTensors.h"

#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static const int memory = memfd_create("checkpoint", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(memory);
  if (ftruncate(memory, static_cast<off_t>(count)) != 0 || pwrite(memory, bytes, count, 0) != static_cast<ssize_t>(count))
    std::abort();
  try {
    ember::serialize::readTensorFile(path);
  } catch (const ember::Error &) {
  }
  return 0;
}
