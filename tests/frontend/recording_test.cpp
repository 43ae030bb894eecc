// What recording promises, by counters: which programs are compiled, what is launched, what memory stays, what an error leaves.
#include <ember/ember.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <gtest/gtest.h>
#include <malloc.h>
#include <numeric>
#include <thread>
#include <unistd.h>

namespace nn = ember::nn;
using ember::Tensor;

namespace {

int64_t compiledSince(const ember::Counters &before) { return ember::counters().programsCompiled - before.programsCompiled; }

int64_t residentBytes() {
  malloc_trim(0);
  long all = 0, resident = 0;
  FILE *file = std::fopen("/proc/self/statm", "r");
  if (std::fscanf(file, "%ld %ld", &all, &resident) != 2)
    resident = 0;
  std::fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

// The guide's training loop.
struct Training {
  nn::Sequential model{nn::Linear(4, 16), nn::ReLU(), nn::Linear(16, 3)};
  ember::optim::SGD optimizer{model->parameters(), {.lr = 0.05, .momentum = 0.9}};
  Tensor inputs = ember::randn({8, 4}), labels = ember::randint(0, 3, {8});
  nn::CrossEntropyLoss criterion;

  Tensor step() {
    Tensor loss = criterion(model(inputs), labels);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    return loss;
  }
};

TEST(Recording, ATrainingLoopCompilesAtMostFourPrograms) {
  for (bool looks : {false, true}) {
    ember::manual_seed(0);
    Training training;
    ember::Counters before = ember::counters();
    for (int i = 0; i < 20; ++i) {
      Tensor loss = training.step();
      if (looks)
        loss.item<float>();
    }
    ember::synchronize();
    EXPECT_LE(compiledSince(before), 4) << looks;
  }
}

TEST(Recording, TenThousandStepsCompileNothingAndKeepMemory) {
  for (bool looks : {false, true}) {
    ember::manual_seed(0);
    Training training;
    auto run = [&](int steps) {
      for (int i = 0; i < steps; ++i) {
        Tensor loss = training.step();
        if (looks)
          loss.item<float>();
      }
      ember::synchronize();
    };
    run(200);
    ember::Counters before = ember::counters();
    int64_t resident = residentBytes();
    run(10000);
    EXPECT_EQ(compiledSince(before), 0) << looks;
    EXPECT_EQ(ember::counters().liveBytes, before.liveBytes) << looks;
    EXPECT_LT(residentBytes() - resident, 1 << 20) << looks;
  }
}

TEST(Recording, SchedulesShufflesAndPositionsCompileNothingAfterTheThirdStep) {
  ember::manual_seed(0);
  nn::Sequential model(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, 3));
  ember::optim::AdamW optimizer(model->parameters(), ember::optim::AdamWOptions{.lr = 0.01});
  ember::optim::CosineAnnealingLR schedule(optimizer, 50);
  Tensor data = ember::randn({12, 4}), labels = ember::randint(0, 3, {12}), cache = ember::zeros({8, 40});
  std::vector<int64_t> order = ember::randperm(12).to_vector<int64_t>();
  ember::Counters before;
  for (int i = 0; i < 30; ++i) {
    if (i == 3)
      before = ember::counters();
    std::vector<Tensor> rows, targets;
    for (int sample = 0; sample < 4; ++sample) { // each sample is a view of its own
      int64_t index = order[(i * 4 + sample) % 12];
      rows.push_back(data.select(0, index));
      targets.push_back(labels.select(0, index));
    }
    Tensor loss = nn::CrossEntropyLoss()(model(ember::stack(rows)), ember::stack(targets));
    optimizer.zero_grad();
    loss.backward();
    {
      ember::NoGradGuard noGrad;
      cache.select(1, i).copy_(ember::full({8}, i + 1));
    }
    optimizer.step();
    schedule.step();
  }
  ember::synchronize();
  EXPECT_EQ(compiledSince(before), 0);
  std::vector<float> written = cache.to_vector<float>();
  for (int column = 0; column < 40; ++column)
    EXPECT_EQ(written[column], column < 30 ? column + 1 : 0);
}

// Samples are made one by one; their batches are the loader's.
struct Samples : ember::data::Dataset {
  Tensor inputs = ember::randn({12, 4}), labels = ember::randint(0, 3, {12});
  int64_t size() const override { return inputs.size(0); }
  ember::data::Fields get(int64_t index) const override { return {inputs[index] * 2, labels[index]}; }
};

TEST(Recording, LoadersOfSamplesCompileNothingAfterTheThirdStep) {
  for (int64_t workers : {0, 2}) {
    ember::manual_seed(0);
    nn::Sequential model(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, 3));
    ember::optim::AdamW optimizer(model->parameters(), {.lr = 0.01});
    ember::optim::CosineAnnealingLR schedule(optimizer, 50);
    ember::data::DataLoader loader(Samples(), {.batch_size = 2, .shuffle = true, .num_workers = workers});
    ember::Counters before;
    for (int epoch = 0, step = 0; epoch < 4; ++epoch)
      for (const auto &batch : loader) {
        if (step++ == 3)
          before = ember::counters();
        Tensor loss = nn::CrossEntropyLoss()(model(batch[0]), batch[1]);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        schedule.step();
      }
    ember::synchronize();
    EXPECT_EQ(compiledSince(before), 0) << workers << " workers";
  }
}

// Evaluation looks at nothing until its end: batches must not wait for that.
TEST(Recording, ALoadersBatchesEndPrograms) {
  nn::Linear model(4, 3);
  ember::data::DataLoader loader(Samples(), {.batch_size = 2});
  ember::NoGradGuard noGrad;
  Tensor right = ember::zeros({}, ember::kInt64);
  std::vector<int64_t> pending;
  for (const auto &batch : loader) {
    right = right + (model(batch[0]).argmax(1) == batch[1]).sum();
    pending.push_back(ember::counters().pendingOps);
  }
  EXPECT_EQ(pending, std::vector<int64_t>(6, pending[0]));
  EXPECT_LE(right.item<int64_t>(), 12);
}

TEST(Recording, TheSameProgramFromOtherLinesIsNotCompiledAgain) {
  auto run = [](ember::Here first, ember::Here second) {
    Tensor x = ember::ones({3, 5}).requires_grad_(true, first);
    x.exp(first).sin(second).sum(second).backward({}, false, false, second);
    return x.grad().to_vector<float>();
  };
  ember::Here here = ember::Here::current();
  std::vector<float> gradient = run(here, here);
  ember::Counters before = ember::counters();
  EXPECT_EQ(run(ember::Here::current(), ember::Here::current()), gradient);
  EXPECT_EQ(compiledSince(before), 0);
}

// Looked at before backward(): the same bits, and from the second step on each forward kernel is launched once. Every product is
// a kernel of its own: three of the forward, five of the backward (nobody asks for the inputs' gradient).
TEST(Recording, LooksBeforeBackwardLaunchNothingTwice) {
  constexpr int64_t forward = 3, backward = 5;
  auto products = [](const std::vector<std::string> &names) {
    return std::ranges::count_if(names, [](const std::string &name) { return name.find("matmul") != std::string::npos; });
  };
  auto run = [&](bool looks) {
    ember::manual_seed(3);
    nn::Sequential model(nn::Linear(6, 12), nn::ReLU(), nn::Linear(12, 10), nn::Tanh(), nn::Linear(10, 4));
    Tensor inputs = ember::randn({5, 6}), labels = ember::randint(0, 4, {5});
    std::vector<float> gradients;
    for (int i = 0; i < 5; ++i) {
      ember::LaunchLog whole;
      Tensor loss = nn::CrossEntropyLoss()(model(inputs), labels);
      if (looks) {
        ember::LaunchLog own;
        loss.item<float>();
        EXPECT_EQ(products(own.names), forward);
        whole.names = own.names;
      }
      model->zero_grad();
      loss.backward();
      for (const Tensor &parameter : model->parameters())
        for (float value : parameter.grad().to_vector<float>())
          gradients.push_back(value);
      // The first look keeps nothing, so that loops that only evaluate do not: that backward computes the forward again.
      bool isFirstLook = looks && i == 0;
      EXPECT_EQ(products(whole.names), forward + backward + (isFirstLook ? forward : 0)) << "step " << i;
    }
    return gradients;
  };
  EXPECT_EQ(run(false), run(true));
}

// The same, counted in operations: from the second step on, forward and backward in two programs compute each operation once, as
// the one program does where nobody looks.
TEST(Recording, LooksBeforeBackwardComputeNothingTwice) {
  using Make = std::function<nn::Sequential()>;
  nn::Conv2dOptions padded{.padding = 1};
  const std::vector<std::pair<const char *, Make>> models = {
      {"perceptron", [] { return nn::Sequential(nn::Flatten(), nn::Linear(32, 8), nn::ReLU(), nn::Linear(8, 3)); }},
      {"smooth",
       [] {
         return nn::Sequential(nn::Flatten(), nn::Linear(32, 8), nn::Tanh(), nn::Linear(8, 6), nn::Sigmoid(), nn::Linear(6, 5),
                               nn::GELU(), nn::Linear(5, 3), nn::GELU("tanh"));
       }},
      {"softmax", [] { return nn::Sequential(nn::Flatten(), nn::Linear(32, 8), nn::Softmax(1), nn::Linear(8, 3)); }},
      {"convolutional",
       [&] {
         return nn::Sequential(nn::Conv2d(2, 4, 3, padded), nn::ReLU(), nn::MaxPool2d(2), nn::Flatten(), nn::Linear(16, 3));
       }},
      {"average",
       [&] { return nn::Sequential(nn::Conv2d(2, 4, 3, padded), nn::AvgPool2d(2), nn::Flatten(), nn::Linear(16, 3)); }},
      {"normalized",
       [&] {
         return nn::Sequential(nn::Conv2d(2, 4, 3, padded), nn::BatchNorm2d(4), nn::ReLU(), nn::Flatten(), nn::Linear(64, 3));
       }},
      {"dropped", [] { return nn::Sequential(nn::Flatten(), nn::Linear(32, 8), nn::Dropout(0.25), nn::Linear(8, 3)); }}};
  for (const auto &[name, make] : models) {
    auto run = [&](bool looks, std::vector<int64_t> &operations) {
      ember::manual_seed(3);
      nn::Sequential model = make();
      Tensor inputs = ember::randn({5, 2, 4, 4}), labels = ember::randint(0, 3, {5});
      std::vector<float> gradients;
      for (int i = 0; i < 4; ++i) {
        ember::LaunchLog log;
        Tensor loss = nn::CrossEntropyLoss()(model(inputs), labels);
        if (looks)
          loss.item<float>();
        model->zero_grad();
        loss.backward();
        loss.item<float>();
        for (const Tensor &parameter : model->parameters())
          for (float value : parameter.grad().to_vector<float>())
            gradients.push_back(value);
        operations.push_back(log.operations);
      }
      return gradients;
    };
    std::vector<int64_t> whole, apart;
    EXPECT_EQ(run(false, whole), run(true, apart)) << name;
    for (int i = 1; i < 4; ++i)
      EXPECT_EQ(apart[i], whole[i]) << name << ", step " << i;
  }
}

// Values that are read several times are followed once: a chain of squares is no tree of 2^60 products to the compiler.
TEST(Recording, ManySquaresAreOneKernel) {
  Tensor x = ember::tensor<int64_t>({3, -5, 2}), y = ember::ones({3, 1}, ember::kInt64), sum = x;
  for (int i = 0; i < 60; ++i) {
    x = x * x;
    y = (y + y).transpose(0, 1).transpose(0, 1) * y;
    sum = sum + x;
  }
  uint64_t square = 3, expected = 3;
  for (int i = 0; i < 60; ++i)
    expected += square *= square;
  EXPECT_EQ(static_cast<uint64_t>(sum.to_vector<int64_t>()[0]), expected);
  EXPECT_EQ(y.to_vector<int64_t>(), std::vector<int64_t>(3, 0)); // 2^(2^60 - 1) wraps
}

// Shifted sums of shifted sums are cut into kernels, where one would compute each value for every path to it.
TEST(Recording, ManyShiftsAreSeveralKernels) {
  std::vector<double> expected = {1, 2, 3, 4, 5, 6};
  Tensor x = ember::from_vector(expected, {6});
  ember::LaunchLog log;
  for (int i = 0; i < 24; ++i) {
    x = (x + ember::cat({x.slice(0, 1, 6), x.slice(0, 0, 1)}, 0)) * 0.5;
    std::vector<double> before = expected;
    for (size_t j = 0; j < 6; ++j)
      expected[j] = (before[j] + before[(j + 1) % 6]) * 0.5;
  }
  EXPECT_EQ(x.to_vector<double>(), expected);
  EXPECT_GT(log.names.size(), 4u);
  EXPECT_LT(log.names.size(), 30u);
}

// Rolls of rolls compute nothing: each reads the one before it twice, and a kernel of 26 would follow 2^26 ways.
TEST(Recording, ManyRollsAreSeveralKernels) {
  Tensor x = ember::arange(6);
  ember::LaunchLog log;
  for (int i = 0; i < 26; ++i)
    x = ember::cat({x.slice(0, 1, 6), x.slice(0, 0, 1)}, 0);
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{2, 3, 4, 5, 0, 1}));
  EXPECT_GT(log.names.size(), 1u);
  EXPECT_LT(log.names.size(), 20u);
}

// A label that is known only when the program runs: one line that names the place, and all as before the call.
TEST(Recording, AnErrorAtRunTimeUndoesTheStep) {
  ember::manual_seed(0);
  Training training;
  training.step();
  ember::synchronize();
  std::vector<std::vector<float>> before;
  for (const Tensor &parameter : training.model->parameters())
    before.push_back(parameter.detach().to_vector<float>());
  Tensor good = training.labels;
  training.labels = good + 1000;
  unsigned line = 0;
  std::string what;
  Tensor count = ember::zeros({2});
  try {
    Tensor unrelated = ember::ones({2}) * 3;
    count.add_(unrelated);
    line = __LINE__ + 1;
    Tensor loss = training.criterion(training.model(training.inputs), training.labels);
    training.optimizer.zero_grad();
    loss.backward();
    training.optimizer.step();
    ember::synchronize();
    FAIL() << "no error";
  } catch (const ember::Error &error) {
    what = error.what();
  }
  EXPECT_NE(what.find("recording_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << what;
  EXPECT_NE(what.find("is out of bounds for a dimension with size 3"), std::string::npos) << what;
  EXPECT_EQ(count.to_vector<float>(), (std::vector<float>{3, 3})); // recorded before: still good
  size_t number = 0;
  for (const Tensor &parameter : training.model->parameters())
    EXPECT_EQ(parameter.detach().to_vector<float>(), before[number++]);
  training.labels = good;
  EXPECT_TRUE(std::isfinite(training.step().item<float>()));
}

// Programs that fall out of the cache take their machine code with them.
TEST(Recording, CodeOfProgramsThatAreGoneIsFreed) {
  int count = 150;
  if (const char *text = std::getenv("EMBER_TEST_COUNT"))
    count = std::min(std::atoi(text), 10000);
  constexpr int kept = 10;
  ember::set_programs_kept(kept);
  std::vector<int64_t> objects;
  for (int i = 1; i <= count; ++i) {
    Tensor x = ember::ones({i, 1 + i % 3});
    EXPECT_EQ((x * 3 - 1).sum().item<float>(), 2 * i * (1 + i % 3));
    objects.push_back(ember::counters().codeObjects);
  }
  ember::set_programs_kept(512);
  // Programs of the process, of this thread, and kernels that no program has.
  for (size_t i = 5 * kept; i < objects.size(); ++i)
    ASSERT_LE(objects[i], kept + 2 * kept + 1 + 8 * kept) << "after " << i << " programs";
  EXPECT_LT(objects.back(), count);
}

TEST(Recording, EightThreadsTrainOnSharedData) {
  ember::manual_seed(0);
  Tensor data = ember::randn({16, 4}) * 0.5, target = data.sum({1}, true); // pending when the threads start
  std::vector<std::vector<float>> weights(8);
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number)
    threads.emplace_back([&, number] {
      Tensor weight = ember::zeros({4, 1}).requires_grad_();
      ember::optim::SGD optimizer({weight}, {.lr = 0.1});
      for (int i = 0; i < 10; ++i) {
        Tensor loss = nn::MSELoss()(ember::matmul(data, weight), target);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
      }
      weights[number] = weight.detach().to_vector<float>();
    });
  for (std::thread &thread : threads)
    thread.join();
  for (int number = 1; number < 8; ++number)
    EXPECT_EQ(weights[number], weights[0]);
}

// Handles go from thread to thread, are pending where they were made, and are dropped elsewhere.
TEST(Recording, PendingValuesAreReadAndDroppedByOtherThreads) {
  std::vector<Tensor> made(4);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    std::vector<Tensor> previous = made;
    for (int number = 0; number < 4; ++number)
      threads.emplace_back([&, number] {
        Tensor other = previous[(number + 1) % 4];
        made[number] = other.defined() ? other + 1 : ember::full({3}, number) * 1;
      });
    for (std::thread &thread : threads)
      thread.join();
  }
  for (int number = 0; number < 4; ++number)
    EXPECT_EQ(made[number].to_vector<float>()[0], (number + 19) % 4 + 19);
}

} // namespace
