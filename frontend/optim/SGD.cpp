#include "ember/error.h"
#include "ember/optim.h"

namespace ember::optim {

static std::map<std::string, double> defaultsOf(const SGDOptions &options) {
  if (options.nesterov && (options.momentum <= 0 || options.dampening != 0))
    throw Error("Nesterov momentum requires a momentum and zero dampening");
  return {{"lr", options.lr},
          {"momentum", options.momentum},
          {"dampening", options.dampening},
          {"weight_decay", options.weight_decay},
          {"nesterov", options.nesterov},
          {"maximize", options.maximize}};
}

SGD::SGD(std::vector<Tensor> parameters, SGDOptions options) : SGD({ParameterGroup{std::move(parameters), {}}}, options) {}
SGD::SGD(std::vector<ParameterGroup> groups, SGDOptions options) : Optimizer(std::move(groups), defaultsOf(options)) {}

void SGD::update(Tensor &parameter, const Tensor &gradient, const ParameterGroup &group, std::map<std::string, Tensor> &state,
                 int64_t &) {
  const auto &options = group.options;
  Tensor direction = options.at("maximize") != 0 ? -gradient : gradient;
  if (double decay = options.at("weight_decay"))
    direction = direction + parameter.detach() * decay;
  if (double momentum = options.at("momentum")) {
    auto found = state.find("momentum_buffer");
    if (found == state.end()) {
      found = state.emplace("momentum_buffer", direction.clone()).first;
    } else {
      found->second.mul_(momentum);
      found->second.add_(direction * (1 - options.at("dampening")));
    }
    direction = options.at("nesterov") != 0 ? direction + found->second * momentum : found->second;
  }
  parameter.add_(direction * runtime_scalar(-options.at("lr"), parameter.dtype()));
}

} // namespace ember::optim
