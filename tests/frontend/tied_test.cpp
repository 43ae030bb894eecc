// Tensors and modules that a module has under several names: as in PyTorch they stand in state_dict under each, elsewhere once;
// so in traces, packages, training libraries and checkpoints.
#include <ember/ember.h>

#include "CTensor.h"
#include "Message.h"
#include "Shell.h"
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;

namespace {

// The rows of `table` are weights of `decoder` too; one activation has two names.
class TiedImpl : public nn::Module {
public:
  TiedImpl() { decoder->weight = decoder->register_parameter("weight", table->weight); }
  Tensor forward(const Tensor &input) override { return decoder(second(middle(first(ember::matmul(input, table->weight))))); }
  std::string type_name() const override { return "Tied"; }

  nn::Linear decoder = register_module("decoder", nn::Linear(4, 6));
  nn::Linear middle = register_module("middle", nn::Linear(4, 4));
  nn::Linear table = register_module("table", nn::Linear(4, 6, false));
  nn::Tanh first = register_module("first", nn::Tanh());
  nn::Tanh second = register_module("second", first);
};
EMBER_MODULE(Tied);

using Names = std::vector<std::string>;
const Names kState = {"decoder.weight", "decoder.bias", "middle.weight", "middle.bias", "table.weight"};
const Names kParameters = {"decoder.weight", "decoder.bias", "middle.weight", "middle.bias"};

template <typename Entries> Names namesOf(const Entries &entries) {
  Names names;
  for (const auto &[name, value] : entries)
    names.push_back(name);
  return names;
}

Tied makeModel() {
  ember::manual_seed(4);
  return Tied();
}

Tensor inputOf(int64_t step) {
  return ember::from_vector(std::vector<float>(18, 0.25f * static_cast<float>(step % 3 - 1)), {3, 6});
}
Tensor labelsOf(int64_t step) { return ember::from_vector(std::vector<int64_t>{step % 6, 1, 2}, {3}); }

double train(nn::Module &module, optim::Optimizer &optimizer, int64_t step) {
  optimizer.zero_grad();
  Tensor loss = nn::CrossEntropyLoss()(module(inputOf(step)), labelsOf(step));
  loss.backward();
  optimizer.step();
  return loss.item<float>();
}

std::vector<std::vector<float>> valuesOf(const nn::Module &module) {
  std::vector<std::vector<float>> values;
  for (const auto &[name, tensor] : module.state_dict())
    values.push_back(tensor.to_vector<float>());
  return values;
}

TEST(Tied, NamesAsPyTorch) {
  Tied model = makeModel();
  EXPECT_EQ(namesOf(model->state_dict()), kState);
  EXPECT_EQ(namesOf(model->named_parameters()), kParameters);
  EXPECT_EQ(namesOf(model->named_modules()), (Names{"", "decoder", "middle", "table", "first"}));
  EXPECT_EQ(namesOf(model->named_children()), (Names{"decoder", "middle", "table", "first"}));
  int64_t visited = 0;
  model->apply([&](nn::Module &) { ++visited; });
  EXPECT_EQ(visited, 5);
  nn::Sequential twice{model->first, model->first}; // each time it is named, it is called
  EXPECT_EQ(twice(ember::ones({1})).item<float>(), ember::ones({1}).tanh().tanh().item<float>());
  model->to(ember::kFloat64);
  EXPECT_TRUE(model->table->weight.is_same(model->decoder->weight));
  EXPECT_EQ(model->decoder->weight.dtype(), ember::kFloat64);
}

TEST(Tied, NamesAreTakenByOneKind) {
  nn::Linear own(2, 2);
  EXPECT_EQ(messageOf([&] { own->register_buffer("weight", ember::ones({2})); }), "attribute 'weight' already exists");
  EXPECT_EQ(messageOf([&] { own->register_module("bias", nn::ReLU()); }), "attribute 'bias' already exists");
  nn::Sequential outer{own};
  EXPECT_EQ(messageOf([&] { outer->register_parameter("0", ember::ones({2})); }), "attribute '0' already exists");
  outer->register_module("0", nn::Linear(5, 1));
  EXPECT_EQ(outer(ember::ones({1, 5})).sizes(), ember::Shape({1, 1}));
}

class TiedTrace : public testing::TestWithParam<bool> {
protected:
  ember::jit::TracedModule trace(Tied &model) {
    ember::jit::TraceOptions options;
    if (GetParam())
      options.dims = {{{0, "B"}}};
    return ember::jit::trace(model, {inputOf(0)}, options);
  }
};
INSTANTIATE_TEST_SUITE_P(Named, TiedTrace, testing::Bool());

TEST_P(TiedTrace, HasAllNames) {
  Folder folder("ember_tied_trace");
  Tied model = makeModel();
  ember::jit::TracedModule traced = trace(model);
  traced.save(folder.file("model.ember"));
  for (const ember::jit::TracedModule &own : {traced, ember::jit::load(folder.file("model.ember"))}) {
    auto module = own.module();
    EXPECT_EQ(namesOf(module->state_dict()), kState);
    EXPECT_EQ(namesOf(module->named_parameters()), kParameters);
    EXPECT_EQ(valuesOf(*module), valuesOf(*model));
  }
}

// Trained as the module is, and back: the weights stay tied.
TEST_P(TiedTrace, TrainsAsTheModule) {
  Tied model = makeModel();
  auto module = trace(model).module();
  optim::SGD own(model->parameters(), {.lr = 0.1, .momentum = 0.9}), other(module->parameters(), {.lr = 0.1, .momentum = 0.9});
  for (int step = 0; step < 4; ++step)
    EXPECT_EQ(train(*module, other, step), train(*model, own, step)) << step;
  EXPECT_EQ(valuesOf(*module), valuesOf(*model));
  EXPECT_EQ(valuesOf(*module).front(), valuesOf(*module).back());
}

// A training library holds shared memory once; its checkpoints fit the process's and the other way.
TEST(Tied, TrainingLibrariesAndCheckpoints) {
  Folder folder("ember_tied_training");
  const optim::SGDOptions options{.lr = 0.1, .momentum = 0.9};
  Tied model = makeModel();
  optim::SGD optimizer(model->parameters(), options);
  ember::jit::compile_train(model, nn::CrossEntropyLoss(), optimizer, {inputOf(0), labelsOf(0)}, folder.file("libtied.so"),
                            "tied");
  void *library = dlopen(folder.file("libtied.so").c_str(), RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  auto create = reinterpret_cast<void *(*)(uint32_t)>(dlsym(library, "tied_create"));
  auto destroy = reinterpret_cast<void (*)(void *)>(dlsym(library, "tied_destroy"));
  auto step = reinterpret_cast<int32_t (*)(void *, CTensor *, uint32_t, double *)>(dlsym(library, "tied_step"));
  auto save = reinterpret_cast<int32_t (*)(void *, const char *)>(dlsym(library, "tied_save"));
  auto load = reinterpret_cast<int32_t (*)(void *, const char *)>(dlsym(library, "tied_load"));
  auto error = reinterpret_cast<const char *(*)(void *)>(dlsym(library, "tied_error"));
  void *handle = create(1);
  auto stepThere = [&](int64_t number) {
    std::vector<float> data = inputOf(number).to_vector<float>();
    std::vector<int64_t> classes = labelsOf(number).to_vector<int64_t>();
    int64_t dims[] = {3, 6}, labelDims[] = {3};
    CTensor inputs[] = {{1, 2, dims, data.data()}, {4, 1, labelDims, classes.data()}};
    double loss = 0;
    EXPECT_EQ(step(handle, inputs, 2, &loss), 0) << error(handle);
    return loss;
  };
  for (int number = 0; number < 2; ++number)
    EXPECT_EQ(stepThere(number), train(*model, optimizer, number)) << number;
  EXPECT_EQ(save(handle, folder.file("there").c_str()), 0) << error(handle);
  Tied fresh = makeModel();
  optim::SGD own(fresh->parameters(), options);
  ember::load({.model = &*fresh, .optimizer = &own}, folder.file("there"));
  for (int number = 2; number < 4; ++number)
    EXPECT_EQ(train(*fresh, own, number), train(*model, optimizer, number)) << number;
  EXPECT_EQ(valuesOf(*fresh), valuesOf(*model));
  ember::Generator generator(3);
  optim::StepLR schedule(own, 5); // which a library passes over
  ember::save({.model = &*fresh, .optimizer = &own, .generator = &generator, .scheduler = &schedule}, folder.file("here"));
  EXPECT_EQ(load(handle, folder.file("here").c_str()), 0) << error(handle);
  EXPECT_EQ(stepThere(4), train(*model, optimizer, 4));
  destroy(handle);
  dlclose(library);
}

} // namespace
