#include "runtime/checkpoint/SafeTensors.h"

#include "runtime/checkpoint/Json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ember::rt {

static constexpr const char *kNames[] = {"F64", "F32", "BF16", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"};
static constexpr uint64_t kLargestHeader = 100u << 20;

const char *safetensorsName(uint32_t dtype) { return kNames[dtype]; }

const FileTensor *TensorFile::find(const char *name) const {
  for (uint32_t i = 0; i < tensorCount; ++i)
    if (strcmp(tensors[i].name, name) == 0)
      return &tensors[i];
  return nullptr;
}

char *TensorFile::metadataOf(const char *key) const {
  for (uint32_t i = 0; i < metadataCount; ++i)
    if (strcmp(metadata[i].key, key) == 0)
      return metadata[i].value;
  return nullptr;
}

namespace {

int fail(char *error, size_t size, const char *what) {
  snprintf(error, size, "%s", what);
  return EMBER_BAD_FILE;
}

// The whole file, and a zero byte.
int readFile(const char *path, TensorFile &file, uint64_t &size, char *error, size_t errorSize) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat about;
  if (descriptor < 0 || fstat(descriptor, &about) != 0 || S_ISDIR(about.st_mode)) {
    int status = fail(error, errorSize, strerror(descriptor >= 0 && errno == 0 ? EISDIR : errno ? errno : EISDIR));
    if (descriptor >= 0)
      close(descriptor);
    return status;
  }
  size = S_ISREG(about.st_mode) ? static_cast<uint64_t>(about.st_size) : 0;
  file.bytes = static_cast<char *>(malloc(size + 1));
  uint64_t filled = 0;
  while (file.bytes && filled < size) {
    ssize_t count = read(descriptor, file.bytes + filled, size - filled);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break;
    filled += static_cast<uint64_t>(count);
  }
  close(descriptor);
  if (!file.bytes) {
    snprintf(error, errorSize, "out of memory: %llu bytes asked for", static_cast<unsigned long long>(size));
    return EMBER_NO_MEMORY;
  }
  return filled == size ? EMBER_OK : fail(error, errorSize, "cannot be read to its end");
}

// Room for one more item; false: out of memory.
template <typename T> bool grow(T *&items, uint32_t count) {
  if (count & (count - 1)) // full at powers of two, and at 0
    return true;
  auto *larger = static_cast<T *>(realloc(items, (count ? 2u * count : 1u) * sizeof(T)));
  items = larger ? larger : items;
  return larger != nullptr;
}

// {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, in any order.
void readEntry(JsonReader &json, FileTensor &tensor) {
  bool hasDtype = false, hasShape = false, hasOffsets = false;
  json.expect('{');
  do {
    const char *key = json.string();
    json.expect(':');
    if (strcmp(key, "dtype") == 0 && !hasDtype) {
      const char *name = json.string();
      tensor.dtype = 0;
      while (tensor.dtype < 10 && strcmp(kNames[tensor.dtype], name) != 0)
        ++tensor.dtype;
      hasDtype = tensor.dtype < 10;
    } else if (strcmp(key, "shape") == 0 && !hasShape) {
      json.expect('[');
      for (tensor.rank = 0; json.good() && !json.accept(']'); ++tensor.rank) {
        if (tensor.rank == EMBER_RT_MAX_RANK)
          return json.expect('\x01');
        if (tensor.rank)
          json.expect(',');
        tensor.dims[tensor.rank] = json.natural();
      }
      hasShape = true;
    } else if (strcmp(key, "data_offsets") == 0 && !hasOffsets) {
      json.expect('[');
      tensor.begin = static_cast<uint64_t>(json.natural());
      json.expect(',');
      tensor.end = static_cast<uint64_t>(json.natural());
      json.expect(']');
      hasOffsets = true;
    } else {
      return json.expect('\x01'); // nothing else belongs here
    }
  } while (json.good() && json.accept(','));
  json.expect('}');
  if (!hasDtype || !hasShape || !hasOffsets)
    json.expect('\x01');
}

bool readMetadata(JsonReader &json, TensorFile &file) {
  json.expect('{');
  if (json.accept('}'))
    return true;
  do {
    if (!grow(file.metadata, file.metadataCount))
      return false;
    FileText &text = file.metadata[file.metadataCount++];
    text.key = json.string();
    json.expect(':');
    text.value = json.string();
  } while (json.good() && json.accept(','));
  json.expect('}');
  return true;
}

// False: out of memory; what is wrong with the text, the reader knows.
bool readHeader(JsonReader &json, TensorFile &file) {
  json.expect('{');
  if (json.accept('}'))
    return true;
  do {
    const char *name = json.string();
    json.expect(':');
    if (strcmp(name, "__metadata__") == 0) {
      if (!readMetadata(json, file))
        return false;
      continue;
    }
    if (!grow(file.tensors, file.tensorCount))
      return false;
    FileTensor &tensor = file.tensors[file.tensorCount++];
    tensor = {};
    tensor.name = name;
    readEntry(json, tensor);
  } while (json.good() && json.accept(','));
  json.expect('}');
  return true;
}

int byBegin(const void *a, const void *b) {
  auto *left = static_cast<const FileTensor *>(a), *right = static_cast<const FileTensor *>(b);
  if (left->begin != right->begin)
    return left->begin < right->begin ? -1 : 1;
  return left->end < right->end ? -1 : left->end > right->end;
}

int checkEntries(TensorFile &file, uint64_t dataBytes, char *error, size_t errorSize) {
  if (file.tensorCount)
    qsort(file.tensors, file.tensorCount, sizeof(FileTensor), byBegin);
  uint64_t filled = 0;
  for (uint32_t i = 0; i < file.tensorCount; ++i) {
    const FileTensor &tensor = file.tensors[i];
    uint64_t bytes = ember_rt_dtype_size(tensor.dtype);
    bool fits = tensor.begin == filled && tensor.end >= tensor.begin && tensor.end <= dataBytes;
    for (uint32_t d = 0; d < tensor.rank; ++d)
      fits = fits && !__builtin_mul_overflow(bytes, static_cast<uint64_t>(tensor.dims[d]), &bytes);
    if (!fits || tensor.end - tensor.begin != bytes) {
      snprintf(error, errorSize, "tensor '%.100s': its offsets do not fit its shape and the file", tensor.name);
      return EMBER_BAD_FILE;
    }
    filled = tensor.end;
  }
  return filled == dataBytes ? EMBER_OK : fail(error, errorSize, "there are bytes that belong to no tensor");
}

} // namespace

int openTensorFile(const char *path, TensorFile &file, char *error, size_t errorSize) {
  uint64_t size = 0, length = 0;
  errno = 0;
  if (int status = readFile(path, file, size, error, errorSize))
    return status;
  if (size < 8)
    return fail(error, errorSize, "truncated: no header");
  memcpy(&length, file.bytes, 8);
  if (length > kLargestHeader || length > size - 8)
    return fail(error, errorSize, "the header's length does not fit the file (not a checkpoint, or truncated)");
  file.header = static_cast<char *>(malloc(length + 1));
  if (!file.header)
    return fail(error, errorSize, "out of memory"), EMBER_NO_MEMORY;
  memcpy(file.header, file.bytes + 8, length);
  file.header[length] = 0;
  file.data = file.bytes + 8 + length;
  JsonReader json(file.header);
  if (!readHeader(json, file))
    return fail(error, errorSize, "out of memory"), EMBER_NO_MEMORY;
  if (!json.atEnd(file.header + length))
    return fail(error, errorSize, "the header is no safetensors header");
  return checkEntries(file, size - 8 - length, error, errorSize);
}

void closeTensorFile(TensorFile &file) {
  free(file.bytes);
  free(file.header);
  free(file.tensors);
  free(file.metadata);
  file = {};
}

} // namespace ember::rt
