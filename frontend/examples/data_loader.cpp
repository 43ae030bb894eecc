// Loaders with worker threads: they share the process's memory, so a small /dev/shm is no matter and no number of workers is
// wrong.
#include <ember/ember.h>
#include <iostream>

int main() {
  ember::manual_seed(0);
  ember::data::TensorDataset dataset{ember::randn({10000, 64}), ember::randn({10000, 1})};
  for (int64_t workers : {4, 2}) {
    ember::data::DataLoader loader(dataset, {.batch_size = 128, .num_workers = workers});
    for (const auto &batch : loader) {
      std::cout << "batch: " << batch[0].size() << " " << batch[1].size() << " mean: " << batch[0].mean() + batch[1].mean()
                << "\n";
      break;
    }
  }
}
