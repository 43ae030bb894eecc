#include "codegen/cpu/KernelRecord.h"

#include "codegen/cache/BuildId.h"
#include <nlohmann/json.hpp>

namespace ember::cpu {

std::string recordOf(const kernel::KernelCode &code, const std::string &objectDigest) {
  return nlohmann::json{{"symbol", code.symbol},
                        {"extent", code.extent.str()},
                        {"grain", code.grain},
                        {"nanoseconds", code.nanosecondsPerUnit},
                        {"scratch", code.scratchBytes.str()},
                        {"faults", code.canFault},
                        {"object", objectDigest}}
      .dump();
}

std::optional<KernelRecord> parseRecord(const std::string &text) {
  try {
    nlohmann::json json = nlohmann::json::parse(text);
    auto extent = ir::SizeExpr::parse(json.at("extent").get<std::string>());
    auto scratch = ir::SizeExpr::parse(json.at("scratch").get<std::string>());
    if (!extent || !scratch)
      return std::nullopt;
    return KernelRecord{{json.at("symbol").get<std::string>(), *extent, json.at("grain").get<int64_t>(),
                         json.at("nanoseconds").get<double>(), *scratch, json.at("faults").get<bool>()},
                        json.at("object").get<std::string>()};
  } catch (const nlohmann::json::exception &) {
    return std::nullopt;
  }
}

// One a folder and process, for what it has stored counts.
cache::FileCache &KernelFolder::fileCacheAt(const std::string &path) {
  static std::mutex mutex;
  static auto *caches = new std::map<std::string, cache::FileCache>;
  std::lock_guard lock(mutex);
  return caches->try_emplace(path, path).first->second;
}

static std::string kernelKey(const std::string &key) { return "kernel " + cache::compilerBuildId() + "\n" + key; }
static std::string objectKey(const std::string &digest) { return "object " + digest; }

std::optional<LoadedKernel> KernelFolder::load(const std::string &key) {
  std::optional<std::string> text = files.load(kernelKey(key));
  std::optional<KernelRecord> record = text ? parseRecord(*text) : std::nullopt;
  if (!record)
    return std::nullopt;
  auto [place, isNew] = objects.try_emplace(record->objectDigest);
  if (isNew)
    if (std::optional<std::string> object = files.load(objectKey(record->objectDigest)))
      place->second = std::make_shared<LoadedCode>(*object);
  if (!place->second)
    return std::nullopt;
  auto function = reinterpret_cast<ember_kernel_fn>(place->second->find(record->code.symbol));
  return LoadedKernel{record->code, place->second, function};
}

std::string KernelFolder::storeObject(const std::string &object) {
  std::string digest = cache::digestOf(object);
  files.store(objectKey(digest), object);
  return digest;
}

void KernelFolder::storeKernel(const std::string &key, const kernel::KernelCode &code, const std::string &objectDigest) {
  files.store(kernelKey(key), recordOf(code, objectDigest));
}

} // namespace ember::cpu
