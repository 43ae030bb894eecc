// A program that cannot be compiled or has no memory is undone whole: what was there before it stays, and work goes on.
#include <ember/ember.h>

#include "Message.h"
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;

namespace {

using Values = std::vector<float>;

// No program that is new can be compiled while it lives: its stages have nowhere to go.
struct NothingCompiles {
  NothingCompiles() { ::setenv("EMBER_DUMP", "/dev/null/dump", 1); }
  ~NothingCompiles() { ::unsetenv("EMBER_DUMP"); }
};
const char *const kText = "EMBER_DUMP: /dev/null/dump/program-";

Values valuesOf(const std::vector<Tensor> &tensors) {
  Values all;
  for (const Tensor &tensor : tensors)
    for (float value : tensor.detach().to_vector<float>())
      all.push_back(value);
  return all;
}

TEST(CompileFaults, AreErrorsAtTheLook) {
  Tensor x = ember::ones({3, 17}), y = x + 2;
  NothingCompiles nothing;
  unsigned line = __LINE__ + 1;
  std::string error = errorOf([&] { y.to_vector<float>(); });
  EXPECT_NE(error.find("compile_faults_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << error;
  EXPECT_NE(error.find(kText), std::string::npos) << error;
  EXPECT_EQ(messageOf([&] { y.to_vector<float>(); }), "this tensor has no value: the program that was to compute it failed");
  EXPECT_EQ(x.to_vector<float>(), Values(51, 1));
}

TEST(CompileFaults, LeaveStoragesGradientsAndTapesAsBefore) {
  Tensor count = ember::zeros({19}), x = ember::ones({19}).requires_grad_();
  Tensor kept = (x * 3).exp();
  kept.to_vector<float>(); // its tape is kept
  (x * 2).sum().backward();
  ember::synchronize();
  {
    NothingCompiles nothing;
    count.add_(5);
    (x * x * 7).sum().backward();
    Tensor lost = kept * 2;
    EXPECT_NE(messageOf([] { ember::synchronize(); }).find(kText), std::string::npos);
  }
  ember::synchronize(); // nothing is left to fail
  EXPECT_EQ(count.to_vector<float>(), Values(19));
  EXPECT_EQ(x.grad().to_vector<float>(), Values(19, 2));
  kept.sum().backward();
  EXPECT_NEAR(x.grad().to_vector<float>()[0], 2 + 3 * std::exp(3.0), 1e-4);
  count.add_(1);
  EXPECT_EQ(count.to_vector<float>(), Values(19, 1));
}

// A training run in which a step could not be compiled is, bit for bit, the run without that step.
TEST(CompileFaults, FailedStepsHaveNotBeenTaken) {
  auto train = [](bool fails) {
    ember::manual_seed(0);
    nn::Sequential model(nn::Linear(4, 11), nn::ReLU(), nn::Linear(11, 3));
    optim::AdamW optimizer(model->parameters(), {.lr = 0.05});
    Tensor inputs = ember::randn({6, 4}), labels = ember::randint(0, 3, {6});
    auto step = [&](int64_t samples) {
      optimizer.zero_grad();
      nn::CrossEntropyLoss()(model(inputs.narrow(0, 0, samples)), labels.narrow(0, 0, samples)).backward();
      optimizer.step();
      ember::synchronize();
    };
    for (int i = 0; i < 4; ++i) {
      if (fails && i != 1) { // at the first step, too; each time with a program that is new
        Values before = valuesOf(model->parameters());
        NothingCompiles nothing;
        EXPECT_NE(messageOf([&] { step(2 + i); }).find(kText), std::string::npos);
        EXPECT_EQ(valuesOf(model->parameters()), before);
      }
      step(6);
    }
    for (const auto &[number, state] : optimizer.state_dict().state)
      EXPECT_EQ(state.at("step").item<float>(), 4);
    return valuesOf(model->parameters());
  };
  EXPECT_EQ(train(true), train(false));
}

TEST(CompileFaults, TracesNameTheirLine) {
  nn::Linear model(3, 5);
  NothingCompiles nothing;
  unsigned line = __LINE__ + 1;
  std::string error = errorOf([&] { ember::jit::trace(model, {ember::ones({2, 3})}); });
  EXPECT_NE(error.find("compile_faults_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << error;
  EXPECT_NE(error.find(kText), std::string::npos) << error;
}

TEST(CompileFaults, NoMemoryIsUndoneToo) {
  constexpr int64_t k2To21 = int64_t(1) << 21;
  Tensor count = ember::zeros({3}), column = ember::ones({k2To21, 1}), row = ember::ones({1, k2To21});
  for (bool between : {false, true}) {
    count.add_(1);
    Tensor huge = between ? matmul(matmul(column, row), column) : column + row;
    EXPECT_EQ(messageOf([] { ember::synchronize(); }).substr(0, 15), "out of memory: ");
    ember::synchronize();
    EXPECT_EQ(count.to_vector<float>(), Values(3));
  }
}

} // namespace
