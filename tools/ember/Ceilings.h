// What the machine can do at this moment: loops that a kernel's time is divided by, run in turn with it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ember::bench {

/// Seconds on the monotonic clock.
double now();

/// Multiply-adds on f32 in registers alone, with the widest vectors there are. Returns GFLOP/s of this one run (about 100 us).
double fmaPeak();

/// Copies half of `bytes` bytes (so that as many are read and written in all). Returns GB/s, read and written, of this one run.
double copyRate(int64_t bytes);

} // namespace ember::bench
