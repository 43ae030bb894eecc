// Recordings of equal ops and other sizes: the sizes that differ become names.
#pragma once

#include "ir/SizeBinding.h"
#include "llvm/ADT/ArrayRef.h"

namespace ember::record {

/// Learns from the sizes of recordings of one form, all dimensions of all types in one order, which of them vary together. What
/// it makes of them is a guess that more recordings may refute: each is looked at whole before it counts as one of the family.
class SizeFamily {
public:
  using Sizes = std::vector<int64_t>;

  /// What the names are in a recording, if every one of its sizes is what `dims()` gives for them.
  std::optional<ir::SizeValues> namesAt(const Sizes &sizes) const;
  /// Remembers a recording that is none of the family so far. True: `dims()` is another one now, which holds for all those seen.
  /// Every name is in a size of an argument; theirs are the first ones.
  bool learn(const Sizes &sizes, size_t argumentSizes);
  /// No program can be made of `dims()`.
  void refuse() { unique.clear(); }

  /// Each dimension by names.
  std::vector<ir::SizeExpr> dims() const;
  /// Equal texts are equal dimensions.
  std::string text() const;

private:
  void generalise(size_t argumentSizes);
  bool isInArguments(const std::string &name, size_t argumentSizes) const;
  Sizes column(size_t dim) const;
  std::optional<ir::SizeExpr> fit(const Sizes &values) const;

  std::vector<Sizes> seen;
  size_t nextAttempt = 3; // recordings
  struct Name {
    std::string text;
    size_t dim;   // that tells it
    Sizes values; // in what was seen
  };
  std::vector<Name> names;
  std::vector<ir::SizeExpr> unique; // empty: there is no family yet
  std::vector<uint32_t> numbers;    // of each dimension, among them
};

} // namespace ember::record
