// Training artifacts whose batch has a named size: a step takes any batch, to the losses and weights of this process.
#include <ember/ember.h>

#include "CTensor.h"
#include "Shell.h"
#include <dlfcn.h>
#include <functional>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;

namespace {

struct CModel;
enum { F32 = 1, I64 = 4 };
constexpr int64_t kClasses = 3;

struct Batch {
  std::vector<int64_t> dims;
  std::vector<float> input;
  std::vector<int64_t> target;
  int64_t count() const { return target.size(); }

  Batch(const std::vector<int64_t> &sample, int64_t count, int number) : dims(sample) {
    dims.insert(dims.begin(), count);
    int64_t elements = 1;
    for (int64_t dim : dims)
      elements *= dim;
    for (int64_t i = 0; i < elements; ++i)
      input.push_back(static_cast<float>((i * 7 + number * 3) % 23) / 8 - 1);
    for (int64_t i = 0; i < count; ++i)
      target.push_back((i * i + number) % kClasses);
  }
  std::vector<Tensor> tensors() const { return {ember::from_vector(input, dims), ember::from_vector(target, {count()})}; }
};

class Library {
public:
  Library(nn::Sequential &model, optim::Optimizer &optimizer, const Batch &example) {
    ember::jit::compile_train(model, nn::CrossEntropyLoss(), optimizer, example.tensors(), folder.file("libm.so"), "m",
                              {.dims = {{{0, "B"}}, {{0, "B"}}}});
    library = dlopen(folder.file("libm.so").c_str(), RTLD_NOW);
    EXPECT_NE(library, nullptr) << dlerror();
    model_ = find<CModel *(uint32_t)>("m_create")(2);
  }
  ~Library() {
    find<void(CModel *)>("m_destroy")(model_);
    dlclose(library);
  }

  int step(const Batch &batch, double &loss, int64_t targets = -1) {
    int64_t count = targets < 0 ? batch.count() : targets;
    CTensor inputs[] = {
        {F32, static_cast<uint32_t>(batch.dims.size()), batch.dims.data(), const_cast<float *>(batch.input.data())},
        {I64, 1, &count, const_cast<int64_t *>(batch.target.data())}};
    return find<int(CModel *, const CTensor *, uint32_t, double *)>("m_step")(model_, inputs, 2, &loss);
  }
  std::vector<float> predict(const Batch &batch) {
    int64_t dims[2] = {-1, -1};
    CTensor input{F32, static_cast<uint32_t>(batch.dims.size()), batch.dims.data(), const_cast<float *>(batch.input.data())};
    EXPECT_EQ(find<int(CModel *, const CTensor *, uint32_t, uint32_t, int64_t *)>("m_output_dims")(model_, &input, 1, 0, dims), 0)
        << text();
    EXPECT_EQ(dims[0], batch.count());
    EXPECT_EQ(dims[1], kClasses);
    std::vector<float> values(batch.count() * kClasses);
    CTensor output{F32, 2, dims, values.data()};
    EXPECT_EQ(find<int(CModel *, const CTensor *, uint32_t, CTensor *, uint32_t)>("m_predict")(model_, &input, 1, &output, 1), 0)
        << text();
    return values;
  }
  std::vector<float> weight(const char *name, std::vector<int64_t> dims) {
    int64_t elements = 1;
    for (int64_t dim : dims)
      elements *= dim;
    std::vector<float> values(elements);
    CTensor tensor{F32, static_cast<uint32_t>(dims.size()), dims.data(), values.data()};
    EXPECT_EQ(find<int(CModel *, const char *, CTensor *)>("m_get_weight")(model_, name, &tensor), 0) << text();
    return values;
  }
  int seed(uint64_t value) { return find<int(CModel *, uint64_t)>("m_seed")(model_, value); }
  std::string text() { return find<const char *(const CModel *)>("m_error")(model_); }

private:
  template <typename F> F *find(const char *name) const { return reinterpret_cast<F *>(dlsym(library, name)); }
  Folder folder{"ember_named_training"};
  void *library;
  CModel *model_;
};

struct Case {
  const char *name;
  std::vector<int64_t> sample; // dims of one
  std::function<nn::Sequential()> model;
  std::function<std::unique_ptr<optim::Optimizer>(nn::Sequential &)> optimizer;
};

std::unique_ptr<optim::Optimizer> momentum(nn::Sequential &model) {
  return std::make_unique<optim::SGD>(model->parameters(), optim::SGDOptions{.lr = 0.05, .momentum = 0.9, .weight_decay = 0.01});
}
std::unique_ptr<optim::Optimizer> adamw(nn::Sequential &model) {
  return std::make_unique<optim::AdamW>(model->parameters(), optim::AdamWOptions{.lr = 0.01});
}
nn::Sequential perceptron() { return nn::Sequential(nn::Linear(5, 9), nn::Tanh(), nn::Dropout(0.3), nn::Linear(9, kClasses)); }
nn::Sequential convolutional() {
  return nn::Sequential(nn::Conv2d(2, 6, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(6), nn::ReLU(), nn::MaxPool2d(2),
                        nn::Flatten(), nn::Linear(24, kClasses));
}
const Case kCases[] = {{"perceptron", {5}, perceptron, momentum}, {"convolutional", {2, 4, 4}, convolutional, adamw}};

class NamedTraining : public testing::TestWithParam<size_t> {};

TEST_P(NamedTraining, AnyBatchGivesTheBitsOfThisProcess) {
  const Case &row = kCases[GetParam()];
  ember::manual_seed(3);
  nn::Sequential model = row.model();
  auto optimizer = row.optimizer(model);
  Library library(model, *optimizer, Batch(row.sample, 4, 0));
  ASSERT_EQ(library.seed(11), 0);
  ember::manual_seed(11);
  int number = 0;
  for (int64_t count : {4, 7, 2, 33, 1, 16, 4}) {
    Batch batch(row.sample, count, ++number);
    std::vector<Tensor> tensors = batch.tensors();
    model->train();
    optimizer->zero_grad();
    Tensor loss = nn::CrossEntropyLoss()(model(tensors[0]), tensors[1]);
    loss.backward();
    optimizer->step();
    double found = -1;
    ASSERT_EQ(library.step(batch, found), 0) << library.text();
    EXPECT_EQ(found, static_cast<double>(loss.item<float>())) << "batch " << count;
    model->eval();
    EXPECT_EQ(library.predict(batch), model(tensors[0]).detach().to_vector<float>()) << "batch " << count;
  }
  for (const auto &[name, parameter] : model->named_parameters()) {
    ember::Shape dims = parameter.sizes();
    EXPECT_EQ(library.weight(name.c_str(), dims), parameter.detach().to_vector<float>()) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(, NamedTraining, testing::Range<size_t>(0, std::size(kCases)),
                         [](const auto &info) { return std::string(kCases[info.param].name); });

TEST(NamedTrainingRefusals, LeaveTheModelAsBefore) {
  ember::manual_seed(3);
  nn::Sequential model(nn::Linear(5, kClasses));
  optim::AdamW optimizer(model->parameters(), {.lr = 0.01});
  Library library(model, optimizer, Batch({5}, 4, 0));
  std::vector<float> before = library.weight("0.weight", {kClasses, 5});
  double loss = -1;
  Batch batch({5}, 6, 1);
  EXPECT_EQ(library.step(batch, loss, 5), -1);
  EXPECT_EQ(library.text(), "m: input 1 'target0' is i64[5], expected i64[B]: dimension 0 is 5, expected B = 6");
  EXPECT_EQ(library.step(Batch({4}, 6, 1), loss), -1);
  EXPECT_EQ(library.text(), "m: input 0 'input0' is f32[6, 4], expected f32[B, 5]: dimension 1 is 4, expected 5");
  batch.target[5] = kClasses;
  EXPECT_EQ(library.step(batch, loss), -2);
  EXPECT_TRUE(library.text().ends_with("index 3 is out of bounds for a dimension with size 3")) << library.text();
  EXPECT_EQ(library.weight("0.weight", {kClasses, 5}), before);
  EXPECT_EQ(loss, -1);
}

TEST(NamedTrainingRefusals, StepsThatDifferByTheBatch) {
  nn::Sequential model(nn::Linear(5, kClasses));
  optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  auto loss = [](const Tensor &output, const Tensor &target) {
    Tensor own = nn::CrossEntropyLoss()(output, target);
    return output.size(0) == 4 ? own.exp() : own;
  };
  try {
    ember::jit::trace_training(model, loss, optimizer, Batch({5}, 4, 0).tensors(), {.dims = {{{0, "B"}}, {{0, "B"}}}});
    FAIL() << "expected an error";
  } catch (const ember::Error &error) {
    EXPECT_NE(std::string(error.message()).find("at B = 5 than at B = 4"), std::string::npos) << error.message();
  }
}

} // namespace
