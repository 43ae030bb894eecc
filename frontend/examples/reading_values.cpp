// A tensor that requires a gradient gives no pointer to its memory: detach it first.
#include <ember/ember.h>
#include <iostream>

int main() {
  ember::manual_seed(0);
  ember::Tensor x = ember::randn({3}).requires_grad_();
  ember::Tensor y = (x * 2).sum();
  y.backward();

  try {
    x.data_ptr<float>();
  } catch (const ember::Error &error) {
    std::cout << error.what() << "\n";
  }
  ember::Tensor detached = x.detach(); // holds the memory
  const float *values = detached.data_ptr<float>();
  std::cout << values[0] << " " << values[1] << " " << values[2] << "\n";
}
