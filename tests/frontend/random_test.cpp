// The CPU generator against PyTorch's numbers for seed 0 (pytorch 2.11; the values are facts of its public behaviour).
#include <ember/ember.h>

#include <gtest/gtest.h>

namespace {

void expectValues(const ember::Tensor &tensor, const std::vector<double> &expected) {
  std::vector<double> found = tensor.detach().to_vector<double>();
  ASSERT_GE(found.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 5e-9 * std::max(1.0, std::abs(expected[i]))) << i;
}

TEST(Random, Uniform) {
  ember::manual_seed(0);
  expectValues(ember::rand({4}), {0.496256590, 0.768221796, 0.0884774327, 0.132030487});
  ember::manual_seed(0);
  expectValues(ember::rand({4}, ember::kFloat64), {0.970053002, 0.707819864, 0.459382943, 0.920747684});
}

TEST(Random, Normal) {
  ember::manual_seed(0);
  expectValues(ember::randn({4}), {1.54099607, -0.293428898, -2.17878938, 0.568431258});
  ember::manual_seed(0);
  expectValues(ember::randn({16}),
               {-1.12583983, -1.1523602, -0.250578582, -0.433878809, 0.848710358, 0.692009151, -0.31601277, -2.11521935,
                0.322274923, -1.26333475, 0.349983186, 0.30813393, 0.119841509, 1.2376579, 1.11677718, -0.247278154});
  ember::manual_seed(0);
  expectValues(ember::randn({17}), {-1.12583983, -1.6959312, 0.566650629, 0.793508351, 0.598839462});
  ember::manual_seed(0);
  expectValues(ember::randn({16}, ember::kFloat64), {-2.3104118, -0.373250861, -1.06081668, 0.999509355});
}

TEST(Random, Integers) {
  ember::manual_seed(0);
  EXPECT_EQ(ember::randint(0, 100, {8}).to_vector<int64_t>(), (std::vector<int64_t>{44, 39, 33, 60, 63, 79, 27, 3}));
  ember::manual_seed(0);
  EXPECT_EQ(ember::randperm(10).to_vector<int64_t>(), (std::vector<int64_t>{4, 1, 7, 5, 3, 9, 0, 8, 6, 2}));
  ember::manual_seed(0);
  EXPECT_EQ(ember::empty({10}).bernoulli_(0.5).to_vector<float>(), (std::vector<float>{0, 0, 1, 0, 0, 0, 1, 1, 0, 1}));
}

TEST(Random, Initialisers) {
  ember::manual_seed(0);
  ember::nn::Linear linear(4, 2);
  expectValues(linear->weight,
               {-0.00374341011, 0.268221796, -0.411522567, -0.367969513, -0.192577183, 0.134078681, -0.00990658998, 0.396444738});
  expectValues(linear->bias, {-0.0443720222, 0.132306278});
  ember::manual_seed(0);
  ember::nn::Conv2d conv(1, 2, 3);
  expectValues(conv->weight, {-0.0024956069, 0.17881453, -0.274348378});
  expectValues(conv->bias, {-0.225980371, -0.145154282});
}

TEST(Random, Loader) {
  ember::manual_seed(0);
  ember::data::DataLoader loader(ember::data::TensorDataset(ember::arange(10)), {.batch_size = 4, .shuffle = true});
  std::vector<std::vector<int64_t>> batches;
  for (const auto &batch : loader)
    batches.push_back(batch[0].to_vector<int64_t>());
  EXPECT_EQ(batches, (std::vector<std::vector<int64_t>>{{6, 7, 1, 4}, {2, 0, 9, 8}, {3, 5}}));
}

TEST(Random, WorkersChangeNothing) {
  auto run = [](int64_t workers) {
    ember::manual_seed(5);
    ember::data::DataLoader loader(ember::data::TensorDataset(ember::arange(100)),
                                   {.batch_size = 7, .shuffle = true, .num_workers = workers});
    std::vector<int64_t> all;
    for (const auto &batch : loader)
      for (int64_t value : batch[0].to_vector<int64_t>())
        all.push_back(value);
    return all;
  };
  EXPECT_EQ(run(0), run(3));
}

TEST(Random, StateRoundTrip) {
  ember::Generator generator(7);
  generator.random64();
  std::vector<uint8_t> state = generator.get_state();
  uint64_t next = generator.random64();
  ember::Generator other;
  other.set_state(state);
  EXPECT_EQ(other.random64(), next);
  EXPECT_THROW(other.set_state(std::vector<uint8_t>(5056)), ember::Error);
}

} // namespace
