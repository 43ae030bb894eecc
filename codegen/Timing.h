// EMBER_TIMING=1: what the passes took, printed at exit.
#pragma once

#include <chrono>

namespace ember {

/// Adds the time until its end to the pass of this name; does nothing where no timing is wanted. Names are those of
/// tools/Stages.def, `lower` (vector IR to LLVM's dialect) and `load`.
class PassTimer {
public:
  explicit PassTimer(const char *pass);
  ~PassTimer();
  PassTimer(const PassTimer &) = delete;
  PassTimer &operator=(const PassTimer &) = delete;

private:
  const char *pass;
  std::chrono::steady_clock::time_point start;
};

} // namespace ember
