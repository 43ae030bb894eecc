// Datasets and loaders: PyTorch's torch.utils.data for C++.
#pragma once

#include "ember/sampler.h"
#include "ember/tensor.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace ember::data {

/// One sample or one batch: the tensors of its fields.
using Fields = std::vector<Tensor>;

/// Samples by index. `get` may be called from several threads at once.
class Dataset {
public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual Fields get(int64_t index) const = 0;
  /// The samples at these indices as one batch, fields stacked on a new first dimension. Datasets that can fetch a batch at
  /// once override it.
  virtual Fields batch(const std::vector<int64_t> &indices) const;
};

/// Tensors indexed along their first dimension, which they share.
class TensorDataset : public Dataset {
public:
  explicit TensorDataset(std::vector<Tensor> tensors, Here where = Here::current());
  template <typename... Tensors>
    requires(std::is_same_v<Tensors, Tensor> && ...)
  explicit TensorDataset(const Operand &first, const Tensors &...rest)
      : TensorDataset(std::vector<Tensor>{first.tensor, rest...}, first.where) {}
  int64_t size() const override;
  Fields get(int64_t index) const override;
  Fields batch(const std::vector<int64_t> &indices) const override;

private:
  std::vector<Tensor> tensors;
};

/// Makes a batch of samples.
using CollateFunction = std::function<Fields(const std::vector<Fields> &)>;

struct DataLoaderOptions {
  std::optional<int64_t> batch_size = 1; // none: samples one by one, not stacked
  bool shuffle = false;
  AnySampler<int64_t> sampler{};                    // the order of samples
  AnySampler<std::vector<int64_t>> batch_sampler{}; // whole batches, instead of batch_size, shuffle, sampler and drop_last
  int64_t num_workers = 0;                          // threads that fetch batches ahead; no more than there are batches
  CollateFunction collate_fn{};                     // instead of Dataset::batch; called in workers, where there are some
  bool drop_last = false;
  int64_t prefetch_factor = 2; // batches in flight a worker
  std::optional<Generator> generator{};
};

/// Batches of a dataset. One pass over the loader is one epoch; it draws its base seed and what the sampler needs from the
/// generator as PyTorch's does (base seed first, the sampler's numbers when they are needed), so that batches are the same for
/// the same seed. Throws PyTorch's text for options that exclude each other, and where a worker thread cannot be started.
class DataLoader {
public:
  DataLoader(std::shared_ptr<const Dataset> dataset, DataLoaderOptions options, Here where = Here::current());
  template <typename D>
    requires std::is_base_of_v<Dataset, D>
  DataLoader(D dataset, DataLoaderOptions options, Here where = Here::current())
      : DataLoader(std::make_shared<const D>(std::move(dataset)), std::move(options), where) {}

  /// Batches in an epoch.
  int64_t size() const;

  class Epoch;
  class Iterator {
  public:
    using value_type = Fields;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(std::shared_ptr<Epoch> epoch);
    const Fields &operator*() const { return current; }
    const Fields *operator->() const { return &current; }
    Iterator &operator++();
    void operator++(int) { ++*this; }
    bool operator==(const Iterator &other) const { return epoch == other.epoch; }

  private:
    std::shared_ptr<Epoch> epoch; // null: at the end
    Fields current;
  };

  Iterator begin() const;
  Iterator end() const { return {}; }

private:
  std::shared_ptr<const Dataset> dataset;
  DataLoaderOptions options; // with the sampler or batch sampler that an epoch goes through
  Here place;
};

} // namespace ember::data
