// Export with jit::trace.
#include <ember/ember.h>
#include <iostream>

namespace nn = ember::nn;

int main() {
  ember::manual_seed(0);
  nn::Sequential model{nn::Linear(3, 4), nn::ReLU(), nn::Linear(4, 2)};
  model->eval();

  ember::Tensor example = ember::randn({1, 3});
  ember::jit::TracedModule traced = ember::jit::trace(model, {example});

  ember::NoGradGuard noGrad;
  std::cout << "output: " << traced(example) << "\n";
  std::cout << "max diff: " << (model(example) - traced(example)).abs().max() << "\n";
}
