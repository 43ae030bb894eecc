// MT19937 and the draws that PyTorch's CPU generator makes of it (torch 2.11), bit for bit.
// Source of the engine: Matsumoto & Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998).
#include "runtime/include/ember_rt.h"

#include <math.h>
#include <string.h>

namespace {

uint32_t mixed(uint32_t high, uint32_t low, uint32_t far) {
  uint32_t both = (high & 0x80000000u) | (low & 0x7fffffffu);
  return far ^ (both >> 1) ^ (-(low & 1) & 0x9908b0dfu);
}

// In three stretches, none of which wraps around, so that they become vector code.
void regenerate(ember_generator *g) {
  uint32_t *s = g->state;
  for (int i = 0; i < 227; ++i)
    s[i] = mixed(s[i], s[i + 1], s[i + 397]);
  for (int i = 227; i < 623; ++i)
    s[i] = mixed(s[i], s[i + 1], s[i - 227]);
  s[623] = mixed(s[623], s[0], s[396]);
  g->next = 0;
  g->left = 624;
}

uint32_t tempered(uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

// The next words, a block of the state at a time: a loop that becomes vector code.
void drawWords(ember_generator *g, uint32_t *out, uint32_t count) {
  while (count > 0) {
    if (g->left == 1) {
      regenerate(g);
      g->left = 625; // none of the block has been drawn yet
    }
    uint32_t some = count < g->left - 1 ? count : g->left - 1;
    for (uint32_t i = 0; i < some; ++i)
      out[i] = tempered(g->state[g->next + i]);
    g->next += some;
    g->left -= some;
    out += some;
    count -= some;
  }
}

double uniform53(ember_generator *g) { return (ember_rt_random64(g) & ((1ull << 53) - 1)) * 0x1p-53; }
float uniform24(ember_generator *g) { return (ember_rt_random32(g) & ((1u << 24) - 1)) * 0x1p-24f; }

void storeReal(uint32_t dtype, void *out, int64_t i, double value) {
  if (dtype == EMBER_F64)
    static_cast<double *>(out)[i] = value;
  else if (dtype == EMBER_F32)
    static_cast<float *>(out)[i] = static_cast<float>(value);
  else if (dtype == EMBER_BF16)
    static_cast<uint16_t *>(out)[i] = ember_rt_to_bf16(static_cast<float>(value));
  else if (dtype == EMBER_F16)
    static_cast<uint16_t *>(out)[i] = ember_rt_to_f16(static_cast<float>(value));
}

void storeInteger(uint32_t dtype, void *out, int64_t i, int64_t value) {
  switch (dtype) {
  case EMBER_I64:
    static_cast<int64_t *>(out)[i] = value;
    break;
  case EMBER_I32:
    static_cast<int32_t *>(out)[i] = static_cast<int32_t>(value);
    break;
  case EMBER_I16:
    static_cast<int16_t *>(out)[i] = static_cast<int16_t>(value);
    break;
  case EMBER_I8:
  case EMBER_U8:
    static_cast<uint8_t *>(out)[i] = static_cast<uint8_t>(value);
    break;
  case EMBER_BOOL:
    static_cast<uint8_t *>(out)[i] = value != 0;
    break;
  default:
    storeReal(dtype, out, i, static_cast<double>(value));
  }
}

// One normal number by Box and Muller from two doubles; the second of the pair waits for the next call.
double pairedNormal(ember_generator *g) {
  if (g->has_cached_normal) {
    g->has_cached_normal = 0;
    return g->cached_normal;
  }
  double angle = 2 * M_PI * uniform53(g), radius = sqrt(-2 * log1p(-uniform53(g)));
  g->cached_normal = radius * sin(angle);
  g->has_cached_normal = 1;
  return radius * cos(angle);
}

// ---- the f32 block of 16, with the polynomials of the vectorised CPU kernels (after Cephes; constants of pytorch_compat §1.4)

float logOf(float x) {
  if (x < 0x1p-126f)
    x = 0x1p-126f;
  int exponent;
  float m = frexpf(x, &exponent), e;
  if (m < 0.707106781186547524f) {
    e = static_cast<float>(exponent - 1);
    m = (m - 1.0f) + m;
  } else {
    e = static_cast<float>(exponent);
    m = m - 1.0f;
  }
  float z = m * m, y = 7.0376836292e-2f;
  constexpr float coefficients[] = {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                                    -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
  for (float coefficient : coefficients)
    y = fmaf(y, m, coefficient);
  y = y * m;
  float scaled = e * -2.12194440e-4f;
  y = fmaf(y, z, scaled);
  float halfSquare = z * 0.5f;
  y = y - halfSquare;
  m = m + y;
  return fmaf(e, 0.693359375f, m);
}

void sineCosine(float t, float *sine, float *cosine) {
  float quadrants = t * 1.27323954473516f;
  int j = (static_cast<int>(quadrants) + 1) & ~1;
  float y = static_cast<float>(j);
  float x = fmaf(y, -0.78515625f, t);
  x = fmaf(y, -2.4187564849853515625e-4f, x);
  x = fmaf(y, -3.77489497744594108e-8f, x);
  float z = x * x;
  float c = fmaf(fmaf(2.443315711809948e-5f, z, -1.388731625493765e-3f), z, 4.166664568298827e-2f);
  c = c * z;
  float halfSquare = z * 0.5f;
  c = fmaf(c, z, -halfSquare);
  c = c + 1.0f;
  float s = fmaf(fmaf(-1.9515295891e-4f, z, 8.3321608736e-3f), z, -1.6666654611e-1f);
  s = s * z;
  s = fmaf(s, x, x);
  bool swapped = (j & 2) != 0;
  *sine = swapped ? c : s;
  *cosine = swapped ? s : c;
  if (j & 4)
    *sine = -*sine;
  if (((j - 2) & 4) == 0)
    *cosine = -*cosine;
}

void normalBlockF32(float *d, float mean, float deviation) {
  for (int j = 0; j < 8; ++j) {
    float u1 = 1.0f - d[j], u2 = d[j + 8];
    float logarithm = logOf(u1);
    float radius = sqrtf(-2.0f * logarithm), angle = static_cast<float>(2 * M_PI) * u2, sine, cosine;
    sineCosine(angle, &sine, &cosine);
    float first = radius * cosine, second = radius * sine;
    d[j] = fmaf(first, deviation, mean);
    d[j + 8] = fmaf(second, deviation, mean);
  }
}

void normalBlockF64(double *d, double mean, double deviation) {
  for (int j = 0; j < 8; ++j) {
    double u1 = 1 - d[j], u2 = d[j + 8], radius = sqrt(-2 * log(u1)), angle = 2 * M_PI * u2;
    double first = radius * cos(angle), second = radius * sin(angle);
    d[j] = fma(first, deviation, mean);
    d[j + 8] = fma(second, deviation, mean);
  }
}

// To bf16 or f16.
float roundNarrow(uint32_t dtype, float value) {
  return dtype == EMBER_BF16 ? ember_rt_from_bf16(ember_rt_to_bf16(value)) : ember_rt_from_f16(ember_rt_to_f16(value));
}

// Each step of bf16 rounds; f16 has functions and products in f32.
void normalBlockNarrow(uint32_t dtype, uint16_t *d, float mean, float deviation) {
  auto load = [&](int j) { return dtype == EMBER_BF16 ? ember_rt_from_bf16(d[j]) : ember_rt_from_f16(d[j]); };
  auto step = [&](float value) { return dtype == EMBER_BF16 ? roundNarrow(dtype, value) : value; };
  mean = roundNarrow(dtype, mean);
  deviation = roundNarrow(dtype, deviation);
  for (int j = 0; j < 8; ++j) {
    float u1 = roundNarrow(dtype, 1 - load(j)), u2 = load(j + 8);
    float radius = roundNarrow(dtype, sqrtf(step(-2.0f * step(logf(u1)))));
    float angle = roundNarrow(dtype, static_cast<float>(2 * M_PI * u2));
    storeReal(dtype, d, j, step(step(radius * step(cosf(angle))) * deviation) + mean);
    storeReal(dtype, d, j + 8, step(step(radius * step(sinf(angle))) * deviation) + mean);
  }
}

void normalBlock(uint32_t dtype, void *out, int64_t at, double mean, double deviation) {
  if (dtype == EMBER_F64)
    normalBlockF64(static_cast<double *>(out) + at, mean, deviation);
  else if (dtype == EMBER_F32)
    normalBlockF32(static_cast<float *>(out) + at, static_cast<float>(mean), static_cast<float>(deviation));
  else
    normalBlockNarrow(dtype, static_cast<uint16_t *>(out) + at, static_cast<float>(mean), static_cast<float>(deviation));
}

} // namespace

extern "C" {

void ember_rt_seed(ember_generator *g, uint64_t seed) {
  memset(g, 0, sizeof *g);
  g->seed = seed;
  g->state[0] = static_cast<uint32_t>(seed);
  for (uint32_t j = 1; j < 624; ++j)
    g->state[j] = 1812433253u * (g->state[j - 1] ^ (g->state[j - 1] >> 30)) + j;
  g->left = 1;
}

uint32_t ember_rt_random32(ember_generator *g) {
  if (--g->left == 0)
    regenerate(g);
  return tempered(g->state[g->next++]);
}

void ember_rt_skip(ember_generator *g, uint64_t words) {
  while (words >= g->left) {
    words -= g->left;
    regenerate(g);
    // The word that asked for the new block is its first: it has been drawn.
    g->next = 1;
  }
  g->left -= static_cast<uint32_t>(words);
  g->next += static_cast<uint32_t>(words);
}

uint64_t ember_rt_random64(ember_generator *g) {
  uint64_t high = ember_rt_random32(g);
  return high << 32 | ember_rt_random32(g);
}

void ember_rt_uniform(ember_generator *g, uint32_t dtype, void *out, int64_t count, double low, double high) {
  for (int64_t i = 0; i < count; ++i) {
    if (dtype == EMBER_F64) {
      static_cast<double *>(out)[i] = fma(uniform53(g), high - low, low);
    } else if (dtype == EMBER_F32) {
      float from = static_cast<float>(low), to = static_cast<float>(high);
      static_cast<float *>(out)[i] = fmaf(uniform24(g), to - from, from);
    } else {
      int bits = dtype == EMBER_BF16 ? 8 : 11;
      float x = static_cast<float>(ember_rt_random32(g) & ((1u << bits) - 1)) * ldexpf(1, -bits);
      float from = roundNarrow(dtype, static_cast<float>(low)), to = roundNarrow(dtype, static_cast<float>(high));
      storeReal(dtype, out, i, x * roundNarrow(dtype, to - from) + from);
    }
  }
}

void ember_rt_normal_singly(ember_generator *g, uint32_t dtype, void *out, int64_t count, double mean, double deviation) {
  for (int64_t i = 0; i < count; ++i)
    storeReal(dtype, out, i, fma(pairedNormal(g), deviation, mean));
}

void ember_rt_normal(ember_generator *g, uint32_t dtype, void *out, int64_t count, double mean, double deviation) {
  if (count < 16)
    return ember_rt_normal_singly(g, dtype, out, count, mean, deviation);
  ember_rt_uniform(g, dtype, out, count, 0, 1);
  for (int64_t i = 0; i + 16 <= count; i += 16)
    normalBlock(dtype, out, i, mean, deviation);
  if (count % 16 == 0)
    return;
  // The rest: sixteen new numbers in the last places, over some that were done already.
  size_t width = ember_rt_dtype_size(dtype);
  ember_rt_uniform(g, dtype, static_cast<char *>(out) + (count - 16) * width, 16, 0, 1);
  normalBlock(dtype, out, count - 16, mean, deviation);
}

// A number of 53 bits over 2^53 is below p when the number itself is below p 2^53, rounded up.
void ember_rt_bernoulli(ember_generator *g, uint32_t dtype, void *out, int64_t count, double p) {
  uint64_t bound = p > 0 ? static_cast<uint64_t>(ceil((p < 1 ? p : 1) * 0x1p53)) : 0;
  constexpr int64_t kChunk = 256;
  uint32_t words[2 * kChunk];
  uint8_t drawn[kChunk];
  for (int64_t at = 0; at < count; at += kChunk) {
    int64_t some = count - at < kChunk ? count - at : kChunk;
    drawWords(g, words, static_cast<uint32_t>(2 * some));
    for (int64_t i = 0; i < some; ++i)
      drawn[i] = ((static_cast<uint64_t>(words[2 * i]) << 32 | words[2 * i + 1]) & ((1ull << 53) - 1)) < bound;
    if (dtype == EMBER_BOOL)
      memcpy(static_cast<uint8_t *>(out) + at, drawn, static_cast<size_t>(some));
    else
      for (int64_t i = 0; i < some; ++i)
        storeInteger(dtype, out, at + i, drawn[i]);
  }
}

void ember_rt_randint(ember_generator *g, uint32_t dtype, void *out, int64_t count, int64_t low, int64_t high) {
  uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  for (int64_t i = 0; i < count; ++i) {
    uint64_t word = range >= 1ull << 28 ? ember_rt_random64(g) : ember_rt_random32(g);
    storeInteger(dtype, out, i, static_cast<int64_t>(word % range + static_cast<uint64_t>(low)));
  }
}

void ember_rt_randperm(ember_generator *g, int64_t *out, int64_t count) {
  if (count >= 0xffffffff / 20) {
    for (int64_t i = 0; i < count; ++i) {
      int64_t z = static_cast<int64_t>(ember_rt_random64(g) % static_cast<uint64_t>(i + 1));
      out[i] = i;
      out[i] = out[z];
      out[z] = i;
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    out[i] = i;
  for (int64_t i = 0; i + 1 < count; ++i) {
    int64_t z = ember_rt_random32(g) % static_cast<uint64_t>(count - i), kept = out[i];
    out[i] = out[i + z];
    out[i + z] = kept;
  }
}

// u64 seed; i32 left; i32 seeded; u64 next; u64 state[624]; f64 x; f64 y = the cached normal; f64 rho; i32 valid; …
void ember_rt_get_state(const ember_generator *g, uint8_t bytes[5056]) {
  memset(bytes, 0, 5056);
  int32_t left = static_cast<int32_t>(g->left), seeded = 1;
  uint64_t next = g->next;
  memcpy(bytes, &g->seed, 8);
  memcpy(bytes + 8, &left, 4);
  memcpy(bytes + 12, &seeded, 4);
  memcpy(bytes + 16, &next, 8);
  for (int i = 0; i < 624; ++i) {
    uint64_t word = g->state[i];
    memcpy(bytes + 24 + 8 * i, &word, 8);
  }
  memcpy(bytes + 24 + 8 * 624 + 8, &g->cached_normal, 8);
  memcpy(bytes + 24 + 8 * 624 + 24, &g->has_cached_normal, 4);
}

int ember_rt_set_state(ember_generator *g, const uint8_t bytes[5056]) {
  int32_t left, seeded;
  uint64_t next;
  memcpy(&left, bytes + 8, 4);
  memcpy(&seeded, bytes + 12, 4);
  memcpy(&next, bytes + 16, 8);
  if (left < 1 || left > 624 || seeded != 1 || next > 624 || (next + left != 625 && !(left == 1 && next == 0)))
    return -1;
  memcpy(&g->seed, bytes, 8);
  g->left = left;
  g->next = static_cast<uint32_t>(next);
  for (int i = 0; i < 624; ++i) {
    uint64_t word;
    memcpy(&word, bytes + 24 + 8 * i, 8);
    g->state[i] = static_cast<uint32_t>(word);
  }
  memcpy(&g->cached_normal, bytes + 24 + 8 * 624 + 8, 8);
  memcpy(&g->has_cached_normal, bytes + 24 + 8 * 624 + 24, 4);
  return 0;
}

} // extern "C"
