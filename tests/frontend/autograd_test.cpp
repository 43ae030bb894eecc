// Autograd, views and writes: PyTorch's semantics and texts (pytorch 2.11).
#include "Message.h"

#include <functional>
#include <gtest/gtest.h>

using ember::Tensor;

namespace {

TEST(Autograd, AccumulatesAndClears) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  (x * x).sum().backward();
  (x * 3).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{5, 7}));
  x.set_grad({});
  EXPECT_FALSE(x.grad().defined());
}

// A gradient of zeros is one: decay moves a parameter that has it.
TEST(Autograd, StepsHaveGradientsOfZeros) {
  const std::function<Tensor(const Tensor &)> steps[] = {
      [](const Tensor &x) { return x.sign(); }, [](const Tensor &x) { return x.floor(); },
      [](const Tensor &x) { return x.ceil(); }, [](const Tensor &x) { return x.round(); },
      [](const Tensor &x) { return x.trunc(); }};
  for (const auto &step : steps) {
    Tensor x = ember::tensor({1.5f, -2.5f}).requires_grad_();
    ember::optim::SGD optimizer({x}, {.lr = 0.5, .weight_decay = 1});
    step(x).sum().backward();
    EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{0, 0}));
    optimizer.step();
    EXPECT_EQ(x.detach().to_vector<float>(), (std::vector<float>{0.75, -1.25}));
  }
}

TEST(Autograd, SecondBackwardIsRefusedUnlessRetained) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  Tensor y = (x * x).sum();
  y.backward({}, true);
  y.backward();
  EXPECT_EQ(messageOf([&] { y.backward(); }).substr(0, 54), "Trying to backward through the graph a second time (or");
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{4, 8}));
}

TEST(Autograd, LookingBeforeBackwardChangesNothing) {
  auto run = [](bool looks) {
    ember::manual_seed(1);
    Tensor x = ember::randn({17}).requires_grad_();
    Tensor y = (x.exp() * x.sin()).sum();
    if (looks)
      y.item<float>();
    y.backward();
    return x.grad().to_vector<float>();
  };
  EXPECT_EQ(run(false), run(true));
}

TEST(Autograd, Texts) {
  Tensor x = ember::tensor({1.0f, 2.0f}).requires_grad_();
  EXPECT_EQ(messageOf([&] { (x * 2).backward(); }), "grad can be implicitly created only for scalar outputs");
  EXPECT_EQ(messageOf([&] { ember::ones({}).backward(); }),
            "element 0 of tensors does not require grad and does not have a grad_fn");
  EXPECT_EQ(messageOf([&] { x.add_(1); }), "a leaf Variable that requires grad is being used in an in-place operation.");
  EXPECT_EQ(messageOf([&] { x.slice(0, 0, 1).add_(1); }),
            "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  EXPECT_EQ(messageOf([&] { ember::tensor<int64_t>({1}).requires_grad_(); }),
            "only Tensors of floating point dtype can require gradients");
  EXPECT_EQ(messageOf([&] {
              Tensor y = x.exp();
              Tensor z = y.sum();
              y.mul_(2);
              z.backward();
              y.sum().backward();
            }).substr(0, 90),
            "one of the variables needed for gradient computation has been modified by an inplace opera");
  EXPECT_EQ(messageOf([&] { ember::autograd::grad({x.sum()}, {ember::ones({1}).requires_grad_()}); }),
            "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the "
            "desired "
            "behavior.");
}

TEST(Autograd, NoGradAndDetach) {
  Tensor x = ember::tensor({2.0f}).requires_grad_();
  {
    ember::NoGradGuard noGrad;
    EXPECT_FALSE((x * 2).requires_grad());
    x.add_(1);
  }
  EXPECT_TRUE(x.is_leaf());
  (x * x.detach()).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>{3});
}

TEST(Autograd, DoubleBackward) {
  Tensor x = ember::tensor({2.0}).requires_grad_();
  Tensor first = ember::autograd::grad({(x * x * x).sum()}, {x}, {}, false, true)[0];
  Tensor second = ember::autograd::grad({first.sum()}, {x})[0];
  EXPECT_EQ(first.item<double>(), 12);
  EXPECT_EQ(second.item<double>(), 12);
}

TEST(Views, ShareMemoryBothWays) {
  Tensor x = ember::zeros({2, 3});
  Tensor row = x.select(0, 1), transposed = x.t();
  row.add_(5);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{0, 0, 0, 5, 5, 5}));
  transposed.select(0, 2).mul_(2).add_(1);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{0, 0, 1, 5, 5, 11}));
  EXPECT_EQ(row.to_vector<float>(), (std::vector<float>{5, 5, 11}));
  x.slice(1, 0, 3, 2).fill_(-1);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{-1, 0, -1, -1, 5, -1}));
}

TEST(Views, Texts) {
  Tensor x = ember::zeros({2, 3});
  EXPECT_EQ(messageOf([&] { x.reshape({4}); }), "shape '[4]' is invalid for input of size 6");
  EXPECT_EQ(messageOf([&] { x.select(0, 2); }), "index 2 is out of bounds for dimension 0 with size 2");
  EXPECT_EQ(messageOf([&] { x.sum({2}); }), "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
  EXPECT_EQ(messageOf([&] { ember::ones({3}).expand({-1, 3}); }),
            "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension 0");
  EXPECT_EQ(messageOf([&] { ember::ones({1, 3}).expand({-2, 3}); }),
            "The expanded size of the tensor (-2) isn't allowed, expected -1 or a size");
  EXPECT_EQ(messageOf([&] { x.expand({3, 3}); }), "The expanded size of the tensor (3) must match the existing size (2) at "
                                                  "non-singleton dimension 0.  Target sizes: [3, 3].  "
                                                  "Tensor sizes: [2, 3]");
  EXPECT_EQ(messageOf([&] { ember::zeros({1, 3}).expand({2, 3}).add_(1); }),
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
            "clone() the "
            "tensor before performing the operation.");
}

TEST(Shapes, Texts) {
  Tensor a = ember::zeros({3}), b = ember::zeros({2, 4});
  EXPECT_EQ(messageOf([&] { a + b; }),
            "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1");
  EXPECT_EQ(messageOf([&] { matmul(ember::zeros({2, 3}), ember::zeros({4, 2})); }),
            "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2)");
  EXPECT_EQ(messageOf([&] { ember::zeros({3}).add_(ember::zeros({2, 3})); }),
            "output with shape [3] doesn't match the broadcast shape [2, 3]");
  EXPECT_EQ(messageOf([&] { ember::tensor<int64_t>({1}).add_(0.5); }),
            "result type Float can't be cast to the desired output type Long");
  EXPECT_EQ(messageOf([&] { ember::tensor<int64_t>({1}).mean(); }),
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long");
  EXPECT_EQ(messageOf([&] { ember::zeros({2, 3}).item<float>(); }), "a Tensor with 6 elements cannot be converted to Scalar");
}

TEST(Errors, NameTheUsersLineAndTheModule) {
  namespace nn = ember::nn;
  nn::Sequential net(nn::Linear(4, 8), nn::ReLU(), nn::Linear(9, 2));
  try {
    net(ember::zeros({3, 4}));
    FAIL() << "expected an error";
  } catch (const ember::Error &error) {
    std::string text = error.what();
    EXPECT_NE(text.find("autograd_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("in 2: mat1 and mat2 shapes cannot be multiplied (3x8 and 9x2)"), std::string::npos) << text;
  }
}

TEST(Errors, ABadLabelLeavesTheWeightsAlone) {
  namespace nn = ember::nn;
  ember::manual_seed(0);
  nn::Linear model(4, 3);
  ember::optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  Tensor x = ember::randn({2, 4});
  for (int step = 0; step < 2; ++step) {
    optimizer.zero_grad();
    nn::CrossEntropyLoss()(model(x), ember::tensor<int64_t>({0, 2})).backward();
    optimizer.step();
  }
  std::vector<float> before = model->weight.detach().to_vector<float>();
  EXPECT_EQ(messageOf([&] { nn::CrossEntropyLoss()(model(x), ember::tensor<int64_t>({0, 5})); }), "Target 5 is out of bounds.");
  EXPECT_EQ(before, model->weight.detach().to_vector<float>());
}

TEST(Promotion, FollowsPyTorch) {
  auto of = [](const Tensor &tensor) { return tensor.dtype(); };
  Tensor ints = ember::zeros({1}, ember::kInt32), halves = ember::zeros({1}, ember::kFloat16),
         bytes = ember::zeros({1}, ember::kUInt8);
  EXPECT_EQ(of(ints + ember::zeros({}, ember::kInt64)), ember::kInt32);
  EXPECT_EQ(of(halves + ember::zeros({}, ember::kFloat64)), ember::kFloat16);
  EXPECT_EQ(of(ints + ember::zeros({}, ember::kFloat64)), ember::kFloat64);
  EXPECT_EQ(of(ember::zeros({1}, ember::kInt64) + 1.5), ember::kFloat32);
  EXPECT_EQ(of(bytes + ember::zeros({1}, ember::kInt8)), ember::kInt16);
  EXPECT_EQ(of(ints / ints), ember::kFloat32);
  EXPECT_EQ(of((ints == ints)), ember::kBool);
  EXPECT_EQ(of((ints == ints).sum()), ember::kInt64);
  EXPECT_EQ((ember::full({1}, 250, ember::kUInt8) + 10).item<int64_t>(), 4);
  EXPECT_EQ(of(ember::zeros({1}, ember::kBFloat16) + halves), ember::kFloat32);
}

TEST(Programs, StepsAreCompiledOnce) {
  namespace nn = ember::nn;
  ember::manual_seed(0);
  nn::Sequential model(nn::Linear(8, 16), nn::Tanh(), nn::Linear(16, 1));
  ember::optim::AdamW optimizer(model->parameters());
  ember::optim::CosineAnnealingLR schedule(optimizer, 100);
  Tensor cache = ember::zeros({4, 50});
  int64_t afterThird = 0, liveBytes = 0;
  for (int step = 0; step < 40; ++step) {
    Tensor x = ember::randn({4, 8});
    Tensor loss = nn::MSELoss()(model(x), ember::randn({4, 1}));
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    schedule.step();
    loss.item<float>();
    if (step == 2) {
      afterThird = ember::counters().programsCompiled;
      liveBytes = ember::counters().liveBytes;
    }
  }
  EXPECT_EQ(ember::counters().programsCompiled, afterThird);
  EXPECT_LE(ember::counters().liveBytes, liveBytes + (1 << 16));
}

} // namespace
