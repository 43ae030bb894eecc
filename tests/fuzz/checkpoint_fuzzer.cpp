// libFuzzer's entry to the checkpoint (safetensors) reader.
#include "serialize/SafeTensors.h"
#include "tests/fuzz/InputFile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  try {
    ember::serialize::readTensorFile(ember::tests::inputFile(bytes, count));
  } catch (const ember::Error &) {
  }
  return 0;
}
