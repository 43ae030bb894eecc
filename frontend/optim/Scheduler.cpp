#include "ember/error.h"
#include "ember/optim.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ember::optim {

LRScheduler::LRScheduler(Optimizer &optimizer, int64_t last_epoch, Here where) : optimizer(optimizer), epoch(last_epoch) {
  CallSite site(where);
  auto &groups = optimizer.param_groups();
  for (size_t i = 0; i < groups.size(); ++i) {
    if (last_epoch != -1 && !groups[i].initial_lr)
      throw Error("param 'initial_lr' is not specified in param_groups[" + std::to_string(i) + "] when resuming an optimizer");
    if (!groups[i].initial_lr)
      groups[i].initial_lr = groups[i].options.at("lr");
    baseRates.push_back(*groups[i].initial_lr);
  }
}

void LRScheduler::step() {
  ++epoch;
  ++stepCount;
  std::vector<double> fresh = rates();
  auto &groups = optimizer.param_groups();
  lastRates.clear();
  for (size_t i = 0; i < groups.size(); ++i) {
    if (i < fresh.size())
      groups[i].options["lr"] = fresh[i];
    lastRates.push_back(groups[i].options["lr"]);
  }
}

static double numberIn(const std::map<std::string, double> &state, const std::string &key) {
  auto found = state.find(key);
  if (found == state.end())
    throw Error("scheduler state dict: missing key '" + key + "'");
  return found->second;
}

static std::vector<double> listIn(const std::map<std::string, double> &state, const std::string &key) {
  std::vector<double> list{numberIn(state, key + ".0")};
  for (auto found = state.end(); (found = state.find(key + "." + std::to_string(list.size()))) != state.end();)
    list.push_back(found->second);
  return list;
}

std::map<std::string, double> LRScheduler::state_dict() const {
  std::map<std::string, double> state{{"last_epoch", static_cast<double>(epoch)},
                                      {"_step_count", static_cast<double>(stepCount)}};
  for (size_t i = 0; i < baseRates.size(); ++i)
    state["base_lrs." + std::to_string(i)] = baseRates[i];
  for (size_t i = 0; i < lastRates.size(); ++i)
    state["_last_lr." + std::to_string(i)] = lastRates[i];
  save(state);
  return state;
}

// Lists may have another length: groups come and go.
void LRScheduler::check_state_dict(const std::map<std::string, double> &state) const {
  for (const auto &[key, value] : state_dict())
    if (size_t dot = key.find('.'); dot == std::string::npos || key.substr(dot) == ".0")
      numberIn(state, key);
}

void LRScheduler::load_state_dict(const std::map<std::string, double> &state, Here where) {
  CallSite site(where);
  check_state_dict(state);
  auto last = static_cast<int64_t>(numberIn(state, "last_epoch")), count = static_cast<int64_t>(numberIn(state, "_step_count"));
  std::vector<double> base = listIn(state, "base_lrs"), rates = listIn(state, "_last_lr");
  load(state);
  epoch = last;
  stepCount = count;
  baseRates = std::move(base);
  lastRates = std::move(rates);
}

StepLR::StepLR(Optimizer &optimizer, int64_t step_size, double gamma, int64_t last_epoch, Here where)
    : LRScheduler(optimizer, last_epoch, where), stepSize(step_size), gamma(gamma) {
  CallSite site(where);
  if (step_size < 1)
    throw Error("StepLR: step_size is " + std::to_string(step_size) + ", expected at least 1");
  step();
}

std::vector<double> StepLR::rates() const {
  std::vector<double> fresh;
  bool falls = epoch != 0 && epoch % stepSize == 0;
  for (const ParameterGroup &group : optimizer.param_groups())
    fresh.push_back(falls ? group.options.at("lr") * gamma : group.options.at("lr"));
  return fresh;
}

void StepLR::save(std::map<std::string, double> &state) const {
  state["step_size"] = static_cast<double>(stepSize);
  state["gamma"] = gamma;
}

void StepLR::load(const std::map<std::string, double> &state) {
  auto size = static_cast<int64_t>(numberIn(state, "step_size"));
  gamma = numberIn(state, "gamma");
  stepSize = std::max<int64_t>(size, 1);
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer &optimizer, int64_t T_max, double eta_min, int64_t last_epoch, Here where)
    : LRScheduler(optimizer, last_epoch, where), period(T_max), minimum(eta_min) {
  CallSite site(where);
  if (T_max < 1)
    throw Error("CosineAnnealingLR: T_max is " + std::to_string(T_max) + ", expected at least 1");
  step();
}

// From the current rate, not in closed form but where a run is taken up: PyTorch rounds so. Groups that came later have no base.
std::vector<double> CosineAnnealingLR::rates() const {
  constexpr double pi = std::numbers::pi;
  double t = static_cast<double>(epoch), cycle = static_cast<double>(period);
  std::vector<double> fresh;
  for (size_t i = 0; i < std::min(baseRates.size(), optimizer.param_groups().size()); ++i) {
    double current = optimizer.param_groups()[i].options.at("lr"), range = baseRates[i] - minimum;
    if (epoch == 0)
      fresh.push_back(current);
    else if (stepCount == 1)
      fresh.push_back(minimum + range * (1 + std::cos(t * pi / cycle)) / 2);
    else if ((epoch - 1 - period) % (2 * period) == 0)
      fresh.push_back(current + range * (1 - std::cos(pi / cycle)) / 2);
    else
      fresh.push_back((1 + std::cos(pi * t / cycle)) / (1 + std::cos(pi * (t - 1) / cycle)) * (current - minimum) + minimum);
  }
  return fresh;
}

void CosineAnnealingLR::save(std::map<std::string, double> &state) const {
  state["T_max"] = static_cast<double>(period);
  state["eta_min"] = minimum;
}

void CosineAnnealingLR::load(const std::map<std::string, double> &state) {
  auto cycle = static_cast<int64_t>(numberIn(state, "T_max"));
  minimum = numberIn(state, "eta_min");
  period = std::max<int64_t>(cycle, 1);
}

} // namespace ember::optim
