// Random programs of views, writes, gradients, looks and dropped handles, however they are cut, against a plain eager model.
#include <ember/ember.h>

#include "EagerModel.h"

#include <gtest/gtest.h>
#include <optional>
#include <random>

using ember::Tensor;

namespace {

enum class Cut { Never, Always, Random };

// What the programs of a run did: that they did it is part of the test.
struct Tally {
  int64_t compared = 0, backwards = 0, gradients = 0, writes = 0, refusals = 0, overwritten = 0, freed = 0, unused = 0;
};

// What both sides have of one tensor.
struct Both {
  Tensor tensor;
  eager::TensorRef model;
  ember::Shape sizes;
};

// One random program. Numbers are small integers: sums and products are exact in any order.
class Program {
public:
  Program(uint32_t seed, Cut cut, Tally &tally) : random(seed), cutting(seed * 7 + 1), cut(cut), tally(tally) {
    eager::gradMode() = true;
  }
  ~Program() { eager::gradMode() = true; }

  void run(int length) {
    for (int i = 0; i < length && !isLarge; ++i) {
      step();
      if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "step " << i << ": " << what;
        return;
      }
      if (cut == Cut::Always || (cut == Cut::Random && cutting() % 4 == 0))
        ember::synchronize();
    }
    noGrad.reset();
    for (const Both &own : held)
      if (!isLarge)
        compare(own);
  }

private:
  size_t pick(size_t count) { return random() % count; }
  Both &any() { return held[pick(held.size())]; }

  // Doubles hold whole numbers up to 2^53; beyond a part of that a program is not followed.
  void bound(const eager::Values &values) {
    for (double value : values)
      isLarge |= std::abs(value) > 0x1p45;
  }

  void compare(const Both &own) {
    EXPECT_EQ(own.tensor.requires_grad(), eager::requiresGrad(*own.model));
    bool found = false, expected = false;
    if (both([&] { found = own.tensor.is_leaf(); }, [&] { expected = eager::isLeaf(*own.model); }))
      EXPECT_EQ(found, expected);
    EXPECT_EQ(own.tensor.detach().to_vector<double>(), eager::contents(*own.model)->values);
    ++tally.compared;
    const eager::Gradient *gradient = eager::gradientOf(*own.model);
    bool isDefined = gradient && gradient->defined;
    EXPECT_EQ(own.tensor.grad().defined(), isDefined);
    if (isDefined && own.tensor.grad().defined()) {
      EXPECT_EQ(own.tensor.grad().to_vector<double>(), gradient->values);
    }
  }

  // Both sides do the same or refuse with the same words.
  template <typename Act, typename Model> bool both(Act act, Model model) {
    std::string found, expected;
    try {
      model();
    } catch (const eager::Refusal &refusal) {
      expected = refusal.what();
    }
    try {
      act();
    } catch (const ember::Error &error) {
      found = error.message().substr(0, expected.empty() ? std::string::npos : expected.size());
    }
    EXPECT_EQ(found, expected);
    tally.refusals += !expected.empty();
    tally.overwritten += expected.starts_with("one of the variables");
    tally.freed += expected.starts_with("Trying to backward");
    return found.empty() && expected.empty();
  }

  void hold(const Tensor &tensor, eager::TensorRef model) {
    ember::Shape sizes = tensor.sizes();
    held.push_back({tensor, std::move(model), sizes});
  }
  // A value with a storage of its own.
  void holdValue(const Tensor &tensor, eager::ValueRef value) {
    bound(value->values);
    hold(tensor, eager::tensorOf(std::move(value)));
  }
  void holdView(const Both &of, const Tensor &tensor, std::vector<size_t> places) {
    hold(tensor, eager::viewOf(of.model, eager::Tensor::Kind::View, std::move(places)));
  }

  void fresh(bool requiresGrad) {
    eager::Values values(12);
    for (double &value : values)
      value = static_cast<double>(static_cast<int>(pick(9))) - 4;
    Tensor tensor = ember::from_vector(values, {3, 4});
    eager::ValueRef model = eager::make(values);
    if (requiresGrad) {
      tensor.requires_grad_();
      model->requiresGrad = true;
      model->leaf = std::make_shared<eager::Gradient>();
    }
    holdValue(tensor, model);
  }

  // c a + b, as the model has it.
  static eager::ValueRef combined(const eager::ValueRef &a, double c, const eager::ValueRef &b, double d) {
    auto times = [](double factor) {
      return [factor](const eager::Values &g) {
        eager::Values scaled = g;
        for (double &value : scaled)
          value *= factor;
        return scaled;
      };
    };
    eager::Values values(a->values.size());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = c * a->values[i] + d * b->values[i];
    return eager::make(values, {{a, times(c)}, {b, times(d)}});
  }

  // A product reads each factor for the other's gradient. `copied`: what is written over was copied for that.
  static eager::ValueRef product(const eager::ValueRef &a, const eager::ValueRef &b, bool copied) {
    auto by = [](const eager::Values &factor) {
      return [factor](const eager::Values &g) {
        eager::Values scaled = g;
        for (size_t i = 0; i < g.size(); ++i)
          scaled[i] *= factor[i];
        return scaled;
      };
    };
    eager::Values values(a->values.size());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = a->values[i] * b->values[i];
    eager::ValueRef made = eager::make(values, {{a, by(b->values)}, {b, by(a->values)}});
    if (made->requiresGrad && a->requiresGrad)
      made->saved.push_back(b);
    if (made->requiresGrad && b->requiresGrad)
      made->saved.push_back(copied ? eager::make(a->values) : a);
    return made;
  }

  // Multiplied by a number: PyTorch keeps that too.
  static eager::ValueRef doubled(const eager::ValueRef &a) {
    eager::ValueRef made = combined(a, 2, eager::make(eager::Values(a->values.size())), 0);
    if (made->requiresGrad)
      made->saved.push_back(eager::make({2}));
    return made;
  }

  template <typename Act, typename Model> void compute(Act act, Model model) {
    Tensor tensor;
    eager::ValueRef value;
    if (both([&] { tensor = act(); }, [&] { value = model(); }))
      holdValue(tensor, value);
  }

  template <typename Act> void write(Both &one, Act act, const std::function<eager::ValueRef()> &value) {
    tally.writes += both(act, [&] {
      eager::requireWritable(*one.model);
      eager::TensorRef now = eager::write(one.model, value());
      bound(eager::contents(*now)->values);
      for (Both &own : held) // all that are the same handle
        if (own.tensor.impl == one.tensor.impl && &own != &one)
          own.model = now;
      one.model = now;
    });
  }

  bool isViewOfHistory(const Both &own) const {
    if (own.model->kind == eager::Tensor::Kind::History)
      return false;
    for (const eager::Tensor *at = own.model.get(); at; at = at->parent.get())
      if (at->kind == eager::Tensor::Kind::History)
        return true;
    return false;
  }

  void step() {
    if (held.size() < 2)
      return fresh(held.empty());
    Both &one = any(), &other = any();
    size_t act = pick(20);
    what = std::to_string(act);
    bool alike = one.sizes == other.sizes, mayWrite = !isViewOfHistory(one);
    int64_t rows = one.sizes.empty() ? 0 : one.sizes[0];
    size_t width = rows ? eager::contents(*one.model)->values.size() / rows : 0;
    switch (act) {
    case 0:
      return fresh(false);
    case 1:
      return fresh(true);
    case 2:
      if (alike)
        compute([&] { return one.tensor * 2 - other.tensor; },
                [&] { return combined(doubled(eager::read(*one.model)), 1, eager::read(*other.model), -1); });
      return;
    case 3:
      if (alike)
        compute([&] { return one.tensor * other.tensor; },
                [&] { return product(eager::read(*one.model), eager::read(*other.model), false); });
      return;
    case 4: // rows, some left out
      if (rows) {
        int64_t start = static_cast<int64_t>(pick(rows)), step = 1 + static_cast<int64_t>(pick(2));
        std::vector<size_t> places;
        for (int64_t row = start; row < rows; row += step)
          for (size_t i = 0; i < width; ++i)
            places.push_back(row * width + i);
        holdView(one, one.tensor.slice(0, start, rows, step), places);
      }
      return;
    case 5:
      if (one.sizes.size() == 2) {
        std::vector<size_t> places;
        for (size_t column = 0; column < width; ++column)
          for (int64_t row = 0; row < rows; ++row)
            places.push_back(row * width + column);
        holdView(one, one.tensor.t(), places);
      }
      return;
    case 6:
      if (one.sizes.size() == 2 && rows) {
        int64_t row = static_cast<int64_t>(pick(rows));
        std::vector<size_t> places;
        for (size_t i = 0; i < width; ++i)
          places.push_back(row * width + i);
        holdView(one, one.tensor.select(0, row), places);
      }
      return;
    case 7:
    case 8: { // a write of a number
      double number = static_cast<double>(static_cast<int>(pick(9))) - 4;
      if (mayWrite)
        write(
            one, [&, handle = one.tensor]() mutable { handle.add_(number); },
            [&] {
              eager::ValueRef a = eager::read(*one.model);
              return combined(a, 1, eager::make(eager::Values(a->values.size(), number)), 1);
            });
      return;
    }
    case 9: // a write of another tensor, read as it was before
      if (alike && mayWrite)
        write(
            one, [handle = one.tensor, from = other.tensor]() mutable { handle.copy_(from); },
            [&] { return combined(eager::read(*one.model), 0, eager::read(*other.model), 1); });
      return;
    case 10:
      if (alike && mayWrite)
        write(
            one, [handle = one.tensor, by = other.tensor]() mutable { handle.mul_(by); },
            [&] { return product(eager::read(*one.model), eager::read(*other.model), true); });
      return;
    case 11:
      return hold(one.tensor.detach(), eager::viewOf(one.model, eager::Tensor::Kind::Detach, {}));
    case 12:
      if (noGrad)
        noGrad.reset();
      else
        noGrad.emplace();
      eager::gradMode() = !noGrad;
      return;
    case 13:
    case 14: {
      bool retain = pick(2);
      tally.backwards += both([&] { one.tensor.sum().backward({}, retain); }, [&] { eager::backward(sum(one), retain); });
      for (const Both &own : held)
        if (const eager::Gradient *gradient = eager::gradientOf(*own.model))
          bound(gradient->values);
      return;
    }
    case 15: {
      if (!eager::requiresGrad(*one.model) || !eager::requiresGrad(*other.model) || noGrad)
        return;
      bool retain = pick(2);
      if (isFreedOffThePath(one, other))
        return; // what is left of the graph depends on the cut
      Tensor gradient;
      eager::Values model;
      bool isDone =
          both([&] { gradient = ember::autograd::grad({one.tensor.sum()}, {other.tensor}, {}, retain, false, true)[0]; },
               [&] {
                 eager::ValueRef top = sum(one), input = eager::read(*other.model);
                 if (!input->leaf || !input->leaf->nowhere)
                   model = eager::gradients(top, {input}, retain)[0];
               });
      if (!isDone)
        return;
      EXPECT_EQ(gradient.defined(), !model.empty());
      ++(model.empty() ? tally.unused : tally.gradients);
      if (gradient.defined() && !model.empty())
        holdValue(gradient, eager::make(model));
      return;
    }
    case 16:
      return compare(one);
    case 17: // a view or what is detached becomes a leaf
      if (one.model->kind != eager::Tensor::Kind::Base && !eager::requiresGrad(*one.model))
        becomeLeaf(one);
      return;
    case 18: {
      if (!isLeaf(one))
        return;
      Tensor handle = one.tensor;
      handle.set_grad({});
      if (auto *gradient = const_cast<eager::Gradient *>(eager::gradientOf(*one.model)))
        gradient->defined = false;
      return;
    }
    default: // a dropped handle
      held.erase(held.begin() + static_cast<long>(pick(held.size())));
    }
  }

  static bool isLeaf(const Both &own) {
    try {
      return eager::isLeaf(*own.model);
    } catch (const eager::Refusal &) {
      return false;
    }
  }

  static bool isFreedOffThePath(const Both &top, const Both &input) {
    try {
      std::vector<eager::ValueRef> all = eager::below(eager::read(*top.model));
      std::set<eager::Value *> path = eager::leading(all, {eager::read(*input.model)});
      bool isFreed = false;
      for (const eager::ValueRef &value : all) {
        bool goesOn = false;
        for (const eager::Value::Edge &edge : value->edges)
          goesOn |= path.count(edge.operand.get()) > 0;
        if (eager::isFreed(*value) && goesOn)
          return false; // refused, whatever else there is
        isFreed |= eager::isFreed(*value);
      }
      return isFreed;
    } catch (const eager::Refusal &) {
      return false;
    }
  }

  static eager::ValueRef sum(const Both &own) {
    eager::ValueRef of = eager::read(*own.model);
    double total = 0;
    for (double value : of->values)
      total += value;
    size_t count = of->values.size();
    return eager::make({total}, {{of, [count](const eager::Values &g) { return eager::Values(count, g[0]); }}});
  }

  void becomeLeaf(Both &one) {
    one.tensor.requires_grad_();
    eager::TensorRef leaf = eager::viewOf(one.model, eager::Tensor::Kind::Leaf, {});
    leaf->gradient = one.model->gradient ? one.model->gradient : std::make_shared<eager::Gradient>();
    for (Both &own : held)
      if (own.tensor.impl == one.tensor.impl && &own != &one)
        own.model = leaf;
    one.model = leaf;
  }

  std::mt19937 random, cutting;
  Cut cut;
  std::vector<Both> held;
  std::optional<ember::NoGradGuard> noGrad;
  bool isLarge = false;
  std::string what;
  Tally &tally;
};

// One program in four is compiled, the others run on the reference: it is recording that is tried here. They share the caches.
TEST(RandomPrograms, AgreeWithTheEagerModelHoweverTheyAreCut) {
  int count = 2000;
  if (const char *text = std::getenv("EMBER_TEST_COUNT"))
    count = std::atoi(text);
  ember::synchronize(); // of tests before
  int64_t pending = ember::counters().pendingOps;
  Tally tally;
  for (uint32_t seed = 1; seed <= static_cast<uint32_t>(count); ++seed)
    for (Cut cut : {Cut::Never, Cut::Always, Cut::Random}) {
      seed % 4 ? setenv("EMBER_INTERPRET", "1", 1) : unsetenv("EMBER_INTERPRET");
      Program(seed, cut, tally).run(20);
      ember::synchronize();
      unsetenv("EMBER_INTERPRET");
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ", cut " << static_cast<int>(cut);
      ASSERT_EQ(ember::counters().pendingOps, pending) << "seed " << seed; // nothing is left behind
    }
  if (count < 1000) // too few to say how often something comes
    return;
  for (int64_t often : {tally.compared, tally.backwards, tally.gradients, tally.writes, tally.refusals})
    EXPECT_GT(often, count / 4);
  for (int64_t rare : {tally.overwritten, tally.freed, tally.unused})
    EXPECT_GT(rare, count / 40);
}

// Gradients through views and writes, cut anywhere, are the same bits.
TEST(RandomPrograms, GradientsDoNotDependOnTheCut) {
  auto run = [](uint32_t seed, Cut cut) {
    std::mt19937 random(seed), cutting(seed + 5);
    ember::manual_seed(seed);
    Tensor x = ember::randn({3, 4}, ember::kFloat64).requires_grad_();
    Tensor y = x * 1.5;
    for (int i = 0; i < 6; ++i) {
      switch (random() % 5) {
      case 0:
        y = y.sin() + x;
        break;
      case 1:
        y = y.clone();
        y.select(0, static_cast<int64_t>(random() % 3)).mul_(2.5);
        break;
      case 2:
        y = y.t().reshape({4, 3}).t();
        break;
      case 3:
        y = y * x.detach();
        break;
      default:
        y = y - y.mean({1}, true);
      }
      if (cut == Cut::Always || (cut == Cut::Random && cutting() % 2))
        ember::synchronize();
    }
    (y * y).sum().backward();
    return x.grad().to_vector<double>();
  };
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::vector<double> whole = run(seed, Cut::Never);
    EXPECT_EQ(whole, run(seed, Cut::Always)) << seed;
    EXPECT_EQ(whole, run(seed, Cut::Random)) << seed;
  }
}

} // namespace
