// Files that are whole or not there: written without a name, synced, named, renamed. A writer holds a lock on what it writes; a
// named file aside that nobody holds was left by a process that was killed, and goes when the same file is written again.
#include "runtime/include/ember_rt.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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
  snprintf(error, size, "%s: %s", *path ? path : "''", what);
  return -1;
}

void release(ember_file *file) {
  free(file->path);
  free(file->aside);
  free(file);
}

const char *nameIn(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

// The folder that a path names a file of; false where it is too long.
bool folderOf(const char *path, char (&folder)[PATH_MAX]) {
  size_t length = static_cast<size_t>(nameIn(path) - path);
  if (length >= sizeof folder)
    return false;
  memcpy(folder, path, length);
  strcpy(folder + length, length == 0 ? "./" : "");
  return true;
}

// A file without a name is gone with the process that writes it, however that ends.
int openWithoutName(const char *folder) {
  if (access("/proc/self/fd", X_OK) != 0) // where it will be named through
    return -1;
  int descriptor = open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  if (descriptor >= 0)
    flock(descriptor, LOCK_EX);
  return descriptor;
}

// Another writer may take it for one left behind before it is locked.
int openNamed(const char *aside) {
  for (;;) {
    int descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    struct stat opened, named;
    if (descriptor < 0 || flock(descriptor, LOCK_EX) != 0 || fstat(descriptor, &opened) != 0)
      return descriptor;
    if (stat(aside, &named) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino)
      return descriptor;
    close(descriptor);
  }
}

// `NAME.DIGITS.tmp`, as in ember_rt_file_create.
bool isAsideOf(const char *entry, const char *name) {
  size_t length = strlen(name);
  if (strncmp(entry, name, length) != 0 || entry[length] != '.' || !isdigit(static_cast<unsigned char>(entry[length + 1])))
    return false;
  const char *end = entry + length + 1;
  while (isdigit(static_cast<unsigned char>(*end)))
    ++end;
  return strcmp(end, ".tmp") == 0;
}

void removeAbandoned(const char *folder, const char *name) {
  DIR *entries = opendir(folder);
  if (!entries)
    return;
  while (dirent *entry = readdir(entries)) {
    if (!isAsideOf(entry->d_name, name))
      continue;
    int descriptor = openat(dirfd(entries), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
      continue;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
      unlinkat(dirfd(entries), entry->d_name, 0);
    close(descriptor);
  }
  closedir(entries);
}

bool giveName(ember_file *file) {
  if (file->isNamed)
    return true;
  char own[40];
  snprintf(own, sizeof own, "/proc/self/fd/%d", file->descriptor);
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
  char folder[PATH_MAX];
  if (folderOf(file->path, folder)) {
    removeAbandoned(folder, nameIn(file->path));
    int descriptor = openWithoutName(folder);
    if (descriptor >= 0)
      return descriptor;
  }
  file->isNamed = true;
  return openNamed(file->aside);
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

int ember_rt_file_make_executable(ember_file *file) {
  struct stat status;
  if (fstat(file->descriptor, &status) != 0 || fchmod(file->descriptor, status.st_mode | (status.st_mode & 0444) >> 2) != 0)
    file->failed = errno;
  return file->failed ? -1 : 0;
}

int ember_rt_file_close(ember_file *file, int commit, char *error, size_t error_size) {
  bool isAside = file->aside != nullptr;
  if (commit && isAside && !file->failed && (fsync(file->descriptor) != 0 || !giveName(file)))
    file->failed = errno;
  if (commit && isAside && !file->failed && rename(file->aside, file->path) != 0)
    file->failed = errno;
  if (isAside && file->isNamed && (!commit || file->failed))
    unlink(file->aside);
  if (close(file->descriptor) != 0 && !file->failed) // with it goes the lock
    file->failed = errno;
  int status = commit && file->failed ? fail(error, error_size, file->path, strerror(file->failed)) : 0;
  release(file);
  return status;
}

} // extern "C"
