// The C interface of training artifacts: what each function does, and one line for each mistake.
#include <ember/ember.h>

#include "CTensor.h"
#include "Shell.h"
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
namespace fs = std::filesystem;

namespace {

struct CModel;
enum { F64 = 0, F32 = 1, I64 = 4 };

constexpr int64_t kBatch = 4, kClasses = 3, kFeatures = 5;
const int64_t kInput[] = {kBatch, kFeatures}, kTarget[] = {kBatch}, kOutput[] = {kBatch, kClasses},
              kWeight[] = {kClasses, kFeatures};

// A linear classifier compiled to a library and loaded.
class Library {
public:
  Library(nn::Module &model, optim::Optimizer &optimizer) {
    std::vector<ember::Tensor> example{ember::zeros({kBatch, kFeatures}), ember::zeros({kBatch}, ember::kInt64)};
    ember::jit::compile_train(model, nn::CrossEntropyLoss(), optimizer, example, folder.file("libm.so"), "m");
    handle = dlopen(folder.file("libm.so").c_str(), RTLD_NOW);
    EXPECT_NE(handle, nullptr) << dlerror();
  }
  ~Library() { dlclose(handle); }
  template <typename F> F *find(const char *name) const { return reinterpret_cast<F *>(dlsym(handle, name)); }

  Folder folder{"ember_training_interface"};

private:
  void *handle;
};

// A model of it, with the functions by name.
struct Trained {
  explicit Trained(const Library &library)
      : destroy(library.find<void(CModel *)>("m_destroy")), error(library.find<const char *(const CModel *)>("m_error")),
        step(library.find<int(CModel *, const CTensor *, uint32_t, double *)>("m_step")),
        predict(library.find<int(CModel *, const CTensor *, uint32_t, CTensor *, uint32_t)>("m_predict")),
        setHyper(library.find<int(CModel *, const char *, double)>("m_set_hyper")),
        getHyper(library.find<int(CModel *, const char *, double *)>("m_get_hyper")),
        hyperName(library.find<const char *(const CModel *, uint32_t)>("m_hyper_name")),
        seed(library.find<int(CModel *, uint64_t)>("m_seed")),
        permutation(library.find<int(CModel *, int64_t *, int64_t)>("m_permutation")),
        weightCount(library.find<uint32_t(const CModel *)>("m_weight_count")),
        weight(library.find<int(CModel *, uint32_t, const char **, CTensor *)>("m_weight")),
        getWeight(library.find<int(CModel *, const char *, CTensor *)>("m_get_weight")),
        setWeight(library.find<int(CModel *, const char *, const CTensor *)>("m_set_weight")),
        save(library.find<int(CModel *, const char *)>("m_save")), load(library.find<int(CModel *, const char *)>("m_load")) {
    model = library.find<CModel *(uint32_t)>("m_create")(1);
  }
  ~Trained() { destroy(model); }

  void (*destroy)(CModel *);
  const char *(*error)(const CModel *);
  int (*step)(CModel *, const CTensor *, uint32_t, double *);
  int (*predict)(CModel *, const CTensor *, uint32_t, CTensor *, uint32_t);
  int (*setHyper)(CModel *, const char *, double);
  int (*getHyper)(CModel *, const char *, double *);
  const char *(*hyperName)(const CModel *, uint32_t);
  int (*seed)(CModel *, uint64_t);
  int (*permutation)(CModel *, int64_t *, int64_t);
  uint32_t (*weightCount)(const CModel *);
  int (*weight)(CModel *, uint32_t, const char **, CTensor *);
  int (*getWeight)(CModel *, const char *, CTensor *);
  int (*setWeight)(CModel *, const char *, const CTensor *);
  int (*save)(CModel *, const char *);
  int (*load)(CModel *, const char *);
  CModel *model;

  std::vector<float> weights() {
    std::vector<float> values(kClasses * kFeatures);
    CTensor tensor{F32, 2, kWeight, values.data()};
    EXPECT_EQ(getWeight(model, "weight", &tensor), 0) << error(model);
    return values;
  }
  double stepOn(std::vector<float> input, std::vector<int64_t> target) {
    double loss = -1;
    CTensor inputs[] = {{F32, 2, kInput, input.data()}, {I64, 1, kTarget, target.data()}};
    status = step(model, inputs, 2, &loss);
    return loss;
  }
  int status = 0;
};

nn::Linear makeModel() {
  ember::manual_seed(3);
  return nn::Linear(kFeatures, kClasses);
}

std::vector<float> inputsOf(int number) {
  std::vector<float> values;
  for (int i = 0; i < kBatch * kFeatures; ++i)
    values.push_back(static_cast<float>((i * 7 + number * 3) % 11) / 4 - 1);
  return values;
}
std::vector<int64_t> targetsOf(int number) { return {number % 3, (number + 1) % 3, 2, 0}; }

double stepInProcess(nn::Linear &model, optim::Optimizer &optimizer, int number) {
  optimizer.zero_grad();
  ember::Tensor input = ember::from_vector(inputsOf(number), {kBatch, kFeatures});
  ember::Tensor loss = nn::CrossEntropyLoss()(model(input), ember::from_vector(targetsOf(number), {kBatch}));
  loss.backward();
  optimizer.step();
  return static_cast<double>(loss.item<float>());
}

struct Case {
  const char *name;
  std::function<std::unique_ptr<optim::Optimizer>(nn::Linear &)> make;
};

void PrintTo(const Case &own, std::ostream *out) { *out << own.name; }
class Optimizers : public testing::TestWithParam<Case> {};

// Ten steps, a changed rate in the middle; then what was saved goes on in another model.
TEST_P(Optimizers, LossesAndWeightsOfThisProcess) {
  nn::Linear model = makeModel();
  auto optimizer = GetParam().make(model);
  for (int i = 0; i < 2; ++i) // traced after steps, too
    stepInProcess(model, *optimizer, i);
  std::vector<float> before = model->parameters()[0].detach().to_vector<float>();
  Library library(*model, *optimizer);
  EXPECT_EQ(model->parameters()[0].detach().to_vector<float>(), before) << "tracing has changed the model";
  Trained trained(library), other(library);
  std::string path = library.folder.file("state");
  for (int i = 2; i < 12; ++i) {
    if (i == 6) {
      for (auto &group : optimizer->param_groups())
        group.options["lr"] = 0.0625;
      EXPECT_EQ(trained.setHyper(trained.model, "lr", 0.0625), 0) << trained.error(trained.model);
      EXPECT_EQ(trained.save(trained.model, path.c_str()), 0) << trained.error(trained.model);
      EXPECT_EQ(other.load(other.model, path.c_str()), 0) << other.error(other.model);
    }
    double expected = stepInProcess(model, *optimizer, i);
    EXPECT_EQ(trained.stepOn(inputsOf(i), targetsOf(i)), expected) << "step " << i << trained.error(trained.model);
    if (i >= 6) {
      EXPECT_EQ(other.stepOn(inputsOf(i), targetsOf(i)), expected) << "loaded, step " << i << other.error(other.model);
    }
  }
  EXPECT_EQ(trained.weights(), model->parameters()[0].detach().to_vector<float>());
}

std::vector<optim::ParameterGroup> twoGroups(nn::Linear &model) {
  return {{{model->parameters()[0]}, {}}, {{model->parameters()[1]}, {{"lr", 0.25}}}};
}

INSTANTIATE_TEST_SUITE_P(
    All, Optimizers,
    testing::Values(
        Case{"sgd", [](nn::Linear &m) { return std::make_unique<optim::SGD>(m->parameters(), optim::SGDOptions{.lr = 0.1}); }},
        Case{"momentum",
             [](nn::Linear &m) {
               return std::make_unique<optim::SGD>(
                   m->parameters(), optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.01});
             }},
        Case{"nesterov",
             [](nn::Linear &m) {
               return std::make_unique<optim::SGD>(
                   m->parameters(), optim::SGDOptions{.lr = 0.1, .momentum = 0.5, .nesterov = true, .maximize = true});
             }},
        Case{"adam",
             [](nn::Linear &m) {
               return std::make_unique<optim::Adam>(m->parameters(),
                                                    optim::AdamOptions{.lr = 0.01, .weight_decay = 0.1, .amsgrad = true});
             }},
        Case{"adamw",
             [](nn::Linear &m) { return std::make_unique<optim::AdamW>(m->parameters(), optim::AdamWOptions{.lr = 0.01}); }},
        Case{"groups",
             [](nn::Linear &m) { return std::make_unique<optim::AdamW>(twoGroups(m), optim::AdamWOptions{.lr = 0.01}); }}),
    [](const auto &info) { return info.param.name; });

// SGD's first step has another factor than later ones: a model that has taken none starts as this process does.
TEST(TrainingInterface, FirstStepWithDampening) {
  nn::Linear model = makeModel();
  optim::SGD optimizer(model->parameters(), {.lr = 0.1, .momentum = 0.9, .dampening = 0.5});
  Library library(*model, optimizer);
  Trained trained(library);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(trained.stepOn(inputsOf(i), targetsOf(i)), stepInProcess(model, optimizer, i));
}

class Refusals : public testing::Test {
protected:
  nn::Linear model = makeModel();
  optim::AdamW optimizer{model->parameters(), {.lr = 0.01}};
  Library library{*model, optimizer};
  Trained trained{library};
  double value = 0;
  std::string text() { return trained.error(trained.model); }
};

TEST_F(Refusals, BadLabelLeavesEverythingAsBefore) {
  Trained other(library);
  for (int i = 0; i < 2; ++i)
    trained.stepOn(inputsOf(i), targetsOf(i)), other.stepOn(inputsOf(i), targetsOf(i));
  std::vector<float> before = trained.weights();
  for (int64_t label : {int64_t{3}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    trained.stepOn(inputsOf(2), {0, 1, label, 2});
    EXPECT_EQ(trained.status, -2);
    EXPECT_TRUE(text().starts_with("m: training_interface_test.cpp:")) << text(); // where the loss was recorded
    EXPECT_TRUE(text().ends_with(": gather: index " + std::to_string(label) + " is out of bounds for a dimension with size 3"))
        << text();
    EXPECT_EQ(trained.weights(), before);
  }
  for (int i = 2; i < 4; ++i) // moments and step count are as before, too
    EXPECT_EQ(trained.stepOn(inputsOf(i), targetsOf(i)), other.stepOn(inputsOf(i), targetsOf(i)));
  EXPECT_EQ(trained.weights(), other.weights());
}

TEST_F(Refusals, StepAndPredict) {
  std::vector<float> in = inputsOf(0), out(kBatch * kClasses);
  std::vector<int64_t> target = targetsOf(0);
  const int64_t wrong[] = {kFeatures, kBatch};
  CTensor input{F32, 2, kInput, in.data()}, output{F32, 2, kOutput, out.data()}, labels{I64, 1, kTarget, target.data()};
  CTensor turned{F32, 2, wrong, in.data()}, doubles{F64, 2, kInput, in.data()}, null{F32, 2, kInput, nullptr},
      noDims{F32, 2, nullptr, in.data()}, floatLabels{F32, 1, kTarget, target.data()};
  struct Row {
    CTensor inputs[2];
    const char *text;
  };
  const Row rows[] = {{{turned, labels}, "m: input 0 'input0' is f32[5, 4], expected f32[4, 5]"},
                      {{doubles, labels}, "m: input 0 'input0' is f64[4, 5], expected f32[4, 5]"},
                      {{null, labels}, "m: input 0 'input0': the data pointer is NULL, expected f32[4, 5]"},
                      {{noDims, labels}, "m: input 0 'input0' is f32[], expected f32[4, 5]"},
                      {{input, floatLabels}, "m: input 1 'target0' is f32[4], expected i64[4]"}};
  for (const Row &row : rows) {
    EXPECT_EQ(trained.step(trained.model, row.inputs, 2, &value), -1);
    EXPECT_EQ(text(), row.text);
  }
  const CTensor good[] = {input, labels};
  EXPECT_EQ(trained.step(trained.model, good, 1, &value), -1);
  EXPECT_EQ(text(), "m: expected 2 inputs, found 1");
  EXPECT_EQ(trained.step(trained.model, nullptr, 2, &value), -1);
  EXPECT_EQ(text(), "m: expected 2 inputs, found 0");
  EXPECT_EQ(trained.step(trained.model, good, 2, nullptr), -1);
  EXPECT_EQ(text(), "m: the pointer to the loss is NULL");
  EXPECT_EQ(trained.step(nullptr, good, 2, &value), -1);
  EXPECT_STREQ(trained.error(nullptr), "out of memory: the model is NULL");
  EXPECT_EQ(trained.predict(trained.model, &input, 1, &output, 1), 0) << text();
  EXPECT_EQ(out, model(ember::from_vector(in, {kBatch, kFeatures})).detach().to_vector<float>());
  CTensor shortOutput{F32, 1, kTarget, out.data()};
  EXPECT_EQ(trained.predict(trained.model, &input, 1, &shortOutput, 1), -1);
  EXPECT_EQ(text(), "m: output 0 'output0' is f32[4], expected f32[4, 3]");
}

TEST_F(Refusals, HyperParameters) {
  EXPECT_EQ(trained.getHyper(trained.model, "lr", &value), 0);
  EXPECT_EQ(value, 0.01);
  EXPECT_EQ(trained.setHyper(trained.model, "weight_decay", 0), 0);
  EXPECT_EQ(trained.getHyper(trained.model, "weight_decay", &value), 0);
  EXPECT_EQ(value, 0);
  std::string names;
  for (uint32_t i = 0; const char *name = trained.hyperName(trained.model, i); ++i)
    names += std::string(name) + " ";
  EXPECT_EQ(names, "amsgrad beta1 beta2 eps lr maximize weight_decay ");
  EXPECT_EQ(trained.setHyper(trained.model, "momentum", 1), -1);
  EXPECT_EQ(text(), "m: there is no hyper-parameter 'momentum', expected one of beta1, beta2, eps, lr, weight_decay");
  EXPECT_EQ(trained.setHyper(trained.model, nullptr, 1), -1);
  EXPECT_EQ(text(), "m: the name of a hyper-parameter is NULL");
  EXPECT_EQ(trained.setHyper(trained.model, "lr", -1), -1);
  EXPECT_EQ(text(), "m: hyper-parameter 'lr' is -1, expected a finite number of at least 0");
  EXPECT_EQ(trained.setHyper(trained.model, "lr", NAN), -1);
  EXPECT_EQ(trained.setHyper(trained.model, "amsgrad", 1), -1);
  EXPECT_EQ(text(), "m: hyper-parameter 'amsgrad' is 0 for good: the step was recorded with it, found 1");
  EXPECT_EQ(trained.getHyper(trained.model, "lr", nullptr), -1);
  EXPECT_EQ(text(), "m: the pointer to the value is NULL");
  EXPECT_EQ(trained.setHyper(nullptr, "lr", 1), -1);
}

TEST_F(Refusals, Weights) {
  ASSERT_EQ(trained.weightCount(trained.model), 2u);
  const char *name = nullptr;
  CTensor tensor{};
  EXPECT_EQ(trained.weight(trained.model, 1, &name, &tensor), 0);
  EXPECT_STREQ(name, "bias");
  EXPECT_EQ(tensor.rank, 1u);
  EXPECT_EQ(tensor.dims[0], kClasses);
  EXPECT_EQ(trained.weight(trained.model, 2, &name, &tensor), -1);
  EXPECT_EQ(text(), "m: weight 2 was asked for, there are 2");
  EXPECT_EQ(trained.weight(trained.model, 0, nullptr, &tensor), -1);
  EXPECT_EQ(text(), "m: the pointer to a weight's name is NULL");
  std::vector<float> values(kClasses * kFeatures, 0.5f);
  CTensor own{F32, 2, kWeight, values.data()}, wrong{F32, 1, kTarget, values.data()}, null{F32, 2, kWeight, nullptr};
  EXPECT_EQ(trained.setWeight(trained.model, "weight", &own), 0) << text();
  EXPECT_EQ(trained.weights(), values);
  EXPECT_EQ(trained.setWeight(trained.model, "weight", &wrong), -1);
  EXPECT_EQ(text(), "m: weight 'weight' is f32[4], expected f32[3, 5]");
  EXPECT_EQ(trained.getWeight(trained.model, "weight", &null), -1);
  EXPECT_EQ(text(), "m: weight 'weight': the data pointer is NULL, expected f32[3, 5]");
  EXPECT_EQ(trained.getWeight(trained.model, "weight", nullptr), -1);
  EXPECT_EQ(text(), "m: weight 'weight': the tensor is NULL");
  EXPECT_EQ(trained.getWeight(trained.model, "weights", &own), -1);
  EXPECT_EQ(text(), "m: there is no weight 'weights'");
  EXPECT_EQ(trained.getWeight(trained.model, nullptr, &own), -1);
  EXPECT_EQ(text(), "m: the name of a weight is NULL");
}

TEST_F(Refusals, Permutation) {
  std::vector<int64_t> order(10), again(10);
  EXPECT_EQ(trained.seed(trained.model, 5), 0);
  EXPECT_EQ(trained.permutation(trained.model, order.data(), 10), 0);
  ember::Generator generator(5);
  generator.random64();
  EXPECT_EQ(order, ember::Generator(generator.random64()).permutation(10));
  EXPECT_EQ(trained.permutation(trained.model, again.data(), 10), 0);
  EXPECT_NE(order, again);
  EXPECT_EQ(trained.permutation(trained.model, nullptr, 10), -1);
  EXPECT_EQ(text(), "m: the pointer to 10 numbers is NULL");
  EXPECT_EQ(trained.permutation(trained.model, order.data(), -1), -1);
  EXPECT_EQ(text(), "m: a permutation of -1 numbers was asked for");
  EXPECT_EQ(trained.permutation(trained.model, nullptr, 0), 0);
}

// Files that are not whole, not ours, or of another model: one line, and the model is as before.
TEST_F(Refusals, Checkpoints) {
  trained.stepOn(inputsOf(0), targetsOf(0));
  std::string good = library.folder.file("good"), bad = library.folder.file("bad");
  ASSERT_EQ(trained.save(trained.model, good.c_str()), 0);
  std::string bytes = contents(good);
  std::vector<float> before = trained.weights();
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string text = bytes;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  auto other = [&](auto makeOther) {
    nn::Linear otherModel(kFeatures, kClasses);
    auto otherOptimizer = makeOther(otherModel);
    ember::Generator generator;
    ember::save({&*otherModel, &*otherOptimizer, &generator}, bad);
    return contents(bad);
  };
  struct Row {
    std::string bytes, text;
  };
  const Row rows[] = {
      {"", "truncated: no header"},
      {"PK\x03\x04 something else", "the header's length does not fit the file (not a checkpoint, or truncated)"},
      {bytes.substr(0, 40), "the header's length does not fit the file (not a checkpoint, or truncated)"},
      {bytes.substr(0, bytes.size() - 1), "tensor 'generator': its offsets do not fit its shape and the file"},
      {bytes + "x", "there are bytes that belong to no tensor"},
      {replaced("{\"__metadata__\"", "[\"__metadata__\""), "the header is no safetensors header"},
      {replaced("\"F32\"", "\"F99\""), "the header is no safetensors header"},
      {replaced("[3,5]", "[5,3]"), "tensor 'model.weight' is f32[5, 3], expected f32[3, 5]"},
      {replaced("model.weight", "model.weighs"), "there is no tensor 'model.weight' (f32[3, 5])"},
      {replaced("checkpoint 1", "checkpoint 9"), "it is no checkpoint of a model with an optimizer"},
      {replaced("\\\"beta1\\\"", "\\\"beta9\\\""), "the options of its optimizer are not those of this program's"},
      {replaced("\\\"amsgrad\\\":0", "\\\"amsgrad\\\":1"), "its 'amsgrad' is 1, but this program's step was recorded with 0"},
      {replaced(":[0,1]", ":[1,0]"), "the parameter groups of its optimizer are not those of this program's"},
      {other([](nn::Linear &m) { return std::make_unique<optim::SGD>(m->parameters(), optim::SGDOptions{}); }),
       "the options of its optimizer are not those of this program's"},
  };
  for (const Row &row : rows) {
    std::ofstream(bad, std::ios::binary) << row.bytes;
    EXPECT_EQ(trained.load(trained.model, bad.c_str()), -3) << row.text;
    EXPECT_EQ(text(), "m: " + bad + ": " + row.text);
    EXPECT_EQ(trained.weights(), before);
  }
  EXPECT_EQ(trained.load(trained.model, library.folder.file("none").c_str()), -3);
  EXPECT_EQ(text(), "m: " + library.folder.file("none") + ": No such file or directory");
  EXPECT_EQ(trained.load(trained.model, library.folder.path.c_str()), -3);
  EXPECT_EQ(text(), "m: " + library.folder.path.string() + ": Is a directory");
  EXPECT_EQ(trained.load(trained.model, nullptr), -1);
  EXPECT_EQ(text(), "m: the path of a checkpoint is NULL");
  EXPECT_EQ(trained.save(trained.model, library.folder.file("none/state").c_str()), -3);
  EXPECT_EQ(text(), "m: " + library.folder.file("none/state") + ": No such file or directory");
  EXPECT_EQ(trained.load(trained.model, good.c_str()), 0) << text();
}

// Bytes of the header changed one by one: refused or the same tensors, never a crash.
TEST_F(Refusals, DamagedHeaders) {
  trained.stepOn(inputsOf(0), targetsOf(0));
  std::string good = library.folder.file("good"), bad = library.folder.file("bad");
  ASSERT_EQ(trained.save(trained.model, good.c_str()), 0);
  std::string bytes = contents(good);
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (size_t at = 0; at < 8 + header; at += at < 16 ? 1 : 5)
    for (char replacement : {'\0', '"', '[', '9', '\\', '\xff'}) {
      std::string damaged = bytes;
      damaged[at] = replacement;
      std::ofstream(bad, std::ios::binary) << damaged;
      int status = trained.load(trained.model, bad.c_str());
      EXPECT_TRUE(status == 0 || status == -3) << at << " " << status;
      EXPECT_EQ(text().find('\n'), std::string::npos);
    }
}

std::string messageOf(const std::function<void()> &body) {
  try {
    body();
  } catch (const ember::Error &error) {
    return error.message();
  }
  return "no error";
}

TEST(TrainingInterface, TraceRefusals) {
  nn::Linear model(kFeatures, kClasses), stranger(2, 2);
  std::vector<ember::Tensor> example{ember::zeros({kBatch, kFeatures}), ember::zeros({kBatch}, ember::kInt64)};
  optim::SGD optimizer(model->parameters(), {.lr = 0.1}), foreign(stranger->parameters(), {.lr = 0.1});
  nn::CrossEntropyLoss cross;
  auto trace = [&](const ember::jit::Loss &loss, optim::Optimizer &own, const std::vector<ember::Tensor> &batch) {
    return messageOf([&] { ember::jit::trace_training(model, loss, own, batch); });
  };
  EXPECT_EQ(trace(cross, optimizer, {example[0]}), "trace_training: the example has 1 tensors, expected an input and a target");
  EXPECT_EQ(trace(cross, foreign, example), "trace_training: parameter 0 of the optimizer is not one of the model's");
  EXPECT_EQ(trace([&](const ember::Tensor &output, const ember::Tensor &) { return output; }, optimizer, example),
            "trace_training: the loss is torch.float32[4, 3], expected one float");
  EXPECT_EQ(trace(
                [&](const ember::Tensor &output, const ember::Tensor &target) {
                  ember::Tensor loss = cross(output, target);
                  return loss.item<float>() > 0 ? loss : loss * 2;
                },
                optimizer, example),
            "trace_training: a value was looked at while the step was recorded; a step that trains cannot branch on values");
  // After a refusal model and recorder are as before.
  cross(model(example[0]), example[1]).backward();
  EXPECT_TRUE(model->parameters()[0].grad().defined());
  optimizer.step();
  EXPECT_EQ(messageOf([&] {
              optim::SGD half({model->parameters()[0]}, {.lr = 0.1});
              cross(model(example[0]), example[1]).backward();
              half.step();
              half.add_param_group({{model->parameters()[1]}, {}});
              ember::jit::trace_training(model, cross, half, example);
            }),
            "trace_training: the optimizer's parameters have taken 1 and 0 steps, expected the same number for all");
}

// Alone and beside another artifact's, in C99 and C++.
TEST(TrainingInterface, HeadersCompile) {
  Folder folder("ember_headers");
  nn::Linear model(kFeatures, kClasses);
  optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  std::vector<ember::Tensor> example{ember::zeros({kBatch, kFeatures}), ember::zeros({kBatch}, ember::kInt64)};
  ember::jit::compile_train(model, nn::CrossEntropyLoss(), optimizer, example, folder.file("one.o"));
  ember::jit::trace(model, {example[0]}).compile(folder.file("two.o"));
  std::ofstream(folder.file("both.c"))
      << "#include \"one.h\"\n#include \"two.h\"\nint main(void) { return one_abi() - ONE_ABI; }\n";
  for (const char *compiler :
       {"cc -std=c99 -pedantic -Wall -Wextra -Werror -c ", "c++ -x c++ -std=c++11 -Wall -Wextra -Werror -c "}) {
    Outcome built = shell(compiler + folder.file("both.c") + " -o " + folder.file("both.o"));
    EXPECT_EQ(built.status, 0) << built.text;
  }
}

} // namespace
