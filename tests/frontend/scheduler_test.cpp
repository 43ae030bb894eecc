// Learning-rate schedules: PyTorch's rates through a course of events, and what a step that fails leaves of them.
#include "GoldenFile.h"
#include "Message.h"
#include "Shell.h"
#include <fstream>
#include <functional>
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;

namespace {

using Make = std::function<std::unique_ptr<optim::LRScheduler>(optim::Optimizer &, int64_t last_epoch)>;
const std::map<std::string, Make> kSchedules = {
    {"step", [](auto &o, int64_t last) { return std::make_unique<optim::StepLR>(o, 2, 0.5, last); }},
    {"every_step", [](auto &o, int64_t last) { return std::make_unique<optim::StepLR>(o, 1, 1.25, last); }},
    {"cosine", [](auto &o, int64_t last) { return std::make_unique<optim::CosineAnnealingLR>(o, 3, 0.01, last); }},
    {"short_cosine", [](auto &o, int64_t last) { return std::make_unique<optim::CosineAnnealingLR>(o, 1, 0, last); }}};

// The events of tests/golden/make_schedules.py.
std::vector<double> courseOf(const Make &make) {
  optim::SGD optimizer({ember::ones({2}).requires_grad_()}, {.lr = 0.3});
  auto schedule = make(optimizer, -1);
  std::vector<double> rows;
  auto note = [&] {
    rows.push_back(optimizer.param_groups()[0].options.at("lr"));
    rows.push_back(schedule->get_last_lr()[0]);
    rows.push_back(static_cast<double>(schedule->last_epoch()));
  };
  auto steps = [&](int count) {
    for (int i = 0; i < count; ++i) {
      schedule->step();
      note();
    }
  };
  note();
  steps(3);
  optimizer.param_groups()[0].options["lr"] = 0.7;
  note();
  steps(2);
  std::map<std::string, double> saved = schedule->state_dict();
  schedule = make(optimizer, -1);
  note();
  steps(2);
  schedule->load_state_dict(saved);
  note();
  steps(5);
  schedule = make(optimizer, 2);
  note();
  steps(8);
  return rows;
}

TEST(Schedulers, RatesArePyTorchs) {
  size_t checked = 0;
  for (auto &[name, values] : golden::read("schedules.txt")) {
    SCOPED_TRACE(name);
    std::vector<double> expected = values["out"].at(0).to_vector<double>(), found = courseOf(kSchedules.at(name));
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_DOUBLE_EQ(found[i], expected[i]) << "event " << i / 3 << ", number " << i % 3;
    ++checked;
  }
  EXPECT_EQ(checked, kSchedules.size());
}

// A schedule of cosine has no base for a group that comes later; StepLR needs none.
TEST(Schedulers, GroupsThatComeLater) {
  optim::SGD optimizer({ember::ones({2}).requires_grad_()}, {.lr = 0.4});
  optim::StepLR steps(optimizer, 1, 0.5);
  optim::CosineAnnealingLR cosine(optimizer, 4);
  optimizer.add_param_group({{ember::ones({3}).requires_grad_()}, {{"lr", 0.8}}});
  cosine.step();
  EXPECT_EQ(optimizer.param_groups()[1].options.at("lr"), 0.8);
  steps.step();
  EXPECT_EQ(optimizer.param_groups()[1].options.at("lr"), 0.4);
}

TEST(Schedulers, Mistakes) {
  optim::SGD optimizer({ember::ones({2}).requires_grad_()}, {.lr = 0.3});
  EXPECT_EQ(messageOf([&] { optim::StepLR(optimizer, 2, 0.5, 3); }),
            "param 'initial_lr' is not specified in param_groups[0] when resuming an optimizer");
  EXPECT_EQ(messageOf([&] { optim::StepLR(optimizer, 0); }), "StepLR: step_size is 0, expected at least 1");
  EXPECT_EQ(messageOf([&] { optim::CosineAnnealingLR(optimizer, 0); }), "CosineAnnealingLR: T_max is 0, expected at least 1");
  optim::StepLR steps(optimizer, 2);
  std::map<std::string, double> whole = steps.state_dict();
  for (const auto &[key, value] : whole) {
    std::map<std::string, double> part = whole;
    part.erase(key);
    EXPECT_EQ(messageOf([&] { steps.load_state_dict(part); }), "scheduler state dict: missing key '" + key + "'");
    EXPECT_EQ(steps.state_dict(), whole);
  }
}

// Steps with labels that are no classes fail when they run, after the scheduler has stepped. The optimizer has not taken them,
// the scheduler has: what follows is the run that steps the scheduler alone there, bit for bit, and so is one that goes on from a
// checkpoint.
std::vector<float> train(bool fails, const Folder *folder) {
  ember::manual_seed(0);
  nn::Sequential model(nn::Linear(4, 8), nn::ReLU(), nn::Linear(8, 3));
  auto optimizer = std::make_unique<optim::AdamW>(model->parameters(), optim::AdamWOptions{.lr = 0.1});
  auto schedule = std::make_unique<optim::CosineAnnealingLR>(*optimizer, 6, 0.01);
  Tensor inputs = ember::randn({6, 4}), labels = ember::randint(0, 3, {6});
  auto step = [&](const Tensor &own) {
    Tensor loss = nn::CrossEntropyLoss()(model(inputs), own + 0);
    optimizer->zero_grad();
    loss.backward();
    optimizer->step();
    schedule->step();
  };
  for (int i = 0; i < 6; ++i) {
    if (i == 0 || i == 2 || i == 3) {
      double rate = schedule->get_last_lr()[0];
      if (fails) {
        step(labels * 9 - 5);
        EXPECT_NE(messageOf([] { ember::synchronize(); }).find("is out of bounds"), std::string::npos);
      } else {
        schedule->step();
      }
      EXPECT_NE(schedule->get_last_lr()[0], rate);
      EXPECT_EQ(optimizer->param_groups()[0].options.at("lr"), schedule->get_last_lr()[0]);
    }
    if (i == 3 && folder) { // another process
      ember::save({.model = &*model, .optimizer = &*optimizer, .scheduler = &*schedule}, folder->file("checkpoint"));
      optimizer = std::make_unique<optim::AdamW>(model->parameters(), optim::AdamWOptions{.lr = 7});
      schedule = std::make_unique<optim::CosineAnnealingLR>(*optimizer, 9);
      ember::load({.model = &*model, .optimizer = &*optimizer, .scheduler = &*schedule}, folder->file("checkpoint"));
    }
    step(labels);
  }
  EXPECT_EQ(schedule->last_epoch(), 9);
  for (const auto &[number, state] : optimizer->state_dict().state)
    EXPECT_EQ(state.at("step").item<float>(), 6) << number;
  std::vector<float> all;
  for (const Tensor &parameter : model->parameters())
    for (float value : parameter.detach().to_vector<float>())
      all.push_back(value);
  return all;
}

TEST(Schedulers, CountTheirOwnStepsWhereTheOptimizersFail) {
  Folder folder("ember_schedules");
  std::vector<float> expected = train(false, nullptr);
  EXPECT_EQ(train(true, nullptr), expected);
  EXPECT_EQ(train(true, &folder), expected);
}

// An optimizer's state has the rates that schedules start from: one may be made anew at its place.
TEST(Schedulers, AreMadeAnewFromAnOptimizersState) {
  Folder folder("ember_schedule_anew");
  optim::SGD first({{{ember::ones({2}).requires_grad_()}, {{"lr", 0.5}}}, {{ember::ones({3}).requires_grad_()}, {}}}, {.lr = 1});
  optim::CosineAnnealingLR whole(first, 8, 0.125);
  for (int i = 0; i < 3; ++i)
    whole.step();
  ember::save({.optimizer = &first}, folder.file("checkpoint"));
  optim::SGD second({{{ember::ones({2}).requires_grad_()}, {}}, {{ember::ones({3}).requires_grad_()}, {}}}, {.lr = 9});
  ember::load({.optimizer = &second}, folder.file("checkpoint"));
  optim::CosineAnnealingLR anew(second, 8, 0.125, 2); // its first step is the third
  for (int i = 0; i < 3; ++i) {
    whole.step(), anew.step();
    for (size_t group : {0, 1})
      EXPECT_NEAR(anew.get_last_lr()[group], whole.get_last_lr()[group], 1e-15) << i;
  }
}

TEST(Schedulers, CheckpointsThatDoNotFit) {
  Folder folder("ember_schedule_mistakes");
  optim::SGD optimizer({ember::ones({2}).requires_grad_()}, {.lr = 0.5});
  optim::StepLR steps(optimizer, 2);
  optim::CosineAnnealingLR cosine(optimizer, 4);
  std::string path = folder.file("checkpoint");
  auto load = [&](optim::LRScheduler &scheduler) {
    return messageOf([&] { ember::load({.optimizer = &optimizer, .scheduler = &scheduler}, path); });
  };
  ember::save({.optimizer = &optimizer}, path);
  EXPECT_EQ(load(steps), path + ": it holds no scheduler");
  ember::save({.optimizer = &optimizer, .scheduler = &cosine}, path);
  optimizer.param_groups()[0].options["lr"] = 3;
  EXPECT_EQ(load(steps), path + ": scheduler state dict: missing key 'gamma'");
  EXPECT_EQ(optimizer.param_groups()[0].options["lr"], 3) << "nothing is changed";
  const std::string groups = R"("optimizer":"[{\"options\":{\"lr\":0.5},\"parameters\":[0]}]")";
  const std::pair<std::string, const char *> rows[] = {
      {groups + R"(,"scheduler":"[1]")", "its scheduler is damaged"},
      {groups + R"(,"scheduler":"{\"gamma\":true}")", "its scheduler is damaged"},
      {groups + R"(,"scheduler":"{")", "its scheduler is damaged"},
      {groups + R"(,"initial_lr":"[true]")", "the initial rates of its optimizer groups are damaged"},
      {groups + R"(,"initial_lr":"[]")", "the initial rates of its optimizer groups are damaged"},
      {groups + R"(,"initial_lr":"0.5")", "the initial rates of its optimizer groups are damaged"}};
  for (const auto &[metadata, text] : rows) {
    std::string header = R"({"__metadata__":{"format":"ember checkpoint 1",)" + metadata + "}}";
    uint64_t length = header.size();
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char *>(&length), 8) << header;
    EXPECT_EQ(load(steps), path + ": " + text) << metadata;
  }
  EXPECT_EQ(optimizer.param_groups()[0].options["lr"], 3);
}

// A checkpoint is loaded after what failed has been undone, not before.
TEST(Schedulers, LoadingMeetsNoFailedStep) {
  Tensor weight = ember::ones({3}).requires_grad_();
  optim::AdamW optimizer({weight}, {.lr = 0.1});
  auto step = [&](int64_t label) {
    ember::index_select(weight * 2, 0, ember::tensor<int64_t>({label}) + 0).sum().backward();
    optimizer.step();
  };
  step(1);
  step(2);
  optim::OptimizerState saved = optimizer.state_dict();
  ember::synchronize();
  step(5);
  EXPECT_NE(messageOf([&] { optimizer.load_state_dict(saved); }).find("is out of bounds"), std::string::npos);
  optimizer.load_state_dict(saved);
  step(0);
  EXPECT_EQ(optimizer.state_dict().state.at(0).at("step").item<float>(), 3);
}

} // namespace
