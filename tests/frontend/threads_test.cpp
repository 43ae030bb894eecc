// Threads that record with shared tensors, and what is refused of them; forks; EMBER_SYNC.
#include <ember/ember.h>

#include "Message.h"
#include "Shell.h"

#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace nn = ember::nn;
using ember::Tensor;

namespace {

template <typename Call> void onThreads(int count, Call call) {
  std::vector<std::thread> threads;
  for (int number = 0; number < count; ++number)
    threads.emplace_back([&, number] { call(number); });
  for (std::thread &thread : threads)
    thread.join();
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

// A leaf belongs to no thread: each may record with it, and all add to its gradient.
TEST(GradientsAcrossThreads, LeavesAreShared) {
  Tensor weight = ember::arange(6).to(ember::kFloat64).detach().clone().requires_grad_(), view = weight.view({2, 3});
  onThreads(8, [&](int number) {
    for (int i = 0; i < 5; ++i)
      (weight * (number + 1)).sum().backward();
    (view.t() * number).sum().backward(); // a view made elsewhere
  });
  EXPECT_EQ(weight.grad().to_vector<double>(), std::vector<double>(6, 5 * 36 + 28));
}

TEST(GradientsAcrossThreads, AModelIsTrainedByWhicheverThreadHasIt) {
  auto run = [](bool moves) {
    ember::manual_seed(0);
    nn::Sequential model(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 1));
    ember::optim::AdamW optimizer(model->parameters(), ember::optim::AdamWOptions{.lr = 0.05});
    Tensor inputs = ember::randn({6, 4}), targets = ember::randn({6, 1});
    auto step = [&] {
      optimizer.zero_grad();
      nn::MSELoss()(model(inputs), targets).backward();
      optimizer.step();
    };
    for (int i = 0; i < 4; ++i)
      moves ? std::thread(step).join() : step();
    std::vector<float> all;
    for (const Tensor &parameter : model->parameters())
      for (float value : parameter.detach().to_vector<float>())
        all.push_back(value);
    return all;
  };
  EXPECT_EQ(run(true), run(false));
}

// What one thread recorded is differentiated there: a graph has one thread.
TEST(GradientsAcrossThreads, GraphsStayWhereTheyWereRecorded) {
  Tensor x = ember::ones({3}).requires_grad_(), loss;
  std::thread([&] { loss = (x * 2).sum(); }).join();
  const std::string text =
      "error: a tensor that requires a gradient was recorded on another thread: use it there, or detach() it";
  unsigned line = __LINE__ + 1;
  std::string backward = errorOf([&] { loss.backward(); });
  std::string place = "threads_test.cpp:" + std::to_string(line) + ":";
  EXPECT_NE(backward.find(place), std::string::npos) << backward;
  EXPECT_NE(backward.find(text), std::string::npos) << backward;
  EXPECT_NE(errorOf([&] { loss + 1; }).find(text), std::string::npos);
  EXPECT_NE(errorOf([&] { ember::autograd::grad({loss}, {x}); }).find(text), std::string::npos);
  EXPECT_EQ(loss.item<float>(), 6); // its value may be looked at anywhere
  EXPECT_EQ(loss.detach().item<float>(), 6);
  EXPECT_FALSE(x.grad().defined());
  (x * 2).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>(3, 2));
}

// Children have none of the pool's threads, which are at work here.
int64_t threadsOfProcess() {
  std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

TEST(Fork, ChildrenGoOnWithThreadsOfTheirOwn) {
  int threads = ember::get_num_threads();
  ember::set_num_threads(4);
  ember::manual_seed(0);
  nn::Linear model(256, 256);
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  Tensor inputs = ember::ones({64, 256});
  auto step = [&] {
    optimizer.zero_grad();
    Tensor loss = (model(inputs) * 0.5).mean();
    loss.backward();
    optimizer.step();
    return loss.item<float>();
  };
  step();
  for (int i = 0; i < 100; ++i) {
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      bool isWell = std::isfinite(step()) && std::isfinite(step());
      if (i < 5) // a program that the parent has not
        isWell &= (ember::ones({i + 2, 7}) * 3).sum().item<float>() == 21.0f * (i + 2);
      _exit(isWell && threadsOfProcess() == 4 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "child " << i;
  }
  ember::set_num_threads(threads);
}

// EMBER_SYNC=1 is read once, so a process of its own runs this test again with it.
TEST(Synchronous, RunsEachOperationBeforeTheNext) {
  auto results = [] {
    ember::manual_seed(0);
    nn::Sequential model(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 3));
    ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1, .momentum = 0.9});
    Tensor inputs = ember::randn({6, 4}), labels = ember::randint(0, 3, {6});
    std::string text;
    for (int i = 0; i < 3; ++i) {
      Tensor loss = nn::CrossEntropyLoss()(model(inputs), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      char number[32];
      std::snprintf(number, sizeof number, " %a", static_cast<double>(loss.item<float>()));
      text += number;
    }
    return "losses" + text + "\n";
  };
  if (!std::getenv("EMBER_SYNC")) {
    std::string own = std::filesystem::read_symlink("/proc/self/exe");
    Outcome child = shell("EMBER_SYNC=1 " + own + " --gtest_filter=Synchronous.RunsEachOperationBeforeTheNext");
    EXPECT_EQ(child.status, 0) << child.text;
    EXPECT_NE(child.text.find(results()), std::string::npos) << child.text; // the same bits
    return;
  }
  std::printf("%s", results().c_str());
  Tensor x = ember::arange(5).to(ember::kFloat32);
  int64_t run = ember::counters().programsRun;
  Tensor y = x * 3, z = y * 3; // x and y have run
  EXPECT_EQ(ember::counters().programsRun, run + 2);
  Tensor bad = ember::arange(2) + 4;
  unsigned line = __LINE__ + 1;
  Tensor taken = ember::index_select(z, 0, bad);
  std::string error = errorOf([&] { x + 1; }); // what comes next finds it failed
  EXPECT_NE(error.find("threads_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << error;
  EXPECT_NE(error.find("index 5 is out of bounds for a dimension with size 5"), std::string::npos) << error;
  EXPECT_EQ((z + 1).to_vector<float>(), (std::vector<float>{1, 10, 19, 28, 37}));
}

} // namespace
