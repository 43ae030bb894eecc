#include "ember/error.h"
#include "record/GeneratorImpl.h"

#include <random>

namespace ember {

Generator::Generator() : Generator(67280421310721ull) {}
Generator::Generator(uint64_t seed) : shared(std::make_shared<Impl>()) { ember_rt_seed(&shared->state, seed); }

void Generator::manual_seed(uint64_t seed) {
  shared->draw([&](ember_generator *g) { ember_rt_seed(g, seed); });
}
uint64_t Generator::initial_seed() const { return shared->state.seed; }
uint64_t Generator::random64() {
  return shared->draw([](ember_generator *g) { return ember_rt_random64(g); }) & ~(1ull << 63);
}
std::vector<int64_t> Generator::permutation(int64_t count) {
  if (count < 0)
    throw Error("n must be non-negative, got" + std::to_string(count)); // PyTorch's text
  std::vector<int64_t> order;
  try {
    order.resize(count);
  } catch (const std::exception &) { // too long, or no memory
    throw Error("out of memory: a permutation of " + std::to_string(count) + " numbers");
  }
  shared->draw([&](ember_generator *g) { ember_rt_randperm(g, order.data(), count); });
  return order;
}
std::vector<uint8_t> Generator::get_state() const {
  std::vector<uint8_t> bytes(kGeneratorBytes);
  shared->draw([&](ember_generator *g) { ember_rt_get_state(g, bytes.data()); });
  return bytes;
}
void Generator::set_state(const std::vector<uint8_t> &state) {
  if (state.size() != kGeneratorBytes)
    throw Error("generator state: expected 5056 bytes, found " + std::to_string(state.size()));
  if (shared->draw([&](ember_generator *g) { return ember_rt_set_state(g, state.data()); }) != 0)
    throw Error("generator state: the bytes are no state of this generator");
}

Generator default_generator() {
  static Generator generator = [] {
    std::random_device device;
    return Generator(static_cast<uint64_t>(device()) << 32 | device());
  }();
  return generator;
}
Generator manual_seed(uint64_t seed) {
  Generator generator = default_generator();
  generator.manual_seed(seed);
  return generator;
}

} // namespace ember
