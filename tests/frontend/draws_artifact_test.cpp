// Native artifacts of traces that draw, and training steps with draws of every kind: the bits of the process, for the same seed.
#include <ember/ember.h>

#include "CTensor.h"
#include "Shell.h"
#include <algorithm>
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace F = ember::functional;
using ember::Tensor;

namespace {

// Noise of every kind that a program holds, in training and in evaluation.
class NoisyImpl : public nn::Module {
public:
  Tensor forward(const Tensor &x) override {
    Tensor y = x + 0.1 * ember::randn_like(x) + ember::empty({8}).uniform_(-1, 1);
    y = y * ember::empty({8}).bernoulli_(0.75);
    y = y + ember::empty({8, x.size(0)}).t().normal_(0, 0.5);
    y = y + 0.25 * ember::randint(-3, 9, {8}, ember::kFloat32);
    return F::dropout(ember::index_select(y, 1, ember::randperm(8)), 0.5, training);
  }
};
EMBER_MODULE(Noisy);

nn::Sequential makeModel() {
  ember::manual_seed(0);
  return nn::Sequential(nn::Linear(8, 8), Noisy(), nn::Linear(8, 3));
}

std::vector<float> values(const Tensor &tensor) { return tensor.detach().to_vector<float>(); }

// A library's functions by name.
struct Library {
  void *handle;
  explicit Library(const std::string &path) : handle(dlopen(path.c_str(), RTLD_NOW)) { EXPECT_NE(handle, nullptr) << dlerror(); }
  ~Library() { dlclose(handle); }
  template <typename F> F *function(const char *name) const { return reinterpret_cast<F *>(dlsym(handle, name)); }
};

constexpr uint32_t kF32 = 1, kI64 = 4;

TEST(DrawsArtifact, ALibraryDrawsFromItsSeed) {
  Folder folder("ember_draws_library");
  nn::Sequential model = makeModel();
  Tensor x = ember::randn({4, 8});
  std::vector<float> data = values(x), out(12), expected[3];
  ember::manual_seed(11);
  for (auto &own : expected)
    own = values(model(x));
  ember::manual_seed(11);
  ember::jit::trace(model, {x}).compile(folder.file("libnoisy.so"), "noisy");
  EXPECT_NE(contents(folder.file("libnoisy.h")).find("int32_t noisy_seed(ember_model *model, uint64_t seed);"),
            std::string::npos);
  Library library(folder.file("libnoisy.so"));
  auto create = library.function<void *(uint32_t)>("noisy_create");
  auto destroy = library.function<void(void *)>("noisy_destroy");
  auto run = library.function<int32_t(void *, CTensor *, uint32_t, CTensor *, uint32_t)>("noisy_run");
  auto seed = library.function<int32_t(void *, uint64_t)>("noisy_seed");
  int64_t inDims[] = {4, 8}, outDims[] = {4, 3};
  CTensor input{kF32, 2, inDims, data.data()}, output{kF32, 2, outDims, out.data()};
  void *one = create(1), *two = create(2);
  for (const auto &own : expected)
    for (void *handle : {one, two}) { // without a seed: from the state at the trace; models share nothing
      ASSERT_EQ(run(handle, &input, 1, &output, 1), 0);
      EXPECT_EQ(out, own);
    }
  ASSERT_EQ(seed(one, 11), 0);
  ASSERT_EQ(run(one, &input, 1, &output, 1), 0);
  EXPECT_EQ(out, expected[0]);
  destroy(one);
  destroy(two);
}

TEST(DrawsArtifact, AnExecutableTakesASeed) {
  Folder folder("ember_draws_executable");
  nn::Sequential model = makeModel();
  Tensor x = ember::randn({4, 8});
  ember::jit::trace(model, {x}, {.dims = {{{0, "B"}}}}).compile(folder.file("noisy"));
  std::string command = folder.file("noisy") + " " + folder.file("x.npy") + " -o " + folder.file("y.npy");
  for (auto [rows, seed] : {std::pair(4, uint64_t(7)), std::pair(9, uint64_t(12345678901234567890u))}) {
    Tensor input = ember::randn({rows, 8});
    ember::save_npy(folder.file("x.npy"), input);
    Outcome outcome = shell(command + " --seed " + std::to_string(seed));
    ASSERT_EQ(outcome.status, 0) << outcome.text;
    ember::manual_seed(seed);
    EXPECT_EQ(values(ember::load_npy(folder.file("y.npy"))), values(model(input)));
  }
  EXPECT_NE(shell(folder.file("noisy") + " --help").text.find("[--seed N]"), std::string::npos);
  Outcome bad = shell(command + " --seed x");
  EXPECT_EQ(bad.status, 1);
  EXPECT_EQ(bad.text, "noisy: --seed: expected a whole number from 0 to 18446744073709551615, found 'x'\n");
  // A model that draws nothing knows no seed.
  ember::jit::trace(nn::Linear(8, 2), {x}).compile(folder.file("plain"));
  Outcome unknown = shell(folder.file("plain") + " --seed 1");
  EXPECT_EQ(unknown.text, "plain: unknown option '--seed', expected -o, --repeat, --threads or --help\n");
}

TEST(DrawsArtifact, RunningStatisticsAreTheModelsOwn) {
  Folder folder("ember_draws_statistics_library");
  nn::Sequential model(nn::BatchNorm2d(2)), twin(nn::BatchNorm2d(2));
  Tensor x = ember::randn({3, 2, 2, 2});
  std::vector<float> data = values(x), out(24);
  ember::jit::trace(model, {x}).compile(folder.file("libnorm.so"), "norm");
  Library library(folder.file("libnorm.so"));
  EXPECT_EQ(library.function<void>("norm_seed"), nullptr);
  void *handle = library.function<void *(uint32_t)>("norm_create")(1);
  auto run = library.function<int32_t(void *, CTensor *, uint32_t, CTensor *, uint32_t)>("norm_run");
  int64_t dims[] = {3, 2, 2, 2};
  CTensor input{kF32, 4, dims, data.data()}, output{kF32, 4, dims, out.data()};
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(run(handle, &input, 1, &output, 1), 0);
    EXPECT_EQ(out, values(twin(x)));
  }
  library.function<void(void *)>("norm_destroy")(handle);
}

// Every draw in a training step, its loss's noise included; then in `predict`.
TEST(DrawsArtifact, ATrainingStepDrawsAsTheProcessDoes) {
  Folder folder("ember_draws_training");
  Tensor x = ember::randn({4, 8}), labels = ember::tensor<int64_t>({0, 2, 1, 2});
  auto loss = [](const Tensor &output, const Tensor &target) {
    return nn::CrossEntropyLoss()(output + 0.01 * ember::randn({3}), target);
  };
  nn::Sequential model = makeModel();
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1, .momentum = 0.9});
  ember::jit::compile_train(model, loss, optimizer, {x, labels}, folder.file("libnoisy_train.so"), "noisy_train");
  Library library(folder.file("libnoisy_train.so"));
  auto run = library.function<int32_t(void *, CTensor *, uint32_t, CTensor *, uint32_t)>("noisy_train_predict");
  auto step = library.function<int32_t(void *, CTensor *, uint32_t, double *)>("noisy_train_step");
  void *handle = library.function<void *(uint32_t)>("noisy_train_create")(1);
  library.function<int32_t(void *, uint64_t)>("noisy_train_seed")(handle, 9);
  ember::manual_seed(9);
  std::vector<float> data = values(x), out(12);
  std::vector<int64_t> classes = labels.to_vector<int64_t>();
  int64_t inDims[] = {4, 8}, labelDims[] = {4}, outDims[] = {4, 3};
  CTensor inputs[] = {{kF32, 2, inDims, data.data()}, {kI64, 1, labelDims, classes.data()}}, output{kF32, 2, outDims, out.data()};
  for (int i = 0; i < 3; ++i) {
    model->train();
    optimizer.zero_grad();
    Tensor own = loss(model(x), labels);
    own.backward();
    optimizer.step();
    double found = 0;
    ASSERT_EQ(step(handle, inputs, 2, &found), 0);
    EXPECT_EQ(found, static_cast<double>(own.item<float>())) << "step " << i;
    model->eval();
    ASSERT_EQ(run(handle, inputs, 1, &output, 1), 0);
    EXPECT_EQ(out, values(model(x))) << "step " << i;
  }
  library.function<void(void *)>("noisy_train_destroy")(handle);
}

// A trace in training is a module that draws, and moves statistics of its own, as the one that was traced.
TEST(DrawsArtifact, ATraceThatDrawsIsTrained) {
  auto make = [] {
    ember::manual_seed(0);
    return nn::Sequential(nn::Conv2d(1, 2, 3), nn::BatchNorm2d(2), nn::Dropout(0.3), nn::Flatten(), nn::Linear(8, 3));
  };
  Tensor x = ember::randn({5, 1, 4, 4}), labels = ember::tensor<int64_t>({0, 2, 1, 2, 0});
  nn::Sequential model = make();
  nn::ModuleHolder<nn::Module> graph = ember::jit::trace(model, {x}).module();
  auto losses = [&](auto &module) {
    ember::manual_seed(4);
    ember::optim::SGD optimizer(module->parameters(), {.lr = 0.1});
    std::vector<float> all;
    for (int step = 0; step < 3; ++step) {
      optimizer.zero_grad();
      Tensor loss = nn::CrossEntropyLoss()(module(x), labels);
      loss.backward();
      optimizer.step();
      all.push_back(loss.item<float>());
    }
    for (const Tensor &buffer : module->buffers())
      for (double value : buffer.template to_vector<double>())
        all.push_back(static_cast<float>(value));
    all.push_back(ember::rand({1}).item<float>());
    return all;
  };
  std::vector<float> traced = losses(graph), own = losses(model);
  std::sort(traced.begin() + 3, traced.end() - 1); // a trace has its buffers in another order
  std::sort(own.begin() + 3, own.end() - 1);
  EXPECT_EQ(traced, own);
}

} // namespace
