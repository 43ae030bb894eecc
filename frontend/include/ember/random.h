// Random numbers: PyTorch's CPU generator, bit for bit (torch 2.11).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace ember {

/// A handle on an MT19937 generator; copies share its state. Drawing is serial: one lock a call.
class Generator {
public:
  /// Seeded with PyTorch's default, 67280421310721.
  Generator();
  explicit Generator(uint64_t seed);
  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const;
  /// One 64-bit draw of two words, as `random_()` makes for int64: in [0, 2^63).
  uint64_t random64();
  std::vector<int64_t> permutation(int64_t count);
  /// PyTorch's 5056 bytes. set_state throws for anything else.
  std::vector<uint8_t> get_state() const;
  void set_state(const std::vector<uint8_t> &state);

  struct Impl;
  Impl &impl() const { return *shared; }

private:
  std::shared_ptr<Impl> shared;
};

/// The generator that functions without one draw from.
Generator default_generator();
/// Seeds the default generator.
Generator manual_seed(uint64_t seed);

} // namespace ember
