// Hooks on gradients, as PyTorch 2 has them (numbers: PyTorch 1.13, or by hand). Each case also runs with hooks that look at
// values, which has what is recorded so far computed in the middle of a backward.
#include <ember/ember.h>

#include "Message.h"

#include <atomic>
#include <gtest/gtest.h>
#include <map>
#include <thread>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;

namespace {

using Values = std::vector<float>;

Values valuesOf(const Tensor &tensor) { return tensor.detach().to_vector<float>(); }

// With looks, all that is pending is computed wherever a hook is called.
class Hooks : public testing::TestWithParam<bool> {
protected:
  void look() const {
    if (GetParam())
      ember::synchronize();
  }
  // Writes its letter to `calls`, and adds 1 to the gradient where told.
  auto hook(char letter, bool adds = false) {
    return [this, letter, adds](const Tensor &gradient) {
      look();
      calls += letter;
      return adds ? gradient + 1 : Tensor();
    };
  }
  std::string calls;
};
INSTANTIATE_TEST_SUITE_P(Recorded, Hooks, testing::Bool(), [](const auto &info) { return info.param ? "looks" : "pending"; });

TEST_P(Hooks, AreCalledInOrderBeforeTheGradientGoesOn) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Tensor y = x * 3;
  y.register_hook(hook('a', true));
  y.register_hook([&](const Tensor &gradient) {
    look();
    EXPECT_EQ(valuesOf(gradient), (Values{2, 2}));
    calls += 'b';
    return gradient * 10;
  });
  x.register_hook(hook('c', true));
  x.register_hook([&](const Tensor &gradient) { EXPECT_EQ(valuesOf(gradient), (Values{61, 61})); });
  y.sum().backward();
  EXPECT_EQ(calls, "abc");
  EXPECT_EQ(valuesOf(x.grad()), (Values{61, 61}));
}

TEST_P(Hooks, SeeTheWholeGradientOnce) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), w = ember::tensor({3.0f, 4.0f}).requires_grad_();
  Tensor h = x * w, z = h * x + h.exp() * 0 + x, loss = z.sum();
  std::vector<std::pair<char, Values>> seen;
  auto note = [&](const Tensor &tensor, char name) {
    tensor.register_hook([&seen, name, this](const Tensor &gradient) {
      look();
      seen.emplace_back(name, valuesOf(gradient));
    });
  };
  note(x, 'x');
  note(w, 'w');
  note(h, 'h');
  note(z, 'z');
  note(loss, 'l');
  loss.backward();
  std::map<char, Values> byName(seen.begin(), seen.end());
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_EQ(byName, (std::map<char, Values>{{'l', {1}}, {'z', {1, 1}}, {'h', {1, 2}}, {'x', {7, 17}}, {'w', {1, 4}}}));
  EXPECT_EQ(std::string() + seen[0].first + seen[1].first + seen[2].first, "lzh");
  EXPECT_EQ(valuesOf(x.grad()), (Values{7, 17}));
  EXPECT_EQ(valuesOf(w.grad()), (Values{1, 4}));
}

// Of the last layer's weight while the first layer's gradient is still to come.
TEST_P(Hooks, OfALeafAreCalledWithItsLastContribution) {
  Tensor x = ember::tensor({1.0f}).requires_grad_(), v = ember::tensor({5.0f}).requires_grad_();
  Tensor h = x * 2, z = h * v;
  x.register_hook(hook('x'));
  h.register_hook(hook('h'));
  v.register_hook(hook('v'));
  z.register_hook(hook('z'));
  z.sum().backward();
  EXPECT_EQ(calls, "zvhx"); // as PyTorch has it
}

TEST_P(Hooks, AreRemoved) {
  Tensor x = ember::tensor({1.0f}).requires_grad_();
  ember::RemovableHandle first = x.register_hook(hook('a', true)), self;
  self = x.register_hook([&](const Tensor &) {
    look();
    self.remove();
    calls += 's';
  });
  ember::RemovableHandle third, second = x.register_hook([&](const Tensor &) { third.remove(); });
  third = x.register_hook(hook('t'));
  x.register_hook([&](const Tensor &) { x.register_hook(hook('n')); }); // not called in this backward
  (x * 2).sum().backward();
  EXPECT_EQ(calls, "as");
  first.remove();
  first.remove();
  second.remove();
  (x * 2).sum().backward();
  EXPECT_EQ(calls, "asn");
  EXPECT_EQ(valuesOf(x.grad()), Values{5});
  ember::RemovableHandle none, late;
  none.remove();
  {
    Tensor y = x * 2;
    late = y.register_hook(hook('l'));
  }
  ember::synchronize();
  late.remove();
}

TEST_P(Hooks, AreCalledForAutogradGrad) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), y = x * 3;
  x.register_hook(hook('x', true));
  y.register_hook(hook('y', true));
  Tensor loss = (y * y).sum();
  std::vector<Tensor> both = ember::autograd::grad({loss}, {y, x}, {}, true);
  EXPECT_EQ(valuesOf(both[0]), (Values{7, 13}));
  EXPECT_EQ(valuesOf(both[1]), (Values{22, 40}));
  EXPECT_EQ(calls, "yx");
  EXPECT_EQ(valuesOf(ember::autograd::grad({loss}, {y}, {}, true)[0]), (Values{7, 13}));
  EXPECT_EQ(calls, "yxy");
  EXPECT_EQ(valuesOf(ember::autograd::grad({x, x * 2}, {x}, {ember::ones({2}), ember::ones({2})})[0]), (Values{4, 4}));
  EXPECT_EQ(calls, "yxyx");
  EXPECT_FALSE(x.grad().defined());
  x.backward(ember::ones({2}));
  EXPECT_EQ(valuesOf(x.grad()), (Values{2, 2}));
}

TEST_P(Hooks, RetainGradSeesWhatTheyGive) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), y = x * 3;
  EXPECT_FALSE(y.retains_grad());
  y.retain_grad();
  x.retain_grad();
  EXPECT_TRUE(y.retains_grad());
  EXPECT_FALSE(x.retains_grad());
  EXPECT_FALSE(Tensor(y.view({2, 1})).retains_grad());
  y.register_hook(hook('y', true));
  y.sum().backward();
  EXPECT_EQ(valuesOf(y.grad()), (Values{2, 2}));
  EXPECT_EQ(valuesOf(x.grad()), (Values{6, 6}));
}

// The gradient that is kept is that of what the tensor holds now.
TEST_P(Hooks, RetainGradFollowsWrites) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), y = x * 2;
  y.retain_grad();
  look();
  y.mul_(3);
  y.sum().backward();
  EXPECT_TRUE(y.retains_grad());
  EXPECT_EQ(valuesOf(y.grad()), (Values{1, 1}));
  EXPECT_EQ(valuesOf(x.grad()), (Values{6, 6}));
}

TEST(HookTexts, ArePyTorchs) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  EXPECT_EQ(messageOf([&] { ember::ones({1}).register_hook([](const Tensor &) {}); }),
            "cannot register a hook on a tensor that doesn't require gradient");
  unsigned line = __LINE__ + 1;
  std::string error = errorOf([&] { x.detach().register_hook([](const Tensor &) {}); });
  EXPECT_NE(error.find("hooks_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << error;
  auto messageWith = [&](auto hook) {
    Tensor y = x * 2;
    y.register_hook([](const Tensor &) {});
    y.register_hook(hook);
    return messageOf([&] { y.sum().backward(); });
  };
  EXPECT_EQ(messageWith([](const Tensor &gradient) { return gradient.sum(); }), "hook '1' has changed the size of value");
  EXPECT_EQ(messageWith([](const Tensor &gradient) { return gradient.to(ember::kFloat64); }),
            "hook '1' has changed the type of value (was torch.FloatTensor got torch.DoubleTensor)");
  line = __LINE__ + 1;
  x.register_hook([](const Tensor &gradient) { return gradient + ember::ones({3}); });
  error = errorOf([&] { (x * 2).sum().backward(); });
  EXPECT_NE(error.find("hooks_test.cpp:" + std::to_string(line) + ":"), std::string::npos) << error; // the hook's own line
  EXPECT_FALSE(x.grad().defined());
}

TEST_P(Hooks, AreRecordedForASecondBackward) {
  Tensor x = ember::tensor({2.0f, 3.0f}).requires_grad_();
  Tensor y = x * x;
  ember::RemovableHandle squares = y.register_hook([&](const Tensor &gradient) {
    look();
    EXPECT_TRUE(ember::is_grad_enabled());
    EXPECT_TRUE(gradient.requires_grad());
    return gradient * gradient;
  });
  Tensor first = ember::autograd::grad({(y * y).sum()}, {x}, {}, false, true)[0]; // (2 x^2)^2 * 2 x = 8 x^5
  EXPECT_EQ(valuesOf(first), (Values{256, 1944}));
  squares.remove();
  first.sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{640, 3240}));
  Tensor z = x * 2;
  z.register_hook([&](const Tensor &gradient) {
    EXPECT_FALSE(ember::is_grad_enabled());
    EXPECT_FALSE((gradient * x).requires_grad());
    ember::EnableGradGuard enabled;
    EXPECT_TRUE((gradient * x).requires_grad());
    return gradient * x; // its own gradient ends here
  });
  x.set_grad({});
  z.sum().backward();
  EXPECT_FALSE(x.grad().requires_grad());
  EXPECT_EQ(valuesOf(x.grad()), (Values{4, 6}));
}

// Numbers of PyTorch 2: what was registered before a write sees the gradient of what there was before it.
TEST_P(Hooks, StayWithWhatAWriteReplaces) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), y = x * 2;
  Values before, after;
  y.register_hook([&](const Tensor &gradient) { before = valuesOf(gradient); });
  y.mul_(3);
  y.register_hook([&](const Tensor &gradient) { after = valuesOf(gradient); });
  look();
  y.sum().backward();
  EXPECT_EQ(before, (Values{3, 3}));
  EXPECT_EQ(after, (Values{1, 1}));
  EXPECT_EQ(valuesOf(x.grad()), (Values{6, 6}));
}

TEST_P(Hooks, OfAView) {
  Tensor x = ember::tensor({1.0f, 2.0f, 3.0f, 4.0f}).requires_grad_(), y = x * 2;
  Tensor view = y.view({2, 2}), row = view.select(0, 1), ofLeaf = x.slice(0, 1, 3);
  for (const Tensor &tensor : {view, row, ofLeaf})
    tensor.register_hook(hook('v', true));
  look(); // nothing has read them yet
  (row * row).sum().backward({}, true);
  EXPECT_EQ(calls, "vv");
  EXPECT_EQ(valuesOf(x.grad()), (Values{2, 2, 28, 36}));
  ofLeaf.sum().backward();
  EXPECT_EQ(calls, "vvv");
  EXPECT_EQ(valuesOf(x.grad()), (Values{2, 4, 30, 36}));
  Tensor own = ember::zeros({4}).slice(0, 0, 2).requires_grad_(); // a leaf
  own.register_hook(hook('o', true));
  (own * 3).sum().backward();
  EXPECT_EQ(valuesOf(own.grad()), (Values{4, 4}));
}

TEST_P(Hooks, MayWriteTheGradientInPlace) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), y = x * 3;
  Tensor kept;
  y.register_hook([&](Tensor gradient) {
    look();
    gradient.mul_(5);
    kept = gradient;
  });
  y.sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{15, 15}));
  x.grad().zero_();
  EXPECT_EQ(valuesOf(kept), (Values{5, 5}));
}

TEST_P(Hooks, MayKeepTheGradientAndGiveOthers) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), fixed = ember::tensor({7.0f, 8.0f}), kept;
  x.register_hook([&](const Tensor &gradient) {
    look();
    kept = gradient;
    return fixed;
  });
  (x * 3).sum().backward();
  x.grad().add_(1);
  EXPECT_EQ(valuesOf(kept), (Values{3, 3}));
  EXPECT_EQ(valuesOf(fixed), (Values{7, 8}));
  EXPECT_EQ(valuesOf(x.grad()), (Values{8, 9}));
}

TEST_P(Hooks, MayCallBackward) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), w = ember::tensor({3.0f, 4.0f}).requires_grad_();
  Tensor y = x * 2, other = (x * w).sum();
  y.register_hook([&](const Tensor &) {
    look();
    ember::EnableGradGuard enabled;
    (w * w).sum().backward();
    other.backward();
    look();
  });
  other.register_hook(hook('o', true));
  (y * y).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{6 + 8, 8 + 16}));
  EXPECT_EQ(valuesOf(w.grad()), (Values{6 + 2, 8 + 4}));
}

TEST_P(Hooks, MayFreeWhatIsStillToCome) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_(), y = x * x, z = y.exp(), other = (y * 3).sum();
  z.register_hook([&](const Tensor &) {
    other.backward();
    other = Tensor();
    look();
  });
  EXPECT_EQ(messageOf([&] { z.sum().backward(); }).substr(0, 50), "Trying to backward through the graph a second time");
  EXPECT_EQ(valuesOf(x.grad()), (Values{6, 12}));
}

TEST_P(Hooks, OfALeafAreSharedByThreads) {
  Tensor x = ember::tensor({1.0f}).requires_grad_();
  std::atomic<int> count = 0;
  x.register_hook([&](const Tensor &gradient) {
    look();
    ++count;
    return gradient * 2;
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int step = 0; step < 5; ++step) {
        x.register_hook([](const Tensor &) {}).remove();
        (x * 3).sum().backward();
      }
      ember::synchronize();
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(count, 20);
  EXPECT_EQ(valuesOf(x.grad()), Values{120});
}

// ---- programs

// A network whose gradients are clipped one by one by hooks. `looks`: by a number that the hook looks at.
struct Clipped {
  nn::Sequential model{nn::Linear(6, 16), nn::Tanh(), nn::Linear(16, 16), nn::ReLU(), nn::Linear(16, 3)};
  optim::SGD optimizer{model->parameters(), {.lr = 0.05, .momentum = 0.9}};
  Tensor inputs = ember::randn({8, 6}), labels = ember::randint(0, 3, {8});
  int clipped = 0, calls = 0;

  Clipped(bool looks, const std::string &names) {
    for (const auto &[name, parameter] : model->named_parameters())
      if (names.find(name) != std::string::npos)
        parameter.register_hook([this, looks](const Tensor &gradient) {
          ++calls;
          return looks ? clip(gradient) : clipBy(gradient, (gradient * gradient).sum().sqrt());
        });
  }
  Tensor clip(const Tensor &gradient) {
    Tensor norm = (gradient * gradient).sum().sqrt();
    if (norm.item<float>() <= 0.25f)
      return Tensor();
    ++clipped;
    return gradient * (norm.reciprocal() * 0.25);
  }
  static Tensor clipBy(const Tensor &gradient, const Tensor &norm) {
    return gradient * ember::where(norm <= 0.25, ember::ones({}), norm.reciprocal() * 0.25);
  }
  float step() {
    Tensor loss = nn::CrossEntropyLoss()(model(inputs), labels);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    return loss.item<float>();
  }
};

TEST(HookPrograms, LooksChangeNoBits) {
  auto run = [](bool looks) {
    ember::manual_seed(3);
    Clipped training(looks, "0.weight 0.bias 2.weight 4.weight 4.bias");
    std::vector<float> losses;
    for (int i = 0; i < 12; ++i)
      losses.push_back(training.step());
    EXPECT_EQ(training.calls, 60);
    return losses;
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(HookPrograms, CompileNothingAfterTheFourthStep) {
  for (bool looks : {false, true}) {
    ember::manual_seed(0);
    Clipped training(looks, "2.weight 4.bias");
    ember::Counters before;
    for (int i = 0; i < 30; ++i) {
      if (i == 4)
        before = ember::counters();
      training.step();
    }
    ember::synchronize();
    EXPECT_LE(ember::counters().programsCompiled - before.programsCompiled, looks ? 4 : 0)
        << looks; // clips or not: other programs
    EXPECT_LE(ember::counters().liveBytes, before.liveBytes + 4096);
  }
}

// A hook that only looks: the same two programs in each step, the gradients that wait are not computed twice.
TEST(HookPrograms, ALookCutsAStepInTwo) {
  ember::manual_seed(0);
  nn::Sequential model{nn::Linear(6, 16), nn::Tanh(), nn::Linear(16, 16), nn::Tanh(), nn::Linear(16, 3)};
  optim::SGD optimizer{model->parameters(), {.lr = 0.05}};
  Tensor inputs = ember::randn({8, 6}), labels = ember::randint(0, 3, {8});
  model->named_parameters()[2].second.register_hook([](const Tensor &gradient) { gradient.sum().item<float>(); });
  ember::Counters before;
  for (int i = 0; i < 20; ++i) {
    if (i == 3)
      before = ember::counters();
    optimizer.zero_grad();
    nn::CrossEntropyLoss()(model(inputs), labels).backward();
    optimizer.step();
    ember::synchronize();
  }
  EXPECT_EQ(ember::counters().programsCompiled, before.programsCompiled);
  EXPECT_EQ(ember::counters().programsRun - before.programsRun, 2 * 17);
  EXPECT_EQ(ember::counters().liveBytes, before.liveBytes);
}

// A program that fails when a hook looks takes the gradients that wait with it.
TEST(HookPrograms, AFailedLook) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Tensor bad = ember::tensor<int64_t>({0, 7}) + 3;
  auto backward = [&](bool swallows) {
    Tensor y = ember::index_select(x, 0, bad) * 2;
    y.register_hook([swallows](const Tensor &gradient) {
      try {
        (gradient * 2).sum().item<float>();
        ember::synchronize();
      } catch (const ember::Error &) {
        if (!swallows)
          throw;
      }
    });
    y.sum().backward();
    ember::synchronize();
  };
  for (bool swallows : {false, true, false}) {
    EXPECT_EQ(messageOf([&] { backward(swallows); }),
              swallows ? "backward: a program failed that a hook or a function's backward had computed: the gradients are lost"
                       : "index 10 is out of bounds for a dimension with size 2");
    EXPECT_FALSE(x.grad().defined());
  }
  (x * 2).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{2, 2}));
}

// ---- traces

TEST(HookTraces, ATrainingStepHoldsWhatHooksDo) {
  for (bool looks : {false, true}) {
    nn::Sequential model{nn::Linear(3, 2)};
    optim::SGD optimizer{model->parameters(), {.lr = 0.5}};
    model->parameters()[0].register_hook([looks](const Tensor &gradient) {
      if (looks)
        gradient.sum().item<float>();
      return gradient.tanh();
    });
    std::vector<Tensor> batch{ember::randn({4, 3}), ember::tensor<int64_t>({0, 1, 1, 0})};
    auto trace = [&] { return ember::jit::trace_training(model, nn::CrossEntropyLoss(), optimizer, batch).graph(); };
    if (looks)
      EXPECT_EQ(messageOf(trace), "trace_training: a value was looked at while the step was recorded; a step that trains cannot "
                                  "branch on values");
    else
      EXPECT_NE(trace().find("ember.tanh"), std::string::npos);
  }
}

} // namespace
