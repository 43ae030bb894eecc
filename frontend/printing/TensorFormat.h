// The text of a tensor, as PyTorch prints it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ember::printing {

/// How printouts look: PyTorch's set_printoptions.
struct Look {
  int precision = 4;
  int64_t threshold = 1000, edgeItems = 3, lineWidth = 80;
  std::optional<bool> scientific;
};
/// Of this process.
Look &look();

/// Calls `visit` with where each element that a printout shows lies: all of them, or, of more than the threshold, the first and
/// the last edge items along each dimension. Row-major, for these distances between neighbours.
void forEachShown(const std::vector<int64_t> &sizes, const std::vector<int64_t> &strides,
                  const std::function<void(int64_t)> &visit);
/// Whether not all are shown.
bool isSummarized(const std::vector<int64_t> &sizes);

/// What a printout is made of. Values are those of the elements that are shown; `reals` for float dtypes, `integers` for integers
/// and bool.
struct Printable {
  enum class Kind { Real, Integer, Bool };
  Kind kind = Kind::Real;
  std::vector<int64_t> sizes;
  std::vector<double> reals;
  std::vector<int64_t> integers;
  std::string dtype;            // as in `dtype=torch.float64`
  bool dtypeIsImplied = true;   // float32, int64 and bool go unnamed when there are elements
  bool dtypeIsDefault = true;   // float32 goes unnamed in an empty tensor
  std::string gradientFunction; // `AddBackward0`; empty: none
  bool requiresGrad = false;
};

/// `tensor([1., 2.], requires_grad=True)`. Source: the rules of torch._tensor_str, version 2.8.
std::string formatTensor(const Printable &tensor);

} // namespace ember::printing
