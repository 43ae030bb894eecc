// Where values lie in an arena: no two that live at once overlap, the same lifetimes give the same offsets, and the arena is
// hardly larger than what lives at once.
#include "runtime/include/ember_rt.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace {

ember_arena placed(std::vector<ember_lifetime> &items) {
  ember_arena arena;
  EXPECT_EQ(ember_rt_place(items.data(), items.size(), &arena), 0);
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_GE(items[i].offset, 0);
    EXPECT_LE(items[i].offset + items[i].bytes, arena.bytes);
    for (size_t j = 0; j < i; ++j) {
      bool meet = items[i].first <= items[j].last && items[j].first <= items[i].last;
      bool apart = items[i].offset + items[i].bytes <= items[j].offset || items[j].offset + items[j].bytes <= items[i].offset;
      EXPECT_TRUE(!meet || apart) << i << " and " << j;
    }
  }
  EXPECT_GE(arena.bytes, arena.live_bytes);
  return arena;
}

// Lifetimes of a program of `kernels` kernels: most values are read soon, some much later (as a backward reads activations).
std::vector<ember_lifetime> randomProgram(std::mt19937 &random, int64_t kernels) {
  std::vector<ember_lifetime> items;
  for (int64_t kernel = 0; kernel < kernels; ++kernel) {
    int64_t reach = random() % 4 == 0 ? random() % kernels : random() % 3;
    int64_t bytes = 64 * (1 + random() % (random() % 3 == 0 ? 4000 : 100));
    items.push_back({bytes, kernel, std::min(kernel + reach, kernels), 0});
  }
  return items;
}

TEST(Place, RandomProgramsAreNearTheLargestLiveSet) {
  std::mt19937 random(1);
  for (int turn = 0; turn < 300; ++turn) {
    std::vector<ember_lifetime> items = randomProgram(random, 1 + random() % 120), again = items;
    ember_arena arena = placed(items);
    EXPECT_LE(static_cast<double>(arena.bytes), 1.15 * static_cast<double>(arena.live_bytes)) << "turn " << turn;
    placed(again);
    EXPECT_EQ(std::memcmp(items.data(), again.data(), items.size() * sizeof items[0]), 0);
  }
}

TEST(Place, ATrainingStepsLifetimesNest) {
  // Activation i lives until its gradient is made; gradients live for one kernel: a stack, which packs without a gap.
  std::vector<ember_lifetime> items;
  for (int64_t layer = 0; layer < 50; ++layer)
    items.push_back({64 * (100 - layer), layer, 100 - layer, 0});
  ember_arena arena = placed(items);
  EXPECT_EQ(arena.bytes, arena.live_bytes);
}

TEST(Place, NothingAndTooMuch) {
  ember_arena arena{7, 7};
  EXPECT_EQ(ember_rt_place(nullptr, 0, &arena), 0);
  EXPECT_EQ(arena.bytes, 0);
  ember_lifetime items[] = {{INT64_MAX - 10, 0, 0, 0}, {100, 1, 1, 0}};
  EXPECT_EQ(ember_rt_place(items, 2, &arena), -1);
}

TEST(Place, ManyValuesAreNotSlow) {
  std::mt19937 random(2);
  std::vector<ember_lifetime> items = randomProgram(random, 3000);
  placed(items);
}

// Two values of B*S floats, one after the other, and one of B beside them; kernels that want scratch.
TEST(Resolve, LaysOutTheArenaForItsSizes) {
  ember_launch launches[2] = {};
  launches[0].scratch = 4;
  launches[1].scratch = 5;
  // values: 0, 1, 2 offsets; 3: 4*B*S; 4: 4*B; 5: 100; 6 arena; 7 scratch
  const int64_t code[] = {0, 0, 0, 1, 4, 2, 0, 1, 1, 4, 1, 0, 1, 100, 0, 0, 0};
  ember_arena_value arenaValues[] = {{0, 3, 0, 0}, {1, 3, 1, 1}, {2, 4, 0, 1}};
  ember_program program = {};
  program.launches = launches;
  program.launch_count = 2;
  program.value_code = code;
  program.value_count = 8;
  program.size_count = 2;
  program.arena_values = arenaValues;
  program.arena_value_count = 3;
  program.arena_bytes = 6;
  program.scratch_bytes = 7;
  for (int64_t b : {0, 1, 5, 70})
    for (int64_t s : {0, 1, 3, 1000}) {
      int64_t sizes[] = {b, s}, values[8];
      ember_arena arena;
      ASSERT_EQ(ember_rt_resolve(&program, sizes, values, &arena), 0);
      EXPECT_EQ(values[3], 4 * b * s);
      EXPECT_EQ(values[0], values[1]) << "the second takes the first one's place";
      EXPECT_EQ(values[6], ember_rt_padded_bytes(4 * b * s) + ember_rt_padded_bytes(4 * b));
      EXPECT_EQ(values[6], arena.live_bytes);
      EXPECT_EQ(values[7], std::max<int64_t>(128, (4 * b + 63) / 64 * 64));
    }
  int64_t huge[] = {int64_t(1) << 40, int64_t(1) << 40}, values[8];
  EXPECT_EQ(ember_rt_resolve(&program, huge, values, nullptr), -1);
}

} // namespace
