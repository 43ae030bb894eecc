#include "ember/error.h"
#include "ember/optim.h"

#include "optim/Hyper.h"
#include "record/Recorder.h"

#include <algorithm>
#include <cmath>

namespace ember::optim {

Optimizer::Optimizer(std::vector<ParameterGroup> groups, std::map<std::string, double> defaults, Here where)
    : defaults(std::move(defaults)) {
  CallSite site(where);
  bool isEmpty = groups.empty() || (groups.size() == 1 && groups.front().parameters.empty());
  for (ParameterGroup &group : groups)
    add_param_group(std::move(group));
  if (isEmpty)
    throw Error("optimizer got an empty parameter list");
}

static std::string namesOf(const std::map<std::string, double> &options) {
  std::string text;
  for (const auto &[name, value] : options)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

// below NAN: no bound.
static void requireRange(const std::map<std::string, double> &options, const char *key, const char *label, double below) {
  auto found = options.find(key);
  if (found != options.end() && (!(found->second >= 0) || found->second >= below)) {
    char text[64];
    std::snprintf(text, sizeof text, "Invalid %s: %g", label, found->second);
    throw Error(text);
  }
}

// PyTorch's checks and texts.
static void checkOptions(const std::map<std::string, double> &options) {
  requireRange(options, "lr", "learning rate", NAN);
  requireRange(options, "momentum", "momentum value", NAN);
  requireRange(options, "weight_decay", "weight_decay value", NAN);
  requireRange(options, "eps", "epsilon value", NAN);
  requireRange(options, "beta1", "beta parameter at index 0", 1);
  requireRange(options, "beta2", "beta parameter at index 1", 1);
  auto nesterov = options.find("nesterov");
  if (nesterov != options.end() && nesterov->second != 0 && (options.at("momentum") <= 0 || options.at("dampening") != 0))
    throw Error("Nesterov momentum requires a momentum and zero dampening");
}

void Optimizer::add_param_group(ParameterGroup group, Here where) {
  CallSite site(where);
  for (const auto &[key, value] : group.options)
    if (!defaults.count(key))
      throw Error("parameter group: unknown option '" + key + "', expected one of " + namesOf(defaults));
  group.options.insert(defaults.begin(), defaults.end()); // keeps what the group sets itself
  checkOptions(group.options);
  for (const Tensor &parameter : group.parameters) {
    if (!parameter.defined())
      throw Error("optimizer can only optimize Tensors, but one of the params is undefined");
    if (!parameter.is_leaf())
      throw Error("can't optimize a non-leaf Tensor");
    for (const ParameterGroup &other : groups)
      for (const Tensor &taken : other.parameters)
        if (taken.is_same(parameter))
          throw Error("some parameters appear in more than one parameter group");
  }
  slots->emplace_back(group.parameters.size());
  groups.push_back(std::move(group));
}

Hypers Optimizer::hypersOf(size_t group, int64_t steps, bool isFirst) const {
  return Hypers(groups[group], steps, isFirst, groups.size() > 1 ? "." + std::to_string(group) : "");
}

void Optimizer::step(Here where) {
  CallSite site(where);
  updateAll();
  end_step();
}

// The groups are the user's as well: parameters may have been added to them or taken from their ends.
void Optimizer::fitSlots() const {
  slots->resize(groups.size());
  for (size_t g = 0; g < groups.size(); ++g)
    (*slots)[g].resize(groups[g].parameters.size());
}

// A step that fails when it runs has not been taken.
void Optimizer::noteStep() {
  std::vector<std::vector<int64_t>> before;
  for (const std::vector<Slot> &group : *slots) {
    before.emplace_back();
    for (const Slot &slot : group)
      before.back().push_back(slot.steps);
  }
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  recorder.noteChange([shared = std::weak_ptr(slots), before](record::Recorder &) {
    auto slots = shared.lock();
    for (size_t g = 0; slots && g < std::min(before.size(), slots->size()); ++g)
      for (size_t p = 0; p < std::min(before[g].size(), (*slots)[g].size()); ++p) {
        Slot &slot = (*slots)[g][p];
        slot.steps = before[g][p];
        if (slot.steps == 0)
          slot.tensors.clear();
      }
  });
}

void Optimizer::updateAll() {
  NoGradGuard noGrad;
  fitSlots();
  noteStep();
  for (size_t g = 0; g < groups.size(); ++g)
    for (size_t p = 0; p < groups[g].parameters.size(); ++p) {
      Tensor &parameter = groups[g].parameters[p];
      Tensor gradient = parameter.grad();
      if (!gradient.defined())
        continue;
      Slot &slot = (*slots)[g][p];
      Hypers hypers = hypersOf(g, ++slot.steps, slot.tensors.empty());
      initialize(parameter, hypers, slot.tensors);
      update(parameter, gradient, hypers, slot.tensors);
    }
}

void Optimizer::zero_grad(bool set_to_none) {
  for (ParameterGroup &group : groups)
    for (Tensor &parameter : group.parameters) {
      if (set_to_none) {
        parameter.set_grad(Tensor());
      } else if (Tensor gradient = parameter.grad(); gradient.defined()) {
        NoGradGuard noGrad;
        gradient.zero_();
      }
    }
}

OptimizerState Optimizer::state_dict() const {
  fitSlots();
  OptimizerState saved;
  int64_t index = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    OptimizerState::Group group{groups[g].options, {}, groups[g].initial_lr};
    for (const Slot &slot : (*slots)[g]) {
      if (slot.steps > 0) {
        saved.state[index] = slot.tensors;
        if (countsSteps())
          saved.state[index]["step"] = tensor(static_cast<float>(slot.steps));
      }
      group.parameters.push_back(index++);
    }
    saved.groups.push_back(std::move(group));
  }
  return saved;
}

void Optimizer::check_state_dict(const OptimizerState &saved) const {
  if (saved.groups.size() != groups.size())
    throw Error("loaded state dict has a different number of parameter groups");
  for (size_t g = 0; g < groups.size(); ++g) {
    const std::vector<int64_t> &numbers = saved.groups[g].parameters;
    if (numbers.size() != groups[g].parameters.size())
      throw Error("loaded state dict contains a parameter group that doesn't match the size of optimizer's group");
    for (size_t p = 0; p < numbers.size(); ++p) {
      auto found = saved.state.find(numbers[p]);
      if (found == saved.state.end())
        continue;
      for (const auto &[name, value] : found->second)
        if (name == "step" ? value.numel() != 1 : value.sizes() != groups[g].parameters[p].sizes())
          throw Error("loaded state dict: state '" + name + "' of parameter " + std::to_string(numbers[p]) +
                      (name == "step" ? " is no single number" : " has another shape than the parameter"));
    }
  }
}

void Optimizer::load_state_dict(const OptimizerState &saved, Here where) {
  CallSite site(where);
  check_state_dict(saved);
  fitSlots();
  synchronize(); // a step that fails is undone before its state is replaced, not after
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const auto &[key, value] : saved.groups[g].options)
      if (defaults.count(key))
        groups[g].options[key] = value;
    if (saved.groups[g].initial_lr)
      groups[g].initial_lr = saved.groups[g].initial_lr;
    for (size_t p = 0; p < (*slots)[g].size(); ++p) {
      (*slots)[g][p] = {};
      auto found = saved.state.find(saved.groups[g].parameters[p]);
      if (found == saved.state.end())
        continue;
      (*slots)[g][p].steps = 1; // an optimizer that keeps no count has stepped at least once when it has state
      for (const auto &[name, value] : found->second) {
        if (name == "step")
          (*slots)[g][p].steps = static_cast<int64_t>(value.item<double>());
        else
          (*slots)[g][p].tensors[name] = value.clone();
      }
    }
  }
}

} // namespace ember::optim
