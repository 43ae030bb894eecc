// A mistake in the use of ember is one line: the user's place, what was expected and what was found. And nothing else happens.
#include <ember/ember.h>

#include "Shell.h"
#include <cmath>
#include <functional>
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

// PyTorch's words, at the line of the call.
TEST(Mistakes, HavePyTorchsTexts) {
  namespace functional = ember::functional;
  Tensor scalar = ember::tensor(1.0f), three = ember::ones({3}), four = ember::ones({4}), m23 = ember::ones({2, 3}),
         none = ember::zeros({0}), m33 = ember::ones({3, 3}), flags = m23 > 0, longs = ember::ones({2, 3}, ember::kInt64),
         image = ember::ones({1, 1, 5, 5}), leaf = ember::ones({3}).requires_grad_();
  const std::vector<Tensor> nothing;
  nn::Linear layer(2, 3);
  ember::optim::OptimizerState moreGroups = ember::optim::SGD(std::vector<Tensor>{leaf}, {}).state_dict(),
                               moreParameters = moreGroups;
  moreGroups.groups.push_back(moreGroups.groups[0]);
  moreParameters.groups[0].parameters.push_back(1);
  struct Row {
    const char *text;
    unsigned line;
    std::function<void()> call;
  };
#define ROW(TEXT, ...)                                                                                                           \
  {                                                                                                                              \
    TEXT, __LINE__, [&] { __VA_ARGS__; }                                                                                         \
  }
  const Row rows[] = {
      ROW("both arguments to matmul need to be at least 1D, but they are 0D and 1D", matmul(scalar, three)),
      ROW("inconsistent tensor size, expected tensor [3] and src [4] to have the same number of elements, but got 3 and 4 "
          "elements respectively",
          matmul(three, four)),
      ROW("size mismatch, got input (2), mat (2x3), vec (4)", matmul(m23, four)),
      ROW("size mismatch, got input (6), mat (6x4), vec (3)", matmul(three, ember::ones({2, 4, 3}))),
      ROW("Expected size for first two dimensions of batch2 tensor to be: [10, 3] but got: [10, 4].",
          matmul(ember::ones({5, 1, 2, 3}), ember::ones({2, 4, 3}))),
      ROW("mat1 and mat2 shapes cannot be multiplied (4x3 and 4x3)", matmul(ember::ones({2, 2, 3}), ember::ones({4, 3}))),
      ROW("torch.cat(): expected a non-empty list of Tensors", ember::cat(nothing)),
      ROW("zero-dimensional tensor (at position 0) cannot be concatenated", ember::cat({scalar, scalar})),
      ROW("Sizes of tensors must match except in dimension 1. Expected size 2 but got size 3 for tensor number 1 in the list.",
          ember::cat({m23, m33}, 1)),
      ROW("stack expects a non-empty TensorList", ember::stack(nothing)),
      ROW("stack expects each tensor to be equal size, but got [2, 3] at entry 0 and [3, 3] at entry 1",
          ember::stack({m23, m33})),
      ROW("gather(): Expected dtype int64 for index", ember::gather(m23, 0, m23)),
      ROW("Index tensor must have the same number of dimensions as input tensor",
          ember::gather(m23, 0, ember::zeros({2}, ember::kInt64))),
      ROW("Size does not match at dimension 1 expected index [2, 4] to be smaller than self [2, 3] apart from dimension 0",
          ember::gather(m23, 0, ember::zeros({2, 4}, ember::kInt64))),
      ROW("index_select(): Index is supposed to be a vector", ember::index_select(m23, 0, longs)),
      ROW("index_select(): Expected dtype int32 or int64 for index", ember::index_select(m23, 0, three)),
      ROW("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
          "instead.",
          flags - flags),
      ROW("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` "
          "or `logical_not()` operator instead.",
          flags - 1),
      ROW("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
          "`logical_not()` operator instead.",
          -flags),
      ROW("\"bitwise_and_cpu\" not implemented for 'Float'", three & 1),
      ROW("\"bitwise_or_cpu\" not implemented for 'Float'", three | three),
      ROW("\"bitwise_xor_cpu\" not implemented for 'Double'", three.to(ember::kFloat64) ^ three),
      ROW("~ (operator.invert) is only implemented on integer and Boolean-type tensors", ~three),
      ROW("Integers to negative integer powers are not allowed.", longs.pow(-1)),
      ROW("\"pow\" not implemented for 'Bool'", flags.pow(flags)),
      ROW("where expected condition to be a boolean tensor, but got a tensor with dtype Long", ember::where(longs, m23, m23)),
      ROW("\"abs_cpu\" not implemented for 'Bool'", flags.abs()),
      ROW("Boolean inputs not supported for relu", flags.relu()),
      ROW("mat1 and mat2 must have the same dtype, but got Double and Float", layer(ember::ones({1, 2}, ember::kFloat64))),
      ROW("both arguments to matmul need to be at least 1D, but they are 0D and 2D", layer(scalar)),
      ROW("Given groups=1, weight of size [4, 3, 3, 3], expected input[1, 1, 5, 5] to have 3 channels, but got 1 channels "
          "instead",
          nn::Conv2d(3, 4, 3)(image)),
      ROW("Input type (double) and bias type (float) should be the same", nn::Conv2d(1, 4, 3)(image.to(ember::kFloat64))),
      ROW("non-positive stride is not supported", nn::Conv2d(1, 4, 3, {.stride = 0})(image)),
      ROW("Calculated padded input size per channel: (5 x 5). Kernel size: (7 x 7). Kernel size can't be greater than actual "
          "input size",
          nn::Conv2d(1, 4, 7)(image)),
      ROW("index out of range in self", functional::embedding(ember::tensor<int64_t>({3}), m23)),
      ROW("expected scalar type Long but found Int", functional::cross_entropy(m23, ember::zeros({2}, ember::kInt32))),
      ROW("Expected input batch_size (2) to match target batch_size (1).",
          functional::cross_entropy(m23, ember::zeros({1}, ember::kInt64))),
      ROW("Unrecognised padding mode mirror", functional::pad(image, {1, 1}, "mirror")),
      ROW("dim 1 appears multiple times in the list of dims", m23.sum({1, -1})),
      ROW("amax(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
          "argument.",
          none.amax(ember::Shape{})),
      ROW("amax(): Expected reduction dim 1 to have non-zero size.", ember::zeros({2, 0}).amax(1)),
      ROW("max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
          "argument.",
          none.max()),
      ROW("\"argmax_cpu\" not implemented for 'Bool'", flags.argmax()),
      ROW("std and var only support floating point and complex dtypes", longs.var({0})),
      ROW("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions", nn::init::xavier_normal_(three)),
      ROW("Unsupported nonlinearity swish", nn::init::calculate_gain("swish")),
      ROW("Mode fan_up not supported, please use one of ['fan_in', 'fan_out']", nn::init::kaiming_normal_(m33, 0, "fan_up")),
      ROW("Only tensors with 2 or more dimensions are supported", nn::init::orthogonal_(three)),
      ROW("Only tensors with 2 dimensions are supported", nn::init::sparse_(three, 0.1)),
      ROW("Only tensors with 2 dimensions are supported", nn::init::eye_(three)),
      ROW("Only tensors with 3, 4, or 5 dimensions are supported", nn::init::dirac_(three)),
      ROW("dim 0 must be divisible by groups", nn::init::dirac_(ember::ones({3, 1, 1}), 2)),
      ROW("groups must be a positive integer", nn::Conv2d(2, 4, 3, {.groups = 0})),
      ROW("out_channels must be divisible by groups", nn::Conv2d(2, 3, 3, {.groups = 2})),
      ROW("expected 4D input (got 2D input)", nn::BatchNorm2d(3)(m23)),
      ROW("nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64",
          layer->to(ember::kInt64)),
      ROW("only Tensors of floating point dtype can require gradients", longs.requires_grad_()),
      ROW("you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that "
          "doesn't require differentiation use var_no_grad = var.detach().",
          (leaf * 2).requires_grad_(false)),
      ROW("One of the differentiated Tensors does not require grad", ember::autograd::grad({(leaf * 2).sum()}, {three})),
      ROW("invalid shape dimension -2", m23.view({-2, 3})),
      ROW("only one dimension can be inferred", m23.view({-1, -1})),
      ROW("flatten() has invalid args: start_dim cannot come after end_dim", m23.flatten(1, 0)),
      ROW("permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
          "dimensions i.e. input.dim() = 2 is not equal to len(dims) = 1",
          m23.permute({0})),
      ROW("permute(): duplicate dims are not allowed.", m23.permute({0, 0})),
      ROW("t() expects a tensor with <= 2 dimensions, but self is 4D", image.t()),
      ROW("The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 0.  Target sizes: [3, "
          "3].  Tensor sizes: [2, 3]",
          m23.expand({3, 3})),
      ROW("slice() cannot be applied to a 0-dim tensor.", scalar.slice(0, 0, 1)),
      ROW("start (1) + length (2) exceeds dimension size (2).", m23.narrow(0, 1, 2)),
      ROW("select() cannot be applied to a 0-dim tensor.", scalar.select(0, 0)),
      ROW("index 2 is out of bounds for dimension 0 with size 2", m23[2]),
      ROW("set_printoptions: expected a precision from 0 to 100, found -1", ember::set_printoptions({.precision = -1})),
      ROW("set_printoptions: expected a threshold of at least 0, edgeitems and a linewidth of at least 1, found 1000, 0 and 80",
          ember::set_printoptions({.edgeitems = 0})),
      ROW("parameter name can't be empty string \"\"", layer->register_parameter("", three)),
      ROW("attribute 'weight' already exists", layer->register_buffer("weight", three)),
      ROW("some parameters appear in more than one parameter group",
          ember::optim::SGD(std::vector<Tensor>{leaf}, {}).add_param_group({{leaf}, {}})),
      ROW("loaded state dict has a different number of parameter groups",
          ember::optim::SGD(std::vector<Tensor>{leaf}, {}).load_state_dict(moreGroups)),
      ROW("loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
          ember::optim::SGD(std::vector<Tensor>{leaf}, {}).load_state_dict(moreParameters)),
  };
#undef ROW
  for (const Row &row : rows) {
    marked = row.line;
    expectMistake(row.text, row.call);
  }
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
