// What training steps need: the arena against the largest set of live bytes, and the peak of a whole step.
#include <ember/ember.h>
#include <gtest/gtest.h>

namespace nn = ember::nn;

namespace {

struct Block : nn::Module {
  nn::Conv2d first = register_module("first", nn::Conv2d(8, 8, 3, nn::Conv2dOptions{.padding = 1}));
  nn::BatchNorm2d firstNorm = register_module("first_norm", nn::BatchNorm2d(8));
  nn::Conv2d second = register_module("second", nn::Conv2d(8, 8, 3, nn::Conv2dOptions{.padding = 1}));
  nn::BatchNorm2d secondNorm = register_module("second_norm", nn::BatchNorm2d(8));
  ember::Tensor forward(const ember::Tensor &x) override {
    ember::Tensor hidden = firstNorm(first(x)).relu();
    return (secondNorm(second(hidden)) + x).relu();
  }
};

// One step of SGD, as one program; the arena that it needed.
template <typename Model> ember::Counters step(Model &model, ember::optim::SGD &optimizer, const ember::Tensor &input) {
  ember::Tensor loss = (model(input) * model(input)).mean();
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
  loss.item<float>();
  return ember::counters();
}

void expectTight(const ember::Counters &counters) {
  EXPECT_GT(counters.arenaBytes, 0);
  EXPECT_LE(static_cast<double>(counters.arenaBytes), 1.15 * static_cast<double>(counters.arenaLiveBytes));
}

TEST(ArenaOfAStep, Mlp) {
  nn::Sequential model(nn::Linear(64, 128), nn::ReLU(), nn::Linear(128, 128), nn::Tanh(), nn::Linear(128, 10));
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.01, .momentum = 0.9});
  for (int turn = 0; turn < 3; ++turn)
    expectTight(step(model, optimizer, ember::randn({32, 64})));
}

TEST(ArenaOfAStep, ConvolutionalNetwork) {
  nn::Sequential model(nn::Conv2d(1, 8, 3, nn::Conv2dOptions{.padding = 1}), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Conv2d(8, 16, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(16), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Flatten(), nn::Linear(64, 10));
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.01});
  for (int turn = 0; turn < 3; ++turn)
    expectTight(step(model, optimizer, ember::randn({16, 1, 8, 8})));
}

TEST(ArenaOfAStep, ResidualBlock) {
  Block model;
  ember::optim::SGD optimizer(model.parameters(), {.lr = 0.01});
  for (int turn = 0; turn < 3; ++turn)
    expectTight(step(model, optimizer, ember::randn({4, 8, 10, 10})));
}

// Parameters are updated in their own memory: beside parameters, gradients and momenta, which are there before, a step needs its
// new gradients and the arena with the activations.
TEST(PeakOfAStep, IsParametersGradientsAndActivations) {
  nn::Sequential model(nn::Linear(256, 512), nn::ReLU(), nn::Linear(512, 512), nn::ReLU(), nn::Linear(512, 10));
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.01, .momentum = 0.9});
  ember::Tensor input = ember::randn({16, 256});
  for (int turn = 0; turn < 3; ++turn)
    step(model, optimizer, input);
  int64_t parameterBytes = 0;
  for (const ember::Tensor &parameter : model->parameters())
    parameterBytes += parameter.numel() * 4;
  int64_t before = ember::counters().liveBytes;
  ember::reset_peak_bytes();
  ember::Counters after = step(model, optimizer, input);
  EXPECT_LE(after.peakBytes - before, parameterBytes + parameterBytes / 16);
  EXPECT_LE(ember::counters().liveBytes, before);
}

// The digits network: its activations outweigh its parameters, and are what the arena holds.
TEST(PeakOfAStep, OfDigitsIsNewGradientsAndTheArena) {
  nn::Sequential model(nn::Conv2d(1, 8, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(8), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Conv2d(8, 16, 3, nn::Conv2dOptions{.padding = 1}), nn::ReLU(), nn::AvgPool2d(2), nn::Flatten(),
                       nn::Linear(64, 32), nn::GELU(), nn::Linear(32, 10));
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.05});
  ember::Tensor input = ember::randn({32, 1, 8, 8});
  for (int turn = 0; turn < 3; ++turn)
    expectTight(step(model, optimizer, input));
  int64_t gradientBytes = 0;
  for (const ember::Tensor &parameter : model->parameters())
    gradientBytes += parameter.numel() * 4;
  int64_t before = ember::counters().liveBytes;
  ember::reset_peak_bytes();
  ember::Counters after = step(model, optimizer, input);
  EXPECT_LE(after.peakBytes - before, gradientBytes + after.arenaBytes + 1024); // and the loss
  EXPECT_LE(ember::counters().liveBytes, before);
}

} // namespace
