// Trains a small CNN on the 8x8 handwritten digits with the compiled training step, traces it, and compiles it to a
// standalone executable, a shared library with a C header and a package; before that, the step itself to a training library.
//   digits DATA.npy OUT_FOLDER
#include <ember/ember.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iomanip>

namespace nn = ember::nn;

constexpr int64_t kImages = 1797, kEpochs = 20, kBatch = 32;

static nn::Sequential makeModel() {
  return nn::Sequential{nn::Conv2d(1, 16, 3, nn::Conv2dOptions{.padding = 1}),
                        nn::BatchNorm2d(16),
                        nn::ReLU(),
                        nn::MaxPool2d(2),
                        nn::Conv2d(16, 32, 3, nn::Conv2dOptions{.padding = 1}),
                        nn::ReLU(),
                        nn::MaxPool2d(2),
                        nn::Flatten(),
                        nn::Dropout(0.25),
                        nn::Linear(128, 10)};
}

// The file holds one row an image: 64 pixels of 0…16, then the label. Every fifth image is for the test: neighbours are by the
// same writers, so a split by halves would test on writers never seen.
struct Digits {
  ember::Tensor images, labels;
  Digits(const ember::Tensor &all, bool forTest) {
    std::vector<int64_t> chosen;
    for (int64_t i = 0; i < kImages; ++i)
      if ((i % 5 == 4) == forTest)
        chosen.push_back(i);
    ember::Tensor rows = ember::copy_rows(all, chosen);
    images = rows.narrow(1, 0, 64).to(ember::kFloat32).div(16).reshape({rows.size(0), 1, 8, 8});
    labels = rows.select(1, 64).to(ember::kInt64);
  }
};

static double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Every step's loss is written to `losses`, so that other programs can compare.
static void train(nn::Sequential &model, ember::optim::Optimizer &optimizer, const Digits &digits, std::ostream &losses) {
  ember::data::TensorDataset dataset(digits.images, digits.labels);
  ember::data::DataLoader loader(dataset, {.batch_size = kBatch, .shuffle = true});
  ember::optim::CosineAnnealingLR schedule(optimizer, kEpochs);
  nn::CrossEntropyLoss lossFunction;
  model->train();
  for (int64_t epoch = 1; epoch <= kEpochs; ++epoch) {
    auto start = std::chrono::steady_clock::now();
    float shown = 0;
    for (const auto &batch : loader) {
      optimizer.zero_grad();
      ember::Tensor loss = lossFunction(model(batch[0]), batch[1]);
      loss.backward();
      optimizer.step();
      shown = loss.item<float>();
      losses << std::setprecision(9) << shown << "\n";
    }
    schedule.step();
    std::printf("\rtraining: epoch %2lld of %lld, loss %.4f, %.0f us a step ", static_cast<long long>(epoch),
                static_cast<long long>(kEpochs), shown, secondsSince(start) / loader.size() * 1e6);
    std::fflush(stdout);
  }
  std::printf("\n");
}

static double accuracy(nn::Sequential &model, const ember::Tensor &images, const ember::Tensor &labels) {
  model->eval();
  ember::NoGradGuard noGrad;
  return (model(images).argmax(1) == labels).to(ember::kFloat64).mean().item<double>();
}

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: digits DATA.npy OUT_FOLDER\n");
    return 1;
  }
  try {
    std::string folder = argv[2];
    ember::manual_seed(0);
    ember::Tensor rows = ember::load_npy(argv[1]);
    Digits training(rows, false), test(rows, true);
    nn::Sequential model = makeModel();
    ember::optim::AdamW optimizer(model->parameters(), {.lr = 3e-3});
    std::vector<ember::Tensor> batch{training.images.narrow(0, 0, kBatch), training.labels.narrow(0, 0, kBatch)};
    ember::jit::TraceOptions anyBatch{.dims = {{{0, "B"}}, {{0, "B"}}}};
    ember::jit::compile_train(model, nn::CrossEntropyLoss(), optimizer, batch, folder + "/libdigits_train.so", "digits_train",
                              anyBatch);
    std::ofstream losses(folder + "/losses.txt");
    train(model, optimizer, training, losses);
    std::printf("test accuracy in process: %.2f %%\n", 100 * accuracy(model, test.images, test.labels));

    ember::save_npy(folder + "/test_images.npy", test.images);
    ember::save_npy(folder + "/test_labels.npy", test.labels);
    ember::jit::TracedModule traced = ember::jit::trace(model, {test.images}, {.dims = {{{0, "B"}}}});
    traced.compile(folder + "/digits");
    traced.compile(folder + "/libdigits.so", "digits");
    traced.save(folder + "/digits.ember");
  } catch (const ember::Error &error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
