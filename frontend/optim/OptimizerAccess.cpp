#include "optim/OptimizerAccess.h"

#include "ember/error.h"

namespace ember::optim {

void OptimizerAccess::initialize() {
  optimizer.fitSlots();
  for (size_t g = 0; g < optimizer.groups.size(); ++g)
    for (size_t p = 0; p < optimizer.groups[g].parameters.size(); ++p) {
      const Tensor &parameter = optimizer.groups[g].parameters[p];
      Optimizer::Slot &slot = (*optimizer.slots)[g][p];
      if (parameter.grad().defined())
        optimizer.initialize(parameter, optimizer.hypersOf(g, slot.steps + 1, slot.tensors.empty()), slot.tensors);
    }
}

std::vector<std::pair<std::string, Tensor>> OptimizerAccess::state() const {
  std::vector<std::pair<std::string, Tensor>> all;
  int64_t number = 0;
  for (const auto &group : *optimizer.slots)
    for (const Optimizer::Slot &slot : group) {
      for (const auto &[name, tensor] : slot.tensors)
        all.emplace_back(std::to_string(number) + "." + name, tensor);
      ++number;
    }
  return all;
}

int64_t OptimizerAccess::stepsBefore() const {
  int64_t steps = -1;
  for (size_t g = 0; g < optimizer.groups.size(); ++g)
    for (size_t p = 0; p < optimizer.groups[g].parameters.size(); ++p) {
      if (!optimizer.groups[g].parameters[p].grad().defined())
        continue;
      int64_t own = before[g][p].steps;
      if (steps >= 0 && own != steps)
        throw Error("trace_training: the optimizer's parameters have taken " + std::to_string(steps) + " and " +
                    std::to_string(own) + " steps, expected the same number for all");
      steps = own;
    }
  return std::max<int64_t>(steps, 0);
}

} // namespace ember::optim
