// Hyper-parameters and what follows from them and the step count, as the optimizers' updates read them.
#pragma once

#include "ember/optim.h"

namespace ember::optim {

/// A number in double with, while a step is recorded for an artifact, the formula that gives it (ir/Signature.h).
struct HyperValue {
  double value;
  std::string formula; // empty: nobody asks
};

HyperValue operator-(const HyperValue &a);
HyperValue operator+(const HyperValue &a, const HyperValue &b);
HyperValue operator-(const HyperValue &a, const HyperValue &b);
HyperValue operator*(const HyperValue &a, const HyperValue &b);
HyperValue operator/(const HyperValue &a, const HyperValue &b);
HyperValue pow(const HyperValue &base, const HyperValue &exponent);
HyperValue sqrt(const HyperValue &a);

/// The options of one parameter's group, in the step that is being taken.
class Hypers {
public:
  /// steps: with this one. isFirst: the parameter has no state of earlier steps. suffix: `.1` behind names in formulas, where
  /// there are several groups.
  Hypers(const ParameterGroup &group, int64_t steps, bool isFirst, std::string suffix)
      : group(group), steps(steps), isFirst(isFirst), suffix(std::move(suffix)) {}

  /// An option to compute with.
  HyperValue operator[](const std::string &option) const;
  /// A whole number of at least 0.
  HyperValue number(int64_t value) const;
  /// The number of this step, from 1 on.
  HyperValue step() const;
  /// 0 in the parameter's first step, 1 later.
  HyperValue isLater() const;
  /// Whether an option is other than 0: that decides what is recorded.
  bool uses(const std::string &option) const { return valueOf(option) != 0; }

private:
  double valueOf(const std::string &option) const;
  const ParameterGroup &group;
  int64_t steps;
  bool isFirst;
  std::string suffix;
};

/// The number as a rank-0 argument of the program.
Tensor scalarOf(const HyperValue &value, ScalarType dtype);

} // namespace ember::optim
