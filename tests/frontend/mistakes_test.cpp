// A mistake in the use of ember is one line: the user's place, what was expected and what was found. And nothing else happens.
#include <ember/ember.h>

#include "Shell.h"
#include <cmath>
#include <gtest/gtest.h>
#include <regex>

namespace nn = ember::nn;
using ember::Tensor;

namespace {

unsigned marked; // the line before the mistake
#define HERE marked = __LINE__

// The mistake stands in the marked line or the one after it, and is told in one line.
template <typename Call> void expectMistake(const std::string &text, Call call) {
  try {
    call();
    ADD_FAILURE() << "expected: " << text;
  } catch (const ember::Error &error) {
    std::string found = error.what();
    std::smatch parts;
    static const std::regex form("([^:]*mistakes_test\\.cpp):([0-9]+):[0-9]+: error: (.*)");
    if (!std::regex_match(found, parts, form)) // `.` is no end of a line
      FAIL() << found;
    unsigned line = std::stoul(parts[2]);
    EXPECT_TRUE(line == marked || line == marked + 1) << found << " is not at line " << marked;
    EXPECT_EQ(parts[3], text);
  }
}

TEST(Mistakes, OfShapeDtypeRankAndAxis) {
  Tensor a = ember::zeros({3}), b = ember::zeros({2, 4}), longs = ember::zeros({4, 4}, ember::kInt64);
  expectMistake("The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1", [&] {
    HERE;
    a + b;
  });
  expectMistake("expected m1 and m2 to have the same dtype, but got: float != long int", [&] {
    HERE;
    matmul(b, longs);
  });
  expectMistake("mat1 and mat2 shapes cannot be multiplied (2x4 and 3x1)", [&] {
    HERE;
    matmul(b, a.reshape({3, 1}));
  });
  expectMistake("Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [3]", [&] {
    HERE;
    nn::Conv2d(1, 2, 3)(a);
  });
  expectMistake("Dimension out of range (expected to be in range of [-2, 1], but got 5)", [&] {
    HERE;
    b.sum({5});
  });
  expectMistake("Dimension out of range (expected to be in range of [-2, 1], but got -3)", [&] {
    HERE;
    b.transpose(0, -3);
  });
  expectMistake("Tensors must have same number of dimensions: got 1 and 2", [&] {
    HERE;
    ember::cat({a, b});
  });
}

TEST(Mistakes, ThatReachedTheCompilerOrMemory) {
  auto textOf = [](auto call) {
    try {
      call();
    } catch (const ember::Error &error) {
      return std::string(error.message());
    }
    return std::string();
  };
  EXPECT_EQ(textOf([] { ember::from_vector(std::vector<float>{1, 2}, {3}); }), "shape '[3]' is invalid for input of size 2");
  EXPECT_EQ(textOf([] { ember::from_vector(std::vector<float>{1, 2}, {1ll << 62, 4}); }),
            "shape '[4611686018427387904, 4]' is invalid for input of size 2");
  EXPECT_EQ(textOf([] { ember::arange(-5); }), "upper bound and larger bound inconsistent with step sign");
  EXPECT_EQ(textOf([] { ember::randperm(1ll << 50); }).substr(0, 14), "out of memory:");
  EXPECT_EQ(textOf([] { ember::ones({2}).uniform_(-INFINITY, 1); }), "from is out of bounds for torch.float32");
  EXPECT_EQ(textOf([] { ember::ones({2}).uniform_(-3e38, 3e38); }),
            "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and from=-3e+38 which result in "
            "to-from to exceed the limit");
  EXPECT_EQ(textOf([] { ember::jit::trace(nn::ReLU(), {}); }), "trace: a module takes one input, found 0 examples");
  nn::Sequential outer, inner;
  outer->push_back(inner);
  EXPECT_EQ(textOf([&] { inner->push_back(outer); }), "module '0' would hold itself, expected another module");
  EXPECT_EQ(textOf([&] { inner->push_back(inner); }), "module '0' would hold itself, expected another module");
  EXPECT_EQ(textOf([] { ember::index_select(ember::tensor(1.0f), 0, ember::tensor<int64_t>({0, 0})); }),
            "index_select(): Index to scalar can have only 1 value, got 2 value(s)");
}

TEST(Indices, OfRankZero) {
  Tensor x = ember::tensor(3.0).requires_grad_(), zero = ember::tensor<int64_t>(0);
  Tensor y = ember::gather(x, 0, zero) * 2 + ember::index_select(x, 0, ember::tensor<int64_t>({0})) * 5 +
             ember::scatter_add(x, -1, zero, ember::tensor(4.0));
  EXPECT_EQ(y.sizes(), ember::Shape({}));
  EXPECT_EQ(y.item<double>(), 6 + 15 + 7);
  y.backward();
  EXPECT_EQ(x.grad().item<double>(), 8);
}

// A default-constructed tensor is none, and no number.
TEST(Mistakes, OfUndefinedTensors) {
  Tensor none, a = ember::ones({2});
  const std::pair<const char *, std::function<void()>> rows[] = {
      {"sum", [&] { none + a; }},
      {"product", [&] { a *none; }},
      {"in place", [&] { Tensor(a).add_(none); }},
      {"where", [&] { ember::where(a > 0, none, a); }},
      {"function", [&] { none.sum(); }},
      {"layer", [&] { nn::ReLU()(none); }},
      {"list", [&] { ember::cat({a, none}); }},
      {"write", [&] { Tensor(a).copy_(none); }},
      {"loss", [&] { nn::MSELoss()(a, none); }},
      {"gradient", [&] { ember::autograd::grad({none}, {a}); }},
      {"traced input", [&] { ember::jit::trace(nn::ReLU(), {none}); }},
      {"traced output", [&] { ember::jit::trace([](const auto &) { return Tensor(); }, {a}); }}};
  for (const auto &[name, call] : rows) {
    std::string found;
    try {
      call();
    } catch (const ember::Error &error) {
      found = error.message();
    }
    EXPECT_EQ(found, std::string(name) == "gradient" ? "element 0 of tensors does not require grad and does not have a grad_fn"
                                                     : "expected a tensor, found an undefined one")
        << name;
  }
  expectMistake("expected a tensor, found an undefined one", [&] {
    HERE;
    none *a;
  });
  EXPECT_THROW(ember::optim::SGD(std::vector<Tensor>{none}, {.lr = 1}), ember::Error);
}

TEST(Mistakes, InALayerNameTheCallAndTheLayer) {
  nn::Sequential inner(nn::Linear(8, 8), nn::Linear(9, 2));
  nn::Sequential net(nn::Linear(4, 8), nn::ReLU(), nn::Linear(9, 2)), outer(nn::Linear(4, 8), inner);
  Tensor x = ember::zeros({3, 4});
  expectMistake("in 2: mat1 and mat2 shapes cannot be multiplied (3x8 and 9x2)", [&] {
    HERE;
    net(x);
  });
  expectMistake("in 1.1: mat1 and mat2 shapes cannot be multiplied (3x8 and 9x2)", [&] {
    HERE;
    outer(x);
  });
}

TEST(Mistakes, InBackward) {
  Tensor x = ember::ones({2}).requires_grad_();
  expectMistake("grad can be implicitly created only for scalar outputs", [&] {
    HERE;
    (x * 2).backward();
  });
  expectMistake("Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2]).",
                [&] {
                  HERE;
                  (x * 2).backward(ember::ones({3}));
                });
  expectMistake("Mismatch in shape: grad_output[1] has a shape of torch.Size([1]) and output[1] has a shape of torch.Size([2]).",
                [&] {
                  HERE;
                  ember::autograd::grad({x * 2, x * 3}, {x}, {ember::ones({2}), ember::ones({1})});
                });
  expectMistake("got 2 tensors and 1 gradients", [&] {
    HERE;
    ember::autograd::grad({x * 2, x * 3}, {x}, {ember::ones({2})});
  });
  Tensor once = (x * x).sum();
  once.backward();
  expectMistake(
      "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
      "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
      "retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
      "tensors after calling backward.",
      [&] {
        HERE;
        once.backward();
      });
  Tensor saved = (x * 1).exp(), loss = (saved * saved).sum();
  saved.add_(1);
  expectMistake("one of the variables needed for gradient computation has been modified by an inplace operation: "
                "[torch.FloatTensor [2]], which is output 0 of AddBackward0, is at version 1; expected version 0 instead. Hint: "
                "enable anomaly detection to find the operation that failed to compute its "
                "gradient, with torch.autograd.set_detect_anomaly(True).",
                [&] {
                  HERE;
                  loss.backward();
                });
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{2, 2})) << "of the backward that was none of these";
}

// A gradient of another dtype is cast to the output's, as PyTorch does.
TEST(Mistakes, AGradientOfAnotherDtypeIsNone) {
  Tensor x = ember::ones({2}).requires_grad_();
  (x * 3).backward(ember::tensor<int64_t>({2, 5}));
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{6, 15}));
  (x * 3).backward(ember::tensor<double>({0.5, 0}));
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{7.5, 15}));
  std::vector<Tensor> own = ember::autograd::grad({x * 3}, {x}, {ember::tensor<int64_t>({1, 2})});
  EXPECT_EQ(own[0].to_vector<float>(), (std::vector<float>{3, 6}));
}

TEST(Mistakes, ABadLabelInStepThreeLeavesTheWeights) {
  ember::manual_seed(0);
  nn::Linear model(4, 3);
  ember::optim::AdamW optimizer(model->parameters());
  Tensor x = ember::randn({2, 4});
  for (int step = 0; step < 2; ++step) {
    optimizer.zero_grad();
    nn::CrossEntropyLoss()(model(x), ember::tensor<int64_t>({0, 2})).backward();
    optimizer.step();
  }
  std::vector<float> before = model->weight.detach().to_vector<float>();
  optimizer.zero_grad();
  expectMistake("Target 5 is out of bounds.", [&] {
    HERE;
    nn::CrossEntropyLoss()(model(x), ember::tensor<int64_t>({0, 5}));
  });
  optimizer.step(); // there are no gradients
  EXPECT_EQ(before, model->weight.detach().to_vector<float>());
}

TEST(Mistakes, MoreMemoryThanThereIs) {
  constexpr int64_t k2To21 = int64_t(1) << 21, k2To40 = int64_t(1) << 40, k2To62 = int64_t(1) << 62;
  auto expectOutOfMemory = [](auto call) {
    try {
      call();
      ADD_FAILURE() << "expected an error";
    } catch (const ember::Error &error) {
      EXPECT_TRUE(
          std::regex_match(error.what(), std::regex("([^:]*mistakes_test\\.cpp):[0-9]+:[0-9]+: error: out of memory: .*")))
          << error.what();
    }
  };
  expectOutOfMemory([&] { ember::zeros({k2To40}); });
  expectOutOfMemory([&] { ember::randn({k2To40}); });
  expectOutOfMemory([&] { ember::arange(k2To40); });
  Tensor column = ember::ones({k2To21, 1}), row = ember::ones({1, k2To21});
  expectOutOfMemory([&] { (column + row).to_vector<float>(); });
  expectOutOfMemory([&] { matmul(column, row).to_vector<float>(); });
  expectOutOfMemory([&] { matmul(matmul(column, row), column).to_vector<float>(); }); // in between
  for (const ember::Shape &sizes : {ember::Shape{k2To40, k2To40}, ember::Shape{k2To62}})
    expectMistake("Storage size calculation overflowed with sizes=[" +
                      (sizes.size() == 2 ? "1099511627776, 1099511627776]" : std::string("4611686018427387904]")),
                  [&] {
                    HERE;
                    ember::zeros(sizes);
                  });
  expectMistake("Storage size calculation overflowed with sizes=[1099511627776, 1099511627776, 3]", [&] {
    HERE;
    ember::ones({3}).expand({k2To40, k2To40, 3}) + 1;
  });
  expectMistake("Storage size calculation overflowed with sizes=[4398046511104, 4398046511104]", [&] {
    Tensor wide = ember::ones({1}).expand({int64_t(1) << 42});
    HERE;
    wide.reshape({-1, 1}) + wide;
  });
  expectMistake("Trying to create tensor with negative dimension -1: [-1]", [&] {
    HERE;
    ember::zeros({-1});
  });
  EXPECT_EQ((column + 1).sum().item<float>(), 2.0f * k2To21) << "it goes on";
}

TEST(Mistakes, OfFiles) {
  Folder folder("ember_mistakes");
  Tensor x = ember::ones({2});
  nn::Linear model(2, 2);
  ember::jit::TracedModule traced = ember::jit::trace(model, {ember::ones({1, 2})});
  auto messageOf = [](auto call) -> std::string {
    try {
      call();
    } catch (const ember::Error &error) {
      return error.message();
    }
    return "no error";
  };
  std::string none = folder.file("none/x"), here = folder.path.string();
  for (auto [path, text] : {std::pair<std::string, const char *>{"/dev/full", ": No space left on device"},
                            {none, ": No such file or directory"},
                            {here, ": Is a directory"}}) {
    EXPECT_EQ(messageOf([&] { ember::save_npy(path, x); }), path + text);
    EXPECT_EQ(messageOf([&] { ember::save({&*model}, path); }), path + text);
    EXPECT_EQ(messageOf([&] { traced.save(path); }), path + text);
  }
  EXPECT_EQ(messageOf([&] { traced.compile(here, "m"); }), here + ": expected a file or nothing there, found a folder");
  EXPECT_EQ(messageOf([&] { traced.compile("/dev/null", "m"); }),
            "/dev/null: expected a file or nothing there, found a device or pipe");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
  EXPECT_EQ(messageOf([&] { ember::load_npy("/dev/zero"); }), "/dev/zero: not a file");
  EXPECT_EQ(messageOf([&] { ember::jit::load("/dev/zero"); }), "/dev/zero: not a regular file");
  EXPECT_EQ(messageOf([&] { ember::load({&*model}, "/dev/zero"); }), "/dev/zero: not a regular file");
}

} // namespace
