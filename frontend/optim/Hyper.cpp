#include "optim/Hyper.h"

#include "record/Storage.h"

#include <cmath>

namespace ember::optim {

static HyperValue unary(double value, const HyperValue &a, const char *word) {
  return {value, a.formula.empty() ? "" : a.formula + word};
}
static HyperValue binary(double value, const HyperValue &a, const HyperValue &b, const char *word) {
  return {value, a.formula.empty() ? "" : a.formula + " " + b.formula + word};
}

HyperValue operator-(const HyperValue &a) { return unary(-a.value, a, " neg"); }
HyperValue operator+(const HyperValue &a, const HyperValue &b) { return binary(a.value + b.value, a, b, " add"); }
HyperValue operator-(const HyperValue &a, const HyperValue &b) { return binary(a.value - b.value, a, b, " sub"); }
HyperValue operator*(const HyperValue &a, const HyperValue &b) { return binary(a.value * b.value, a, b, " mul"); }
HyperValue operator/(const HyperValue &a, const HyperValue &b) { return binary(a.value / b.value, a, b, " div"); }
HyperValue pow(const HyperValue &base, const HyperValue &exponent) {
  return binary(std::pow(base.value, exponent.value), base, exponent, " pow");
}
HyperValue sqrt(const HyperValue &a) { return unary(std::sqrt(a.value), a, " sqrt"); }

static bool writesFormulas() { return record::Recorder::get().tracing != nullptr; }

double Hypers::valueOf(const std::string &option) const {
  auto found = group.options.find(option);
  if (found == group.options.end())
    throw Error("parameter group: expected an option '" + option + "', found none");
  return found->second;
}
HyperValue Hypers::operator[](const std::string &option) const {
  return {valueOf(option), writesFormulas() ? option + suffix : ""};
}
HyperValue Hypers::number(int64_t value) const {
  return {static_cast<double>(value), writesFormulas() ? std::to_string(value) : ""};
}
HyperValue Hypers::step() const { return {static_cast<double>(steps), writesFormulas() ? "step" : ""}; }
HyperValue Hypers::isLater() const { return {isFirst ? 0.0 : 1.0, writesFormulas() ? "1 step less" : ""}; }

Tensor scalarOf(const HyperValue &value, ScalarType dtype) {
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  if (!recorder.tracing)
    return runtime_scalar(value.value, dtype);
  // One argument for all that compute the same.
  Tensor &known = recorder.tracing->scalars[{value.formula, dtype}];
  if (!known.defined())
    known = runtime_scalar(value.value, dtype);
  return known;
}

} // namespace ember::optim
