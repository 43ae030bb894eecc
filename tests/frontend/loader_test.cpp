// Batches of data loaders against PyTorch's (tests/golden/make_loaders.py), with and without workers.
#include <ember/ember.h>

#include "Message.h"
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <pthread.h>
#include <sstream>

namespace data = ember::data;
using data::DataLoader;
using data::DataLoaderOptions;
using ember::Generator;
using ember::Tensor;

namespace {

data::TensorDataset tenSamples() { return data::TensorDataset(ember::arange(10)); }

using List = std::vector<int64_t>;
const std::vector<double> kWeights = {0.1, 0.9, 0.4, 0.7, 3.0, 0.6, 0.0, 0.2, 1.5, 0.05};
const List kSubset = {8, 2, 4, 6, 0};

const std::map<std::string, std::function<DataLoaderOptions(const Generator &)>> kCases = {
    {"plain", [](const Generator &) { return DataLoaderOptions{.batch_size = 4}; }},
    {"shuffle", [](const Generator &) { return DataLoaderOptions{.batch_size = 4, .shuffle = true}; }},
    {"shuffle_drop_last",
     [](const Generator &) { return DataLoaderOptions{.batch_size = 4, .shuffle = true, .drop_last = true}; }},
    {"shuffle_one_by_one", [](const Generator &) { return DataLoaderOptions{.batch_size = std::nullopt, .shuffle = true}; }},
    {"generator", [](const Generator &g) { return DataLoaderOptions{.batch_size = 3, .shuffle = true, .generator = g}; }},
    {"generator_even", [](const Generator &g) { return DataLoaderOptions{.batch_size = 5, .shuffle = true, .generator = g}; }},
    {"generator_drop_last",
     [](const Generator &g) { return DataLoaderOptions{.batch_size = 3, .shuffle = true, .drop_last = true, .generator = g}; }},
    {"generator_left", [](const Generator &g) { return DataLoaderOptions{.batch_size = 5, .shuffle = true, .generator = g}; }},
    {"generator_plain", [](const Generator &g) { return DataLoaderOptions{.batch_size = 5, .generator = g}; }},
    {"list", [](const Generator &) { return DataLoaderOptions{.batch_size = 2, .sampler = List{7, 1, -1, 3, 3}}; }},
    {"list_of_batches",
     [](const Generator &) { return DataLoaderOptions{.batch_sampler = std::vector<List>{{3, 1}, {5}, {9, 9, 0}}}; }},
    {"replacement",
     [](const Generator &) {
       return DataLoaderOptions{.batch_size = 8, .sampler = data::RandomSampler(10, {.replacement = true, .num_samples = 70})};
     }},
    {"replacement_generator",
     [](const Generator &g) {
       data::RandomSampler sampler(10, {.replacement = true, .num_samples = 64, .generator = g});
       return DataLoaderOptions{.batch_size = 32, .sampler = sampler};
     }},
    {"workers_left",
     [](const Generator &g) {
       data::RandomSampler sampler(10, {.replacement = true, .num_samples = 70, .generator = g});
       return DataLoaderOptions{.batch_size = 8, .sampler = sampler, .num_workers = 2};
     }},
    {"many_orders",
     [](const Generator &g) {
       return DataLoaderOptions{.batch_size = 7, .sampler = data::RandomSampler(10, {.num_samples = 24, .generator = g})};
     }},
    {"few_samples",
     [](const Generator &) {
       return DataLoaderOptions{.batch_size = 2, .sampler = data::RandomSampler(10, {.num_samples = 5})};
     }},
    {"subset",
     [](const Generator &) { return DataLoaderOptions{.batch_size = 2, .sampler = data::SubsetRandomSampler(kSubset)}; }},
    {"subset_generator",
     [](const Generator &g) { return DataLoaderOptions{.batch_size = 2, .sampler = data::SubsetRandomSampler(kSubset, g)}; }},
    {"weighted",
     [](const Generator &) { return DataLoaderOptions{.batch_size = 6, .sampler = data::WeightedRandomSampler(kWeights, 20)}; }},
    {"weighted_generator",
     [](const Generator &g) {
       return DataLoaderOptions{.batch_size = 6, .sampler = data::WeightedRandomSampler(kWeights, 20, true, g)};
     }},
    {"weighted_once",
     [](const Generator &) {
       return DataLoaderOptions{.batch_size = 6, .sampler = data::WeightedRandomSampler(kWeights, 8, false)};
     }},
    {"batches_of_subset",
     [](const Generator &g) {
       return DataLoaderOptions{.batch_sampler = data::BatchSampler(data::SubsetRandomSampler(kSubset, g), 2, true)};
     }},
    {"batches_in_order",
     [](const Generator &) {
       return DataLoaderOptions{.batch_sampler = data::BatchSampler(data::SequentialSampler(10), 4, false)};
     }},
};

std::string epochOf(const DataLoader &loader, size_t most) {
  std::string text;
  size_t count = 0;
  for (const data::Fields &batch : loader) {
    std::string own;
    for (int64_t sample : batch[0].to_vector<int64_t>())
      own += (own.empty() ? "" : ",") + std::to_string(sample);
    text += " " + own;
    if (++count == most)
      break;
  }
  return text;
}

// In the cases "…_left" passes end early. What workers fetch ahead is drawn ahead, so that generators then depend on them.
class Loaders : public testing::TestWithParam<int> {};

TEST_P(Loaders, BatchesAsPyTorch) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/loaders.txt");
  std::string word, name, rest;
  int64_t size = 0;
  size_t checked = 0;
  while (file >> word >> name >> size) {
    SCOPED_TRACE(name);
    std::getline(file, rest);
    Generator generator(5);
    ember::manual_seed(11);
    DataLoaderOptions options = kCases.at(name)(generator);
    bool isLeft = name.find("_left") != std::string::npos;
    if (!isLeft)
      options.num_workers = GetParam();
    DataLoader loader(tenSamples(), options);
    EXPECT_EQ(loader.size(), size);
    for (size_t epoch = 0; epoch < 3; ++epoch) {
      file >> word;
      std::getline(file, rest);
      EXPECT_EQ(epochOf(loader, isLeft && epoch < 2 ? epoch + 1 : size_t(-1)), rest) << "epoch " << epoch;
    }
    uint64_t ofDefault = 0, ofGenerator = 0;
    file >> word >> ofDefault >> ofGenerator;
    EXPECT_EQ(ember::default_generator().random64(), ofDefault);
    EXPECT_EQ(generator.random64(), ofGenerator);
    ++checked;
  }
  EXPECT_EQ(checked, kCases.size());
}

INSTANTIATE_TEST_SUITE_P(Workers, Loaders, testing::Values(0, 3));

// Samples of different lengths, which only a function of the user's can put together.
class Sentences : public data::Dataset {
public:
  int64_t size() const override { return 5; }
  data::Fields get(int64_t index) const override {
    if (index == 4)
      throw ember::Error("sample 4 cannot be read");
    return {ember::full({index + 1}, index, ember::kInt64), ember::full({}, index)};
  }
};

TEST(Loader, CollatesWithAFunction) {
  auto padded = [](const std::vector<data::Fields> &samples) {
    int64_t longest = 0;
    for (const data::Fields &sample : samples)
      longest = std::max(longest, sample[0].size(0));
    Tensor rows = ember::full({static_cast<int64_t>(samples.size()), longest}, -1, ember::kInt64);
    for (size_t i = 0; i < samples.size(); ++i)
      rows.select(0, static_cast<int64_t>(i)).slice(0, 0, samples[i][0].size(0)).copy_(samples[i][0]);
    return data::Fields{rows};
  };
  for (int64_t workers : {0, 2}) {
    std::vector<List> batches;
    DataLoader loader(Sentences(), {.batch_size = 2, .sampler = List{1, 0, 2, 3}, .num_workers = workers, .collate_fn = padded});
    for (const data::Fields &batch : loader)
      batches.push_back(batch[0].to_vector<int64_t>());
    EXPECT_EQ(batches, (std::vector<List>{{1, 1, 0, -1}, {2, 2, 2, -1, 3, 3, 3, 3}}));
  }
  DataLoader single(Sentences(), {.batch_size = std::nullopt, .sampler = List{3}});
  EXPECT_EQ((*single.begin())[0].sizes(), ember::Shape({4}));
  EXPECT_EQ((*single.begin())[1].sizes(), ember::Shape({}));
}

// An error is thrown where its batch would come; the batches around it come all the same.
TEST(Loader, ASampleThatFailsIsItsBatchsError) {
  for (int64_t workers : {0, 2}) {
    DataLoader loader(Sentences(), {.sampler = List{3, 4, 2}, .num_workers = workers});
    DataLoader::Iterator batch = loader.begin();
    EXPECT_EQ((*batch)[0].sizes(), ember::Shape({1, 4}));
    EXPECT_EQ(messageOf([&] { ++batch; }), "sample 4 cannot be read");
    ++batch;
    EXPECT_EQ((*batch)[0].sizes(), ember::Shape({1, 3}));
    EXPECT_EQ(++batch, loader.end());
  }
}

TEST(Loader, UsersSamplers) {
  class Backwards : public data::Sampler {
  public:
    int64_t size() const override { return 10; }
    data::Pass<int64_t> pass() const override {
      return [left = int64_t(10)]() mutable { return left > 0 ? std::optional(--left) : std::nullopt; };
    }
  };
  DataLoader loader(tenSamples(), {.batch_size = 4, .sampler = Backwards(), .drop_last = true});
  EXPECT_EQ(epochOf(loader, 9), " 9,8,7,6 5,4,3,2");
  EXPECT_EQ(loader.size(), 2);
  std::shared_ptr<const data::Sampler> shared = std::make_shared<Backwards>();
  EXPECT_EQ(epochOf(DataLoader(tenSamples(), {.batch_size = 5, .sampler = shared}), 9), " 9,8,7,6,5 4,3,2,1,0");
}

// One sample takes a number for each weight with replacement too, as in PyTorch 2.
TEST(Loader, ASingleWeightedSample) {
  data::WeightedRandomSampler sampler({0, 0, 2, 0}, 1, true, Generator(3));
  EXPECT_EQ(sampler.pass()(), 2);
  Generator own(3), other(3);
  data::WeightedRandomSampler(kWeights, 1, true, own).pass()();
  for (size_t i = 0; i < kWeights.size(); ++i)
    other.random64();
  EXPECT_EQ(own.random64(), other.random64());
}

// No address space holds the stacks that threads have by default here.
TEST(Loader, WorkersThatCannotBeStarted) {
  pthread_attr_t before, vast;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_attr_init(&vast), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&vast, size_t(1) << 47), 0);
  DataLoader loader(tenSamples(), {.num_workers = 4});
  ASSERT_EQ(pthread_setattr_default_np(&vast), 0);
  std::string message = messageOf([&] { loader.begin(); });
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(message, "DataLoader: the system gives 0 worker threads (Resource temporarily unavailable), expected 4");
}

TEST(Loader, Mistakes) {
  auto load = [](const DataLoaderOptions &options) { return messageOf([&] { epochOf(DataLoader(tenSamples(), options), 99); }); };
  EXPECT_EQ(load({.shuffle = true, .sampler = List{1}}), "sampler option is mutually exclusive with shuffle");
  EXPECT_EQ(load({.batch_size = 2, .batch_sampler = std::vector<List>{{1}}}),
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last");
  EXPECT_EQ(load({.batch_size = std::nullopt, .drop_last = true}),
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last");
  EXPECT_EQ(load({.batch_size = 0}), "batch_size should be a positive integer value, but got batch_size=0");
  EXPECT_EQ(load({.num_workers = -1}),
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.");
  EXPECT_EQ(load({.num_workers = 1, .prefetch_factor = 0}),
            "prefetch_factor option should be positive, but got prefetch_factor=0");
  EXPECT_EQ(load({.num_workers = INT64_MAX, .prefetch_factor = INT64_MAX}), "no error"); // no more threads than batches
  EXPECT_EQ(load({.sampler = List{3, 10}}), "index 10 is out of bounds for dimension 0 with size 10");
  EXPECT_EQ(load({.sampler = List{-11}, .num_workers = 2}), "index -11 is out of bounds for dimension 0 with size 10");
  EXPECT_EQ(load({.batch_sampler = std::vector<List>{{1}, {}}}), "a batch of no samples, expected at least one");
  EXPECT_EQ(messageOf([] { DataLoader(data::TensorDataset(ember::ones({0, 2})), {.shuffle = true}); }),
            "num_samples should be a positive integer value, but got num_samples=0");
  EXPECT_EQ(messageOf([] { data::WeightedRandomSampler({1, 2}, 3, false); }),
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  EXPECT_EQ(messageOf([] { data::WeightedRandomSampler({1, -2}, 3); }),
            "probability tensor contains either `inf`, `nan` or element < 0");
  EXPECT_EQ(messageOf([] { data::WeightedRandomSampler({0, 0}, 3); }),
            "invalid multinomial distribution (sum of probabilities <= 0)");
}

} // namespace
