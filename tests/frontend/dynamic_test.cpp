// Named sizes of traces: one graph that gives, for every size, the bits of a recording at that size; and what is refused.
#include <ember/ember.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace nn = ember::nn;
namespace F = ember::functional;
using ember::Tensor;
using ember::jit::Dim;
using ember::jit::TracedModule;
using Function = std::function<Tensor(const std::vector<Tensor> &)>;

namespace {

void expectSameBits(const Tensor &found, const Tensor &expected, const std::string &what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  ASSERT_EQ(found.dtype(), expected.dtype()) << what;
  std::vector<double> left = found.to_vector<double>(), right = expected.to_vector<double>();
  for (size_t i = 0; i < left.size(); ++i)
    ASSERT_TRUE(left[i] == right[i] || (std::isnan(left[i]) && std::isnan(right[i])))
        << what << ", element " << i << ": " << left[i] << " and " << right[i];
}

std::string messageOf(const std::function<void()> &act) {
  try {
    act();
  } catch (const ember::Error &error) {
    return error.message();
  }
  return "no error";
}

TEST(NamedSizes, Mlp) {
  nn::Sequential model(nn::Linear(12, 33), nn::ReLU(), nn::Linear(33, 17), nn::Tanh(), nn::Linear(17, 5), nn::Softmax(1));
  Tensor example = ember::randn({4, 12});
  TracedModule traced = ember::jit::trace(model, {example}, {.dims = {{{0, "B"}}}});
  expectSameBits(traced(example), model(example).detach(), "the example");
  ember::NoGradGuard noGrad;
  for (int64_t batch : {0, 1, 2, 3, 7, 8, 9, 16, 33, 70}) { // the recorded module is compiled for each
    Tensor input = ember::randn({batch, 12});
    expectSameBits(traced(input), model(input), "batch " + std::to_string(batch));
  }
}

TEST(NamedSizes, ConvolutionalNetwork) {
  nn::Sequential model(nn::Conv2d(1, 4, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(4), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Flatten(), nn::Linear(64, 10), nn::Softmax(1));
  model->eval();
  TracedModule traced = ember::jit::trace(model, {ember::randn({1, 1, 8, 8})}, {.dims = {{{0, "B"}}}});
  ember::NoGradGuard noGrad;
  for (int64_t batch : {1, 2, 3, 7, 16, 33, 70}) {
    Tensor input = ember::randn({batch, 1, 8, 8});
    expectSameBits(traced(input), model(input), "batch " + std::to_string(batch));
  }
}

Tensor attention(const std::vector<Tensor> &inputs) {
  Tensor scores = ember::matmul(inputs[0], inputs[1].t()) / ember::Operand(std::sqrt(8.0));
  return ember::matmul(F::softmax(scores, 1), inputs[2]);
}

TEST(NamedSizes, AttentionWithTwoNames) {
  std::vector<Tensor> examples{ember::randn({5, 8}), ember::randn({7, 8}), ember::randn({7, 6})};
  TracedModule traced = ember::jit::trace(attention, examples, {.dims = {{{0, "T"}}, {{0, "S"}}, {{0, "S"}}}});
  ember::NoGradGuard noGrad;
  for (int64_t t : {0, 1, 2, 5, 33})
    for (int64_t s : {0, 1, 2, 7, 40}) {
      std::vector<Tensor> inputs{ember::randn({t, 8}), ember::randn({s, 8}), ember::randn({s, 6})};
      expectSameBits(traced.run(inputs)[0], attention(inputs), std::to_string(t) + " by " + std::to_string(s));
    }
  EXPECT_EQ(messageOf([&] { traced.run({ember::randn({5, 8}), ember::randn({7, 8}), ember::randn({6, 6})}); }),
            "traced module: input 2 is torch.float32[6, 6], expected torch.float32[S, 6] with S = 7, T = 5");
}

// Products of all names, their sums, and the square of one with others.
Tensor ofEightNames(const std::vector<Tensor> &inputs) {
  Tensor x = inputs[0].flatten(), y = inputs[1].flatten();
  Tensor all = ember::matmul(x.unsqueeze(1), y.unsqueeze(0)).flatten();
  Tensor pairs = ember::matmul(inputs[0].transpose(2, 3), inputs[0]); // (A, B, D, D)
  return ember::cat({all, x, y, pairs.flatten()}, 0) / ember::Operand(static_cast<double>(x.numel() + y.numel()));
}

TEST(NamedSizes, EightNames) {
  auto inputsOf = [](const ember::Shape &s) {
    return std::vector<Tensor>{ember::randn({s[0], s[1], s[2], s[3]}), ember::randn({s[4], s[5], s[6], s[7]})};
  };
  const ember::Shape example = {3, 4, 2, 3, 3, 2, 4, 2};
  std::vector<std::map<int64_t, ember::jit::Dim>> dims = {{{0, "A"}, {1, "B"}, {2, "C"}, {3, "D"}},
                                                          {{0, "E"}, {1, "F"}, {2, "G"}, {3, "H"}}};
  TracedModule traced = ember::jit::trace(ofEightNames, inputsOf(example), {.dims = dims});
  for (const ember::Shape &sizes : {example, {2, 3, 4, 5, 6, 2, 3, 4}, {5, 2, 3, 2, 4, 3, 2, 6}}) {
    std::vector<Tensor> inputs = inputsOf(sizes);
    expectSameBits(traced.run(inputs)[0], ofEightNames(inputs), std::to_string(sizes[0]));
  }
  std::vector<Tensor> three = inputsOf(example);
  three.push_back(ember::ones({3}));
  dims.push_back({{0, "I"}});
  EXPECT_EQ(messageOf([&] { ember::jit::trace(ofEightNames, three, {.dims = dims}); }),
            "trace: 9 names of sizes, expected at most 8");
}

// Functions of one tensor (B, S, 6): one for each family of ops and each composite that computes with sizes. Where a recording at
// S = 0 is another program (the divisor of a variance is not 6*S - 1), the traced module takes a larger S alone.
struct Row {
  const char *name;
  Function function;
  int64_t leastS = 0;
};
const Row kRows[] = {
    {"elementwise", [](const auto &x) { return (x[0] * x[0] + x[0].exp()).relu(); }},
    {"mean", [](const auto &x) { return x[0].mean(); }},
    {"mean_of_names", [](const auto &x) { return x[0].mean({0, 1}); }},
    {"mean_of_one", [](const auto &x) { return x[0].mean({1}, true); }},
    {"variance", [](const auto &x) { return x[0].var({1, 2}, 1, false); }, 1},
    {"sum", [](const auto &x) { return x[0].sum({0}, true) + x[0]; }},
    {"amax", [](const auto &x) { return x[0].amax({1}); }},
    {"argmax", [](const auto &x) { return x[0].argmax(1); }},
    {"softmax", [](const auto &x) { return F::softmax(x[0], 1); }},
    {"reshape", [](const auto &x) { return x[0].reshape({-1, 6}).sum({1}); }},
    {"flatten", [](const auto &x) { return x[0].flatten(0, 1) * ember::Operand(3.0); }},
    {"flatten_all", [](const auto &x) { return x[0].reshape({-1}).exp(); }},
    {"transpose", [](const auto &x) { return x[0].permute({2, 0, 1}).exp().sum({0}); }},
    {"linear", [](const auto &x) { return F::linear(x[0], ember::ones({4, 6}), ember::ones({4})); }},
    {"square", [](const auto &x) { return ember::matmul(x[0], x[0].permute({0, 2, 1})); }},
    {"concat", [](const auto &x) { return ember::cat({x[0], x[0] + x[0]}, 1); }},
    {"slice_from_the_end", [](const auto &x) { return x[0].select(1, x[0].size(1) - 1) + x[0].select(1, 0); }},
    {"divided_by_a_size", [](const auto &x) { return x[0].sum() / ember::Operand(static_cast<double>(x[0].size(1))); }},
    {"memory_of_a_size", [](const auto &x) { return x[0] + ember::zeros({x[0].size(0), x[0].size(1), 6}); }},
    {"filled", [](const auto &x) { return x[0] * ember::full({x[0].size(1), 1}, 1.7); }},
};

class NamedSizesOfOps : public testing::TestWithParam<size_t> {};

TEST_P(NamedSizesOfOps, GiveTheBitsOfARecording) {
  const Row &row = kRows[GetParam()];
  TracedModule traced = ember::jit::trace(row.function, {ember::randn({3, 3, 6})}, {.dims = {{{0, "B"}, {1, "S"}}}});
  ember::NoGradGuard noGrad;
  for (int64_t b : {0, 1, 2, 5, 17})
    for (int64_t s : {0, 1, 2, 9, 70}) {
      Tensor input = ember::randn({b, s, 6}), expected;
      std::string what = std::string(row.name) + " at B = " + std::to_string(b) + ", S = " + std::to_string(s);
      std::string refused = messageOf([&] { (expected = row.function({input})).template to_vector<double>(); });
      std::string found = messageOf([&] {
        Tensor own = traced(input);
        if (refused == "no error")
          expectSameBits(own, expected, what);
      });
      if (s < row.leastS)
        EXPECT_EQ(found, "traced module: the size S is 0, expected at least 1") << what;
      else
        EXPECT_EQ(refused == "no error", found == "no error") << what << ": " << refused << " but " << found;
    }
}
INSTANTIATE_TEST_SUITE_P(, NamedSizesOfOps, testing::Range<size_t>(0, std::size(kRows)),
                         [](const auto &info) { return std::string(kRows[info.param].name); });

TEST(NamedSizes, Labels) {
  Function loss = [](const std::vector<Tensor> &x) { return F::cross_entropy(x[0], x[1]); };
  auto labels = [](int64_t count) { return ember::randint(0, 10, {count}); };
  TracedModule traced = ember::jit::trace(loss, {ember::randn({6, 10}), labels(6)}, {.dims = {{{0, "B"}}, {{0, "B"}}}});
  ember::NoGradGuard noGrad;
  for (int64_t batch : {1, 2, 5, 64}) {
    std::vector<Tensor> inputs{ember::randn({batch, 10}), labels(batch)};
    expectSameBits(traced.run(inputs)[0], loss(inputs), "batch " + std::to_string(batch));
  }
}

TEST(NamedSizes, DerivedSizesAndRanges) {
  Function pairs = [](const std::vector<Tensor> &x) { return x[0].reshape({-1, 2, 5}).sum({1}) + x[1]; };
  TracedModule traced =
      ember::jit::trace(pairs, {ember::randn({6, 5}), ember::randn({3, 5})}, {.dims = {{{0, "2*B"}}, {{-2, Dim("B", 2, 40)}}}});
  EXPECT_NE(traced.graph().find("tensor<?x5xf32, #ember.dims<[2*B]>>"), std::string::npos) << traced.graph();
  ember::NoGradGuard noGrad;
  for (int64_t b : {2, 3, 40}) {
    std::vector<Tensor> inputs{ember::randn({2 * b, 5}), ember::randn({b, 5})};
    expectSameBits(traced.run(inputs)[0], pairs(inputs), "B = " + std::to_string(b));
  }
  auto run = [&](int64_t rows, int64_t b) {
    return messageOf([&] { traced.run({ember::randn({rows, 5}), ember::randn({b, 5})}); });
  };
  EXPECT_EQ(run(2, 1), "traced module: the size B is 1, expected at least 2");
  EXPECT_EQ(run(82, 41), "traced module: the size B is 41, expected at most 40");
  EXPECT_EQ(run(7, 3), "traced module: input 0 is torch.float32[7, 5], expected torch.float32[2*B, 5] with B = 3");
}

TEST(NamedSizes, AreKeptInAPackage) {
  nn::Sequential model(nn::Linear(3, 4), nn::ReLU());
  TracedModule traced = ember::jit::trace(model, {ember::randn({2, 3})}, {.dims = {{{0, Dim("B", 1, 8)}}}});
  std::string path = testing::TempDir() + "/named.ember";
  traced.save(path);
  TracedModule loaded = ember::jit::load(path);
  Tensor input = ember::randn({5, 3});
  expectSameBits(loaded(input), traced(input), "loaded");
  EXPECT_EQ(messageOf([&] { loaded(ember::randn({9, 3})); }), "traced module: the size B is 9, expected at most 8");
}

TEST(NamedSizes, BuffersAreAsBefore) {
  nn::BatchNorm2d model(3);
  std::vector<float> before = model->named_buffers()[0].second.to_vector<float>();
  messageOf([&] { ember::jit::trace(*model, {ember::randn({5, 3, 2, 2})}, {.dims = {{{0, "B"}}}}); });
  EXPECT_EQ(model->named_buffers()[0].second.to_vector<float>(), before);
}

// ---- what is refused, in one line

struct Refusal {
  const char *name;
  Function function;
  std::vector<std::map<int64_t, Dim>> dims;
  const char *text; // `…` stands for the place in this file
};
const Refusal kRefusals[] = {
    {"other_op",
     [](const auto &x) { return x[0].size(0) == 4 ? x[0].exp() : x[0].log(); },
     {{{0, "B"}}},
     "trace: ember.exp, recorded at …, is another op (ember.log) at B = 5 than at B = 4"},
    {"attributes",
     [](const auto &x) { return x[0].size(0) % 2 == 0 ? x[0].sum({0}) : x[0].sum({1}); },
     {{{0, "B"}}},
     "trace: ember.sum, recorded at …, has other attributes at B = 5 than at B = 4"},
    {"number",
     [](const auto &x) { return x[0] * ember::Operand(1.0 / std::sqrt(x[0].size(0))); },
     {{{0, "B"}}},
     "trace: a number was computed from sizes (0.50 at B = 4, 0.45 at B = 5), and no polynomial of them gives it: see "
     "ember.broadcast, recorded at …"},
    {"shape",
     [](const auto &x) { return x[0].narrow(0, 0, (x[0].size(0) + 1) / 2).exp(); },
     {{{0, "B"}}},
     "trace: ember.slice, recorded at …, has a dimension 0 that is no polynomial of the sizes: 2 at B = 4, 3 at B = 5, 3 at B = "
     "6"},
    {"memory",
     [](const auto &x) { return x[0] + ember::arange(x[0].size(0)).unsqueeze(1); },
     {{{0, "B"}}},
     "trace: argument 1 is memory made from sizes: it holds other values at B = 5 than at B = 4"},
    {"fixed",
     [](const auto &x) { return x[0] + ember::ones({4, 3}); },
     {{{0, "B"}}},
     "trace: recorded with B = 5: The size of tensor a (5) must match the size of tensor b (4) at non-singleton dimension 0"},
    {"looks",
     [](const auto &x) { return ember::tensor(x[0].sum().template item<float>()); },
     {{{0, "B"}}},
     "trace: recorded with B = 4: the function looked at a value, or its output does not depend on the inputs; nothing of it was "
     "recorded"},
    {"axis",
     [](const auto &x) { return x[0]; },
     {{{2, "B"}}},
     "trace: input 0 has 2 dimensions, found a name 'B' for dimension 2"},
    {"inputs", [](const auto &x) { return x[0]; }, {{}, {{0, "B"}}}, "trace: names for the sizes of 2 inputs, found 1 examples"},
    {"name",
     [](const auto &x) { return x[0]; },
     {{{0, "2 B"}}},
     "trace: the size of input 0, dimension 0 is '2 B', expected a name or a polynomial of names, such as B or 2*B + 1"},
    {"constant",
     [](const auto &x) { return x[0]; },
     {{{0, "4"}}},
     "trace: the size of input 0, dimension 0 is '4', expected a name or a polynomial of names, such as B or 2*B + 1"},
    {"misfit",
     [](const auto &x) { return x[0]; },
     {{{0, "2*B"}, {1, "B"}}},
     "trace: input 0 is torch.float32[4, 3], expected torch.float32[2*B, B] with B = 2"},
    {"odd",
     [](const auto &x) { return x[0]; },
     {{{1, "2*B"}}},
     "trace: input 0 is torch.float32[4, 3], expected torch.float32[4, 2*B]"},
    {"product", [](const auto &x) { return x[0]; }, {{{0, "B*S"}}}, "trace: the size B follows from no dimension alone"},
    {"range", [](const auto &x) { return x[0]; }, {{{0, Dim("B", 9, 12)}}}, "trace: the size B is 4, expected at least 9"},
    {"empty_range",
     [](const auto &x) { return x[0]; },
     {{{0, Dim("B", 9, 2)}}},
     "trace: the size B is to be in [9, 2], which is empty or negative"},
    {"range_of_product",
     [](const auto &x) { return x[0]; },
     {{{0, Dim("2*B", 1, 2)}}},
     "trace: '2*B' has a range, expected a name alone to have one"},
};

class RefusedTraces : public testing::TestWithParam<size_t> {};

TEST_P(RefusedTraces, SayWhatAndWhere) {
  const Refusal &row = kRefusals[GetParam()];
  std::string text = messageOf([&] { ember::jit::trace(row.function, {ember::randn({4, 3})}, {.dims = row.dims}); });
  if (size_t at = text.find("recorded at "); at != std::string::npos) {
    size_t start = at + 12, end = text.find_first_of(", ", start);
    EXPECT_NE(text.find("dynamic_test.cpp:"), std::string::npos) << text;
    text.replace(start, (end == std::string::npos ? text.size() : end) - start, "…");
  }
  EXPECT_EQ(text, row.text);
}
INSTANTIATE_TEST_SUITE_P(, RefusedTraces, testing::Range<size_t>(0, std::size(kRefusals)),
                         [](const auto &info) { return std::string(kRefusals[info.param].name); });

} // namespace
