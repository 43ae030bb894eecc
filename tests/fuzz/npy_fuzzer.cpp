// libFuzzer's entry to the .npy reader: what it takes is written and read again, and is the same.
#include "runtime/include/ember_rt.h"
#include "tests/fuzz/InputFile.h"
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  const std::string &path = ember::tests::inputFile(bytes, count);
  ember_array array = {}, again = {};
  char error[256] = "";
  if (ember_rt_read_npy(path.c_str(), &array, error, sizeof error) != 0) {
    if (!*error || std::strchr(error, '\n'))
      std::abort();
    return 0;
  }
  size_t size = ember_rt_dtype_size(array.dtype);
  for (uint32_t i = 0; i < array.rank; ++i)
    size *= static_cast<size_t>(array.dims[i]);
  static const std::string copy = "/tmp/ember-npy-fuzzer-" + std::to_string(getpid()) + ".npy";
  if (ember_rt_write_npy(copy.c_str(), array.dtype, array.rank, array.dims, array.data, error, sizeof error) != 0 ||
      ember_rt_read_npy(copy.c_str(), &again, error, sizeof error) != 0 || again.dtype != array.dtype ||
      again.rank != array.rank || std::memcmp(again.dims, array.dims, sizeof array.dims) != 0 ||
      (size != 0 && std::memcmp(again.data, array.data, size) != 0))
    std::abort();
  unlink(copy.c_str());
  ember_rt_free(array.data);
  ember_rt_free(again.data);
  return 0;
}
