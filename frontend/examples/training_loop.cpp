// A training loop: modules, a loader, an optimizer. With seed 0 it prints `pred: tensor([0.9388, 3.0314])`.
#include <ember/ember.h>
#include <iostream>

namespace nn = ember::nn;

int main() {
  ember::manual_seed(0);

  // Synthetic regression: y = 2x + 1 + noise.
  ember::Tensor x = ember::randn({256, 1});
  ember::Tensor y = 2.0 * x + 1.0 + 0.1 * ember::randn_like(x);

  ember::data::DataLoader loader(ember::data::TensorDataset(x, y), {.batch_size = 32, .shuffle = true});

  nn::Sequential model{nn::Linear(1, 16), nn::ReLU(), nn::Linear(16, 1)};
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  nn::MSELoss lossFunction;

  model->train();
  for (int epoch = 0; epoch < 3; ++epoch)
    for (const auto &batch : loader) {
      ember::Tensor prediction = model(batch[0]);
      ember::Tensor loss = lossFunction(prediction, batch[1]);

      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }

  model->eval();
  ember::NoGradGuard noGrad;
  ember::Tensor test = ember::tensor({{0.0f}, {1.0f}});
  std::cout << "pred: " << model(test).squeeze(-1) << "\n";
}
