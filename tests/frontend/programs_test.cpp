// Random programs of views, writes, gradients and dropped handles, against a plain model of memory, and however they are cut;
// threads; fork.
#include <ember/ember.h>

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using ember::Tensor;

namespace {

enum class Cut { Never, Always, Random };

// Memory as a plain program would keep it: a storage is an array, a view says which of its elements it looks at.
struct Eager {
  std::shared_ptr<std::vector<double>> storage;
  std::vector<size_t> places;
  std::vector<double> values() const {
    std::vector<double> own;
    for (size_t place : places)
      own.push_back((*storage)[place]);
    return own;
  }
};

struct Both {
  Tensor tensor;
  Eager eager;
};

// One random program; returns every value that was still held at its end.
class Program {
public:
  Program(uint32_t seed, Cut cut) : random(seed), cutting(seed * 7 + 1), cut(cut) {}

  void run(int length) {
    for (int i = 0; i < length; ++i) {
      step();
      bool cutsHere = cut == Cut::Always || (cut == Cut::Random && cutting() % 4 == 0);
      if (cutsHere)
        ember::synchronize();
    }
  }

  void check(uint32_t seed) {
    for (size_t i = 0; i < held.size(); ++i) {
      std::vector<double> found = held[i].tensor.detach().to_vector<double>(), expected = held[i].eager.values();
      ASSERT_EQ(found.size(), expected.size()) << "seed " << seed;
      for (size_t j = 0; j < found.size(); ++j)
        ASSERT_EQ(found[j], expected[j]) << "seed " << seed << ", tensor " << i << ", element " << j;
    }
  }

private:
  size_t pick(size_t count) { return random() % count; }

  void fresh() {
    std::vector<double> values(12);
    for (double &value : values)
      value = static_cast<double>(static_cast<int>(random() % 17)) - 8;
    Eager eager{std::make_shared<std::vector<double>>(values), {}};
    for (size_t i = 0; i < values.size(); ++i)
      eager.places.push_back(i);
    held.push_back({ember::from_vector(values, {3, 4}), eager});
  }

  void step() {
    if (held.size() < 2)
      return fresh();
    Both &one = held[pick(held.size())], &other = held[pick(held.size())];
    switch (pick(8)) {
    case 0:
      return fresh();
    case 1: { // arithmetic gives a new storage
      if (one.tensor.sizes() != other.tensor.sizes())
        return;
      Both made{one.tensor * 2 - other.tensor, {}};
      std::vector<double> a = one.eager.values(), b = other.eager.values();
      for (size_t i = 0; i < a.size(); ++i)
        a[i] = 2 * a[i] - b[i];
      own(made, a);
      return;
    }
    case 2: { // a slice
      if (one.tensor.dim() == 0 || one.tensor.size(0) == 0)
        return;
      int64_t rows = one.tensor.size(0), start = static_cast<int64_t>(pick(rows));
      int64_t step = 1 + static_cast<int64_t>(pick(2));
      Both made{one.tensor.slice(0, start, rows, step), {one.eager.storage, {}}};
      size_t width = one.eager.places.size() / rows;
      for (int64_t row = start; row < rows; row += step)
        for (size_t i = 0; i < width; ++i)
          made.eager.places.push_back(one.eager.places[row * width + i]);
      held.push_back(made);
      return;
    }
    case 3: { // a transpose
      if (one.tensor.dim() != 2)
        return;
      int64_t rows = one.tensor.size(0), columns = one.tensor.size(1);
      Both made{one.tensor.t(), {one.eager.storage, {}}};
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t row = 0; row < rows; ++row)
          made.eager.places.push_back(one.eager.places[row * columns + column]);
      held.push_back(made);
      return;
    }
    case 4: { // a row
      if (one.tensor.dim() != 2 || one.tensor.size(0) == 0)
        return;
      int64_t rows = one.tensor.size(0), row = static_cast<int64_t>(pick(rows));
      size_t width = one.eager.places.size() / rows;
      Both made{one.tensor.select(0, row), {one.eager.storage, {}}};
      made.eager.places.assign(one.eager.places.begin() + row * width, one.eager.places.begin() + (row + 1) * width);
      held.push_back(made);
      return;
    }
    case 5: { // a write of a number
      double number = static_cast<double>(static_cast<int>(pick(9))) - 4;
      one.tensor.add_(number);
      for (size_t place : one.eager.places)
        (*one.eager.storage)[place] += number;
      return;
    }
    case 6: { // a write of another tensor, read as it was before
      if (one.tensor.sizes() != other.tensor.sizes())
        return;
      std::vector<double> from = other.eager.values();
      one.tensor.copy_(other.tensor);
      for (size_t i = 0; i < from.size(); ++i)
        (*one.eager.storage)[one.eager.places[i]] = from[i];
      return;
    }
    default: // a dropped handle
      held.erase(held.begin() + static_cast<long>(pick(held.size())));
    }
  }

  void own(Both &made, const std::vector<double> &values) {
    made.eager.storage = std::make_shared<std::vector<double>>(values);
    for (size_t i = 0; i < values.size(); ++i)
      made.eager.places.push_back(i);
    held.push_back(made);
  }

  std::mt19937 random, cutting;
  Cut cut;
  std::vector<Both> held;
};

TEST(RandomPrograms, AgreeWithPlainMemoryHoweverTheyAreCut) {
  int count = 2000;
  if (const char *text = std::getenv("EMBER_TEST_COUNT"))
    count = std::atoi(text);
  for (uint32_t seed = 1; seed <= static_cast<uint32_t>(count); ++seed)
    for (Cut cut : {Cut::Never, Cut::Always, Cut::Random}) {
      Program program(seed, cut);
      program.run(14);
      program.check(seed);
      if (testing::Test::HasFatalFailure())
        return;
    }
}

// Gradients through views and writes, cut anywhere, are the same bits.
TEST(RandomPrograms, GradientsDoNotDependOnTheCut) {
  auto run = [](uint32_t seed, Cut cut) {
    std::mt19937 random(seed), cutting(seed + 5);
    ember::manual_seed(seed);
    Tensor x = ember::randn({3, 4}, ember::kFloat64).requires_grad_();
    Tensor y = x * 1.5;
    for (int i = 0; i < 6; ++i) {
      switch (random() % 5) {
      case 0:
        y = y.sin() + x;
        break;
      case 1:
        y = y.clone();
        y.select(0, static_cast<int64_t>(random() % 3)).mul_(2.5);
        break;
      case 2:
        y = y.t().reshape({4, 3}).t();
        break;
      case 3:
        y = y * x.detach();
        break;
      default:
        y = y - y.mean({1}, true);
      }
      if (cut == Cut::Always || (cut == Cut::Random && cutting() % 2))
        ember::synchronize();
    }
    (y * y).sum().backward();
    return x.grad().to_vector<double>();
  };
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::vector<double> whole = run(seed, Cut::Never);
    EXPECT_EQ(whole, run(seed, Cut::Always)) << seed;
    EXPECT_EQ(whole, run(seed, Cut::Random)) << seed;
  }
}

TEST(Threads, EightRecordWithSharedTensors) {
  Tensor shared = ember::arange(64).to(ember::kFloat64);
  std::vector<std::thread> threads;
  std::vector<double> sums(8);
  for (int number = 0; number < 8; ++number)
    threads.emplace_back([&, number] {
      ember::NoGradGuard noGrad;
      for (int i = 0; i < 20; ++i) {
        Tensor own = shared * (number + 1) + i;
        sums[number] = own.sum().item<double>();
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  for (int number = 0; number < 8; ++number)
    EXPECT_EQ(sums[number], 2016.0 * (number + 1) + 64 * 19);
}

TEST(Threads, NoGradIsOfTheThread) {
  ember::NoGradGuard noGrad;
  bool elsewhere = false;
  std::thread([&] { elsewhere = ember::is_grad_enabled(); }).join();
  EXPECT_TRUE(elsewhere);
  EXPECT_FALSE(ember::is_grad_enabled());
}

TEST(Fork, ChildrenGoOn) {
  namespace nn = ember::nn;
  ember::manual_seed(0);
  nn::Linear model(8, 4);
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  auto step = [&] {
    optimizer.zero_grad();
    Tensor loss = (model(ember::ones({4, 8})) * 0.5).sum();
    loss.backward();
    optimizer.step();
    return loss.item<float>();
  };
  step();
  for (int i = 0; i < 100; ++i) {
    pid_t child = fork();
    if (child == 0)
      _exit(std::isfinite(step()) && std::isfinite(step()) ? 0 : 1);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "child " << i;
  }
}

} // namespace
