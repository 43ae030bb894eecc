// A hash that grows while a program is recorded.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>

namespace ember::record {

/// 128 bits, built 16 bytes at a time. Two different programs of one process meet with a probability of about n^2 / 2^129 for n
/// programs seen: under 1e-18 for 10^10. Source: the body of MurmurHash3_x64_128 (A. Appleby).
struct Hash128 {
  uint64_t low = 0x9e3779b97f4a7c15, high = 0xc2b2ae3d27d4eb4f;

  void add(uint64_t first, uint64_t second) {
    constexpr uint64_t c1 = 0x87c37b91114253d5, c2 = 0x4cf5ad432745937f;
    low = rotate(low ^ rotate(first * c1, 31) * c2, 27) + high;
    low = low * 5 + 0x52dce729;
    high = rotate(high ^ rotate(second * c2, 33) * c1, 31) + low;
    high = high * 5 + 0x38495ab5;
  }
  void add(const Hash128 &other) { add(other.low, other.high); }
  void add(const void *pointer, uint64_t number) { add(reinterpret_cast<uintptr_t>(pointer), number); }
  void addBytes(const char *bytes, size_t size) {
    for (; size >= 16; bytes += 16, size -= 16) {
      uint64_t words[2];
      std::memcpy(words, bytes, 16);
      add(words[0], words[1]);
    }
    uint64_t words[2] = {};
    std::memcpy(words, bytes, size);
    add(words[0], words[1] ^ (static_cast<uint64_t>(size) << 56));
  }
  bool operator==(const Hash128 &) const = default;

private:
  static uint64_t rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }
};

} // namespace ember::record

template <> struct std::hash<ember::record::Hash128> {
  size_t operator()(const ember::record::Hash128 &hash) const { return hash.low ^ hash.high; }
};
