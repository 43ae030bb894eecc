// A folder of cached results that several processes share.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace ember::cache {

/// SHA-256 of these bytes, in hexadecimal digits.
std::string digestOf(const std::string &bytes);

/// Values by key, one file each. Whatever is wrong with the folder or a file, there is no value: nothing here is an error, and a
/// value that cannot be kept is made again. A file holds its key, which a hit compares, and a checksum. Files are written aside
/// and renamed, so that a reader sees whole ones; what goes beyond the limit is removed, the least recently used first.
class FileCache {
public:
  static constexpr int64_t kDefaultLimit = int64_t(256) << 20; // bytes

  /// The folder is made where it is missing, for its owner alone (mode 0700). One that others may write to is not used: what is
  /// read here is run.
  explicit FileCache(std::string folder, int64_t limit_bytes = kDefaultLimit);

  /// Makes the folder where it is missing. Whether files can be kept there.
  bool prepare();
  std::optional<std::string> load(const std::string &key);
  void store(const std::string &key, const std::string &value);

private:
  std::string pathOf(const std::string &key) const;
  bool isUsable();
  void evict();

  std::string folder;
  int64_t limit, storedSinceEviction;
  std::mutex mutex;
};

} // namespace ember::cache
