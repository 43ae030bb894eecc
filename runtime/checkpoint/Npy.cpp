// .npy files. Source: the format's description in NumPy's documentation, versions 1.0 to 3.0.
#include "runtime/include/ember_rt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct DtypeName {
  const char *text;
  uint32_t dtype;
};
constexpr DtypeName kNames[] = {{"<f8", EMBER_F64}, {"<f4", EMBER_F32}, {"<f2", EMBER_F16},
                                {"<i8", EMBER_I64}, {"<i4", EMBER_I32}, {"<i2", EMBER_I16},
                                {"|i1", EMBER_I8},  {"|u1", EMBER_U8},  {"|b1", EMBER_BOOL}};

constexpr int kMostHeader = 65536;

struct Header {
  uint32_t dtype = 0, rank = 0;
  int64_t dims[EMBER_RT_MAX_RANK] = {};
  bool fortran = false;
};

// One line: what was expected and what was found.
struct Fault {
  char text[256];
  __attribute__((format(printf, 2, 3))) bool set(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return false;
  }
};

// Bytes of `text` up to the end of the value that begins there, at most 24.
int shownLength(const char *text) {
  int length = 0;
  while (length < 24 && text[length] && text[length] != '\n' && text[length] != ',' && text[length] != ')')
    ++length;
  return length;
}

// The value that follows 'key': in the header's dictionary.
const char *valueOf(const char *text, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s':", key);
  const char *found = strstr(text, quoted);
  if (!found)
    return nullptr;
  found += strlen(quoted);
  while (*found == ' ')
    ++found;
  return found;
}

bool parseShape(const char *text, Header &header, Fault &fault) {
  if (*text != '(')
    return fault.set("expected a tuple as 'shape', found %.*s", shownLength(text), text);
  ++text;
  while (true) {
    while (*text == ' ' || *text == ',')
      ++text;
    if (*text == ')')
      return true;
    if (header.rank == EMBER_RT_MAX_RANK)
      return fault.set("expected at most %d dimensions, found more", EMBER_RT_MAX_RANK);
    char *after;
    errno = 0;
    long long size = strtoll(text, &after, 10);
    if (after == text || size < 0 || errno)
      return fault.set("expected sizes from 0 to 2^63 - 1 in 'shape', found '%.*s'", shownLength(text), text);
    header.dims[header.rank++] = size;
    text = after;
  }
}

bool parseHeader(const char *text, Header &header, Fault &fault) {
  const char *descr = valueOf(text, "descr"), *order = valueOf(text, "fortran_order"), *shape = valueOf(text, "shape");
  if (!descr || !order || !shape)
    return fault.set("expected 'descr', 'fortran_order' and 'shape' in the header, found no '%s'", !descr   ? "descr"
                                                                                                   : !order ? "fortran_order"
                                                                                                            : "shape");
  bool known = false;
  for (const DtypeName &name : kNames)
    if (*descr == '\'' && strncmp(descr + 1, name.text, 3) == 0 && descr[4] == '\'') {
      header.dtype = name.dtype;
      known = true;
    }
  if (!known)
    return fault.set("expected a little-endian dtype of f8 f4 f2 i8 i4 i2 i1 u1 b1, found %.*s", shownLength(descr), descr);
  header.fortran = strncmp(order, "True", 4) == 0;
  if (!header.fortran && strncmp(order, "False", 5) != 0)
    return fault.set("expected True or False as 'fortran_order', found %.*s", shownLength(order), order);
  return parseShape(shape, header, fault);
}

// The number of bytes, or -1 where it overflows.
int64_t byteCount(const Header &header) {
  int64_t count = static_cast<int64_t>(ember_rt_dtype_size(header.dtype));
  for (uint32_t i = 0; i < header.rank; ++i)
    if (__builtin_mul_overflow(count, header.dims[i], &count))
      return -1;
  return count;
}

void toRowMajor(const Header &header, const char *from, char *to) {
  size_t width = ember_rt_dtype_size(header.dtype);
  int64_t count = byteCount(header) / static_cast<int64_t>(width), index[EMBER_RT_MAX_RANK] = {};
  for (int64_t flat = 0; flat < count; ++flat) {
    int64_t source = 0, stride = 1;
    for (uint32_t i = 0; i < header.rank; ++i) {
      source += index[i] * stride;
      stride *= header.dims[i];
    }
    memcpy(to + flat * width, from + source * width, width);
    for (uint32_t i = header.rank; i-- > 0 && ++index[i] == header.dims[i];)
      index[i] = 0;
  }
}

// A bool in memory is 0 or 1; NumPy takes any other byte as true.
void makeBools(unsigned char *data, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    data[i] = data[i] != 0;
}

// Reads up to the data. `prefix`: the bytes before it.
bool readHeader(FILE *file, int64_t fileSize, Header &header, int64_t &prefix, Fault &fault) {
  unsigned char start[12];
  if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0)
    return fault.set("not an .npy file (its first bytes are not \\x93NUMPY)");
  if (start[6] < 1 || start[6] > 3)
    return fault.set("expected .npy version 1, 2 or 3, found %d", start[6]);
  int64_t length = start[8] | start[9] << 8;
  prefix = 10;
  if (start[6] > 1) {
    if (fread(start + 10, 1, 2, file) != 2)
      return fault.set("truncated header");
    length |= static_cast<int64_t>(start[10]) << 16 | static_cast<int64_t>(start[11]) << 24;
    prefix = 12;
  }
  if (length > kMostHeader)
    return fault.set("expected a header of at most %d bytes, found %lld", kMostHeader, static_cast<long long>(length));
  char text[kMostHeader + 1];
  if (length > fileSize - prefix || fread(text, 1, static_cast<size_t>(length), file) != static_cast<size_t>(length))
    return fault.set("truncated header");
  text[length] = 0;
  prefix += length;
  return parseHeader(text, header, fault);
}

bool readBody(FILE *file, int64_t fileSize, ember_array *array, Fault &fault) {
  Header header;
  int64_t prefix;
  if (!readHeader(file, fileSize, header, prefix, fault))
    return false;
  int64_t bytes = byteCount(header);
  if (bytes < 0)
    return fault.set("the sizes in 'shape' overflow");
  if (bytes != fileSize - prefix)
    return fault.set("expected %lld bytes of data for its shape and dtype, found %lld", static_cast<long long>(bytes),
                     static_cast<long long>(fileSize - prefix));
  void *data = ember_rt_allocate(static_cast<size_t>(bytes));
  if (!data)
    return fault.set("out of memory");
  if (fread(data, 1, static_cast<size_t>(bytes), file) != static_cast<size_t>(bytes)) {
    ember_rt_free(data);
    return fault.set("truncated data");
  }
  if (header.fortran && header.rank > 1) {
    void *ordered = ember_rt_allocate(static_cast<size_t>(bytes));
    if (!ordered) {
      ember_rt_free(data);
      return fault.set("out of memory");
    }
    toRowMajor(header, static_cast<char *>(data), static_cast<char *>(ordered));
    ember_rt_free(data);
    data = ordered;
  }
  if (header.dtype == EMBER_BOOL)
    makeBools(static_cast<unsigned char *>(data), bytes);
  array->dtype = header.dtype;
  array->rank = header.rank;
  memcpy(array->dims, header.dims, sizeof header.dims);
  array->data = data;
  return true;
}

} // namespace

extern "C" {

int ember_rt_read_npy(const char *path, ember_array *array, char *error, size_t error_size) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe without a writer is refused below, not waited for
  FILE *file = descriptor < 0 ? nullptr : fdopen(descriptor, "rb");
  struct stat status;
  if (!file || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    snprintf(error, error_size, "%s: %s", *path ? path : "''", file ? "not a file" : strerror(errno));
    if (file)
      fclose(file);
    else if (descriptor >= 0)
      close(descriptor);
    return -1;
  }
  Fault fault;
  bool isRead = readBody(file, status.st_size, array, fault);
  fclose(file);
  if (!isRead)
    snprintf(error, error_size, "%s: %s", path, fault.text);
  return isRead ? 0 : -1;
}

int ember_rt_write_npy(const char *path, uint32_t dtype, uint32_t rank, const int64_t *dims, const void *data, char *error,
                       size_t error_size) {
  const char *descr = nullptr;
  for (const DtypeName &name : kNames)
    if (name.dtype == dtype)
      descr = name.text;
  if (!descr || rank > EMBER_RT_MAX_RANK) {
    snprintf(error, error_size, "%s: .npy has no %s", path,
             descr ? "tensors of more than 16 dimensions" : ember_rt_dtype_name(dtype));
    return -1;
  }
  char header[640];
  int length = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  size_t bytes = ember_rt_dtype_size(dtype);
  for (uint32_t i = 0; i < rank; ++i) {
    length +=
        snprintf(header + length, sizeof header - length, "%lld,%s", static_cast<long long>(dims[i]), i + 1 < rank ? " " : "");
    bytes *= static_cast<size_t>(dims[i]);
  }
  length += snprintf(header + length, sizeof header - length, "), }");
  while ((10 + length + 1) % 64 != 0) // the data starts at a multiple of 64
    header[length++] = ' ';
  header[length++] = '\n';
  unsigned char start[10] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<unsigned char>(length), static_cast<unsigned char>(length >> 8)};
  ember_file *file = ember_rt_file_create(path, error, error_size);
  if (!file)
    return -1;
  ember_rt_file_write(file, start, 10);
  ember_rt_file_write(file, header, static_cast<size_t>(length));
  ember_rt_file_write(file, data, bytes);
  return ember_rt_file_close(file, 1, error, error_size);
}

} // extern "C"
