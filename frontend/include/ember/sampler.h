// In which order a loader takes samples: PyTorch's torch.utils.data samplers for C++.
#pragma once

#include "ember/random.h"

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace ember::data {

/// Values one after the other: the next one each time it is called, nothing at the end.
template <typename T> using Pass = std::function<std::optional<T>()>;

/// What gives values in an order of its own; each pass may have another. Random numbers are drawn when a value is asked for that
/// needs them, as PyTorch's samplers do.
template <typename T> class SamplerOf {
public:
  virtual ~SamplerOf() = default;
  /// How many values a pass has.
  virtual int64_t size() const = 0;
  virtual Pass<T> pass() const = 0;
};

/// Of samples, and of batches of them.
using Sampler = SamplerOf<int64_t>;
using BatchesSampler = SamplerOf<std::vector<int64_t>>;

/// The same values in each pass.
template <typename T> class ListSampler : public SamplerOf<T> {
public:
  explicit ListSampler(std::vector<T> values) : values(std::make_shared<const std::vector<T>>(std::move(values))) {}
  int64_t size() const override { return static_cast<int64_t>(values->size()); }
  Pass<T> pass() const override {
    return [values = values, next = size_t(0)]() mutable -> std::optional<T> {
      return next < values->size() ? std::optional<T>((*values)[next++]) : std::nullopt;
    };
  }

private:
  std::shared_ptr<const std::vector<T>> values;
};

/// A sampler, a list of values, or none.
template <typename T> class AnySampler {
public:
  AnySampler() = default;
  AnySampler(std::shared_ptr<const SamplerOf<T>> sampler) : sampler(std::move(sampler)) {}
  AnySampler(std::vector<T> values) : sampler(std::make_shared<ListSampler<T>>(std::move(values))) {}
  template <typename S>
    requires std::derived_from<S, SamplerOf<T>>
  AnySampler(S own) : sampler(std::make_shared<const S>(std::move(own))) {}
  explicit operator bool() const { return sampler != nullptr; }
  const SamplerOf<T> *operator->() const { return sampler.get(); }

private:
  std::shared_ptr<const SamplerOf<T>> sampler;
};

/// 0, 1, … count - 1.
class SequentialSampler : public Sampler {
public:
  explicit SequentialSampler(int64_t count) : count(count) {}
  int64_t size() const override { return count; }
  Pass<int64_t> pass() const override;

private:
  int64_t count;
};

struct RandomSamplerOptions {
  bool replacement = false;             // every sample may come at any time
  std::optional<int64_t> num_samples{}; // of a pass; the dataset's
  std::optional<Generator> generator{}; // a pass without one draws a seed for its own from the default generator
};

/// 0 … count - 1 in random order. More samples than there are come in further orders.
class RandomSampler : public Sampler {
public:
  explicit RandomSampler(int64_t count, RandomSamplerOptions options = {});
  int64_t size() const override { return options.num_samples.value_or(count); }
  Pass<int64_t> pass() const override;

private:
  int64_t count;
  RandomSamplerOptions options;
};

/// These indices in random order, from the generator or the default one.
class SubsetRandomSampler : public Sampler {
public:
  explicit SubsetRandomSampler(std::vector<int64_t> indices, std::optional<Generator> generator = {});
  int64_t size() const override { return static_cast<int64_t>(indices->size()); }
  Pass<int64_t> pass() const override;

private:
  std::shared_ptr<const std::vector<int64_t>> indices;
  std::optional<Generator> generator;
};

/// num_samples of the indices of `weights`, each by its share of their sum; without replacement each at most once. Draws from the
/// generator or the default one. Throws for weights that are negative, not finite or all 0, and, without replacement, fewer than
/// num_samples.
class WeightedRandomSampler : public Sampler {
public:
  WeightedRandomSampler(std::vector<double> weights, int64_t num_samples, bool replacement = true,
                        std::optional<Generator> generator = {});
  int64_t size() const override { return count; }
  Pass<int64_t> pass() const override;

private:
  std::shared_ptr<const std::vector<double>> weights;
  int64_t count;
  bool replacement;
  std::optional<Generator> generator;
};

/// What a sampler gives, batch_size at a time; the last batch is what is left, or dropped.
class BatchSampler : public BatchesSampler {
public:
  BatchSampler(AnySampler<int64_t> sampler, int64_t batch_size, bool drop_last);
  int64_t size() const override;
  Pass<std::vector<int64_t>> pass() const override;

private:
  AnySampler<int64_t> sampler;
  int64_t batchSize;
  bool dropLast;
};

} // namespace ember::data
