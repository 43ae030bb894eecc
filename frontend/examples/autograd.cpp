// Gradients with backward().
#include <ember/ember.h>
#include <iostream>

int main() {
  ember::manual_seed(0);
  ember::Tensor x = ember::randn({5}).requires_grad_();
  ember::Tensor y = (x * x).sum(); // a scalar
  y.backward();

  std::cout << "x: " << x << "\n";
  std::cout << "grad: " << x.grad() << "\n";
}
