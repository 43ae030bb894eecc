#include "codegen/Environment.h"

#include "runtime/include/ember_rt.h"
#include <cstdlib>

namespace ember::environment {

// Unset and empty are the same but for EMBER_CACHE_DIR.
static std::string text(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

static bool isOn(const char *name) {
  std::string value = text(name);
  if (!value.empty() && value != "0" && value != "1")
    ember_rt_note_variable(name, value.c_str(), "1 or 0: it is off");
  return value == "1";
}

bool interprets() { return isOn("EMBER_INTERPRET"); }

bool synchronous() { return isOn("EMBER_SYNC"); }

bool timing() {
  static const bool wanted = isOn("EMBER_TIMING");
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

void noteUnusableCache() {
  if (std::string own = text("EMBER_CACHE_DIR"); !own.empty())
    ember_rt_note_variable("EMBER_CACHE_DIR", own.c_str(),
                           "a folder that its owner alone, who runs this, may write to: kernels are kept in memory alone");
}

} // namespace ember::environment
