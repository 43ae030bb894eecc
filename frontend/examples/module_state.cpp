// Save the state of a module, not the module: a checkpoint names its tensors, so it outlives changes of the code. The whole of a
// model, with its graph, is a package: ember::jit::save.
#include <ember/ember.h>
#include <iostream>

namespace nn = ember::nn;

int main(int argc, char **argv) {
  ember::manual_seed(0);
  nn::Linear model(2, 2);
  std::string path = argc > 1 ? argv[1] : "/tmp/ember_module_state.safetensors";
  ember::save({.model = model.ptr().get()}, path);

  nn::Linear model2(2, 2);
  ember::load({.model = model2.ptr().get()}, path);
  std::cout << "weight: " << model2->weight.detach() << "\n";
  std::cout << "bias: " << model2->bias.detach() << "\n";
}
