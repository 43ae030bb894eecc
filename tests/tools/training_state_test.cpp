// Checkpoints of a model and of the library that `ember compile --train` makes of its package are the same files: by name and by
// number of parameter, whatever the order in which the model reads them.
#include "frontend/CrossedModel.h"
#include "frontend/Shell.h"
#include "tools/TrainedLibrary.h"

namespace nn = ember::nn;
namespace optim = ember::optim;

namespace {

void expectSharedCheckpoints(const Folder &folder, crossed::Model &model) {
  TrainedLibrary library(folder.file("net.so"));
  std::vector<std::string> names = library.weightNames(), expected;
  for (const auto &[name, tensor] : model->named_parameters())
    expected.push_back(name);
  for (const auto &[name, tensor] : model->named_buffers())
    expected.push_back(name);
  EXPECT_EQ(names, expected);

  optim::AdamW optimizer(model->parameters(), {.lr = 0.02});
  ember::Generator generator(1);
  model->train();
  for (int step = 0; step < 3; ++step)
    crossed::stepInProcess(*model, optimizer, step);
  ember::save({&*model, &optimizer, &generator}, folder.file("ours"));
  ASSERT_EQ(library.load(library.model, folder.file("ours").c_str()), 0) << library.error(library.model);
  for (int step = 3; step < 6; ++step)
    EXPECT_EQ(library.lossOf(crossed::inputOf(step), crossed::labelsOf(step)), crossed::stepInProcess(*model, optimizer, step));
  ASSERT_EQ(library.save(library.model, folder.file("theirs").c_str()), 0) << library.error(library.model);
  crossed::Model fresh;
  optim::AdamW other(fresh->parameters(), {.lr = 0.5});
  ember::load({&*fresh, &other, &generator}, folder.file("theirs"));
  EXPECT_EQ(fresh->named_buffers().back().second.item<int64_t>(), 6) << "batches tracked";
  EXPECT_EQ(crossed::stepInProcess(*fresh, other, 6), crossed::stepInProcess(*model, optimizer, 6));
}

TEST(TrainingState, OfAPackageIsTheModules) {
  for (bool training : {false, true}) {
    SCOPED_TRACE(training ? "traced in training" : "traced in evaluation");
    Folder folder(training ? "ember_state_training" : "ember_state_evaluation");
    crossed::Model model;
    model->train(training);
    ember::jit::trace(model, {crossed::inputOf(0)}).save(folder.file("net.ember"));
    Outcome built = shell(EMBER_BIN_DIR "/ember compile " + folder.file("net.ember") +
                          " --train --loss cross_entropy --optimizer adamw:lr=0.02 --name net -o " + folder.file("net.so"));
    ASSERT_EQ(built.status, 0) << built.text;
    expectSharedCheckpoints(folder, model);
  }
}

TEST(TrainingState, OfACompiledStepIsTheModules) {
  Folder folder("ember_state_step");
  crossed::Model model;
  optim::AdamW optimizer(model->parameters(), {.lr = 0.02});
  ember::jit::compile_train(model, nn::CrossEntropyLoss(), optimizer, {crossed::inputOf(0), crossed::labelsOf(0)},
                            folder.file("net.so"), "net");
  expectSharedCheckpoints(folder, model);
}

} // namespace
