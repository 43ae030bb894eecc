// Functions with a gradient of their own, as libtorch has them. Numbers and texts: PyTorch 1.13.
#include <ember/ember.h>

#include "Message.h"

#include <gtest/gtest.h>
#include <sstream>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;
using ember::autograd::AutogradContext;
using ember::autograd::Function;
using ember::autograd::tensor_list;

namespace {

using Values = std::vector<float>;

Values valuesOf(const Tensor &tensor) { return tensor.detach().to_vector<float>(); }

// The values at which all that is pending is computed: never, in the forward, in the backward.
enum class Look { Never, Forward, Backward };
Look looking = Look::Never;
void lookIn(Look place) {
  if (looking == place)
    ember::synchronize();
}
class Functions : public testing::TestWithParam<Look> {
protected:
  Functions() { looking = GetParam(); }
  ~Functions() override { looking = Look::Never; }
  static void look() {
    if (GetParam() != Look::Never)
      ember::synchronize();
  }
};
std::string nameOf(const testing::TestParamInfo<Look> &info) {
  const char *names[] = {"Never", "Forward", "Backward"};
  return names[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Recorded, Functions, testing::Values(Look::Never, Look::Forward, Look::Backward), nameOf);

// s x^3
struct Cube : Function<Cube> {
  static Tensor forward(AutogradContext *ctx, Tensor x, double scale) {
    EXPECT_FALSE(ember::is_grad_enabled());
    ctx->save_for_backward({x});
    ctx->saved_data["scale"] = scale;
    lookIn(Look::Forward);
    return x * x * x * scale;
  }
  static tensor_list backward(AutogradContext *ctx, tensor_list gradients) {
    lookIn(Look::Backward);
    Tensor x = ctx->get_saved_variables()[0];
    lookIn(Look::Backward);
    return {gradients[0] * x * x * (3 * ctx->saved_data["scale"].toDouble()), Tensor()};
  }
};

// Saves its result.
struct Exp : Function<Exp> {
  static Tensor forward(AutogradContext *ctx, Tensor x) {
    Tensor result = x.exp();
    ctx->save_for_backward({result});
    lookIn(Look::Forward);
    return result;
  }
  static tensor_list backward(AutogradContext *ctx, tensor_list gradients) {
    lookIn(Look::Backward);
    return {gradients[0] * ctx->get_saved_variables()[0]};
  }
};

TEST_P(Functions, HaveTheirGradient) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Tensor y = Cube::apply(x, 2.0);
  EXPECT_EQ(valuesOf(y), (Values{2, 16}));
  EXPECT_TRUE(y.requires_grad());
  EXPECT_FALSE(y.is_leaf());
  (y * 3).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{18, 72}));
  x.set_grad({});
  Cube::apply(x * 2, 1).sum().backward(); // nothing has looked
  EXPECT_EQ(valuesOf(x.grad()), (Values{24, 96}));
  std::ostringstream text;
  text << Cube::apply(x, 1.0);
  EXPECT_NE(text.str().find("grad_fn=<CubeBackward>"), std::string::npos) << text.str();
}

TEST_P(Functions, HaveHigherDerivatives) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Tensor first = ember::autograd::grad({Cube::apply(x, 2.0).sum()}, {x}, {}, false, true)[0];
  EXPECT_EQ(valuesOf(first), (Values{6, 24}));
  Tensor second = ember::autograd::grad({first.sum()}, {x}, {}, false, true)[0];
  EXPECT_EQ(valuesOf(second), (Values{12, 24}));
  EXPECT_EQ(valuesOf(ember::autograd::grad({second.sum()}, {x})[0]), (Values{12, 12}));
  // Through the saved result, too: d(e^2x)/dx.
  Tensor slope = ember::autograd::grad({Exp::apply(x).sum()}, {x}, {}, false, true)[0];
  Values squares = valuesOf(ember::autograd::grad({(slope * slope).sum()}, {x})[0]);
  EXPECT_NEAR(squares[0], 14.7781, 1e-4);
  EXPECT_NEAR(squares[1], 109.1963, 1e-4);
}

// a b, a + b, a > b
struct Two : Function<Two> {
  inline static Values zeros, flags;
  inline static std::vector<bool> needs;
  static tensor_list forward(AutogradContext *ctx, Tensor a, Tensor b) {
    Tensor isMore = a > b;
    ctx->save_for_backward({a, b});
    ctx->mark_non_differentiable({isMore});
    return {a * b, a + b, isMore};
  }
  static tensor_list backward(AutogradContext *ctx, const tensor_list &gradients) {
    tensor_list saved = ctx->get_saved_variables();
    zeros = valuesOf(gradients[0]);
    EXPECT_EQ(gradients[2].dtype(), ember::kBool);
    needs = {ctx->needs_input_grad(0), ctx->needs_input_grad(1), ctx->needs_input_grad(2)};
    return {gradients[0] * saved[1] + gradients[1], gradients[0] * saved[0] + gradients[1]};
  }
};

TEST_P(Functions, OfSeveralResults) {
  Tensor a = ember::tensor({1.0f, 2.0f}).requires_grad_(), b = ember::tensor({3.0f, 1.0f}).requires_grad_();
  tensor_list results = Two::apply(a, b);
  EXPECT_FALSE(results[2].requires_grad());
  EXPECT_EQ(results[2].to_vector<bool>(), (std::vector<bool>{false, true}));
  results[1].sum().backward(); // the first result has no gradient: zeros
  EXPECT_EQ(Two::zeros, (Values{0, 0}));
  EXPECT_EQ(Two::needs, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(valuesOf(a.grad()), (Values{1, 1}));
  EXPECT_EQ(valuesOf(b.grad()), (Values{1, 1}));
  results = Two::apply(a, b.detach());
  (results[0] * results[1]).sum().backward();
  EXPECT_EQ(Two::needs, (std::vector<bool>{true, false, false}));
  EXPECT_EQ(valuesOf(a.grad()), (Values{16, 6}));
  results = Two::apply(a, b);
  ember::autograd::grad({results[0].sum()}, {b}, {});
  EXPECT_EQ(Two::needs, (std::vector<bool>{false, true, false}));
}

// Gives no gradient.
struct Nothing : Function<Nothing> {
  static Tensor forward(AutogradContext *, Tensor x) { return x * 2; }
  static tensor_list backward(AutogradContext *, tensor_list) { return {Tensor()}; }
};
// Says what it was given.
struct Noted : Function<Noted> {
  inline static std::string given;
  static Tensor forward(AutogradContext *ctx, Tensor x, bool materializes) {
    ctx->set_materialize_grads(materializes);
    return x * 2;
  }
  static tensor_list backward(AutogradContext *, tensor_list gradients) {
    given = gradients[0].defined() ? "defined" : "undefined";
    return {gradients[0].defined() ? gradients[0] * 2 : Tensor(), Tensor()};
  }
};

TEST_P(Functions, UndefinedGradients) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Nothing::apply(x).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_EQ(messageOf([&] { ember::autograd::grad({Nothing::apply(x).sum()}, {x}); }).substr(0, 71),
            "One of the differentiated Tensors appears to not have been used in the ");
  Nothing::apply(Noted::apply(x, false) * 3).sum().backward();
  EXPECT_EQ(Noted::given, "undefined");
  EXPECT_FALSE(x.grad().defined());
  Nothing::apply(Noted::apply(x, true) * 3).sum().backward();
  EXPECT_EQ(Noted::given, "defined");
  EXPECT_EQ(valuesOf(x.grad()), (Values{0, 0}));
}

// Arguments of every kind, the gradient only of the tensors.
struct Weighted : Function<Weighted> {
  static Tensor forward(AutogradContext *ctx, const std::string &name, const tensor_list &tensors, Tensor extra, int power,
                        bool flag) {
    ctx->saved_data["name"] = name;
    ctx->saved_data["power"] = power;
    ctx->saved_data["flag"] = flag;
    ctx->saved_data["sizes"] = ember::Shape{1, 2};
    ctx->save_for_backward({Tensor(), tensors[0]});
    EXPECT_TRUE(ctx->get_saved_variables().empty());
    return tensors[0] + tensors[1] * 2 + (extra.defined() ? extra : tensors[0]);
  }
  static tensor_list backward(AutogradContext *ctx, tensor_list gradients) {
    EXPECT_EQ(ctx->saved_data["name"].toStringRef(), "sum");
    EXPECT_EQ(ctx->saved_data["power"].toInt(), 3);
    EXPECT_EQ(ctx->saved_data["flag"].toBool(), true);
    EXPECT_EQ(ctx->saved_data["sizes"].toIntVector(), (ember::Shape{1, 2}));
    EXPECT_EQ(messageOf([&] { ctx->saved_data["power"].toDouble(); }), "saved_data: expected Double, found Int");
    EXPECT_EQ(messageOf([&] { ctx->saved_data["other"].toBool(); }), "saved_data: expected Bool, found nothing");
    EXPECT_FALSE(ctx->get_saved_variables()[0].defined());
    EXPECT_TRUE(ctx->get_saved_variables()[1].requires_grad());
    EXPECT_FALSE(ctx->needs_input_grad(2));
    Tensor none;
    return {none, gradients[0], gradients[0] * 2, none, none, none, none}; // one undefined too many
  }
};

TEST_P(Functions, ArgumentsOfEveryKind) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), y = ember::tensor({3.0f, 4.0f}).requires_grad_();
  Weighted::apply("sum", tensor_list{x, y}, Tensor(), 3, true).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{1, 1}));
  EXPECT_EQ(valuesOf(y.grad()), (Values{2, 2}));
}

struct Same : Function<Same> { // as reversed gradients have it
  static Tensor forward(AutogradContext *, Tensor x) { return x; }
  static tensor_list backward(AutogradContext *, tensor_list gradients) { return {-gradients[0]}; }
};
struct Row : Function<Row> {
  static Tensor forward(AutogradContext *, Tensor x) { return x.select(0, 1); }
  static tensor_list backward(AutogradContext *, tensor_list gradients) {
    return {ember::stack({gradients[0] * 0, gradients[0] * 5})};
  }
};

TEST_P(Functions, MayReturnTheirArgument) {
  Tensor x = ember::tensor({{1.0f, 2.0f}, {3.0f, 4.0f}}).requires_grad_();
  Tensor y = Same::apply(x);
  EXPECT_FALSE(y.is_leaf());
  (y * y).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{-2, -4, -6, -8}));
  Tensor row = Row::apply(x);
  look();
  EXPECT_EQ(valuesOf(row), (Values{3, 4}));
  x.set_grad({});
  row.sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{0, 0, 5, 5}));
  x.set_grad({});
  Tensor view = x.select(0, 0);
  Cube::apply(view, 1).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{3, 12, 0, 0}));
  {
    ember::NoGradGuard noGrad;
    EXPECT_FALSE(Same::apply(x).requires_grad());
    EXPECT_FALSE(Cube::apply(x, 1).requires_grad());
  }
  Tensor plain = ember::ones({2});
  EXPECT_FALSE(Cube::apply(plain, 1).requires_grad());
}

// A gradient is summed to the argument's sizes, in its dtype.
struct Spread : Function<Spread> {
  static Tensor forward(AutogradContext *, Tensor x) { return x.expand({3, 2}).clone(); }
  static tensor_list backward(AutogradContext *, tensor_list gradients) { return {gradients[0].to(ember::kFloat64)}; }
};

TEST_P(Functions, GradientsAreFitted) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Spread::apply(x).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{3, 3}));
  EXPECT_EQ(x.grad().dtype(), ember::kFloat32);
}

// ---- texts

template <int Kind> struct Wrong : Function<Wrong<Kind>> {
  static Tensor forward(AutogradContext *, Tensor x, double) { return x * 2; }
  static tensor_list backward(AutogradContext *, tensor_list gradients) {
    if (Kind == 0)
      return {gradients[0]};
    if (Kind == 1)
      return {gradients[0], gradients[0]};
    return {ember::ones({3}), Tensor()};
  }
};

TEST(FunctionTexts, ArePyTorchs) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  auto messageWith = [&](auto function) {
    Tensor y = decltype(function)::apply(x, 1.0);
    return messageOf([&] { y.sum().backward(); });
  };
  EXPECT_EQ(messageWith(Wrong<0>()), "function WrongBackward returned an incorrect number of gradients (expected 2, got 1)");
  EXPECT_EQ(messageWith(Wrong<1>()), "function WrongBackward returned a gradient different than None at position 2, but the "
                                     "corresponding forward input was not a Variable");
  EXPECT_EQ(messageWith(Wrong<2>()),
            "Function WrongBackward returned an invalid gradient at index 0 - got [3] but expected shape compatible with [2]");
  EXPECT_FALSE(x.grad().defined());
}

TEST_P(Functions, SavedValuesThatWereWritten) {
  const std::string start = "one of the variables needed for gradient computation has been modified by an inplace operation: "
                            "[torch.FloatTensor [2]], which is output 0 of ",
                    end = ", is at version 1; expected version 0 instead.";
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  EXPECT_EQ(messageOf([&] {
              Tensor result = Exp::apply(x), loss = result.sum();
              result.mul_(2);
              loss.backward();
            }).substr(0, start.size() + 11 + end.size()),
            start + "ExpBackward" + end);
  EXPECT_EQ(messageOf([&] {
              Tensor y = x * 1, loss = Cube::apply(y, 1).sum();
              y.mul_(2);
              loss.backward();
            }).substr(0, start.size() + 12 + end.size()),
            start + "MulBackward0" + end);
  Tensor loss = Cube::apply(x, 1).sum();
  look();
  {
    ember::NoGradGuard noGrad;
    x.mul_(2); // as an optimizer's step
  }
  EXPECT_EQ(messageOf([&] { loss.backward(); }).substr(0, 70),
            "one of the variables needed for gradient computation has been modified");
}

TEST_P(Functions, ASecondBackward) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Tensor loss = Cube::apply(x, 1).sum();
  loss.backward({}, true);
  look();
  loss.backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{6, 24}));
  EXPECT_EQ(messageOf([&] { loss.backward(); }).substr(0, 50), "Trying to backward through the graph a second time");
  look();
  EXPECT_EQ(messageOf([&] { loss.backward(); }).substr(0, 50), "Trying to backward through the graph a second time");
  x.set_grad({});
  loss = Spread::apply(x).sum(); // saves nothing
  loss.backward();
  look();
  loss.backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{6, 6}));
}

TEST(FunctionTexts, NameTheUsersLines) {
  struct Misfit : Function<Misfit> {
    static Tensor forward(AutogradContext *, Tensor x) { return x * 2; }
    static tensor_list backward(AutogradContext *, tensor_list gradients) { return {gradients[0] + ember::ones({3})}; }
  };
  unsigned line = __LINE__ - 2;
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), loss = Misfit::apply(x).sum();
  std::string error = errorOf([&] { loss.backward(); });
  EXPECT_NE(error.find("function_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << error;
}

// ---- with hooks, and a backward within a backward

// The block is not kept but computed once more when its gradient is wanted.
struct Checkpoint : Function<Checkpoint> {
  static Tensor block(const Tensor &x, const Tensor &weight) { return (x.matmul(weight)).tanh(); }
  static Tensor forward(AutogradContext *ctx, Tensor x, Tensor weight) {
    ctx->save_for_backward({x, weight});
    return block(x, weight);
  }
  static tensor_list backward(AutogradContext *ctx, tensor_list gradients) {
    tensor_list inputs;
    for (const Tensor &saved : ctx->get_saved_variables())
      inputs.push_back(saved.detach().requires_grad_());
    ember::EnableGradGuard enabled;
    block(inputs[0], inputs[1]).backward(gradients[0]);
    return {inputs[0].grad(), inputs[1].grad()};
  }
};

TEST_P(Functions, ACheckpointIsComputedOnceMore) {
  auto run = [](bool checkpoints) {
    ember::manual_seed(2);
    Tensor x = ember::randn({3, 4}), first = ember::randn({4, 4}).requires_grad_(),
           second = ember::randn({4, 4}).requires_grad_();
    Tensor h = x;
    std::string calls;
    for (const Tensor &weight : {first, second}) {
      h = checkpoints ? Checkpoint::apply(h, weight) : Checkpoint::block(h, weight);
      h.register_hook([&](const Tensor &gradient) {
        look();
        calls += 'h';
        return gradient * 2;
      });
    }
    h.sum().backward();
    EXPECT_EQ(calls, "hh");
    Values values = valuesOf(first.grad()), more = valuesOf(second.grad());
    values.insert(values.end(), more.begin(), more.end());
    return values;
  };
  EXPECT_EQ(run(true), run(false));
}

// ---- programs

// relu with a gradient that leaks, clipped by a number that the backward looks at.
struct Leaky : Function<Leaky> {
  static Tensor forward(AutogradContext *ctx, Tensor x, double slope, bool looks) {
    ctx->saved_data["slope"] = slope;
    ctx->saved_data["looks"] = looks;
    ctx->save_for_backward({x});
    return x.relu();
  }
  static tensor_list backward(AutogradContext *ctx, tensor_list gradients) {
    Tensor x = ctx->get_saved_variables()[0];
    if (ctx->saved_data["looks"].toBool()) {
      EXPECT_LT(gradients[0].abs().sum().item<float>(), 1e6f);
    }
    Tensor slope = ember::where(x > 0, 1.0, ctx->saved_data["slope"].toDouble());
    return {gradients[0] * slope, Tensor(), Tensor()};
  }
};

struct LeakyModel : nn::Module {
  nn::Linear first{6, 16}, second{16, 16}, third{16, 3};
  bool looks;
  explicit LeakyModel(bool looks = false) : looks(looks) {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
  }
  Tensor forward(const Tensor &x) override {
    return third(Leaky::apply(second(Leaky::apply(first(x), 0.125, false)), 0.125, looks));
  }
};

std::vector<float> train(bool looksInBackward, bool looksBefore, ember::Counters &afterFifth) {
  ember::manual_seed(0);
  nn::ModuleHolder<LeakyModel> model(looksInBackward);
  optim::SGD optimizer(model->parameters(), {.lr = 0.05, .momentum = 0.9});
  Tensor inputs = ember::randn({8, 6}), labels = ember::randint(0, 3, {8});
  std::vector<float> losses;
  for (int i = 0; i < 20; ++i) {
    if (i == 5)
      afterFifth = ember::counters();
    Tensor loss = nn::CrossEntropyLoss()(model(inputs), labels);
    if (looksBefore)
      loss.item<float>();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    losses.push_back(loss.item<float>());
  }
  ember::synchronize();
  return losses;
}

TEST(FunctionPrograms, StepsCompileNothingAfterTheFifth) {
  std::vector<float> expected;
  for (bool inBackward : {false, true})
    for (bool before : {false, true}) {
      ember::Counters afterFifth;
      std::vector<float> losses = train(inBackward, before, afterFifth);
      EXPECT_EQ(ember::counters().programsCompiled, afterFifth.programsCompiled) << inBackward << before;
      EXPECT_LE(ember::counters().liveBytes, afterFifth.liveBytes) << inBackward << before;
      if (expected.empty())
        expected = losses;
      EXPECT_EQ(losses, expected) << inBackward << before; // bit for bit
    }
  EXPECT_LT(expected.back(), expected.front());
}

// Nothing of the function is in the program: a call costs what its forward and backward do.
TEST(FunctionPrograms, HoldOnlyWhatIsComputed) {
  Tensor x = ember::randn({8}).requires_grad_();
  auto operations = [&](auto function) {
    ember::synchronize();
    ember::LaunchLog log;
    function(x).sum().backward();
    ember::synchronize();
    x.set_grad({});
    return log.operations;
  };
  EXPECT_EQ(operations([](const Tensor &x) { return Exp::apply(x); }), operations([](const Tensor &x) { return x.exp(); }));
}

// A program that fails when a backward looks takes the gradients that wait with it.
struct Swallows : Function<Swallows> {
  static Tensor forward(AutogradContext *, Tensor x) { return x * 2; }
  static tensor_list backward(AutogradContext *, tensor_list gradients) {
    messageOf([&] { gradients[0].sum().item<float>(); });
    messageOf([&] { ember::synchronize(); });
    return {ember::ones({2})};
  }
};

TEST(FunctionPrograms, AFailedLook) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Tensor bad = ember::tensor<int64_t>({0, 7}) + 3;
  Tensor loss = (Swallows::apply(ember::index_select(x, 0, bad)) * x).sum();
  EXPECT_EQ(messageOf([&] { loss.backward(); }),
            "backward: a program failed that a hook or a function's backward had computed: the gradients are lost");
  EXPECT_FALSE(x.grad().defined());
  Swallows::apply(x).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{1, 1}));
}

// ---- traces

TEST(FunctionTraces, AreTracedThrough) {
  ember::manual_seed(0);
  nn::ModuleHolder<LeakyModel> model;
  Tensor x = ember::randn({8, 6});
  auto traced = ember::jit::trace(model, {x});
  EXPECT_EQ(traced(x).to_vector<float>(), model(x).detach().to_vector<float>());
  EXPECT_EQ(traced.graph().find("custom"), std::string::npos);
  auto named = ember::jit::trace(model, {x}, {.dims = {{{0, "B"}}}});
  Tensor other = ember::randn({5, 6});
  EXPECT_EQ(named(other).to_vector<float>(), model(other).detach().to_vector<float>());
  auto withGradient = ember::jit::trace( // a function that takes a gradient itself
      [](const std::vector<Tensor> &inputs) {
        ember::EnableGradGuard enabled;
        Tensor own = inputs[0].detach().requires_grad_();
        return ember::autograd::grad({Cube::apply(own, 2.0).sum()}, {own})[0];
      },
      {ember::tensor({1.0f, 2.0f})});
  EXPECT_EQ(withGradient(ember::tensor({2.0f, 3.0f})).to_vector<float>(), (Values{24, 54}));
}

TEST(FunctionTraces, ATrainingStepHoldsWhatTheirBackwardDoes) {
  ember::manual_seed(0);
  nn::ModuleHolder<LeakyModel> model;
  optim::SGD optimizer(model->parameters(), {.lr = 0.05});
  std::vector<Tensor> batch{ember::randn({8, 6}), ember::randint(0, 3, {8})};
  std::string graph = ember::jit::trace_training(model, nn::CrossEntropyLoss(), optimizer, batch).graph();
  EXPECT_NE(graph.find("ember.compare \"gt\""), std::string::npos) << graph;
  EXPECT_EQ(graph.find("custom"), std::string::npos);
  ember::jit::trace_training(model, nn::CrossEntropyLoss(), optimizer, batch, {.dims = {{{0, "B"}}, {{0, "B"}}}});
}

} // namespace
