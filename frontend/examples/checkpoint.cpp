// Save and load model and optimizer state.
#include <ember/ember.h>
#include <iostream>

namespace nn = ember::nn;

int main(int argc, char **argv) {
  ember::manual_seed(0);
  nn::Linear model(4, 2);
  ember::optim::AdamW optimizer(model->parameters(), {.lr = 1e-3});

  // One training step.
  ember::Tensor x = ember::randn({8, 4});
  ember::Tensor y = model(x).sum();
  optimizer.zero_grad();
  y.backward();
  optimizer.step();

  std::string path = argc > 1 ? argv[1] : "/tmp/ember_checkpoint.safetensors";
  ember::save({.model = model.ptr().get(), .optimizer = &optimizer}, path);

  // Into fresh instances.
  nn::Linear model2(4, 2);
  ember::optim::AdamW optimizer2(model2->parameters(), {.lr = 1e-3});
  ember::load({.model = model2.ptr().get(), .optimizer = &optimizer2}, path);

  bool restored = ember::equal(model->weight, model2->weight) && ember::equal(model->bias, model2->bias);
  std::cout << "restored ok: " << (restored ? "True" : "False") << "\n";
  std::cout << "weight: " << model2->weight.detach() << "\n";
}
