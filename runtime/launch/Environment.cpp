// What an environment variable says that cannot be used: one line, once.
#include "runtime/include/ember_rt.h"

#include <atomic>
#include <stdio.h>
#include <string.h>

extern "C" void ember_rt_note_variable(const char *name, const char *value, const char *expected) {
  constexpr int mostVariables = 16;
  static std::atomic<const char *> noted[mostVariables];
  for (std::atomic<const char *> &known : noted) {
    const char *none = nullptr;
    if (known.compare_exchange_strong(none, name))
      break;
    if (strcmp(none, name) == 0)
      return;
  }
  char shown[201];
  size_t length = 0;
  for (; value[length] && length + 1 < sizeof shown; ++length) // one line, whatever it holds
    shown[length] = value[length] < ' ' || value[length] == 127 ? '?' : value[length];
  shown[length] = 0;
  fprintf(stderr, "ember: %s is '%s', expected %s\n", name, shown, expected);
}
