// Tensor creation and basic ops.
#include <ember/ember.h>
#include <iostream>

int main() {
  ember::manual_seed(0);
  ember::Tensor x = ember::randn({2, 3});
  ember::Tensor y = ember::ones({2, 3});

  ember::Tensor z = x + y;
  ember::Tensor w = ember::matmul(z, z.t()); // (2, 3) times (3, 2) is (2, 2)

  std::cout << "x: " << x << "\n";
  std::cout << "w shape: " << w.size() << "\n";
  std::cout << "w: " << w << "\n";
}
