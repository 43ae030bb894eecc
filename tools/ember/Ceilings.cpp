#include "tools/ember/Ceilings.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>
#include <vector>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized" // gcc 12 says it of its own header's undefined lanes
#endif

namespace ember::bench {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

namespace {

constexpr int kChains = 12, kTurns = 60000;
volatile float opaque = 0; // what the compiler cannot foresee

// Twelve independent chains hide the latency of an fma (4 cycles, 2 a cycle).
__attribute__((target("avx512f"))) double wideChains() {
  __m512 sums[kChains], factor = _mm512_set1_ps(opaque), term = _mm512_set1_ps(opaque);
  for (int chain = 0; chain < kChains; ++chain)
    sums[chain] = _mm512_set1_ps(chain);
  for (int turn = 0; turn < kTurns; ++turn)
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain)
      sums[chain] = _mm512_fmadd_ps(sums[chain], factor, term);
  for (__m512 sum : sums)
    opaque = _mm512_reduce_max_ps(sum) * 0;
  return 2.0 * 16 * kChains * kTurns;
}

__attribute__((target("avx2,fma"))) double narrowChains() {
  __m256 sums[kChains], factor = _mm256_set1_ps(opaque), term = _mm256_set1_ps(opaque);
  for (int chain = 0; chain < kChains; ++chain)
    sums[chain] = _mm256_set1_ps(chain);
  for (int turn = 0; turn < kTurns; ++turn)
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain)
      sums[chain] = _mm256_fmadd_ps(sums[chain], factor, term);
  for (__m256 sum : sums)
    opaque = (_mm256_cvtss_f32(sum) + _mm256_cvtss_f32(_mm256_permute2f128_ps(sum, sum, 1))) * 0;
  return 2.0 * 8 * kChains * kTurns;
}

__attribute__((target("avx512f"))) void copyWide(float *to, const float *from, size_t count) {
  for (size_t i = 0; i + 32 <= count; i += 32) {
    _mm512_storeu_ps(to + i, _mm512_loadu_ps(from + i));
    _mm512_storeu_ps(to + i + 16, _mm512_loadu_ps(from + i + 16));
  }
}

__attribute__((target("avx2"))) void copyNarrow(float *to, const float *from, size_t count) {
  for (size_t i = 0; i + 16 <= count; i += 16) {
    _mm256_storeu_ps(to + i, _mm256_loadu_ps(from + i));
    _mm256_storeu_ps(to + i + 8, _mm256_loadu_ps(from + i + 8));
  }
}

bool isWide() { return __builtin_cpu_supports("avx512f"); }

} // namespace

double fmaPeak() {
  double start = now();
  double flops = isWide() ? wideChains() : narrowChains();
  return flops / (now() - start) / 1e9;
}

double copyRate(int64_t bytes) {
  static thread_local std::vector<float> from, to;
  size_t count = std::max<int64_t>(bytes / 8, 64);
  if (from.size() < count) {
    from.assign(count, 1);
    to.assign(count, 1);
  }
  int turns = std::max<int64_t>(1, (1 << 20) / static_cast<int64_t>(count));
  double start = now();
  for (int turn = 0; turn < turns; ++turn)
    isWide() ? copyWide(to.data(), from.data(), count) : copyNarrow(to.data(), from.data(), count);
  return 8.0 * count * turns / (now() - start) / 1e9;
}

} // namespace ember::bench
