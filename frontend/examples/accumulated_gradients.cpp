// Wrong: gradients accumulate when zero_grad is forgotten. Right: clear them before each backward.
#include <ember/ember.h>
#include <iostream>

namespace nn = ember::nn;

static ember::Tensor gradientAfterTwoSteps(bool clears) {
  ember::manual_seed(0);
  nn::Linear model(3, 1);
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  ember::Tensor x = ember::randn({4, 3});
  for (int step = 0; step < 2; ++step) {
    if (clears)
      optimizer.zero_grad();
    ember::Tensor loss = model(x).sum();
    loss.backward();
    optimizer.step();
  }
  return model->weight.grad();
}

int main() {
  std::cout << "without zero_grad: " << gradientAfterTwoSteps(false) << "\n";
  std::cout << "with zero_grad: " << gradientAfterTwoSteps(true) << "\n";
}
