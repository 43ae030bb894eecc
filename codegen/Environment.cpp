#include "codegen/Environment.h"

#include <cstdlib>

namespace ember::environment {

// Unset and empty are the same but for EMBER_CACHE_DIR.
static std::string text(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

bool interprets() { return text("EMBER_INTERPRET") == "1"; }

bool synchronous() { return text("EMBER_SYNC") == "1"; }

bool timing() {
  static const bool wanted = text("EMBER_TIMING") == "1";
  return wanted;
}

std::string dumpFolder() { return text("EMBER_DUMP"); }

std::optional<std::string> cacheFolder() {
  if (const char *own = std::getenv("EMBER_CACHE_DIR"))
    return *own ? std::optional<std::string>(own) : std::nullopt;
  // A relative XDG_CACHE_HOME is to be ignored (XDG Base Directory Specification).
  if (std::string cache = text("XDG_CACHE_HOME"); !cache.empty() && cache.front() == '/')
    return cache + "/ember";
  if (std::string home = text("HOME"); !home.empty() && home.front() == '/')
    return home + "/.cache/ember";
  return std::nullopt;
}

} // namespace ember::environment
