// A loader with worker threads: they share the process's memory, so a small /dev/shm is no matter.
#include <ember/ember.h>
#include <iostream>

int main() {
  ember::data::TensorDataset dataset(ember::randn({10000, 64}), ember::randn({10000, 1}));
  ember::data::DataLoader loader(dataset, {.batch_size = 128, .num_workers = 4});

  for (const auto &batch : loader) {
    ember::Tensor sum = batch[0].mean() + batch[1].mean();
    std::cout << sum.size() << " " << batch[0].size() << "\n";
    break;
  }
}
