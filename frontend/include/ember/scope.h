// The path of modules that a call is in.
#pragma once

#include "ember/error.h"

namespace ember {

/// Enters a module for the time of its forward: errors name its path and the line that called it.
class ModuleScope {
public:
  ModuleScope(const std::string &name, const std::source_location &where);
  ~ModuleScope();
  ModuleScope(const ModuleScope &) = delete;

private:
  CallSite site;
  size_t previousLength;
};

} // namespace ember
