#include "codegen/cache/FileCache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SHA256.h"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace ember::cache {

namespace {

constexpr char kMagic[] = "ember-cache 1\n";
constexpr size_t kMagicSize = sizeof kMagic - 1, kDigestSize = 64, kHeaderSize = kMagicSize + kDigestSize + 8;
constexpr int64_t kLargestFile = int64_t(64) << 20;
constexpr time_t kAbandonedSeconds = 3600; // a file aside of this age has lost its process

// The magic, a checksum of what follows, the key's length, the key, the value.
std::string encode(const std::string &key, const std::string &value) {
  uint64_t length = key.size();
  std::string body(reinterpret_cast<const char *>(&length), sizeof length);
  body += key;
  body += value;
  return kMagic + digestOf(body) + body;
}

std::optional<std::string> decode(const std::string &bytes, const std::string &key) {
  if (bytes.size() < kHeaderSize + key.size() || bytes.compare(0, kMagicSize, kMagic) != 0)
    return std::nullopt;
  std::string body = bytes.substr(kMagicSize + kDigestSize);
  uint64_t length;
  std::memcpy(&length, body.data(), sizeof length);
  if (digestOf(body) != bytes.substr(kMagicSize, kDigestSize) || length != key.size() ||
      body.compare(sizeof length, length, key) != 0)
    return std::nullopt;
  return body.substr(sizeof length + length);
}

std::optional<std::string> readFile(const std::string &path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0)
    return std::nullopt;
  struct stat status;
  std::optional<std::string> bytes;
  if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= kLargestFile) {
    bytes.emplace(status.st_size, '\0');
    if (read(descriptor, bytes->data(), bytes->size()) != static_cast<ssize_t>(bytes->size()))
      bytes.reset();
    futimens(descriptor, nullptr); // used now
  }
  close(descriptor);
  return bytes;
}

bool writeFile(const std::string &path, const std::string &bytes) {
  int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return false;
  bool good = write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  return close(descriptor) == 0 && good;
}

struct Entry {
  std::string path;
  int64_t bytes;
  timespec used;
  bool isAside;
};

std::vector<Entry> entriesOf(const std::string &folder) {
  std::vector<Entry> entries;
  DIR *directory = opendir(folder.c_str());
  if (!directory)
    return entries;
  while (dirent *item = readdir(directory)) {
    llvm::StringRef name(item->d_name);
    bool isAside = name.ends_with(".tmp");
    if (!isAside && !name.ends_with(".entry"))
      continue;
    struct stat status;
    std::string path = folder + "/" + name.str();
    if (lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode))
      entries.push_back({path, status.st_blocks * 512, status.st_mtim, isAside});
  }
  closedir(directory);
  return entries;
}

} // namespace

std::string digestOf(const std::string &bytes) {
  llvm::SHA256 hash;
  hash.update(llvm::StringRef(bytes));
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

// The first value of a process looks at the folder's size.
FileCache::FileCache(std::string folder, int64_t limit_bytes)
    : folder(std::move(folder)), limit(limit_bytes), storedSinceEviction(limit_bytes) {}

std::string FileCache::pathOf(const std::string &key) const { return folder + "/" + digestOf(key) + ".entry"; }

bool FileCache::isUsable() {
  struct stat status;
  return stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::optional<std::string> FileCache::load(const std::string &key) {
  if (!isUsable())
    return std::nullopt;
  std::optional<std::string> bytes = readFile(pathOf(key));
  return bytes ? decode(*bytes, key) : std::nullopt;
}

bool FileCache::prepare() {
  struct stat status;
  if (stat(folder.c_str(), &status) != 0) {
    if (size_t slash = folder.find_last_of('/'); slash != std::string::npos)
      llvm::sys::fs::create_directories(folder.substr(0, slash));
    mkdir(folder.c_str(), 0700);
  }
  return isUsable() && access(folder.c_str(), W_OK | X_OK) == 0;
}

void FileCache::store(const std::string &key, const std::string &value) {
  std::lock_guard lock(mutex);
  bool isReady = prepare();
  std::string bytes = encode(key, value);
  if (!isReady || static_cast<int64_t>(bytes.size()) > std::min(limit, kLargestFile))
    return;
  static std::atomic<uint64_t> next = 0;
  std::string aside = pathOf(key) + "." + std::to_string(getpid()) + "." + std::to_string(next++) + ".tmp";
  if (!writeFile(aside, bytes) || rename(aside.c_str(), pathOf(key).c_str()) != 0) {
    unlink(aside.c_str());
    return;
  }
  storedSinceEviction += bytes.size();
  if (storedSinceEviction > limit / 16)
    evict();
}

void FileCache::evict() {
  storedSinceEviction = 0;
  std::vector<Entry> entries = entriesOf(folder);
  time_t now = time(nullptr);
  int64_t total = 0;
  for (const Entry &entry : entries)
    if (!entry.isAside)
      total += entry.bytes;
    else if (now - entry.used.tv_sec > kAbandonedSeconds)
      unlink(entry.path.c_str());
  if (total <= limit)
    return;
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::make_pair(a.used.tv_sec, a.used.tv_nsec) < std::make_pair(b.used.tv_sec, b.used.tv_nsec);
  });
  for (const Entry &entry : entries) {
    if (total <= limit / 4 * 3)
      break;
    if (entry.isAside)
      continue;
    unlink(entry.path.c_str()); // another process may have been first
    total -= entry.bytes;
  }
}

} // namespace ember::cache
