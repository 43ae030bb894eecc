#include "codegen/Timing.h"

#include "codegen/Environment.h"
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

namespace ember {

namespace {

struct Total {
  std::string pass;
  double milliseconds = 0;
  long calls = 0;
};

struct Totals {
  std::mutex mutex;
  std::vector<Total> list; // in the order in which passes first ran

  void add(const char *pass, double milliseconds) {
    std::lock_guard lock(mutex);
    for (Total &total : list)
      if (total.pass == pass) {
        total.milliseconds += milliseconds;
        ++total.calls;
        return;
      }
    list.push_back({pass, milliseconds, 1});
  }

  void print() {
    std::lock_guard lock(mutex);
    for (const Total &total : list)
      std::fprintf(stderr, "%10.3f ms  %6ld times  pass %s\n", total.milliseconds, total.calls, total.pass.c_str());
  }
};

Totals &totals() {
  static auto *own = [] {
    std::atexit([] { totals().print(); });
    return new Totals; // never destroyed: it is printed at exit
  }();
  return *own;
}

} // namespace

PassTimer::PassTimer(const char *pass) : pass(pass) {
  if (environment::timing())
    start = std::chrono::steady_clock::now();
}

PassTimer::~PassTimer() {
  if (environment::timing())
    totals().add(pass, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
}

} // namespace ember
