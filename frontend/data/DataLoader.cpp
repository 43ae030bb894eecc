#include "ember/data.h"
#include "ember/error.h"
#include "ember/random.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

namespace ember::data {

Fields Dataset::batch(const std::vector<int64_t> &indices) const {
  std::vector<Fields> samples;
  for (int64_t index : indices)
    samples.push_back(get(index));
  Fields stacked;
  for (size_t field = 0; field < samples.front().size(); ++field) {
    std::vector<Tensor> parts;
    for (const Fields &sample : samples)
      parts.push_back(sample.at(field));
    stacked.push_back(stack(parts, 0));
  }
  return stacked;
}

TensorDataset::TensorDataset(std::vector<Tensor> given) : tensors(std::move(given)) {
  if (tensors.empty())
    throw Error("TensorDataset: expected at least one tensor, found none");
  for (const Tensor &tensor : tensors)
    if (tensor.dim() == 0 || tensor.size(0) != tensors.front().size(0))
      throw Error("Size mismatch between tensors");
}

int64_t TensorDataset::size() const { return tensors.front().size(0); }

Fields TensorDataset::get(int64_t index) const {
  Fields fields;
  for (const Tensor &tensor : tensors)
    fields.push_back(tensor.select(0, index));
  return fields;
}

// Rows are copied here rather than recorded: batches are data, and differ in every step.
Fields TensorDataset::batch(const std::vector<int64_t> &indices) const {
  Fields fields;
  for (const Tensor &tensor : tensors)
    fields.push_back(copy_rows(tensor, indices));
  return fields;
}

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, DataLoaderOptions options)
    : dataset(std::move(dataset)), options(std::move(options)) {
  if (this->options.batch_size < 1)
    throw Error("batch_size should be a positive integer value, but got batch_size=" + std::to_string(this->options.batch_size));
  if (this->options.num_workers < 0)
    throw Error("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.");
  if (this->options.num_workers > 0 && this->options.prefetch_factor < 1)
    throw Error("prefetch_factor option should be positive, but got prefetch_factor=" +
                std::to_string(this->options.prefetch_factor));
}

int64_t DataLoader::size() const {
  int64_t full = dataset->size() / options.batch_size;
  bool hasRest = !options.drop_last && dataset->size() % options.batch_size != 0;
  return full + hasRest;
}

/// One pass: the order of samples and the threads that fetch ahead.
class DataLoader::Epoch {
public:
  Epoch(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions &options, int64_t batchCount)
      : dataset(std::move(dataset)), options(options), batchCount(batchCount) {
    Generator generator = options.generator ? *options.generator : default_generator();
    generator.random64(); // the base seed that PyTorch hands to its workers; drawn without workers too
    drawsOrder = options.shuffle;
    orderGenerator = generator;
    if (options.num_workers > 0) {
      drawOrder();
      for (int64_t i = 0; i < options.num_workers; ++i)
        workers.emplace_back([this] { work(); });
    }
  }

  ~Epoch() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    for (std::thread &worker : workers)
      worker.join();
  }

  /// The next batch; nothing at the end.
  std::optional<Fields> next() {
    if (delivered == batchCount)
      return std::nullopt;
    if (workers.empty()) {
      drawOrder();
      return dataset->batch(indicesOf(delivered++));
    }
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ready.count(delivered) != 0; });
    Result result = std::move(ready[delivered]);
    ready.erase(delivered++);
    changed.notify_all();
    if (result.error)
      std::rethrow_exception(result.error);
    return std::move(result.fields);
  }

private:
  struct Result {
    Fields fields;
    std::exception_ptr error;
  };

  // The sampler's seed is drawn when the first batch is asked for, as PyTorch does.
  void drawOrder() {
    if (!order.empty() || dataset->size() == 0)
      return;
    if (drawsOrder && options.generator) {
      order = Generator(orderGenerator).permutation(dataset->size());
    } else if (drawsOrder) {
      Generator sampler(orderGenerator.random64());
      order = sampler.permutation(dataset->size());
    } else {
      order.resize(dataset->size());
      for (size_t i = 0; i < order.size(); ++i)
        order[i] = static_cast<int64_t>(i);
    }
  }

  std::vector<int64_t> indicesOf(int64_t batch) const {
    auto first = order.begin() + batch * options.batch_size;
    auto last = order.begin() + std::min<int64_t>((batch + 1) * options.batch_size, order.size());
    return {first, last};
  }

  void work() {
    while (true) {
      int64_t batch;
      {
        std::unique_lock lock(mutex);
        int64_t ahead = options.num_workers * options.prefetch_factor;
        changed.wait(lock, [&] { return stopping || started == batchCount || started < delivered + ahead; });
        if (stopping || started == batchCount)
          return;
        batch = started++;
      }
      Result result;
      try {
        result.fields = dataset->batch(indicesOf(batch));
      } catch (...) {
        result.error = std::current_exception();
      }
      {
        std::lock_guard lock(mutex);
        ready[batch] = std::move(result);
      }
      changed.notify_all();
    }
  }

  std::shared_ptr<const Dataset> dataset;
  DataLoaderOptions options;
  int64_t batchCount, delivered = 0, started = 0;
  bool drawsOrder = false, stopping = false;
  Generator orderGenerator;
  std::vector<int64_t> order;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<int64_t, Result> ready;
  std::vector<std::thread> workers;
};

DataLoader::Iterator::Iterator(std::shared_ptr<Epoch> started) : epoch(std::move(started)) { ++*this; }

DataLoader::Iterator &DataLoader::Iterator::operator++() {
  std::optional<Fields> fields = epoch->next();
  if (fields) {
    current = std::move(*fields);
  } else {
    current.clear();
    epoch.reset();
  }
  return *this;
}

DataLoader::Iterator DataLoader::begin() const {
  if (size() == 0)
    return end();
  return Iterator(std::make_shared<Epoch>(dataset, options, size()));
}

} // namespace ember::data
