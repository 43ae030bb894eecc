// An optimizer as recording for an artifact sees it.
#pragma once

#include "optim/Hyper.h"

namespace ember::optim {

class OptimizerAccess {
public:
  explicit OptimizerAccess(Optimizer &optimizer) : optimizer(optimizer), before(*optimizer.slots) {}
  /// The state of all parameters is as it was; contents of its tensors are not touched.
  ~OptimizerAccess() { *optimizer.slots = before; }
  OptimizerAccess(const OptimizerAccess &) = delete;

  /// Gives every parameter that has a gradient the state that its update will read.
  void initialize();
  /// A step without the end of the recorded program.
  void update() { optimizer.updateAll(); }
  /// State of every parameter: `3.exp_avg`, parameters counted over all groups.
  std::vector<std::pair<std::string, Tensor>> state() const;
  bool countsSteps() const { return optimizer.countsSteps(); }
  /// Steps that the parameters with a gradient had taken. Throws where they differ.
  int64_t stepsBefore() const;

private:
  Optimizer &optimizer;
  std::vector<std::vector<Optimizer::Slot>> before;
};

} // namespace ember::optim
