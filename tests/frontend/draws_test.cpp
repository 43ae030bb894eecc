// Random draws and running statistics as ops: eager, in traces, in packages, with sizes by name. Equal bits for the same seed.
#include <ember/ember.h>

#include "GoldenFile.h"
#include "Shell.h"
#include <gtest/gtest.h>

namespace nn = ember::nn;
namespace F = ember::functional;
using ember::Tensor;

namespace {

std::string messageOf(const std::function<void()> &call) {
  try {
    call();
  } catch (const ember::Error &error) {
    return error.message();
  }
  return "";
}

// Every draw that a program holds. x: (n, 8).
Tensor drawing(const std::vector<Tensor> &inputs) {
  const Tensor &x = inputs[0];
  int64_t rows = x.size(0);
  Tensor y = F::dropout(x, 0.3) + ember::empty({rows, 8}).uniform_(-1, 2);
  y = y + ember::randint(-3, 9, {rows, 8}, ember::kFloat32) +
      ember::randint(0, int64_t(1) << 40, {8}).to(ember::kFloat32) * 1e-12;
  y = y + ember::empty({8, rows}).t().normal_(1, 2); // in the order of memory
  y = y + ember::randn({3}).sum() + 0.5 * ember::randn_like(x) + ember::rand({8});
  Tensor kept = ember::empty({rows, 8});
  kept.slice(1, 0, 8, 2).bernoulli_(0.25); // through a view
  return F::dropout(ember::index_select(y * kept + y, 0, ember::randperm(rows)), 0.5);
}

std::vector<float> values(const Tensor &tensor) { return tensor.detach().to_vector<float>(); }

// What the functions give one after the other, and what the generator gives then.
struct Outcomes {
  std::vector<std::vector<float>> outputs;
  double after;
  bool operator==(const Outcomes &) const = default;
};
Outcomes outcomesOf(const std::function<Tensor(const Tensor &)> &function, const std::vector<Tensor> &inputs) {
  ember::manual_seed(5);
  Outcomes outcomes;
  for (const Tensor &input : inputs)
    outcomes.outputs.push_back(values(function(input)));
  outcomes.after = ember::rand({1}, ember::kFloat64).item<double>();
  return outcomes;
}

TEST(Draws, ATraceDrawsAsTheFunctionDoes) {
  Tensor x = ember::ones({6, 8}), other = ember::full({6, 8}, -2);
  ember::manual_seed(1);
  ember::jit::TracedModule traced = ember::jit::trace(drawing, {x});
  float afterTracing = ember::rand({1}).item<float>();
  ember::manual_seed(1);
  EXPECT_EQ(afterTracing, ember::rand({1}).item<float>()) << "tracing draws nothing";
  Outcomes eager = outcomesOf([](const Tensor &input) { return drawing({input}); }, {x, other, x});
  EXPECT_NE(eager.outputs[0], eager.outputs[2]);
  EXPECT_EQ(outcomesOf([&](const Tensor &input) { return traced(input); }, {x, other, x}), eager);
  EXPECT_NE(traced.graph().find("{ember.name = \"generator\", ember.role = \"generator\"}"), std::string::npos) << traced.graph();
}

TEST(Draws, InterpretedAndUnfusedAreTheSame) {
  Tensor x = ember::ones({6, 8});
  ember::jit::TracedModule traced = ember::jit::trace(drawing, {x});
  Outcomes compiled = outcomesOf([&](const Tensor &input) { return traced(input); }, {x, x});
  ::setenv("EMBER_INTERPRET", "1", 1);
  ember::jit::TracedModule interpreted = ember::jit::trace(drawing, {x});
  ::unsetenv("EMBER_INTERPRET");
  Outcomes reference = outcomesOf([&](const Tensor &input) { return interpreted(input); }, {x, x});
  EXPECT_EQ(reference.after, compiled.after);
  for (size_t run = 0; run < 2; ++run)
    for (size_t i = 0; i < compiled.outputs[run].size(); ++i)
      EXPECT_NEAR(compiled.outputs[run][i], reference.outputs[run][i], 1e-5) << i; // sums of three normals round otherwise
}

TEST(Draws, APackageDrawsAsItsTraceDoes) {
  Folder folder("ember_draws_package");
  Tensor x = ember::ones({6, 8});
  ember::jit::TracedModule traced = ember::jit::trace(drawing, {x});
  traced.save(folder.file("noisy.ember"));
  ember::jit::TracedModule loaded = ember::jit::load(folder.file("noisy.ember"));
  EXPECT_EQ(loaded.graph(), traced.graph());
  EXPECT_EQ(outcomesOf([&](const Tensor &input) { return loaded(input); }, {x, x}),
            outcomesOf([](const Tensor &input) { return drawing({input}); }, {x, x}));
}

nn::Sequential makeModel() {
  ember::manual_seed(0);
  return nn::Sequential(nn::Conv2d(1, 4, 3), nn::BatchNorm2d(4), nn::Dropout(0.4), nn::Flatten(), nn::Linear(64, 3));
}

TEST(Draws, ATraceInTrainingKeepsStatisticsOfItsOwn) {
  std::vector<Tensor> batches;
  for (int i = 0; i < 3; ++i)
    batches.push_back(ember::randn({5, 1, 6, 6}));
  nn::Sequential model = makeModel(), twin = makeModel();
  ember::jit::TracedModule traced = ember::jit::trace(model, {batches[0]});
  EXPECT_EQ(outcomesOf([&](const Tensor &input) { return traced(input); }, batches),
            outcomesOf([&](const Tensor &input) { return twin(input); }, batches));
  std::vector<float> first = values(model->buffers()[0]);
  EXPECT_EQ(first, std::vector<float>(4, 0)) << "neither tracing nor running the trace moves the model's";
  EXPECT_NE(values(twin->buffers()[0]), first);
  // A package goes on from the statistics of the trace at that moment.
  Folder folder("ember_draws_statistics");
  traced.save(folder.file("model.ember"));
  ember::jit::TracedModule loaded = ember::jit::load(folder.file("model.ember"));
  EXPECT_EQ(outcomesOf([&](const Tensor &input) { return loaded(input); }, batches),
            outcomesOf([&](const Tensor &input) { return traced(input); }, batches));
}

TEST(Draws, ATraceWithNamedSizesDrawsForEverySize) {
  ember::jit::TraceOptions options{.dims = {{{0, "B"}}}};
  ember::jit::TracedModule traced = ember::jit::trace(drawing, {ember::ones({6, 8})}, options);
  std::vector<Tensor> inputs = {ember::ones({6, 8}), ember::full({9, 8}, 3), ember::full({2, 8}, -1)};
  EXPECT_EQ(outcomesOf([&](const Tensor &input) { return traced(input); }, inputs),
            outcomesOf([](const Tensor &input) { return drawing({input}); }, inputs));
  nn::Sequential model = makeModel(), twin = makeModel();
  ember::jit::TracedModule statistics = ember::jit::trace(model, {ember::randn({5, 1, 6, 6})}, options);
  std::vector<Tensor> batches = {ember::randn({4, 1, 6, 6}), ember::randn({7, 1, 6, 6})};
  EXPECT_EQ(outcomesOf([&](const Tensor &input) { return statistics(input); }, batches),
            outcomesOf([&](const Tensor &input) { return twin(input); }, batches));
}

TEST(Draws, WhatATraceCannotHoldIsRefused) {
  Tensor x = ember::ones({2, 3});
  auto looks = [](const std::vector<Tensor> &in) {
    Tensor y = F::dropout(in[0], 0.5);
    return y.sum().item<float>() > 0 ? y : in[0];
  };
  EXPECT_EQ(messageOf([&] { ember::jit::trace(looks, {x}); }),
            "trace: a value was looked at after random numbers were drawn, which are drawn when the trace runs");
  EXPECT_EQ(values(F::dropout(x, 0)), values(x)) << "a refused trace leaves nothing behind";
}

// A draw is no look: what is pending stays so, and what is drawn over is written like any other tensor.
TEST(Draws, CutNoProgram) {
  ember::synchronize();
  Tensor x = ember::ones({5, 6}) * 2, y = x + 1;
  int64_t before = ember::counters().programsRun;
  Tensor drawn = ember::rand({5, 6}) + ember::randn({6}) + ember::randint(0, 3, {5, 6}) + F::dropout(x, 0.5);
  y.uniform_();
  x.t().normal_();
  Tensor order = ember::randperm(30);
  EXPECT_EQ(ember::counters().programsRun, before);
  EXPECT_EQ(values(drawn).size(), 30u);
  EXPECT_EQ(ember::counters().programsRun, before + 1);
  EXPECT_EQ(values(x).size() + values(y).size() + order.to_vector<int64_t>().size(), 90u);
}

// Large bounds move to numbers that a float dtype has. Source: PyTorch 1.13, seed 0.
TEST(Draws, WholeNumbersOfFloats) {
  struct Row {
    ember::ScalarType dtype;
    int64_t low, high;
    std::vector<double> drawn;
  };
  const Row rows[] = {{ember::kBFloat16, 0, 300, {148, 53, 69, 258}},
                      {ember::kBFloat16, -259, 259, {95, -186, 56, -256}},
                      {ember::kBFloat16, 257, 259, {256, 258, 258, 256}},
                      {ember::kFloat16, 0, 4099, {1995, 2726, 2214, 3588}},
                      {ember::kFloat16, -2051, 5, {-103, -844, -462, -1475}},
                      {ember::kFloat32, 0, 16777218, {8325524, 12888321, 1484039, 2214672}},
                      {ember::kFloat32, 16777211, 16777220, {16777215, 16777214, 16777211, 16777213}}};
  for (const Row &row : rows) {
    ember::manual_seed(0);
    EXPECT_EQ(ember::randint(row.low, row.high, {4}, row.dtype).to_vector<double>(), row.drawn) << row.low << " " << row.high;
  }
  ember::manual_seed(7);
  Tensor own = ember::randint(9, {5});
  ember::manual_seed(7);
  EXPECT_TRUE(ember::equal(own, ember::empty({5}, ember::kInt64).random_(9)));
}

TEST(Draws, WholeNumbersThatADtypeHasNot) {
  auto draw = [](int64_t low, int64_t high, ember::ScalarType dtype) {
    return messageOf([&] { ember::randint(low, high, {3}, dtype); });
  };
  EXPECT_EQ(draw(5, 5, ember::kInt64), "random_ expects 'from' to be less than 'to', but got from=5 >= to=5");
  EXPECT_EQ(draw(0, 257, ember::kUInt8), "to - 1 is out of bounds for unsigned char");
  EXPECT_EQ(draw(-1, 2, ember::kUInt8), "from is out of bounds for unsigned char");
  EXPECT_EQ(draw(0, 300, ember::kInt8), "to - 1 is out of bounds for signed char");
  EXPECT_EQ(draw(0, 40000, ember::kInt16), "to - 1 is out of bounds for short int");
  EXPECT_EQ(draw(-(int64_t(1) << 40), 2, ember::kInt32), "from is out of bounds for int");
  EXPECT_EQ(draw(0, 3, ember::kBool), "to - 1 is out of bounds for bool");
  EXPECT_EQ(draw(0, 65506, ember::kFloat16), "to - 1 is out of bounds for c10::Half");
  EXPECT_EQ(draw(299, 300, ember::kBFloat16),
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=299 >= to=298");
  EXPECT_EQ(draw(INT64_MIN, INT64_MAX, ember::kFloat32), "");
  EXPECT_EQ(draw(INT64_MAX - 1, INT64_MAX, ember::kFloat64).substr(0, 36), "random_ expects 'from' casted to dty");
}

// Draws into views are in the order of memory, as PyTorch's (tests/golden/make_draw_views.py).
TEST(Draws, IntoViewsAsPyTorch) {
  const std::map<std::string, std::function<void(Tensor)>> fills = {{"uniform", [](Tensor t) { t.uniform_(); }},
                                                                    {"normal", [](Tensor t) { t.normal_(); }},
                                                                    {"bernoulli", [](Tensor t) { t.bernoulli_(); }},
                                                                    {"random", [](Tensor t) { t.random_(0, 1000); }}};
  const std::map<std::string, std::function<Tensor(const Tensor &)>> views = {
      {"turned", [](const Tensor &t) { return t.transpose(0, 1); }},
      {"permuted", [](const Tensor &t) { return t.permute({2, 0, 1}); }},
      {"rows", [](const Tensor &t) { return t.slice(0, 0, 5, 2); }},
      {"some_rows", [](const Tensor &t) { return t.slice(0, 1, 4); }},
      {"columns", [](const Tensor &t) { return t.slice(2, 0, 4, 2); }},
      {"turned_columns", [](const Tensor &t) { return t.slice(2, 1, 4, 2).transpose(0, 2); }},
      {"plane", [](const Tensor &t) { return t.select(1, 1); }},
      {"few", [](const Tensor &t) { return t.slice(0, 0, 1).transpose(1, 2); }}};
  size_t checked = 0;
  for (auto &[name, own] : golden::read("draw_views.txt")) {
    SCOPED_TRACE(name);
    std::string fill = name.substr(0, name.find(':')), view = name.substr(fill.size() + 1);
    ember::manual_seed(3);
    Tensor base = ember::zeros({5, 3, 4}, ember::kFloat64);
    fills.at(fill)(views.at(view)(base));
    std::vector<double> found = base.to_vector<double>(), expected = own["out"].at(0).to_vector<double>();
    // Normal numbers one by one have other bits in version 1.13, which wrote the file (see golden_random_test).
    double tolerance = fill == "normal" && view != "some_rows" ? 4e-15 : 0;
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], tolerance) << i;
    EXPECT_EQ(ember::rand({1}, ember::kFloat64).to_vector<double>(), own["next"].at(0).to_vector<double>());
    ++checked;
  }
  EXPECT_EQ(checked, fills.size() * views.size());
}

// A step that looks at its loss before backward() draws its mask once.
TEST(Draws, GradientsSeeTheMaskOfTheForward) {
  for (bool looks : {false, true}) {
    ember::manual_seed(3);
    Tensor x = ember::full({4, 50}, 2).requires_grad_();
    Tensor y = F::dropout(x, 0.4), loss = (y * y).sum();
    if (looks)
      loss.item<float>();
    loss.backward();
    std::vector<float> out = values(y), gradient = values(x.grad());
    for (size_t i = 0; i < out.size(); ++i)
      EXPECT_EQ(gradient[i], out[i] == 0 ? 0 : 2 * out[i] * (1 / 0.6f)) << i;
    EXPECT_NE(std::count(out.begin(), out.end(), 0), 0);
  }
}

TEST(Draws, MistakesHavePyTorchsTexts) {
  Tensor whole = ember::zeros({3}, ember::kInt64), real = ember::zeros({3});
  EXPECT_EQ(messageOf([&] { whole.uniform_(); }), "\"check_uniform_bounds\" not implemented for 'Long'");
  EXPECT_EQ(messageOf([&] { whole.normal_(); }), "\"normal_kernel_cpu\" not implemented for 'Long'");
  EXPECT_EQ(messageOf([&] { real.uniform_(1.5, 0.25); }),
            "uniform_ expects to return a [from, to) range, but found from=1.5 > to=0.25");
  EXPECT_EQ(messageOf([&] { real.normal_(0, -1); }), "normal expects std >= 0.0, but found std -1");
  EXPECT_EQ(messageOf([&] { real.bernoulli_(2); }), "bernoulli_ expects p to be in [0, 1], but got p=2");
  EXPECT_EQ(messageOf([&] { F::dropout(real, 1.5); }), "dropout probability has to be between 0 and 1, but got 1.5");
  EXPECT_EQ(messageOf([&] { F::dropout(whole, 0.5); }), "result type Float can't be cast to the desired output type Long");
}

} // namespace
