#include "optim/Hyper.h"

namespace ember::optim {

static std::map<std::string, double> defaultsOf(const AdamOptions &options) {
  return {{"lr", options.lr},
          {"beta1", options.beta1},
          {"beta2", options.beta2},
          {"eps", options.eps},
          {"amsgrad", options.amsgrad},
          {"maximize", options.maximize},
          {"weight_decay", options.weight_decay}};
}

Adam::Adam(std::vector<Tensor> parameters, AdamOptions options, Here where)
    : Adam({ParameterGroup{std::move(parameters), {}}}, options, false, where) {}
Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions options, Here where)
    : Adam(std::move(groups), options, false, where) {}
Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions options, bool decoupled, Here where)
    : Optimizer(std::move(groups), defaultsOf(options), where), decoupled(decoupled) {}

static AdamOptions plainOptions(const AdamWOptions &options) {
  return {options.lr, options.beta1, options.beta2, options.eps, options.weight_decay, options.amsgrad, options.maximize};
}

AdamW::AdamW(std::vector<Tensor> parameters, AdamWOptions options, Here where)
    : Adam({ParameterGroup{std::move(parameters), {}}}, plainOptions(options), true, where) {}
AdamW::AdamW(std::vector<ParameterGroup> groups, AdamWOptions options, Here where)
    : Adam(std::move(groups), plainOptions(options), true, where) {}

void Adam::initialize(const Tensor &parameter, const Hypers &hypers, State &state) const {
  for (const char *name : {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"})
    if (!state.count(name) && (name != std::string("max_exp_avg_sq") || hypers.uses("amsgrad")))
      state[name] = zeros_like(parameter);
}

// Everything that changes with the step count or the schedule is a runtime scalar, computed here in double as PyTorch does.
void Adam::update(Tensor &parameter, const Tensor &gradient, const Hypers &hypers, State &state) {
  HyperValue one = hypers.number(1), rate = hypers["lr"], beta1 = hypers["beta1"], beta2 = hypers["beta2"];
  auto scalar = [&](const HyperValue &value) { return scalarOf(value, parameter.dtype()); };
  Tensor direction = hypers.uses("maximize") ? -gradient : gradient;
  if (hypers.uses("weight_decay") && decoupled)
    parameter.mul_(scalar(one - rate * hypers["weight_decay"]));
  else if (hypers.uses("weight_decay"))
    direction = direction + parameter.detach() * scalar(hypers["weight_decay"]);

  Tensor &mean = state["exp_avg"], &square = state["exp_avg_sq"];
  mean.add_((direction - mean) * scalar(one - beta1));
  square.mul_(scalar(beta2));
  square.add_(direction * scalar(one - beta2) * direction);
  HyperValue correction1 = one - pow(beta1, hypers.step()), correction2 = one - pow(beta2, hypers.step());
  Tensor largest = square;
  if (hypers.uses("amsgrad")) {
    largest = state["max_exp_avg_sq"];
    largest.copy_(maximum(largest, square));
  }
  Tensor denominator = largest.sqrt() / scalar(sqrt(correction2)) + scalar(hypers["eps"]);
  parameter.add_(mean * scalar(-rate / correction1) / denominator);
}

} // namespace ember::optim
