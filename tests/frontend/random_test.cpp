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

// Against PyTorch 1.13; what decompositions and inverse functions give, within their rounding.
TEST(Random, OtherInitialisers) {
  namespace init = ember::nn::init;
  auto check = [](const ember::Tensor &tensor, const std::vector<double> &expected) {
    std::vector<double> found = tensor.to_vector<double>();
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-6) << i;
  };
  auto seeded = [](ember::Shape shape, ember::ScalarType dtype = ember::kFloat32) {
    ember::manual_seed(0);
    return ember::empty(std::move(shape), dtype);
  };
  check(init::xavier_uniform_(seeded({2, 3}), 2),
        {-0.016402801, 1.175289035, -1.803201556, -1.61236167, -0.843830943, 0.587503374});
  check(init::kaiming_uniform_(seeded({2, 3, 2}), 0.5, "fan_out"),
        {-0.008201401, 0.587644517, -0.901600778, -0.806180835, -0.421915472, 0.293751687, -0.021704253, 0.86856693, -0.097214237,
         0.289868534, -0.331057847, -0.215326607});
  check(ember::rand_like(seeded({2, 2})), {0.49625659, 0.768221796, 0.088477433, 0.132030487});
  check(init::trunc_normal_(seeded({6})), {-0.008956512, 0.693549573, -1.241547227, -1.041709423, -0.478393346, 0.326502919});
  check(init::trunc_normal_(seeded({4}, ember::kFloat64), 1, 2, -1, 1.5), {1.432112848, 0.850124618, 0.287396024, 1.321380214});
  check(init::orthogonal_(seeded({3, 2}, ember::kFloat64), 2),
        {1.06990526, -0.339860305, -1.512721678, 0.680367565, -0.752977994, -1.849755376});
  check(init::orthogonal_(seeded({2, 2, 2})),
        {0.561532497, -0.106924273, -0.793941796, 0.207134008, -0.390598118, -0.768100142, -0.040867761, 0.505752087});
  check(init::sparse_(seeded({5, 3}), 0.5),
        {0, -0.002934289, 0, 0, 0, -0.013985954, 0.004033469, 0, -0.007192576, 0, -0.005966354, 0, -0.008566746, 0, 0});
  check(init::eye_(seeded({2, 3})), {1, 0, 0, 0, 1, 0});
  check(init::dirac_(seeded({4, 1, 2, 3}), 2), {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(init::calculate_gain("selu"), 0.75);
  EXPECT_EQ(init::calculate_gain("conv1d"), 1);
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

// Every draw takes a generator of the user's own, and leaves the default one alone.
TEST(Random, FromAGeneratorOfOnesOwn) {
  using ember::Generator, ember::Tensor;
  auto byDefault = [](auto draw) {
    ember::manual_seed(11);
    return draw();
  };
  Tensor base = ember::zeros({4, 6});
  const std::pair<Tensor, Tensor> pairs[] = {
      {ember::rand({20}, Generator(11)), byDefault([] { return ember::rand({20}); })},
      {ember::randn({20}, Generator(11), ember::kFloat64), byDefault([] { return ember::randn({20}, ember::kFloat64); })},
      {ember::randint(-3, 90, {20}, Generator(11)), byDefault([] { return ember::randint(-3, 90, {20}); })},
      {ember::randperm(20, Generator(11)), byDefault([] { return ember::randperm(20); })},
      {base.clone().uniform_(-1, 2, Generator(11)), byDefault([&] { return base.clone().uniform_(-1, 2); })},
      {base.clone().t().normal_(3, 2, Generator(11)), byDefault([&] { return base.clone().t().normal_(3, 2); })},
      {base.clone().bernoulli_(0.3, Generator(11)), byDefault([&] { return base.clone().bernoulli_(0.3); })},
      {base.clone().random_(0, 9, Generator(11)), byDefault([&] { return base.clone().random_(0, 9); })}};
  for (const auto &[own, expected] : pairs)
    EXPECT_EQ(own.to_vector<double>(), expected.to_vector<double>());

  Generator generator(11);
  std::vector<uint8_t> before = ember::default_generator().get_state();
  Tensor first = ember::randn({3}, generator), second = ember::randn({3}, generator);
  EXPECT_EQ(ember::default_generator().get_state(), before);
  EXPECT_EQ(ember::cat({first, second}).to_vector<float>(),
            byDefault([] { return ember::cat({ember::randn({3}), ember::randn({3})}); }).to_vector<float>());
  auto traced = [](const Generator &from) {
    ember::jit::trace([&](const std::vector<Tensor> &inputs) { return inputs[0] + ember::rand({2}, from); }, {ember::ones({2})});
  };
  traced(ember::default_generator());
  try {
    traced(generator);
    FAIL() << "expected an error";
  } catch (const ember::Error &error) {
    EXPECT_EQ(error.message(),
              "trace: a draw from a generator of its own cannot be recorded, expected one from the default generator");
  }
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
