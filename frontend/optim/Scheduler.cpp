#include "ember/error.h"
#include "ember/optim.h"

#include <cmath>
#include <numbers>

namespace ember::optim {

LRScheduler::LRScheduler(Optimizer &optimizer) : optimizer(optimizer) {
  for (const ParameterGroup &group : optimizer.param_groups())
    baseRates.push_back(group.options.at("lr"));
}

void LRScheduler::step() {
  ++epoch;
  auto &groups = optimizer.param_groups();
  for (size_t i = 0; i < groups.size(); ++i)
    groups[i].options["lr"] = rate(i, groups[i].options["lr"]);
}

std::vector<double> LRScheduler::get_last_lr() const {
  std::vector<double> rates;
  for (const ParameterGroup &group : optimizer.param_groups())
    rates.push_back(group.options.at("lr"));
  return rates;
}

std::map<std::string, double> LRScheduler::state_dict() const {
  std::map<std::string, double> state{{"last_epoch", static_cast<double>(epoch)}};
  for (size_t i = 0; i < baseRates.size(); ++i) {
    state["base_lrs." + std::to_string(i)] = baseRates[i];
    state["_last_lr." + std::to_string(i)] = optimizer.param_groups()[i].options.at("lr");
  }
  return state;
}

void LRScheduler::load_state_dict(const std::map<std::string, double> &state) {
  auto read = [&](const std::string &key) {
    auto found = state.find(key);
    if (found == state.end())
      throw Error("scheduler state dict: missing key '" + key + "'");
    return found->second;
  };
  epoch = static_cast<int64_t>(read("last_epoch"));
  for (size_t i = 0; i < baseRates.size(); ++i) {
    baseRates[i] = read("base_lrs." + std::to_string(i));
    optimizer.param_groups()[i].options["lr"] = read("_last_lr." + std::to_string(i));
  }
}

StepLR::StepLR(Optimizer &optimizer, int64_t step_size, double gamma)
    : LRScheduler(optimizer), stepSize(step_size), gamma(gamma) {
  if (step_size < 1)
    throw Error("StepLR: step_size is " + std::to_string(step_size) + ", expected at least 1");
}

double StepLR::rate(size_t, double current) const { return epoch % stepSize == 0 ? current * gamma : current; }

CosineAnnealingLR::CosineAnnealingLR(Optimizer &optimizer, int64_t T_max, double eta_min)
    : LRScheduler(optimizer), period(T_max), minimum(eta_min) {
  if (T_max < 1)
    throw Error("CosineAnnealingLR: T_max is " + std::to_string(T_max) + ", expected at least 1");
}

// From the current rate, not in closed form: PyTorch rounds so.
double CosineAnnealingLR::rate(size_t index, double current) const {
  constexpr double pi = std::numbers::pi;
  double t = static_cast<double>(epoch), cycle = static_cast<double>(period);
  if ((epoch - 1 - period) % (2 * period) == 0)
    return current + (baseRates[index] - minimum) * (1 - std::cos(pi / cycle)) / 2;
  return (1 + std::cos(pi * t / cycle)) / (1 + std::cos(pi * (t - 1) / cycle)) * (current - minimum) + minimum;
}

} // namespace ember::optim
