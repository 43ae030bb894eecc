#include "ember/sampler.h"

#include "ember/error.h"
#include "record/GeneratorImpl.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ember::data {

// ---- passes

// A pass over lists that are made when the first of their values is asked for; no list: the end. Empty lists are passed over.
static Pass<int64_t> passOver(std::function<std::optional<std::vector<int64_t>>()> nextList) {
  return [nextList = std::move(nextList), list = std::vector<int64_t>(), next = size_t(0)]() mutable -> std::optional<int64_t> {
    while (next == list.size()) {
      std::optional<std::vector<int64_t>> more = nextList();
      if (!more)
        return std::nullopt;
      list = std::move(*more);
      next = 0;
    }
    return list[next++];
  };
}

static Pass<int64_t> passOverOne(std::function<std::vector<int64_t>()> list) {
  return passOver([list = std::move(list), isDone = false]() mutable -> std::optional<std::vector<int64_t>> {
    if (std::exchange(isDone, true))
      return std::nullopt;
    return list();
  });
}

Pass<int64_t> SequentialSampler::pass() const {
  return [next = int64_t(0), count = count]() mutable { return next < count ? std::optional(next++) : std::nullopt; };
}

// ---- random orders

static void requirePositive(int64_t samples) {
  if (samples <= 0)
    throw Error("num_samples should be a positive integer value, but got num_samples=" + std::to_string(samples));
}

RandomSampler::RandomSampler(int64_t count, RandomSamplerOptions options) : count(count), options(std::move(options)) {
  requirePositive(size());
  requirePositive(count);
}

static std::vector<int64_t> below(int64_t bound, int64_t count, const Generator &generator) {
  std::vector<int64_t> numbers(count);
  generator.impl().draw([&](ember_generator *g) { ember_rt_randint(g, EMBER_I64, numbers.data(), count, 0, bound); });
  return numbers;
}

// With replacement 32 numbers at a time, then the rest; else whole orders, then the start of another, which is drawn even when
// nothing of it is needed.
Pass<int64_t> RandomSampler::pass() const {
  int64_t chunk = options.replacement ? 32 : count;
  return passOver([count = count, chunk, left = size(), replacement = options.replacement, generator = options.generator,
                   isDone = false]() mutable -> std::optional<std::vector<int64_t>> {
    if (isDone)
      return std::nullopt;
    if (!generator)
      generator = Generator(default_generator().random64());
    int64_t wanted = std::min(left, chunk);
    isDone = wanted < chunk;
    left -= wanted;
    if (replacement)
      return below(count, wanted, *generator);
    std::vector<int64_t> order = generator->permutation(count);
    order.resize(wanted);
    return order;
  });
}

SubsetRandomSampler::SubsetRandomSampler(std::vector<int64_t> indices, std::optional<Generator> generator)
    : indices(std::make_shared<const std::vector<int64_t>>(std::move(indices))), generator(std::move(generator)) {}

Pass<int64_t> SubsetRandomSampler::pass() const {
  return passOverOne([indices = indices, generator = generator] {
    std::vector<int64_t> order = generator.value_or(default_generator()).permutation(static_cast<int64_t>(indices->size()));
    for (int64_t &place : order)
      place = (*indices)[place];
    return order;
  });
}

// ---- by weight: PyTorch's multinomial in double

static std::vector<double> uniforms(int64_t count, const Generator &generator) {
  std::vector<double> numbers(count);
  generator.impl().draw([&](ember_generator *g) { ember_rt_uniform(g, EMBER_F64, numbers.data(), count, 0, 1); });
  return numbers;
}

// The indices of the largest shares over exponential numbers: each index is next by its share of what is left.
static std::vector<int64_t> withoutReplacement(const std::vector<double> &weights, int64_t count, const Generator &generator) {
  std::vector<double> keys = uniforms(static_cast<int64_t>(weights.size()), generator);
  for (size_t i = 0; i < weights.size(); ++i)
    keys[i] = weights[i] / -std::log1p(-keys[i]);
  std::vector<int64_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int64_t a, int64_t b) { return keys[a] > keys[b]; });
  order.resize(count);
  return order;
}

// Where uniform numbers fall among the sums of the shares.
static std::vector<int64_t> withReplacement(const std::vector<double> &weights, int64_t count, const Generator &generator) {
  std::vector<double> sums(weights.size());
  std::partial_sum(weights.begin(), weights.end(), sums.begin());
  double whole = sums.back();
  for (double &sum : sums)
    sum /= whole;
  sums.back() = 1;
  std::vector<int64_t> chosen;
  for (double number : uniforms(count, generator))
    chosen.push_back(std::lower_bound(sums.begin(), sums.end(), number) - sums.begin());
  return chosen;
}

WeightedRandomSampler::WeightedRandomSampler(std::vector<double> given, int64_t num_samples, bool replacement,
                                             std::optional<Generator> generator)
    : weights(std::make_shared<const std::vector<double>>(std::move(given))), count(num_samples), replacement(replacement),
      generator(std::move(generator)) {
  requirePositive(num_samples);
  if (!replacement && num_samples > static_cast<int64_t>(weights->size()))
    throw Error("cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  for (double weight : *weights)
    if (!(weight >= 0) || std::isinf(weight))
      throw Error("probability tensor contains either `inf`, `nan` or element < 0");
  if (!(std::accumulate(weights->begin(), weights->end(), 0.0) > 0))
    throw Error("invalid multinomial distribution (sum of probabilities <= 0)");
}

Pass<int64_t> WeightedRandomSampler::pass() const {
  return passOverOne([weights = weights, count = count, replacement = replacement, generator = generator] {
    Generator own = generator.value_or(default_generator());
    bool isPlain = replacement && count > 1; // for one sample PyTorch 2 takes the other way
    return isPlain ? withReplacement(*weights, count, own) : withoutReplacement(*weights, count, own);
  });
}

// ---- batches

BatchSampler::BatchSampler(AnySampler<int64_t> own, int64_t batch_size, bool drop_last)
    : sampler(std::move(own)), batchSize(batch_size), dropLast(drop_last) {
  if (!sampler)
    throw Error("BatchSampler: expected a sampler, found none");
  if (batch_size < 1)
    throw Error("batch_size should be a positive integer value, but got batch_size=" + std::to_string(batch_size));
}

int64_t BatchSampler::size() const {
  int64_t full = sampler->size() / batchSize;
  return full + (!dropLast && sampler->size() % batchSize != 0);
}

Pass<std::vector<int64_t>> BatchSampler::pass() const {
  return [next = sampler->pass(), batchSize = batchSize, dropLast = dropLast]() mutable -> std::optional<std::vector<int64_t>> {
    std::vector<int64_t> batch;
    while (static_cast<int64_t>(batch.size()) < batchSize) {
      std::optional<int64_t> index = next();
      if (!index)
        break;
      batch.push_back(*index);
    }
    if (batch.empty() || (dropLast && static_cast<int64_t>(batch.size()) < batchSize))
      return std::nullopt;
    return batch;
  };
}

} // namespace ember::data
