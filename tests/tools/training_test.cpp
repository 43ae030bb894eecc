// ember compile --train: a package of a traced model becomes a library that trains to the losses of this process, bit for bit.
#include <ember/ember.h>

#include "frontend/CTensor.h"
#include "frontend/Shell.h"
#include <dlfcn.h>
#include <functional>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;

namespace {

constexpr int64_t kBatch = 4, kFeatures = 5, kClasses = 3, kSteps = 4;

// Samples of each step.
using Counts = std::vector<int64_t>;
const Counts kSame(kSteps, kBatch), kOthers{kBatch, 7, 1, 2};

nn::Sequential makeModel() {
  ember::manual_seed(3);
  return nn::Sequential(nn::Linear(kFeatures, 8), nn::Tanh(), nn::Linear(8, kClasses));
}

ember::Tensor inputOf(int64_t step, int64_t count = kBatch) {
  ember::manual_seed(100 + step);
  return ember::randn({count, kFeatures});
}
ember::Tensor labelsOf(int64_t step, int64_t count) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i)
    labels.push_back((step + i * i) % kClasses);
  return ember::from_vector(labels, {count});
}
ember::Tensor numbersOf(int64_t step, int64_t count) {
  ember::manual_seed(200 + step);
  return ember::randn({count, kClasses});
}

using Targets = ember::Tensor (*)(int64_t step, int64_t count);

std::vector<double> lossesInProcess(nn::Sequential &model, optim::Optimizer &optimizer, const ember::jit::Loss &loss,
                                    Targets targets, const Counts &counts) {
  std::vector<double> losses;
  model->train();
  for (int64_t step = 0; step < kSteps; ++step) {
    optimizer.zero_grad();
    ember::Tensor value = loss(model(inputOf(step, counts[step])), targets(step, counts[step]));
    value.backward();
    optimizer.step();
    losses.push_back(value.item<float>());
  }
  return losses;
}

std::vector<double> lossesOfLibrary(const std::string &path, Targets targets, const Counts &counts) {
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    ADD_FAILURE() << dlerror();
    return {};
  }
  auto create = reinterpret_cast<void *(*)(uint32_t)>(dlsym(handle, "net_create"));
  auto destroy = reinterpret_cast<void (*)(void *)>(dlsym(handle, "net_destroy"));
  auto error = reinterpret_cast<const char *(*)(void *)>(dlsym(handle, "net_error"));
  auto step = reinterpret_cast<int (*)(void *, const CTensor *, uint32_t, double *)>(dlsym(handle, "net_step"));
  void *model = create(1);
  std::vector<double> losses;
  for (int64_t number = 0; number < kSteps; ++number) {
    std::vector<char> bytes[2];
    ember::Tensor batch[] = {inputOf(number, counts[number]), targets(number, counts[number])};
    ember::Shape sizes[] = {batch[0].sizes(), batch[1].sizes()};
    CTensor inputs[] = {cTensor(batch[0], sizes[0], bytes[0]), cTensor(batch[1], sizes[1], bytes[1])};
    double loss = -1;
    EXPECT_EQ(step(model, inputs, 2, &loss), 0) << error(model);
    losses.push_back(loss);
  }
  destroy(model);
  dlclose(handle);
  return losses;
}

struct Row {
  const char *loss, *optimizer;
  std::function<std::unique_ptr<optim::Optimizer>(std::vector<ember::Tensor>)> make;
};

template <typename Kind, typename Options> auto maker(Options options) {
  return [options](std::vector<ember::Tensor> parameters) { return std::make_unique<Kind>(std::move(parameters), options); };
}

const Row kRows[] = {
    {"mse", "sgd:lr=0.1", maker<optim::SGD>(optim::SGDOptions{.lr = 0.1})},
    {"mse:target=f32[4, 3]", "sgd:lr=0.05,momentum=0.9,dampening=0.1,weight_decay=0.01",
     maker<optim::SGD>(optim::SGDOptions{.lr = 0.05, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01})},
    {"cross_entropy:target=i64[4]", "sgd:lr=0.1,momentum=0.9,nesterov=true",
     maker<optim::SGD>(optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true})},
    {"cross_entropy", "adam:lr=1e-2,beta1=0.8,beta2=0.99,eps=1e-6,weight_decay=0.1,amsgrad=1,maximize=0",
     maker<optim::Adam>(
         optim::AdamOptions{.lr = 1e-2, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-6, .weight_decay = 0.1, .amsgrad = true})},
    {"cross_entropy", "adamw", maker<optim::AdamW>(optim::AdamWOptions{})},
};

void expectLossesOfThisProcess(const Folder &folder, const Row &row, const Counts &counts) {
  SCOPED_TRACE(row.optimizer);
  static int number = 0; // a library of its own each time
  std::string path = folder.file(("lib" + std::to_string(number++) + ".so").c_str());
  Outcome built = shell(EMBER_BIN_DIR "/ember compile " + folder.file("net.ember") + " --train --loss '" + row.loss +
                        "' --optimizer " + row.optimizer + " --name net -o " + path);
  ASSERT_EQ(built.status, 0) << built.text;
  Targets targets = std::string(row.loss).starts_with("mse") ? numbersOf : labelsOf;
  ember::jit::Loss loss = nn::CrossEntropyLoss();
  if (targets == numbersOf)
    loss = nn::MSELoss();
  nn::Sequential own = makeModel();
  auto optimizer = row.make(own->parameters());
  EXPECT_EQ(lossesOfLibrary(path, targets, counts), lossesInProcess(own, *optimizer, loss, targets, counts));
}

TEST(TrainCommand, TrainsToTheLossesOfThisProcess) {
  Folder folder("ember_train_command");
  nn::Sequential model = makeModel();
  model->eval();
  ember::jit::trace(model, {ember::zeros({kBatch, kFeatures})}).save(folder.file("net.ember"));
  for (const Row &row : kRows)
    expectLossesOfThisProcess(folder, row, kSame);
}

TEST(TrainCommand, TheSamePackageGivesTheSameBytes) {
  Folder folder("ember_train_bytes");
  nn::Sequential model(nn::Linear(kFeatures, 8), nn::Dropout(0.5), nn::Linear(8, kClasses));
  model->eval();
  ember::jit::trace(model, {ember::zeros({kBatch, kFeatures})}).save(folder.file("net.ember"));
  for (const char *name : {"one.so", "two.so"}) {
    Outcome built = shell(EMBER_BIN_DIR "/ember compile " + folder.file("net.ember") +
                          " --train --loss cross_entropy --optimizer adamw --name net -o " + folder.file(name));
    ASSERT_EQ(built.status, 0) << built.text;
  }
  EXPECT_TRUE(contents(folder.file("one.so")) == contents(folder.file("two.so")));
}

// A size that has a name in the package has it in the library.
TEST(TrainCommand, TakesBatchesOfAnySize) {
  Folder folder("ember_train_named");
  nn::Sequential model = makeModel();
  ember::jit::trace(model, {ember::zeros({kBatch, kFeatures})}, {.dims = {{{0, "B"}}}}).save(folder.file("net.ember"));
  expectLossesOfThisProcess(folder, {"cross_entropy:target=i64[B]", "adamw", maker<optim::AdamW>(optim::AdamWOptions{})},
                            kOthers);
  expectLossesOfThisProcess(folder, {"mse:target=f32[B,3]", "sgd:lr=0.1", maker<optim::SGD>(optim::SGDOptions{.lr = 0.1})},
                            kOthers);
}

TEST(TrainCommand, BenchTimesTheStepAndThePrediction) {
  Folder folder("ember_train_bench");
  nn::Sequential model = makeModel();
  model->eval();
  ember::jit::trace(model, {ember::zeros({kBatch, kFeatures})}, {.dims = {{{0, "B"}}}}).save(folder.file("net.ember"));
  Outcome built = shell(EMBER_BIN_DIR "/ember compile " + folder.file("net.ember") +
                        " --train --loss 'cross_entropy:target=i64[B]' --optimizer sgd --name net -o " + folder.file("net.so"));
  ASSERT_EQ(built.status, 0) << built.text;
  Outcome timed = shell(EMBER_BIN_DIR "/ember bench --size B=6 --repeat 2 --json " + folder.file("net.so"));
  EXPECT_EQ(timed.status, 0) << timed.text;
  size_t step = timed.text.find("net_step"), predict = timed.text.find("net_predict");
  EXPECT_TRUE(step != std::string::npos && predict != std::string::npos && step < predict) << timed.text;
}

// A package can also be trained on in this process; what was frozen stays frozen.
TEST(TrainCommand, APackageTrainsOnInProcess) {
  Folder folder("ember_train_package");
  nn::Sequential model = makeModel();
  model->parameters()[0].requires_grad_(false);
  ember::jit::trace(model, {ember::zeros({kBatch, kFeatures})}).save(folder.file("net.ember"));
  auto loaded = ember::jit::load(folder.file("net.ember")).module();
  ASSERT_EQ(loaded->named_parameters().size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(loaded->named_parameters()[i].first, model->named_parameters()[i].first);
    EXPECT_EQ(loaded->parameters()[i].requires_grad(), i != 0);
  }
  optim::SGD optimizer(loaded->parameters(), {.lr = 0.1}), own(model->parameters(), {.lr = 0.1});
  for (int64_t step = 0; step < kSteps; ++step) {
    optimizer.zero_grad();
    ember::Tensor loss = nn::CrossEntropyLoss()(loaded(inputOf(step)), labelsOf(step, kBatch));
    loss.backward();
    optimizer.step();
    own.zero_grad();
    ember::Tensor expected = nn::CrossEntropyLoss()(model(inputOf(step)), labelsOf(step, kBatch));
    expected.backward();
    own.step();
    EXPECT_EQ(loss.item<float>(), expected.item<float>());
  }
}

} // namespace
