// Optimizers and learning-rate schedulers: PyTorch's torch.optim for C++.
#pragma once

#include "ember/nn/module.h"
#include "ember/tensor.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ember::optim {

/// Parameters that share hyperparameters. `options` holds "lr", "weight_decay" and what else the optimizer names; flags are 0
/// or 1.
struct ParameterGroup {
  std::vector<Tensor> parameters;
  std::map<std::string, double> options;
  /// The rate that the first scheduler met: what schedules start from.
  std::optional<double> initial_lr{};
};

/// What `state_dict` gives: per-parameter state by index over all groups ("exp_avg", "step", …) and each group's options.
struct OptimizerState {
  std::map<int64_t, std::map<std::string, Tensor>> state;
  struct Group {
    std::map<std::string, double> options;
    std::vector<int64_t> parameters;
    std::optional<double> initial_lr{}; // where a scheduler has been
  };
  std::vector<Group> groups;
};

class Hypers;
class OptimizerAccess;

class Optimizer {
public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer &) = delete;
  Optimizer &operator=(const Optimizer &) = delete;

  /// Updates every parameter that has a gradient, in place, without recording gradients. Ends the recorded program.
  void step(Here where = Here::current());
  void zero_grad(bool set_to_none = true);
  void add_param_group(ParameterGroup group, Here where = Here::current());

  std::vector<ParameterGroup> &param_groups() { return groups; }
  const std::vector<ParameterGroup> &param_groups() const { return groups; }

  OptimizerState state_dict() const;
  /// Throws PyTorch's text when groups differ in number or size.
  void load_state_dict(const OptimizerState &saved, Here where = Here::current());
  /// What `load_state_dict` would throw, without changing anything.
  void check_state_dict(const OptimizerState &saved) const;

protected:
  Optimizer(std::vector<ParameterGroup> groups, std::map<std::string, double> defaults, Here where);
  using State = std::map<std::string, Tensor>;
  /// Adds, as zeros, the tensors of one parameter's state that its update will read.
  virtual void initialize(const Tensor &parameter, const Hypers &hypers, State &state) const = 0;
  /// One parameter's update.
  virtual void update(Tensor &parameter, const Tensor &gradient, const Hypers &hypers, State &state) = 0;
  virtual bool countsSteps() const { return false; }

private:
  friend class OptimizerAccess; // records a step for an artifact
  Hypers hypersOf(size_t group, int64_t steps, bool isFirst) const;
  void fitSlots() const;
  void updateAll();
  void noteStep();

  struct Slot {
    std::map<std::string, Tensor> tensors;
    int64_t steps = 0;
  };
  std::map<std::string, double> defaults;
  std::vector<ParameterGroup> groups;
  /// By group, by parameter. Shared with what undoes a step that fails.
  std::shared_ptr<std::vector<std::vector<Slot>>> slots = std::make_shared<std::vector<std::vector<Slot>>>();
};

struct SGDOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, maximize = false;
};

/// g += weight_decay p; buf = momentum buf + (1 - dampening) g (first: g); p -= lr (nesterov ? g + momentum buf : buf).
/// Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, in PyTorch's form.
class SGD : public Optimizer {
public:
  SGD(std::vector<Tensor> parameters, SGDOptions options, Here where = Here::current());
  SGD(std::vector<ParameterGroup> groups, SGDOptions options, Here where = Here::current());

protected:
  void initialize(const Tensor &parameter, const Hypers &hypers, State &state) const override;
  void update(Tensor &parameter, const Tensor &gradient, const Hypers &hypers, State &state) override;
};

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool amsgrad = false, maximize = false;
};

/// m += (1 - β1)(g - m); v = β2 v + (1 - β2) g²; p -= (lr / bc1) m / (√v / √bc2 + eps), bc = 1 - β^t; weight decay is
/// added to the gradient. Source: Kingma & Ba, "Adam", ICLR 2015.
class Adam : public Optimizer {
public:
  Adam(std::vector<Tensor> parameters, AdamOptions options = {}, Here where = Here::current());
  Adam(std::vector<ParameterGroup> groups, AdamOptions options = {}, Here where = Here::current());

protected:
  Adam(std::vector<ParameterGroup> groups, AdamOptions options, bool decoupled, Here where);
  void initialize(const Tensor &parameter, const Hypers &hypers, State &state) const override;
  void update(Tensor &parameter, const Tensor &gradient, const Hypers &hypers, State &state) override;
  bool countsSteps() const override { return true; }

private:
  bool decoupled; // weight decay shrinks the parameter itself
};

struct AdamWOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01;
  bool amsgrad = false, maximize = false;
};

/// Adam with decoupled weight decay: p *= 1 - lr weight_decay before the update. Source: Loshchilov & Hutter, ICLR 2019.
class AdamW : public Adam {
public:
  AdamW(std::vector<Tensor> parameters, AdamWOptions options = {}, Here where = Here::current());
  AdamW(std::vector<ParameterGroup> groups, AdamWOptions options = {}, Here where = Here::current());
};

/// Sets the learning rate of every group, at construction and at each `step`, which is called after the optimizer's. A scheduler
/// counts its own calls: an optimizer's step that fails when it runs has not been taken, the scheduler's beside it has.
class LRScheduler {
public:
  virtual ~LRScheduler() = default;
  void step();
  /// What the last `step` set, whatever the groups have now.
  const std::vector<double> &get_last_lr() const { return lastRates; }
  int64_t last_epoch() const { return epoch; }
  /// "last_epoch", "_step_count", "base_lrs.0", "_last_lr.0", … and the scheduler's own numbers.
  std::map<std::string, double> state_dict() const;
  /// The groups keep their rates: those are the optimizer's state. Throws where a key is missing; nothing is changed then.
  void load_state_dict(const std::map<std::string, double> &state, Here where = Here::current());
  /// What `load_state_dict` would throw, without changing anything.
  void check_state_dict(const std::map<std::string, double> &state) const;

protected:
  /// last_epoch -1: from the start. Else the groups must have had a scheduler before. A subclass calls `step` when it is
  /// complete.
  LRScheduler(Optimizer &optimizer, int64_t last_epoch, Here where);
  /// The new rates, by group, from the current ones.
  virtual std::vector<double> rates() const = 0;
  /// Adds the scheduler's own numbers to a state, or takes them from one.
  virtual void save(std::map<std::string, double> &state) const = 0;
  virtual void load(const std::map<std::string, double> &state) = 0;
  Optimizer &optimizer;
  std::vector<double> baseRates, lastRates;
  int64_t epoch, stepCount = 0;
};

/// lr *= gamma every step_size epochs.
class StepLR : public LRScheduler {
public:
  StepLR(Optimizer &optimizer, int64_t step_size, double gamma = 0.1, int64_t last_epoch = -1, Here where = Here::current());

protected:
  std::vector<double> rates() const override;
  void save(std::map<std::string, double> &state) const override;
  void load(const std::map<std::string, double> &state) override;

private:
  int64_t stepSize;
  double gamma;
};

/// lr = eta_min + (base - eta_min)(1 + cos(π t / T_max)) / 2, evaluated from the current rate as PyTorch does.
/// Source: Loshchilov & Hutter, "SGDR", ICLR 2017.
class CosineAnnealingLR : public LRScheduler {
public:
  CosineAnnealingLR(Optimizer &optimizer, int64_t T_max, double eta_min = 0, int64_t last_epoch = -1,
                    Here where = Here::current());

protected:
  std::vector<double> rates() const override;
  void save(std::map<std::string, double> &state) const override;
  void load(const std::map<std::string, double> &state) override;

private:
  int64_t period;
  double minimum;
};

} // namespace ember::optim
