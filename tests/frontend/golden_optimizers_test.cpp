// Five steps of every optimizer variant and 25 rates of every schedule against PyTorch's (tests/golden/make_ops.py).
#include "GoldenFile.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

namespace optim = ember::optim;
using ember::Tensor;

namespace {

using Parameters = std::vector<Tensor>;
using Made = std::unique_ptr<optim::Optimizer>;

const std::map<std::string, std::function<Made(Parameters)>> kOptimizers = {
    {"sgd", [](Parameters p) -> Made { return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = 0.1}); }},
    {"sgd_momentum",
     [](Parameters p) -> Made { return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = 0.1, .momentum = 0.9}); }},
    {"sgd_dampening",
     [](Parameters p) -> Made {
       return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.3});
     }},
    {"sgd_decay",
     [](Parameters p) -> Made { return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = 0.1, .weight_decay = 0.05}); }},
    {"sgd_nesterov",
     [](Parameters p) -> Made {
       return std::make_unique<optim::SGD>(p,
                                           optim::SGDOptions{.lr = 0.1, .momentum = 0.8, .weight_decay = 0.01, .nesterov = true});
     }},
    {"sgd_maximize",
     [](Parameters p) -> Made {
       return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .maximize = true});
     }},
    {"adam", [](Parameters p) -> Made { return std::make_unique<optim::Adam>(p, optim::AdamOptions{.lr = 0.01}); }},
    {"adam_decay",
     [](Parameters p) -> Made { return std::make_unique<optim::Adam>(p, optim::AdamOptions{.lr = 0.01, .weight_decay = 0.1}); }},
    {"adam_amsgrad",
     [](Parameters p) -> Made { return std::make_unique<optim::Adam>(p, optim::AdamOptions{.lr = 0.01, .amsgrad = true}); }},
    {"adamw", [](Parameters p) -> Made { return std::make_unique<optim::AdamW>(p, optim::AdamWOptions{.lr = 0.01}); }},
    {"adamw_amsgrad",
     [](Parameters p) -> Made {
       return std::make_unique<optim::AdamW>(
           p, optim::AdamWOptions{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-6, .weight_decay = 0.2, .amsgrad = true});
     }},
    {"adamw_maximize",
     [](Parameters p) -> Made { return std::make_unique<optim::AdamW>(p, optim::AdamWOptions{.lr = 0.01, .maximize = true}); }},
};

void expectClose(const Tensor &found, const Tensor &expected) {
  std::vector<double> a = found.detach().to_vector<double>(), b = expected.to_vector<double>();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-14 * std::max(1.0, std::abs(b[i]))) << "element " << i;
}

TEST(GoldenOptimizers, FiveStepsAsPyTorch) {
  Parameters inputs; // the start, then the gradients
  size_t checked = 0;
  for (auto &[name, values] : golden::read("optimizers.txt")) {
    SCOPED_TRACE(name);
    if (name == "inputs")
      inputs = values["in"];
    auto make = kOptimizers.find(name);
    if (make == kOptimizers.end())
      continue;
    Tensor parameter = inputs[0].clone().requires_grad_();
    Made optimizer = make->second({parameter});
    for (size_t step = 0; step < 5; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      parameter.set_grad(inputs[step + 1].clone());
      optimizer->step();
      expectClose(parameter, values["out"].at(step));
    }
    ++checked;
  }
  EXPECT_EQ(checked, kOptimizers.size());
}

void checkSchedule(const std::string &name, optim::Optimizer &optimizer, optim::LRScheduler &schedule) {
  for (auto &[found, values] : golden::read("optimizers.txt")) {
    if (found != name)
      continue;
    for (double rate : values["out"].at(0).to_vector<double>()) {
      EXPECT_DOUBLE_EQ(schedule.get_last_lr()[0], rate) << name << ", step " << schedule.last_epoch();
      EXPECT_EQ(optimizer.param_groups()[0].options.at("lr"), schedule.get_last_lr()[0]);
      optimizer.step();
      schedule.step();
    }
    return;
  }
  FAIL() << "the golden file has no " << name;
}

TEST(GoldenOptimizers, SchedulesAsPyTorch) {
  Parameters parameters = {ember::zeros({2}).requires_grad_()};
  optim::SGD first(parameters, {.lr = 0.3}), second(parameters, {.lr = 0.3});
  optim::StepLR steps(first, 4, 0.5);
  checkSchedule("step_lr", first, steps);
  optim::CosineAnnealingLR cosine(second, 10, 0.01);
  checkSchedule("cosine_annealing_lr", second, cosine);
}

// Each group by its own rate; what a group does not say is the optimizer's.
TEST(ParameterGroups, HaveOptionsOfTheirOwn) {
  ember::Tensor a = ember::ones({2}, ember::kFloat64).requires_grad_(), b = ember::ones({2}, ember::kFloat64).requires_grad_();
  ember::optim::SGD optimizer(std::vector<optim::ParameterGroup>{{{a}, {}}, {{b}, {{"lr", 0.25}, {"weight_decay", 0.5}}}},
                              {.lr = 0.5});
  (a * 2 + b * 3).sum().backward();
  optimizer.step();
  EXPECT_EQ(a.detach().to_vector<double>(), std::vector<double>(2, 1 - 0.5 * 2));
  EXPECT_EQ(b.detach().to_vector<double>(), std::vector<double>(2, 1 - 0.25 * (3 + 0.5)));
  optimizer.param_groups()[0].options["lr"] = 1; // from now on
  optimizer.step();
  EXPECT_EQ(a.detach().to_vector<double>(), std::vector<double>(2, -2));
}

// A frozen layer has no gradient and is not updated; thawed, it trains on.
TEST(Freezing, LeavesALayerAsItIs) {
  ember::manual_seed(0);
  ember::nn::Sequential model{ember::nn::Linear(3, 4), ember::nn::ReLU(), ember::nn::Linear(4, 1)};
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1});
  ember::Tensor input = ember::randn({5, 3});
  auto step = [&] {
    optimizer.zero_grad();
    model(input).sum().backward();
    optimizer.step();
  };
  auto valuesOf = [&](size_t number) { return model->parameters()[number].detach().to_vector<float>(); };
  std::vector<float> frozen = valuesOf(0), trained = valuesOf(2);
  model[0]->requires_grad_(false);
  for (int i = 0; i < 3; ++i)
    step();
  EXPECT_EQ(valuesOf(0), frozen);
  EXPECT_NE(valuesOf(2), trained);
  EXPECT_FALSE(model->parameters()[0].grad().defined());
  model[0]->requires_grad_();
  step();
  EXPECT_NE(valuesOf(0), frozen);
}

} // namespace
