// A trace holds the state of the module that was traced: all of it, by the names and in the order of its state_dict.
#include "CrossedModel.h"
#include "Shell.h"
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
using crossed::Model;

namespace {

using State = std::vector<std::pair<std::string, std::vector<double>>>;

State stateOf(const nn::Module &module) {
  State state;
  for (const auto &[name, tensor] : module.state_dict())
    state.emplace_back(name, tensor.to(ember::kFloat64).to_vector<double>());
  return state;
}

std::vector<std::string> parameterNames(const nn::Module &module) {
  std::vector<std::string> names;
  for (const auto &[name, tensor] : module.named_parameters())
    names.push_back(name);
  return names;
}

Model makeModel() {
  ember::manual_seed(2);
  return Model();
}

// Traced in either mode, with a name for the batch or without.
class TracedState : public testing::TestWithParam<std::tuple<bool, bool>> {
protected:
  ember::jit::TracedModule trace(Model &model) {
    auto [training, named] = GetParam();
    model->train(training);
    ember::jit::TraceOptions options;
    if (named)
      options.dims = {{{0, "B"}}};
    return ember::jit::trace(model, {crossed::inputOf(0)}, options);
  }
};
INSTANTIATE_TEST_SUITE_P(Modes, TracedState, testing::Combine(testing::Bool(), testing::Bool()));

TEST_P(TracedState, IsTheModules) {
  Folder folder("ember_traced_state");
  Model model = makeModel();
  ember::jit::TracedModule traced = trace(model);
  std::vector<std::string> names;
  for (const auto &[name, values] : stateOf(*model))
    names.push_back(name);
  EXPECT_EQ(names, crossed::kState);
  traced.save(folder.file("model.ember"));
  for (const ember::jit::TracedModule &own : {traced, ember::jit::load(folder.file("model.ember"))}) {
    auto module = own.module();
    EXPECT_EQ(stateOf(*module), stateOf(*model));
    EXPECT_EQ(parameterNames(*module), parameterNames(*model));
  }
}

// What no kernel reads is no hindrance to an artifact.
TEST_P(TracedState, ArtifactsPredictAsTheModule) {
  Folder folder("ember_traced_artifact");
  Model model = makeModel();
  ember::jit::TracedModule traced = trace(model);
  traced.compile(folder.file("model"));
  ember::save_npy(folder.file("in.npy"), crossed::inputOf(1));
  Outcome run = shell(folder.file("model") + " " + folder.file("in.npy") + " -o " + folder.file("out.npy"));
  ASSERT_EQ(run.status, 0) << run.text;
  EXPECT_EQ(ember::load_npy(folder.file("out.npy")).to_vector<float>(), model(crossed::inputOf(1)).detach().to_vector<float>());
}

// The trace's module goes on from a checkpoint of the model that was traced, and trains as it does; its own checkpoints are the
// model's.
TEST_P(TracedState, ItsCheckpointsAreTheModules) {
  Folder folder("ember_traced_checkpoints");
  Model model = makeModel();
  auto module = trace(model).module();
  model->train(), module->train();
  optim::AdamW own(model->parameters(), {.lr = 0.02}), other(module->parameters(), {.lr = 0.02});
  for (int step = 0; step < 3; ++step)
    crossed::stepInProcess(*model, own, step);
  ember::save({.model = &*model, .optimizer = &own}, folder.file("first"));
  ember::load({.model = &*module, .optimizer = &other}, folder.file("first"));
  for (int step = 3; step < 6; ++step)
    EXPECT_EQ(crossed::stepInProcess(*module, other, step), crossed::stepInProcess(*model, own, step)) << step;
  EXPECT_EQ(stateOf(*module), stateOf(*model));
  ember::save({.model = &*module, .optimizer = &other}, folder.file("second"));
  Model fresh = makeModel();
  optim::AdamW last(fresh->parameters(), {.lr = 0.02});
  ember::load({.model = &*fresh, .optimizer = &last}, folder.file("second"));
  EXPECT_EQ(crossed::stepInProcess(*fresh, last, 6), crossed::stepInProcess(*model, own, 6));
  EXPECT_EQ(stateOf(*fresh), stateOf(*model));
}

} // namespace
