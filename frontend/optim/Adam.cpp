#include "ember/optim.h"

#include <cmath>

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

Adam::Adam(std::vector<Tensor> parameters, AdamOptions options)
    : Adam({ParameterGroup{std::move(parameters), {}}}, options, false) {}
Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions options) : Adam(std::move(groups), options, false) {}
Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions options, bool decoupled)
    : Optimizer(std::move(groups), defaultsOf(options)), decoupled(decoupled) {}

static AdamOptions plainOptions(const AdamWOptions &options) {
  return {options.lr, options.beta1, options.beta2, options.eps, options.weight_decay, options.amsgrad, options.maximize};
}

AdamW::AdamW(std::vector<Tensor> parameters, AdamWOptions options)
    : Adam({ParameterGroup{std::move(parameters), {}}}, plainOptions(options), true) {}
AdamW::AdamW(std::vector<ParameterGroup> groups, AdamWOptions options) : Adam(std::move(groups), plainOptions(options), true) {}

// Everything that changes with the step count or the schedule is a runtime scalar, computed here in double as PyTorch does.
void Adam::update(Tensor &parameter, const Tensor &gradient, const ParameterGroup &group, std::map<std::string, Tensor> &state,
                  int64_t &steps) {
  const auto &options = group.options;
  double rate = options.at("lr"), beta1 = options.at("beta1"), beta2 = options.at("beta2");
  double decay = options.at("weight_decay");
  auto scalar = [&](double value) { return runtime_scalar(value, parameter.dtype()); };
  Tensor direction = options.at("maximize") != 0 ? -gradient : gradient;
  if (state.empty())
    for (const char *name : {"exp_avg", "exp_avg_sq"})
      state[name] = zeros_like(parameter);
  if (decay != 0 && decoupled)
    parameter.mul_(scalar(1 - rate * decay));
  else if (decay != 0)
    direction = direction + parameter.detach() * decay;

  Tensor &mean = state["exp_avg"], &square = state["exp_avg_sq"];
  mean.add_((direction - mean) * (1 - beta1));
  square.mul_(beta2);
  square.add_(direction * (1 - beta2) * direction);
  double correction1 = 1 - std::pow(beta1, steps), correction2 = 1 - std::pow(beta2, steps);
  Tensor largest = square;
  if (options.at("amsgrad") != 0) {
    auto found = state.try_emplace("max_exp_avg_sq", zeros_like(parameter)).first;
    found->second.copy_(maximum(found->second, square));
    largest = found->second;
  }
  Tensor denominator = largest.sqrt() / scalar(std::sqrt(correction2)) + options.at("eps");
  parameter.add_(mean * scalar(-rate / correction1) / denominator);
}

} // namespace ember::optim
