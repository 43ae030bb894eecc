// A tensor as the generated C headers declare it.
#pragma once

#include <ember/ember.h>

struct CTensor {
  uint32_t dtype, rank;
  const int64_t *dims;
  void *data;
};

/// Of a float32 or int64 tensor: `bytes` hold its elements, `sizes` its dimensions.
inline CTensor cTensor(const ember::Tensor &tensor, const ember::Shape &sizes, std::vector<char> &bytes) {
  std::vector<float> reals;
  std::vector<int64_t> integers;
  bool isReal = tensor.is_floating_point();
  if (isReal)
    reals = tensor.to_vector<float>();
  else
    integers = tensor.to_vector<int64_t>();
  const char *data = isReal ? reinterpret_cast<const char *>(reals.data()) : reinterpret_cast<const char *>(integers.data());
  bytes.assign(data, data + tensor.numel() * (isReal ? 4 : 8));
  return {isReal ? 1u : 4u, static_cast<uint32_t>(sizes.size()), sizes.data(), bytes.data()};
}
