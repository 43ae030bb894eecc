// Files that are whole or not there: written without a name, synced, named, renamed.
#include "runtime/include/ember_rt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ember_file {
  int descriptor;
  int failed;         // errno of the first failed write
  char *path, *aside; // aside null: a device or pipe, which is written at once
  bool isNamed;       // `aside` is there: the file system has no files without a name
};

namespace {

int fail(char *error, size_t size, const char *path, const char *what) {
  snprintf(error, size, "%s: %s", path, what);
  return -1;
}

void release(ember_file *file) {
  free(file->path);
  free(file->aside);
  free(file);
}

// A file without a name is gone with the process that writes it, however that ends.
int openWithoutName(const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash ? static_cast<size_t>(slash - path) + 1 : 2;
  if (length >= sizeof folder || access("/proc/self/fd", X_OK) != 0) // where it will be named through
    return -1;
  memcpy(folder, slash ? path : "./", length);
  folder[length] = 0;
  return open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
}

bool giveName(ember_file *file) {
  if (file->isNamed)
    return true;
  char own[40];
  snprintf(own, sizeof own, "/proc/self/fd/%d", file->descriptor);
  unlink(file->aside); // left behind by a process that was killed
  file->isNamed = linkat(AT_FDCWD, own, AT_FDCWD, file->aside, AT_SYMLINK_FOLLOW) == 0;
  return file->isNamed;
}

// Devices and pipes are written at once; a link's file is replaced, not the link.
int openTarget(ember_file *file) {
  struct stat status;
  if (stat(file->path, &status) == 0) {
    if (S_ISDIR(status.st_mode)) {
      errno = EISDIR;
      return -1;
    }
    if (!S_ISREG(status.st_mode)) {
      free(file->aside);
      file->aside = nullptr;
      return open(file->path, O_WRONLY | O_CLOEXEC);
    }
  }
  int descriptor = openWithoutName(file->path);
  if (descriptor >= 0)
    return descriptor;
  file->isNamed = true;
  return open(file->aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

} // namespace

extern "C" {

ember_file *ember_rt_file_create(const char *path, char *error, size_t error_size) {
  auto *file = static_cast<ember_file *>(calloc(1, sizeof(ember_file)));
  if (file) {
    file->path = realpath(path, nullptr); // of what is there: through links
    if (!file->path)
      file->path = strdup(path);
    size_t size = file->path ? strlen(file->path) + 32 : 0;
    file->aside = static_cast<char *>(malloc(size));
    if (file->path && file->aside) // no two threads write the same
      snprintf(file->aside, size, "%s.%ld.tmp", file->path, static_cast<long>(syscall(SYS_gettid)));
  }
  if (!file || !file->path || !file->aside) {
    fail(error, error_size, path, "out of memory");
    if (file)
      release(file);
    return nullptr;
  }
  file->descriptor = openTarget(file);
  if (file->descriptor < 0) {
    fail(error, error_size, path, strerror(errno));
    release(file);
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
  bool isAside = file->aside != nullptr;
  if (commit && isAside && !file->failed && (fsync(file->descriptor) != 0 || !giveName(file)))
    file->failed = errno;
  if (close(file->descriptor) != 0 && !file->failed)
    file->failed = errno;
  if (commit && isAside && !file->failed && rename(file->aside, file->path) != 0)
    file->failed = errno;
  if (isAside && file->isNamed && (!commit || file->failed))
    unlink(file->aside);
  int status = commit && file->failed ? fail(error, error_size, file->path, strerror(file->failed)) : 0;
  release(file);
  return status;
}

} // extern "C"
