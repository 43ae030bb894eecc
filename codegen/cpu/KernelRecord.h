// Kernels in the folder that processes share: a record for each, which names the object that holds its code.
#pragma once

#include "codegen/cache/FileCache.h"
#include "codegen/cpu/KernelCache.h"
#include <map>

namespace ember::cpu {

class KernelFolder {
public:
  explicit KernelFolder(const std::string &path) : files(fileCacheAt(path)) {}

  /// Makes the folder where it is missing. Whether kernels can be kept there.
  bool prepare() { return files.prepare(); }
  /// The kernel, loaded; nothing where its record or its object is not there or not whole.
  std::optional<LoadedKernel> load(const std::string &key);
  /// Keeps the object and gives its digest, which the records of its kernels name.
  std::string storeObject(const std::string &object);
  void storeKernel(const std::string &key, const kernel::KernelCode &code, const std::string &objectDigest);

private:
  static cache::FileCache &fileCacheAt(const std::string &path);
  cache::FileCache &files;
  std::map<std::string, std::shared_ptr<LoadedCode>> objects; // those that this batch has loaded, by digest; null: not to be had
};

/// The facts of a compiled kernel, as text, and back; nothing for another text.
std::string recordOf(const kernel::KernelCode &code, const std::string &objectDigest);
struct KernelRecord {
  kernel::KernelCode code;
  std::string objectDigest;
};
std::optional<KernelRecord> parseRecord(const std::string &text);

} // namespace ember::cpu
