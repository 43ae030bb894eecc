// Export with jit::trace.
#include <ember/ember.h>
#include <iostream>

namespace nn = ember::nn;

int main() {
  nn::Sequential model(nn::Linear(3, 4), nn::ReLU(), nn::Linear(4, 2));
  model->eval();

  ember::Tensor example = ember::randn({1, 3});
  ember::jit::TracedModule traced = ember::jit::trace(model, {example});

  ember::Tensor recorded = model(example);
  ember::Tensor compiled = traced(example);
  std::cout << "max diff: " << (recorded - compiled).abs().max().item<float>() << "\n";
}
