#include "ember/error.h"
#include "optim/Hyper.h"

namespace ember::optim {

static std::map<std::string, double> defaultsOf(const SGDOptions &options) {
  return {{"lr", options.lr},
          {"momentum", options.momentum},
          {"dampening", options.dampening},
          {"weight_decay", options.weight_decay},
          {"nesterov", options.nesterov},
          {"maximize", options.maximize}};
}

SGD::SGD(std::vector<Tensor> parameters, SGDOptions options, Here where)
    : SGD({ParameterGroup{std::move(parameters), {}}}, options, where) {}
SGD::SGD(std::vector<ParameterGroup> groups, SGDOptions options, Here where)
    : Optimizer(std::move(groups), defaultsOf(options), where) {}

void SGD::initialize(const Tensor &parameter, const Hypers &hypers, State &state) const {
  if (hypers.uses("momentum") && !state.count("momentum_buffer"))
    state["momentum_buffer"] = zeros_like(parameter);
}

// The first step is the program of all others: the buffer is 0 then, and the gradient's factor 1.
void SGD::update(Tensor &parameter, const Tensor &gradient, const Hypers &hypers, State &state) {
  auto scalar = [&](const HyperValue &value) { return scalarOf(value, parameter.dtype()); };
  Tensor direction = hypers.uses("maximize") ? -gradient : gradient;
  if (hypers.uses("weight_decay"))
    direction = direction + parameter.detach() * scalar(hypers["weight_decay"]);
  if (hypers.uses("momentum")) {
    Tensor &buffer = state["momentum_buffer"];
    buffer.mul_(scalar(hypers["momentum"]));
    HyperValue factor = hypers.number(1) - hypers["dampening"] * hypers.isLater();
    buffer.add_(hypers.uses("dampening") ? direction * scalar(factor) : direction);
    direction = hypers.uses("nesterov") ? direction + buffer * scalar(hypers["momentum"]) : buffer;
  }
  parameter.add_(direction * scalar(-hypers["lr"]));
}

} // namespace ember::optim
