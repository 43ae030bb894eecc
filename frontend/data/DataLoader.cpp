#include "ember/data.h"
#include "ember/error.h"
#include "ember/random.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace ember::data {

Fields Dataset::batch(const std::vector<int64_t> &indices) const {
  std::vector<Fields> samples;
  for (int64_t index : indices)
    samples.push_back(get(index));
  if (samples.empty())
    throw Error("a batch of no samples, expected at least one");
  Fields stacked;
  for (const Fields &sample : samples)
    if (sample.size() != samples.front().size())
      throw Error("each element in list of batch should be of equal size");
  for (size_t field = 0; field < samples.front().size(); ++field) {
    std::vector<Tensor> parts;
    for (const Fields &sample : samples)
      parts.push_back(sample[field]);
    stacked.push_back(stack(parts, 0));
  }
  return stacked;
}

TensorDataset::TensorDataset(std::vector<Tensor> given, Here where) : tensors(std::move(given)) {
  CallSite site(where);
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
  if (indices.empty())
    throw Error("a batch of no samples, expected at least one");
  Fields fields;
  for (const Tensor &tensor : tensors)
    fields.push_back(copy_rows(tensor, indices));
  return fields;
}

// ---- options

static void requireConsistent(const DataLoaderOptions &options) {
  if (options.num_workers < 0)
    throw Error("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.");
  if (options.num_workers > 0 && options.prefetch_factor < 1)
    throw Error("prefetch_factor option should be positive, but got prefetch_factor=" + std::to_string(options.prefetch_factor));
  if (options.sampler && options.shuffle)
    throw Error("sampler option is mutually exclusive with shuffle");
  if (options.batch_sampler && (options.batch_size != 1 || options.shuffle || options.sampler || options.drop_last))
    throw Error("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last");
  if (!options.batch_size && options.drop_last)
    throw Error("batch_size=None option disables auto-batching and is mutually exclusive with drop_last");
}

DataLoader::DataLoader(std::shared_ptr<const Dataset> own, DataLoaderOptions given, Here where)
    : dataset(std::move(own)), options(std::move(given)), place(where) {
  CallSite site(where);
  if (!dataset)
    throw Error("DataLoader: expected a dataset, found a null pointer");
  requireConsistent(options);
  if (options.batch_sampler)
    return;
  if (!options.sampler && options.shuffle)
    options.sampler = RandomSampler(dataset->size(), {.generator = options.generator});
  else if (!options.sampler)
    options.sampler = SequentialSampler(dataset->size());
  if (options.batch_size)
    options.batch_sampler = BatchSampler(options.sampler, *options.batch_size, options.drop_last);
}

int64_t DataLoader::size() const { return options.batch_sampler ? options.batch_sampler->size() : options.sampler->size(); }

// ---- an epoch

/// One pass: what the sampler gives, and the threads that fetch ahead. Samplers and generators are asked on the caller's thread
/// alone, so that workers change nothing.
class DataLoader::Epoch {
public:
  Epoch(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions &options, Here place)
      : dataset(std::move(dataset)), options(options), nextIndices(passOf(options)) {
    // The base seed that PyTorch hands to its workers; drawn without workers too.
    options.generator.value_or(default_generator()).random64();
    int64_t wanted = 0; // workers that have a batch to begin with
    for (; wanted < options.num_workers && !isExhausted; ++wanted)
      for (int64_t i = 0; i < options.prefetch_factor && !isExhausted; ++i)
        hand();
    start(std::min(wanted, handed), place);
  }

  ~Epoch() { stop(); }

  /// The next batch; nothing at the end.
  std::optional<Fields> next() {
    if (options.num_workers == 0) {
      std::optional<Indices> indices = nextIndices();
      return indices ? std::optional(fetch(*indices)) : std::nullopt;
    }
    if (delivered == handed)
      return std::nullopt;
    Result result;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ready.count(delivered) != 0; });
      result = std::move(ready[delivered]);
      ready.erase(delivered++);
    }
    hand();
    if (result.error)
      std::rethrow_exception(result.error);
    return std::move(result.fields);
  }

private:
  using Indices = std::vector<int64_t>;

  void start(int64_t count, Here place) {
    try {
      while (static_cast<int64_t>(workers.size()) < count)
        workers.emplace_back([this] { work(); });
    } catch (const std::system_error &error) {
      size_t started = workers.size();
      stop();
      CallSite site(place);
      throw Error("DataLoader: the system gives " + std::to_string(started) + " worker threads (" + error.code().message() +
                  "), expected " + std::to_string(count));
    }
  }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    for (std::thread &worker : workers)
      worker.join();
  }

  struct Result {
    Fields fields;
    std::exception_ptr error;
  };

  static Pass<Indices> passOf(const DataLoaderOptions &options) {
    if (options.batch_sampler)
      return options.batch_sampler->pass();
    return [next = options.sampler->pass()]() -> std::optional<Indices> {
      std::optional<int64_t> index = next();
      return index ? std::optional(Indices{*index}) : std::nullopt;
    };
  }

  Fields fetch(const Indices &indices) const {
    if (options.collate_fn) {
      std::vector<Fields> samples;
      for (int64_t index : indices)
        samples.push_back(dataset->get(index));
      return options.collate_fn(samples);
    }
    return options.batch_sampler ? dataset->batch(indices) : dataset->get(indices.front());
  }

  // Gives the workers another batch to fetch, while there is one.
  void hand() {
    if (isExhausted)
      return;
    std::optional<Indices> indices = nextIndices();
    isExhausted = !indices;
    if (isExhausted)
      return;
    {
      std::lock_guard lock(mutex);
      waiting.emplace_back(handed++, std::move(*indices));
    }
    changed.notify_all();
  }

  void work() {
    while (true) {
      std::pair<int64_t, Indices> task;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || !waiting.empty(); });
        if (stopping)
          return;
        task = std::move(waiting.front());
        waiting.pop_front();
      }
      Result result;
      try {
        result.fields = fetch(task.second);
        synchronize(); // here, not by whoever looks at the batch: it is fetched ahead
      } catch (...) {
        result.error = std::current_exception();
      }
      {
        std::lock_guard lock(mutex);
        ready[task.first] = std::move(result);
      }
      changed.notify_all();
    }
  }

  std::shared_ptr<const Dataset> dataset;
  DataLoaderOptions options;
  Pass<Indices> nextIndices;
  int64_t handed = 0, delivered = 0; // batches, on the caller's thread
  bool isExhausted = false;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  std::deque<std::pair<int64_t, Indices>> waiting;
  std::map<int64_t, Result> ready;
  std::vector<std::thread> workers;
};

DataLoader::Iterator::Iterator(std::shared_ptr<Epoch> started) : epoch(std::move(started)) { ++*this; }

// Batches are where programs end. One without an optimizer's step would else hold all batches of an epoch; and a batch that is
// kept would make the last step of an epoch another program than those before it.
DataLoader::Iterator &DataLoader::Iterator::operator++() {
  current.clear();
  end_step();
  if (std::optional<Fields> fields = epoch->next())
    current = std::move(*fields);
  else
    epoch.reset();
  return *this;
}

DataLoader::Iterator DataLoader::begin() const { return Iterator(std::make_shared<Epoch>(dataset, options, place)); }

} // namespace ember::data
