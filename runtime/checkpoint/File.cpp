// Files that are whole or not there: written aside, synced, renamed.
#include "runtime/include/ember_rt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ember_file {
  int descriptor;
  int failed; // errno of the first failed write
  char *path, *aside;
};

static int fail(char *error, size_t size, const char *path, const char *what) {
  snprintf(error, size, "%s: %s", path, what);
  return -1;
}

extern "C" {

ember_file *ember_rt_file_create(const char *path, char *error, size_t error_size) {
  size_t length = strlen(path);
  auto *file = static_cast<ember_file *>(calloc(1, sizeof(ember_file)));
  if (file) {
    file->path = strdup(path);
    file->aside = static_cast<char *>(malloc(length + 32));
  }
  if (!file || !file->path || !file->aside) {
    fail(error, error_size, path, "out of memory");
    return nullptr;
  }
  snprintf(file->aside, length + 32, "%s.%ld.tmp", path, static_cast<long>(getpid()));
  file->descriptor = open(file->aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file->descriptor < 0) {
    fail(error, error_size, path, strerror(errno));
    free(file->path);
    free(file->aside);
    free(file);
    return nullptr;
  }
  return file;
}

int ember_rt_file_write(ember_file *file, const void *bytes, size_t count) {
  auto *from = static_cast<const char *>(bytes);
  while (count > 0 && !file->failed) {
    ssize_t written = write(file->descriptor, from, count);
    if (written < 0 && errno != EINTR)
      file->failed = errno;
    if (written > 0) {
      from += written;
      count -= static_cast<size_t>(written);
    }
  }
  return file->failed ? -1 : 0;
}

int ember_rt_file_close(ember_file *file, int commit, char *error, size_t error_size) {
  if (commit && !file->failed && fsync(file->descriptor) != 0)
    file->failed = errno;
  if (close(file->descriptor) != 0 && !file->failed)
    file->failed = errno;
  if (commit && !file->failed && rename(file->aside, file->path) != 0)
    file->failed = errno;
  if (!commit || file->failed)
    unlink(file->aside);
  int status = commit && file->failed ? fail(error, error_size, file->path, strerror(file->failed)) : 0;
  free(file->path);
  free(file->aside);
  free(file);
  return status;
}

} // extern "C"
