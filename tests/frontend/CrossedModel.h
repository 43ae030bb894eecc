// A model that reads its parameters in another order than it registered them, and some of its state not at all.
#pragma once

#include <ember/ember.h>

namespace crossed {

namespace nn = ember::nn;

class ModelImpl : public nn::Module {
public:
  /// input: (N, 4), output: (N, 3).
  ember::Tensor forward(const ember::Tensor &input) override {
    ember::Tensor image = norm(input.reshape({input.size(0), 2, 2, 1}));
    ember::Tensor hidden = early(image.reshape({input.size(0), 4})).tanh();
    return late(hidden * scale + shift);
  }
  std::string type_name() const override { return "Model"; }

private:
  nn::Linear late = register_module("late", nn::Linear(6, 3));
  nn::Linear unused = register_module("unused", nn::Linear(2, 2));
  nn::BatchNorm2d norm = register_module("norm", nn::BatchNorm2d(2, nn::BatchNormOptions{.momentum = std::nullopt}));
  nn::Linear early = register_module("early", nn::Linear(4, 6));
  ember::Tensor scale = register_parameter("scale", ember::ones({6}));
  ember::Tensor unread = register_buffer("unread", ember::tensor<float>({1, 2}));
  ember::Tensor shift = register_buffer("shift", ember::full({6}, 0.5));
};
EMBER_MODULE(Model);

/// In the order of state_dict.
inline const std::vector<std::string> kState = {
    "scale",        "unread",      "shift",     "late.weight",       "late.bias",        "unused.weight",
    "unused.bias",  "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
    "early.weight", "early.bias"};

inline ember::Tensor inputOf(int64_t step, int64_t count = 4) {
  std::vector<float> values;
  for (int64_t i = 0; i < count * 4; ++i)
    values.push_back(static_cast<float>((i * 7 + step * 5) % 13) / 4 - 1);
  return ember::from_vector(values, {count, 4});
}
inline ember::Tensor labelsOf(int64_t step) {
  return ember::from_vector(std::vector<int64_t>{step % 3, 1, 2, (step + 1) % 3}, {4});
}

inline double stepInProcess(nn::Module &model, ember::optim::Optimizer &optimizer, int64_t step) {
  optimizer.zero_grad();
  ember::Tensor loss = nn::CrossEntropyLoss()(model(inputOf(step)), labelsOf(step));
  loss.backward();
  optimizer.step();
  return loss.item<float>();
}

} // namespace crossed
