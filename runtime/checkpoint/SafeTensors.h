// Reads safetensors files. Source of the format: the description in the safetensors project's documentation.
#pragma once

#include "runtime/include/ember_rt.h"

namespace ember::rt {

struct FileTensor {
  const char *name;
  uint32_t dtype, rank;
  int64_t dims[EMBER_RT_MAX_RANK];
  uint64_t begin, end; // bytes of data
};
struct FileText {
  char *key, *value;
};

/// A file in memory: its tensors do not overlap and fill it. Freed by `closeTensorFile`.
struct TensorFile {
  char *bytes = nullptr, *header = nullptr; // the whole file; its header, changed by parsing
  const char *data = nullptr;
  FileTensor *tensors = nullptr;
  FileText *metadata = nullptr;
  uint32_t tensorCount = 0, metadataCount = 0;

  const FileTensor *find(const char *name) const;
  char *metadataOf(const char *key) const; // null: there is none
};

/// EMBER_OK, EMBER_BAD_FILE or EMBER_NO_MEMORY with what is wrong, without the path. Close it in any case.
int openTensorFile(const char *path, TensorFile &file, char *error, size_t errorSize);
void closeTensorFile(TensorFile &file);

/// The format's name of a dtype: `F32`.
const char *safetensorsName(uint32_t dtype);

} // namespace ember::rt
