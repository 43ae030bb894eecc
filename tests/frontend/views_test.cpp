// Views as autograd knows them: each handle a tensor of its own, writes through them, leaves among them, what they print.
// Expectations are those of PyTorch (1.13 and 2.11 agree where no other is named).
#include <ember/ember.h>

#include "Message.h"

#include <gtest/gtest.h>
#include <sstream>

using ember::Tensor;

namespace {

using Values = std::vector<float>;

std::string print(const Tensor &tensor) {
  std::ostringstream stream;
  stream << tensor;
  return stream.str();
}

// What stands last in a printout: `grad_fn=<AddBackward0>`, `requires_grad=True` or nothing.
std::string madeBy(const Tensor &tensor) {
  std::string text = print(tensor);
  size_t place = text.find(text.find("grad_fn=") == std::string::npos ? "requires_grad=" : "grad_fn=");
  return place == std::string::npos ? "" : text.substr(place, text.size() - place - 1);
}

Values valuesOf(const Tensor &tensor) { return tensor.detach().to_vector<float>(); }

Tensor leaf() { return ember::tensor({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}).requires_grad_(); }

// The two ways in which what was recorded may have been cut meanwhile.
class Views : public testing::TestWithParam<bool> {
protected:
  static void cut() {
    if (GetParam())
      ember::synchronize();
  }
};
INSTANTIATE_TEST_SUITE_P(Cut, Views, testing::Bool());

TEST_P(Views, GradientOfAViewThatWasUsed) {
  Tensor x = leaf(), view = x.view({2, 3}), turned = view.t();
  Tensor loss = (turned * turned).sum();
  cut();
  std::vector<Tensor> gradients = ember::autograd::grad({loss}, {view, turned, x}, {}, true);
  EXPECT_EQ(valuesOf(gradients[0]), (Values{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(gradients[0].sizes(), ember::Shape({2, 3}));
  EXPECT_EQ(valuesOf(gradients[1]), (Values{2, 8, 4, 10, 6, 12}));
  EXPECT_EQ(valuesOf(gradients[2]), (Values{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(messageOf([&] { ember::autograd::grad({loss}, {x.view({2, 3})}); }), // another view: not the one that was used
            "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the "
            "desired behavior.");
}

TEST_P(Views, UsedTwiceAreOneTensor) {
  Tensor x = leaf(), part = x.slice(0, 1, 4);
  Tensor first = part * 2;
  cut();
  Tensor loss = (first + part * part).sum();
  EXPECT_EQ(valuesOf(ember::autograd::grad({loss}, {part})[0]), (Values{6, 8, 10}));
}

TEST_P(Views, FirstReadWithoutGradients) {
  Tensor x = leaf(), view = x.view({2, 3});
  {
    ember::NoGradGuard noGrad;
    EXPECT_FALSE((view * 2).requires_grad());
    cut();
  }
  (view * view).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{2, 4, 6, 8, 10, 12}));
}

TEST_P(Views, AWrittenViewIsMadeAnew) {
  Tensor x = leaf(), y = x * 2, view = y.view({2, 3});
  Tensor before = view * 3;
  cut();
  view.mul_(10);
  cut();
  EXPECT_EQ(madeBy(y), "grad_fn=<CopySlices>");
  EXPECT_EQ(madeBy(view), "grad_fn=<AsStridedBackward0>");
  (before + view).sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{26, 26, 26, 26, 26, 26}));
}

// Without gradients a write changes what a tensor holds, not what it is the gradient of.
TEST_P(Views, WritesWithoutGradientsKeepTheHistory) {
  auto run = [](auto write) {
    Tensor x = leaf(), y = x * 2;
    write(y);
    cut();
    EXPECT_EQ(madeBy(y), "grad_fn=<MulBackward0>");
    (y * y.detach()).sum().backward();
    return valuesOf(x.grad());
  };
  EXPECT_EQ(run([](Tensor &y) {
              ember::NoGradGuard noGrad;
              y.add_(1);
            }),
            (Values{6, 10, 14, 18, 22, 26}));
  EXPECT_EQ(run([](Tensor &y) {
              ember::NoGradGuard noGrad;
              y.slice(0, 0, 2).zero_();
            }),
            (Values{0, 0, 12, 16, 20, 24}));
  EXPECT_EQ(run([](Tensor &y) { y.detach().add_(1); }), (Values{6, 10, 14, 18, 22, 26}));
  EXPECT_EQ(run([](Tensor &y) { y.detach().mul_(ember::ones({6}).requires_grad_()); }), (Values{4, 8, 12, 16, 20, 24}));
}

TEST_P(Views, ADetachedViewMayHaveAGradientOfItsOwn) {
  Tensor plain = ember::ones({6}), detached = plain.detach(), w = ember::full({6}, 3).requires_grad_();
  detached.mul_(w);
  cut();
  EXPECT_FALSE(plain.requires_grad());
  EXPECT_EQ(valuesOf(plain), Values(6, 3));
  EXPECT_EQ(madeBy(detached), "grad_fn=<MulBackward0>");
  (detached * 5).sum().backward();
  EXPECT_EQ(valuesOf(w.grad()), Values(6, 5));
}

TEST_P(Views, AViewOfWhatRequiresNoneMayBeALeaf) {
  Tensor plain = ember::ones({6}), view = plain.view({2, 3}).requires_grad_();
  EXPECT_TRUE(view.is_leaf());
  EXPECT_TRUE(view.requires_grad());
  EXPECT_FALSE(plain.requires_grad());
  EXPECT_EQ(madeBy(view), "requires_grad=True");
  EXPECT_EQ(messageOf([&] { view.add_(1); }),
            "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  Tensor turned = view.t();
  EXPECT_EQ(madeBy(turned), "grad_fn=<TBackward0>");
  EXPECT_EQ(messageOf([&] { turned.add_(1); }),
            "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  (turned * 2).sum().backward();
  cut();
  (view * 3).sum().backward();
  EXPECT_EQ(valuesOf(view.grad()), Values(6, 5));
  EXPECT_FALSE(plain.grad().defined());
  plain.add_(1);
  EXPECT_EQ(valuesOf(view), Values(6, 2));
  EXPECT_EQ(valuesOf(ember::autograd::grad({(view * view).sum()}, {view})[0]), Values(6, 4));
  view.requires_grad_(false);
  EXPECT_FALSE(view.requires_grad());
}

TEST_P(Views, DetachThenRequireAGradient) {
  Tensor x = leaf(), y = x * 2, cutOff = y.detach().requires_grad_();
  EXPECT_EQ(messageOf([&] { cutOff.add_(1); }), "a leaf Variable that requires grad is being used in an in-place operation.");
  (cutOff * cutOff).sum().backward();
  cut();
  EXPECT_EQ(valuesOf(cutOff.grad()), (Values{4, 8, 12, 16, 20, 24}));
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(x.detach().grad().defined());
  y.backward(cutOff.grad());
  EXPECT_EQ(valuesOf(x.grad()), (Values{8, 16, 24, 32, 40, 48}));
}

TEST_P(Views, RetainGrad) {
  Tensor x = leaf(), y = x * 2, view = y.view({2, 3});
  EXPECT_EQ(messageOf([&] { ember::ones({1}).retain_grad(); }), "can't retain_grad on Tensor that has requires_grad=False");
  x.retain_grad(); // a leaf keeps its gradient anyway
  y.retain_grad();
  view.retain_grad();
  cut();
  (view * view).sum().backward({}, true);
  cut();
  EXPECT_EQ(valuesOf(y.grad()), (Values{4, 8, 12, 16, 20, 24}));
  EXPECT_EQ(valuesOf(view.grad()), (Values{4, 8, 12, 16, 20, 24}));
  (y * 3).sum().backward();
  EXPECT_EQ(valuesOf(y.grad()), (Values{7, 11, 15, 19, 23, 27}));
  EXPECT_EQ(valuesOf(x.grad()), (Values{14, 22, 30, 38, 46, 54}));
  EXPECT_FALSE(y.is_leaf());
}

TEST_P(Views, WritesOverAllHaveAGradientOfZeros) {
  Tensor x = leaf(), y = x * 2;
  y.copy_(ember::ones({6}));
  EXPECT_EQ(madeBy(y), "grad_fn=<CopyBackwards>");
  cut();
  y.sum().backward();
  EXPECT_EQ(valuesOf(x.grad()), Values(6, 0));
  Tensor z = x * 2;
  EXPECT_EQ(madeBy(z.zero_()), "grad_fn=<ZeroBackward0>");
  EXPECT_EQ(madeBy((x * 2).fill_(3)), "grad_fn=<FillBackward0>");
  EXPECT_EQ(madeBy((x * 2).uniform_()), "grad_fn=<UniformBackward0>");
  EXPECT_EQ(madeBy((x * 2).sub_(3)), "grad_fn=<SubBackward0>");
  EXPECT_EQ(madeBy((x * 2).div_(3)), "grad_fn=<DivBackward0>");
}

TEST_P(Views, OverwrittenThroughAnyView) {
  Tensor x = leaf(), y = x * 1, view = y.view({2, 3});
  Tensor square = view * view;
  cut();
  y.slice(0, 0, 1).add_(1);
  EXPECT_EQ(
      messageOf([&] { square.sum().backward(); }).substr(0, 216),
      "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.FloatTensor [2, "
      "3]], which is output 0 of AsStridedBackward0, is at version 1; expected version 0 instead. Hint: ");
}

TEST_P(Views, SecondBackward) {
  // Nothing is kept for a sum, an addition, a slice: nothing is freed.
  Tensor x = leaf(), y = (x.slice(0, 1, 3) + 1).sum();
  y.backward();
  cut();
  y.backward();
  EXPECT_EQ(valuesOf(x.grad()), (Values{0, 2, 2, 0, 0, 0}));
  // What was freed stays freed below what is made of it later.
  Tensor square = x * x;
  square.sum().backward();
  cut();
  Tensor later = square + 1;
  EXPECT_TRUE(later.requires_grad());
  const std::string text = "Trying to backward through the graph a second time (or";
  EXPECT_EQ(messageOf([&] { later.sum().backward(); }).substr(0, text.size()), text);
}

TEST(ViewTexts, MadeWithoutGradientsWrittenWith) {
  Tensor x = leaf(), y = x * 2, plain = ember::ones({6}), ofY, ofPlain;
  {
    ember::NoGradGuard noGrad;
    ofY = y.view({2, 3});
    ofPlain = plain.view({2, 3});
  }
  const std::string text = "A view was created in no_grad mode and is being modified inplace with grad mode enabled.";
  EXPECT_EQ(messageOf([&] { ofY.add_(1); }).substr(0, text.size()), text);
  ofPlain.add_(1);
  EXPECT_EQ(messageOf([&] { ofPlain.mul_(ember::ones({3}).requires_grad_()); }).substr(0, text.size()), text);
  EXPECT_EQ(valuesOf(plain), Values(6, 2));
}

TEST(ViewTexts, StridesThatDoNotFit) {
  Tensor x = ember::tensor({{1.0f, 2.0f, 3.0f}, {4.0f, 5.0f, 6.0f}});
  EXPECT_EQ(messageOf([&] { x.t().view({6}); }),
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
            "subspaces). Use .reshape(...) instead.");
  EXPECT_EQ(messageOf([&] { x.slice(1, 0, 2).view({4}); }).substr(0, 26), "view size is not compatibl");
  x.slice(1, 0, 2).view({2, 1, 2}).add_(0); // splits no run
  x.unsqueeze(1).expand({2, 4, 3}).view({2, 2, 2, 3});
  // Where it is no view, reshape and contiguous() copy.
  Tensor copy = x.t().reshape({6});
  copy.zero_();
  x.t().contiguous().zero_();
  EXPECT_EQ(valuesOf(x), (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(x.is_contiguous());
  EXPECT_FALSE(x.t().is_contiguous());
  x.contiguous().view({6}).add_(1);
  EXPECT_EQ(valuesOf(x), (Values{2, 3, 4, 5, 6, 7}));
}

// data_ptr() gives memory, and takes the view from nothing.
TEST(ViewTexts, DataPointersLeaveViewsViews) {
  Tensor x = ember::ones({6}), view = x.slice(0, 2, 4);
  EXPECT_EQ(view.data_ptr<float>()[0], 1);
  view.add_(4);
  EXPECT_EQ(valuesOf(x), (Values{1, 1, 5, 5, 1, 1}));
}

struct Made {
  const char *name;
  Tensor (*make)(const Tensor &);
  const char *shown;
};
const Made kMade[] = {
    {"t", [](const Tensor &x) { return x.t(); }, "TBackward0"},
    {"transpose", [](const Tensor &x) { return x.transpose(0, 1); }, "TransposeBackward0"},
    {"permute", [](const Tensor &x) { return x.permute({1, 0}); }, "PermuteBackward0"},
    {"select", [](const Tensor &x) { return x.select(0, 1); }, "SelectBackward0"},
    {"narrow", [](const Tensor &x) { return x.narrow(0, 0, 1); }, "SliceBackward0"},
    {"unsqueeze", [](const Tensor &x) { return x.unsqueeze(0); }, "UnsqueezeBackward0"},
    {"squeeze", [](const Tensor &x) { return x.slice(0, 0, 1).squeeze(0); }, "SqueezeBackward1"},
    {"expand", [](const Tensor &x) { return x.expand({4, 2, 3}); }, "ExpandBackward0"},
    {"flatten", [](const Tensor &x) { return x.flatten(); }, "ViewBackward0"},
    {"copied reshape", [](const Tensor &x) { return x.t().reshape({6}); }, "UnsafeViewBackward0"},
    {"contiguous", [](const Tensor &x) { return x.t().contiguous(); }, "CloneBackward0"},
    {"add", [](const Tensor &x) { return x + 1; }, "AddBackward0"},
};
TEST(ViewTexts, PrintoutsNameWhatMadeThem) {
  Tensor x = ember::ones({2, 3}).requires_grad_();
  for (const Made &row : kMade)
    EXPECT_EQ(madeBy(row.make(x)), "grad_fn=<" + std::string(row.shown) + ">") << row.name;
}

} // namespace
