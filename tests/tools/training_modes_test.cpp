// ember compile --train of a model that was traced in evaluation: dropout drops, batch_norm takes the batch's statistics, and the
// library trains to the losses of this process, bit for bit.
#include <ember/ember.h>

#include "frontend/Shell.h"
#include "tools/TrainedLibrary.h"
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;

namespace {

constexpr int64_t kBatch = 4, kClasses = 3, kSteps = 4;

ember::Tensor labelsOf(int64_t step) {
  return ember::from_vector(std::vector<int64_t>{step % 3, (step + 1) % 3, 2, 0}, {kBatch});
}

TEST(TrainCommand, AModelTracedInEvaluationTrainsInTraining) {
  Folder folder("ember_train_modes");
  ember::manual_seed(5);
  nn::Sequential model(nn::Conv2d(1, 4, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(4), nn::ReLU(), nn::Dropout(0.25),
                       nn::Flatten(), nn::Linear(64, kClasses), nn::Dropout(0.5));
  std::vector<ember::Tensor> inputs;
  for (int64_t step = 0; step <= kSteps; ++step)
    inputs.push_back(ember::randn({kBatch, 1, 4, 4}));
  model->eval();
  ember::jit::trace(model, {inputs[0]}).save(folder.file("net.ember"));
  Outcome built = shell(EMBER_BIN_DIR "/ember compile " + folder.file("net.ember") +
                        " --train --loss cross_entropy --optimizer adamw:lr=0.01 --name net -o " + folder.file("net.so"));
  ASSERT_EQ(built.status, 0) << built.text;
  auto loaded = ember::jit::load(folder.file("net.ember")).module();
  std::string record = shell(EMBER_BIN_DIR "/ember inspect " + folder.file("net.so")).text;
  for (const char *line :
       {"net: a model that trains, by ember ", "\nstep: ", "  input target0: i64[4]\n", "  output loss: f32[]\n",
        "\nhyper-parameter lr: 0.01\n", "\nparameter: 6 tensors, 972 bytes\n", "\ngenerator: 1 tensor, "})
    EXPECT_NE(record.find(line), std::string::npos) << line << " in\n" << record;

  for (size_t i = 0; i < model->parameters().size(); ++i) // optimizer state goes by their numbers
    EXPECT_EQ(loaded->named_parameters()[i].first, model->named_parameters()[i].first);

  // The module itself, the package in this process, the library.
  std::vector<double> expected, ofPackage, ofLibrary;
  auto train = [&](auto &own, std::vector<double> &losses) {
    optim::AdamW optimizer(own->parameters(), {.lr = 0.01});
    ember::manual_seed(7);
    own->train();
    for (int64_t step = 0; step < kSteps; ++step) {
      optimizer.zero_grad();
      ember::Tensor loss = nn::CrossEntropyLoss()(own(inputs[step]), labelsOf(step));
      loss.backward();
      optimizer.step();
      losses.push_back(loss.template item<float>());
    }
    own->eval();
  };
  train(loaded, ofPackage);
  train(model, expected);
  EXPECT_EQ(ofPackage, expected);
  std::vector<float> output = model(inputs[kSteps]).detach().to_vector<float>(), found(output.size());
  EXPECT_EQ(loaded(inputs[kSteps]).detach().to_vector<float>(), output);

  TrainedLibrary library(folder.file("net.so"));
  library.seed(library.model, 7);
  for (int64_t step = 0; step < kSteps; ++step)
    ofLibrary.push_back(library.lossOf(inputs[step], labelsOf(step)));
  EXPECT_EQ(ofLibrary, expected);
  std::vector<char> bytes;
  ember::Shape sizes = inputs[kSteps].sizes(), outputSizes{kBatch, kClasses};
  CTensor input = cTensor(inputs[kSteps], sizes, bytes), result{1, 2, outputSizes.data(), found.data()};
  EXPECT_EQ(library.predict(library.model, &input, 1, &result, 1), 0) << library.error(library.model);
  EXPECT_EQ(found, output);
}

} // namespace
