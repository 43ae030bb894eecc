// The share of rows of LOGITS.npy whose largest element is where LABELS.npy says.
#include <ember/ember.h>

#include <cstdio>

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: npy_accuracy LOGITS.npy LABELS.npy\n");
    return 1;
  }
  try {
    ember::Tensor right = ember::load_npy(argv[1]).argmax(1) == ember::load_npy(argv[2]);
    std::printf("%.2f %%\n", 100 * right.to(ember::kFloat64).mean().item<double>());
  } catch (const ember::Error &error) {
    std::fprintf(stderr, "npy_accuracy: %s\n", error.what());
    return 1;
  }
}
