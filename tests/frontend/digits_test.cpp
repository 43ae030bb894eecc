// Training on the digits against PyTorch's losses for the same seed (tests/golden/make_digits_losses.py).
#include <ember/ember.h>

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace nn = ember::nn;
using ember::ScalarType;

namespace {

std::vector<double> golden(const std::string &name) {
  std::ifstream file(EMBER_TESTS_DIR "/golden/digits_losses.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first != name)
      continue;
    std::vector<double> losses;
    for (double loss; words >> loss;)
      losses.push_back(loss);
    return losses;
  }
  return {};
}

template <typename MakeOptimizer>
std::vector<double> train(ScalarType dtype, bool dropout, MakeOptimizer makeOptimizer, int steps) {
  ember::manual_seed(0);
  ember::Tensor rows = ember::load_npy(EMBER_TESTS_DIR "/data/digits.npy");
  ember::Tensor images = rows.narrow(1, 0, 64).to(dtype).div(16).reshape({1797, 1, 8, 8});
  ember::Tensor labels = rows.select(1, 64).to(ember::kInt64);
  nn::Sequential model;
  model->push_back(nn::Conv2d(1, 8, 3, nn::Conv2dOptions{.padding = 1}));
  model->push_back(nn::BatchNorm2d(8));
  model->push_back(nn::ReLU());
  model->push_back(nn::MaxPool2d(2));
  model->push_back(nn::Conv2d(8, 16, 3, nn::Conv2dOptions{.padding = 1}));
  model->push_back(nn::ReLU());
  model->push_back(nn::AvgPool2d(2));
  model->push_back(nn::Flatten());
  if (dropout)
    model->push_back(nn::Dropout(0.25));
  model->push_back(nn::Linear(64, 32));
  model->push_back(nn::GELU());
  model->push_back(nn::Linear(32, 10));
  model->to(dtype);
  ember::data::DataLoader loader(ember::data::TensorDataset(images, labels),
                                 {.batch_size = 32, .shuffle = true, .drop_last = true});
  auto optimizer = makeOptimizer(model->parameters());
  std::vector<double> losses;
  for (const auto &batch : loader) {
    optimizer->zero_grad();
    ember::Tensor loss = nn::CrossEntropyLoss()(model(batch[0]), batch[1]);
    loss.backward();
    optimizer->step();
    losses.push_back(loss.item<double>());
    if (static_cast<int>(losses.size()) == steps)
      break;
  }
  return losses;
}

void expectClose(const std::vector<double> &found, const std::string &name, double first5, double rest) {
  std::vector<double> expected = golden(name);
  ASSERT_EQ(expected.size(), 50u);
  ASSERT_EQ(found.size(), 50u);
  for (size_t step = 0; step < found.size(); ++step)
    EXPECT_NEAR(found[step], expected[step], step < 5 ? first5 : rest) << name << ", step " << step;
}

TEST(Digits, SgdInDouble) {
  auto make = [](auto parameters) {
    return std::make_unique<ember::optim::SGD>(
        parameters, ember::optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-4, .nesterov = true});
  };
  expectClose(train(ember::kFloat64, false, make, 50), "f64_sgd", 1e-9, 1e-9);
}

TEST(Digits, AdamWInDouble) {
  auto make = [](auto parameters) {
    return std::make_unique<ember::optim::AdamW>(parameters, ember::optim::AdamWOptions{.lr = 3e-3});
  };
  expectClose(train(ember::kFloat64, false, make, 50), "f64_adamw", 1e-9, 1e-9);
}

TEST(Digits, DropoutInDouble) {
  auto make = [](auto parameters) {
    return std::make_unique<ember::optim::SGD>(parameters, ember::optim::SGDOptions{.lr = 0.1});
  };
  expectClose(train(ember::kFloat64, true, make, 50), "f64_dropout", 1e-9, 1e-9);
}

TEST(Digits, SgdInSingle) {
  auto make = [](auto parameters) {
    return std::make_unique<ember::optim::SGD>(parameters, ember::optim::SGDOptions{.lr = 0.05});
  };
  expectClose(train(ember::kFloat32, false, make, 50), "f32_sgd", 1e-5, 1e-3);
}

TEST(Digits, DropoutAndAdamWInSingle) {
  auto make = [](auto parameters) {
    return std::make_unique<ember::optim::AdamW>(parameters, ember::optim::AdamWOptions{.lr = 1e-3});
  };
  expectClose(train(ember::kFloat32, true, make, 50), "f32_dropout", 1e-5, 1e-3);
}

TEST(Digits, FewProgramsAndFlatMemory) {
  auto make = [](auto parameters) {
    return std::make_unique<ember::optim::SGD>(parameters, ember::optim::SGDOptions{.lr = 0.05});
  };
  train(ember::kFloat32, false, make, 10);
  auto before = ember::counters();
  train(ember::kFloat32, false, make, 44);
  auto after = ember::counters();
  EXPECT_LE(after.programsCompiled - before.programsCompiled, 1);
  EXPECT_LT(after.liveBytes - before.liveBytes, 1 << 20);
}

} // namespace
