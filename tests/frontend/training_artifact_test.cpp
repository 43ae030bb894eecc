// Training artifacts: a C program trains to the in-process losses bit for bit, goes on from a checkpoint, and gets one line for a
// mistake.
#include <ember/ember.h>

#include "Shell.h"
#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kBatch = 32;

nn::Sequential makeModel() {
  ember::manual_seed(0);
  return nn::Sequential(nn::Conv2d(1, 8, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(8), nn::ReLU(), nn::MaxPool2d(2),
                        nn::Flatten(), nn::Dropout(0.25), nn::Linear(128, 10));
}

struct Digits {
  ember::Tensor images, labels;
  Digits() {
    ember::Tensor all = ember::load_npy(EMBER_TESTS_DIR "/data/digits.npy");
    std::vector<int64_t> training;
    for (int64_t i = 0; i < all.size(0); ++i)
      if (i % 5 != 4)
        training.push_back(i);
    ember::Tensor rows = ember::copy_rows(all, training);
    images = rows.narrow(1, 0, 64).to(ember::kFloat32).div(16).reshape({rows.size(0), 1, 8, 8});
    labels = rows.select(1, 64).to(ember::kInt64);
  }
  std::vector<ember::Tensor> example() const { return {images.narrow(0, 0, kBatch), labels.narrow(0, 0, kBatch)}; }
};

// Losses of whole epochs, the short batch at the end of each included, printed as the C program prints them.
std::string trainInProcess(nn::Sequential &model, optim::Optimizer &optimizer, const Digits &digits, int epochs) {
  ember::data::DataLoader loader(ember::data::TensorDataset(digits.images, digits.labels),
                                 {.batch_size = kBatch, .shuffle = true, .generator = {}});
  model->train();
  std::string text;
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (const auto &batch : loader) {
      optimizer.zero_grad();
      ember::Tensor loss = nn::CrossEntropyLoss()(model(batch[0]), batch[1]);
      loss.backward();
      optimizer.step();
      char line[40];
      std::snprintf(line, sizeof line, "%.9g\n", static_cast<double>(loss.item<float>()));
      text += line;
    }
  return text;
}

std::string lastLines(const std::string &text, int count) {
  size_t at = text.size() - 1;
  while (count-- > 0 && at != std::string::npos)
    at = text.rfind('\n', at - 1);
  return text.substr(at + 1);
}

// The library and the program of frontend/examples, built with plain cc.
struct Built {
  Folder folder{"ember_digits_train"};
  std::string program;
  explicit Built(nn::Sequential &model, optim::Optimizer &optimizer, const Digits &digits) {
    ember::jit::compile_train(model, nn::CrossEntropyLoss(), optimizer, digits.example(), folder.file("libdigits_train.so"),
                              "digits_train", {.dims = {{{0, "B"}}, {{0, "B"}}}});
    std::string path = folder.path.string();
    Outcome built =
        shell("cc -std=c99 -Wall -Wextra -Werror -O1 " EMBER_TESTS_DIR "/../frontend/examples/digits_train.c -I" + path + " -L" +
              path + " -l:libdigits_train.so -Wl,-rpath," + path + " -lm -o " + folder.file("digits_train"));
    EXPECT_EQ(built.status, 0) << built.text;
    program = folder.file("digits_train") + " " EMBER_TESTS_DIR "/data/digits.npy ";
  }
};

TEST(TrainingArtifact, TrainsDigitsToTheLossesOfThisProcess) {
  Digits digits;
  nn::Sequential model = makeModel();
  optim::AdamW optimizer(model->parameters(), {.lr = 3e-3});
  Built built(model, optimizer, digits);
  ember::manual_seed(7);
  std::string expected = trainInProcess(model, optimizer, digits, 2);
  EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), 2 * 45);
  EXPECT_EQ(shell(built.program + "2 --losses --seed 7").text, expected);
  EXPECT_EQ(shell("EMBER_LEVEL=x86-64-v3 EMBER_NUM_THREADS=1 " + built.program + "2 --losses --seed 7").text, expected)
      << "AVX2 on one thread";

  // Saved, loaded by another process, and gone on with: the losses of the run that was not interrupted.
  std::string checkpoint = built.folder.file("state.safetensors");
  EXPECT_EQ(shell(built.program + "1 --losses --seed 7 --save " + checkpoint).status, 0);
  std::string resumed = shell(built.program + "1 --losses --load " + checkpoint).text;
  EXPECT_EQ(resumed, lastLines(expected, 45));

  // The same file serves this process, and the other way round.
  nn::Sequential other = makeModel();
  optim::AdamW otherOptimizer(other->parameters(), {.lr = 1});
  ember::Generator generator = ember::default_generator();
  ember::load({&*other, &otherOptimizer, &generator}, checkpoint);
  EXPECT_EQ(trainInProcess(other, otherOptimizer, digits, 1), resumed);
  std::string own = built.folder.file("own.safetensors");
  ember::save({&*other, &otherOptimizer, &generator}, own);
  std::string third = trainInProcess(other, otherOptimizer, digits, 1);
  EXPECT_EQ(shell(built.program + "1 --losses --load " + own).text, third);

  EXPECT_EQ(librariesBeside(built.folder.file("libdigits_train.so")), "");
}

} // namespace
