// Mistakes in making layers, optimizers, schedulers, loaders and tensors name the line that made them; what PyTorch warns of is
// told once for each place.
#include "Message.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace nn = ember::nn;
namespace optim = ember::optim;
using ember::Tensor;

namespace {

struct Row {
  const char *text;
  unsigned line;
  std::function<void()> make;
};
#define ROW(TEXT, ...)                                                                                                           \
  Row {                                                                                                                          \
    TEXT, __LINE__, [] { __VA_ARGS__; }                                                                                          \
  }

Tensor leaf() { return ember::ones({2}).requires_grad_(); }
std::vector<Tensor> one() { return {leaf()}; }

TEST(Construction, MistakesNameTheLine) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const Row rows[] = {
    ROW("Trying to create tensor with negative dimension -3: [2, -3]", nn::Linear(-3, 2)),
    ROW("in_channels must be divisible by groups", nn::Conv2d(3, 2, 3, {.groups = 2})),
    ROW("Invalid padding string 'odd', should be one of {'same', 'valid'}", nn::Conv2d(3, 2, 3, {.padding = "odd"})),
    ROW("Trying to create tensor with negative dimension -1: [-1]", nn::BatchNorm2d(-1)),
    ROW("approximate argument must be either none or tanh.", nn::GELU("fast")),
    ROW("dropout probability has to be between 0 and 1, but got 1.5", nn::Dropout(1.5)),
    ROW("optimizer got an empty parameter list", optim::SGD(std::vector<Tensor>{}, {.lr = 0.1})),
    ROW("Invalid learning rate: -0.1", optim::SGD(one(), {.lr = -0.1})),
    ROW("can't optimize a non-leaf Tensor", optim::SGD(std::vector<Tensor>{leaf() * 2}, {})),
    ROW("Invalid beta parameter at index 0: 1.5", optim::Adam(one(), {.beta1 = 1.5})),
    ROW("Invalid epsilon value: -1", optim::AdamW(one(), {.eps = -1})),
    ROW("parameter group: unknown option 'rate', expected one of dampening, lr, maximize, momentum, nesterov, weight_decay",
        optim::SGD(one(), {}).add_param_group({one(), {{"rate", 1}}})),
    ROW("StepLR: step_size is 0, expected at least 1", optim::SGD own(one(), {}); optim::StepLR(own, 0)),
    ROW("CosineAnnealingLR: T_max is 0, expected at least 1", optim::SGD own(one(), {}); optim::CosineAnnealingLR(own, 0)),
    ROW("param 'initial_lr' is not specified in param_groups[0] when resuming an optimizer", optim::SGD own(one(), {});
        optim::StepLR(own, 1, 0.1, 5)),
    ROW("Size mismatch between tensors", ember::data::TensorDataset(leaf(), ember::ones({3}))),
    ROW("expected a tensor, found an undefined one", ember::data::TensorDataset(Tensor{})),
    ROW("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.",
        ember::data::DataLoader(ember::data::TensorDataset(leaf()), {.num_workers = -1})),
    ROW("DataLoader: expected a dataset, found a null pointer",
        ember::data::DataLoader(std::shared_ptr<const ember::data::Dataset>(), {})),
    ROW("expected sequence of length 1 at dim 1 (got 2)", ember::tensor({{1.0f}, {1.0f, 2.0f}})),
    ROW("value cannot be converted to type int64_t without overflow", ember::full({2}, infinity, ember::kInt64)),
    ROW("value cannot be converted to type uint8_t without overflow", ember::full({2}, 300, ember::kUInt8)),
    ROW("value cannot be converted to type at::Half without overflow", ember::full({2}, 70000, ember::kFloat16)),
    ROW("value cannot be converted to type int without overflow", ember::zeros({2}, ember::kInt32).fill_(1e10)),
    ROW("step must be nonzero", ember::arange(0, 5, 0)),
    ROW("upper bound and larger bound inconsistent with step sign", ember::arange(0, 5, -1)),
    ROW("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead.",
        -ember::ones({2}, ember::kBool)),
    ROW("index 2 is out of bounds for dimension 0 with size 2", leaf()[2]),
    ROW("invalid index of a 0-dim tensor. Use `tensor.item<T>()` to convert a 0-dim tensor to a number", leaf().sum()[0]),
    ROW("assigned grad has data of a different size", leaf().set_grad(ember::ones({3}))),
    ROW("assigned grad has data of a different type", leaf().set_grad(ember::ones({2}, ember::kFloat64))),
    ROW("matmul: expected tensors of a floating dtype, found torch.int64", Tensor whole = ember::ones({2, 2}, ember::kInt64);
        whole.matmul(whole)),
    ROW("Dimension out of range (expected to be in range of [-1, 0], but got 1)", leaf().size(1)),
    ROW("Dimension specified as 0 but tensor has no dimensions", leaf().sum().size(0)),
    ROW("start (9223372036854775807) + length (1) exceeds dimension size (2).", leaf().narrow(0, kMost, 1)),
    ROW("start (1) + length (9223372036854775807) exceeds dimension size (2).", leaf().narrow(0, 1, kMost)),
    ROW("copy_rows() cannot be applied to a 0-dim tensor.", ember::copy_rows(leaf().sum(), {0})),
    ROW("from_bytes: the pointer is null, expected 8 bytes", ember::from_bytes(nullptr, {2}, ember::kFloat32)),
    ROW("expected a tensor, found an undefined one", Tensor().set_data(leaf())),
    ROW("expected a tensor, found an undefined one", Tensor().zero_()),
    ROW("expected a tensor, found an undefined one", ember::zeros_like(Tensor())),
    ROW("expected a tensor, found an undefined one", ember::equal(leaf(), Tensor())),
    ROW("expected a tensor, found an undefined one", ember::allclose(leaf(), Tensor())),
    ROW("padding [9223372036854775807, 9223372036854775807] or dilation [1, 1] is too large",
        nn::Conv2d(1, 1, 1, {.padding = kMost})(ember::ones({1, 1, 2, 2}))),
    ROW("padding [0, 0] or dilation [9223372036854775807, 9223372036854775807] is too large",
        nn::Conv2d(1, 1, 3, {.dilation = kMost})(ember::ones({1, 1, 2, 2}))),
    ROW("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions", nn::init::kaiming_normal_(leaf())),
    ROW("Unsupported nonlinearity swish", nn::init::calculate_gain("swish")),
    ROW("normal expects std >= 0.0, but found std -1", nn::init::normal_(ember::ones({2}), 0, -1)),
    ROW("parameter name can't contain \".\", got: a.b", nn::ReLU()->register_parameter("a.b", leaf())),
    ROW("only Tensors of floating point dtype can require gradients",
        nn::ReLU()->register_parameter("a", ember::ones({2}, ember::kInt64))),
    ROW("attribute 'weight' already exists", nn::Linear(2, 2)->register_buffer("weight", leaf())),
    ROW("module name can't contain \".\", got: x.y", nn::Sequential()->push_back("x.y", nn::ReLU())),
    ROW("The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0", Tensor own = leaf();
        own.sum().backward(); optim::SGD optimizer(std::vector<Tensor>{own}, {.momentum = 0.9}); optimizer.step();
        optimizer.zero_grad(); own.set_data(ember::ones({3})); own.sum().backward(); optimizer.step()),
    ROW("attribute 'weight' already exists", nn::Linear(2, 2)->register_module("weight", nn::ReLU())),
    ROW("nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64",
        nn::Linear(2, 2)->to(ember::kInt64)),
    ROW("loaded state dict has a different number of parameter groups", optim::SGD(one(), {}).load_state_dict({})),
    ROW("loaded state dict: state 'step' of parameter 0 is no single number",
        optim::AdamW(one()).load_state_dict({{{0, {{"step", ember::ones({2})}}}}, {{{}, {0}}}})),
    ROW("scheduler state dict: missing key '_last_lr.0'", optim::SGD own(one(), {}); optim::StepLR(own, 1).load_state_dict({})),
    ROW("\"avg_pool2d\" not implemented for 'Long'", nn::AvgPool2d(2)(ember::ones({1, 2, 2}, ember::kInt64))),
  };
  for (const Row &row : rows) {
    std::string found = errorOf(row.make), place = "construction_test.cpp:" + std::to_string(row.line) + ":";
    EXPECT_NE(found.find(place), std::string::npos) << found << " is not at line " << row.line;
    EXPECT_TRUE(found.ends_with(std::string(": error: ") + row.text)) << found << "\nexpected: " << row.text;
  }
}

// The groups are the user's to change.
TEST(Construction, ParametersJoinAGroupAndOptionsLeaveIt) {
  Tensor first = leaf(), second = leaf();
  optim::SGD optimizer(std::vector<Tensor>{first}, {.lr = 1, .momentum = 0.5});
  auto step = [&] {
    optimizer.zero_grad();
    (first.sum() + second.sum()).backward();
    optimizer.step();
  };
  step();
  optimizer.param_groups()[0].parameters.push_back(second);
  optim::OptimizerState state = optimizer.state_dict();
  EXPECT_EQ(state.groups[0].parameters, (std::vector<int64_t>{0, 1}));
  step();
  EXPECT_EQ(first.detach().to_vector<float>(), (std::vector<float>{-1.5, -1.5}));
  EXPECT_EQ(second.detach().to_vector<float>(), (std::vector<float>{0, 0}));
  optimizer.load_state_dict(state);
  optimizer.param_groups()[0].options.erase("lr");
  EXPECT_EQ(messageOf(step), "parameter group: expected an option 'lr', found none");
}

TEST(Construction, NumbersAndTensorsOfNone) {
  EXPECT_EQ(ember::tensor(std::initializer_list<std::initializer_list<float>>{}).sizes(), ember::Shape({0}));
  ember::Generator generator;
  EXPECT_EQ(messageOf([&] { generator.permutation(-1); }), "n must be non-negative, got-1");
  EXPECT_EQ(messageOf([&] { generator.permutation(std::numeric_limits<int64_t>::max()); }),
            "out of memory: a permutation of 9223372036854775807 numbers");
}

TEST(Construction, NumbersOfThreadsHaveARange) {
  EXPECT_EQ(messageOf([] { ember::set_num_threads(0); }), "set_num_threads expects a positive integer, got 0");
  EXPECT_EQ(messageOf([] { ember::set_num_threads(1025); }), "set_num_threads: expected 1 to 1024, got 1025");
}

// What PyTorch takes: floats may be infinite, numbers without a sign wrap, arithmetic wraps.
TEST(Construction, NumbersThatADtypeTakes) {
  EXPECT_EQ(ember::full({1}, INFINITY, ember::kFloat16).item<float>(), INFINITY);
  EXPECT_EQ(ember::full({1}, -1, ember::kUInt8).item<int64_t>(), 255);
  EXPECT_EQ(ember::full({1}, 2.7, ember::kInt64).item<int64_t>(), 2);
  EXPECT_EQ(ember::full({1}, -9223372036854775808.0, ember::kInt64).item<int64_t>(), INT64_MIN);
  EXPECT_EQ(ember::full({1}, 1e300, ember::kBool).item<bool>(), true);
  EXPECT_EQ((ember::zeros({1}, ember::kInt8) + 300).item<int64_t>(), 44);
}

TEST(Construction, WarningsAreToldOnceForEachPlace) {
  testing::internal::CaptureStderr();
  Tensor x = ember::ones({2, 1});
  for (int i = 0; i < 3; ++i)
    nn::Softmax()(x);
  ember::functional::log_softmax(x);
  nn::MSELoss()(x, ember::ones({2}));
  nn::Softmax(1)(x), nn::MSELoss()(x, x); // nothing is amiss
  std::string place = std::string(__FILE__) + ":" + std::to_string(__LINE__ - 4), text = testing::internal::GetCapturedStderr();
  size_t lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_EQ(lines, 3) << text;
  for (const char *part : {": warning: Implicit dimension choice for softmax has been deprecated. Change the call to include "
                           "dim=X as an argument.\n",
                           ": warning: Implicit dimension choice for log_softmax has been deprecated. Change the call to include "
                           "dim=X as an argument.\n",
                           ": warning: Using a target size (torch.Size([2])) that is different to the input size (torch.Size([2, "
                           "1])). This will likely "
                           "lead to incorrect results due to broadcasting. Please ensure they have the same size.\n"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_NE(text.find(place), std::string::npos) << text << place;
}

struct NetImpl : nn::Module {};
EMBER_MODULE(Net);

TEST(Construction, SequentialsGiveTheirModules) {
  nn::Sequential net{nn::Linear(2, 3), nn::ReLU()};
  EXPECT_EQ(net->size(), 2);
  EXPECT_EQ(net[0]->repr(), "Linear(in_features=2, out_features=3, bias=True)");
  EXPECT_EQ(net[-1]->repr(), "ReLU()");
  EXPECT_EQ(net[0], net->named_children()[0].second);
  for (int64_t index : {2, -3})
    EXPECT_EQ(messageOf([&] { net[index]; }), "index " + std::to_string(index) + " is out of range");
}

TEST(Construction, ModulesAreCalledAsTheirClass) {
  EXPECT_EQ(Net()->repr(), "Net()");
  EXPECT_EQ(nn::Conv2d(1, 4, {3, 1}, {.padding = {1, 0}})->repr(),
            "Conv2d(1, 4, kernel_size=(3, 1), stride=(1, 1), padding=(1, 0))");
  EXPECT_EQ(nn::MaxPool2d(2, {.stride = 1})->repr(),
            "MaxPool2d(kernel_size=2, stride=1, padding=0, dilation=1, ceil_mode=False)");
  nn::Linear layer(std::make_shared<nn::LinearImpl>(2, 3));
  EXPECT_EQ(layer->repr(), "Linear(in_features=2, out_features=3, bias=True)");
}

TEST(Construction, WhatIsClose) {
  constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  auto close = [](float a, float b) { return ember::allclose(ember::tensor({1.0f, a}), ember::tensor({1.0f, b})); };
  EXPECT_TRUE(close(1, 1 + 5e-6f));
  EXPECT_FALSE(close(1e5f, 1e5f + 2));
  EXPECT_FALSE(close(0, 2e-8f));
  EXPECT_TRUE(ember::allclose(ember::tensor(0.0f), ember::tensor(2e-8f), 1e-5, 1e-7));
  EXPECT_TRUE(close(infinity, infinity));
  EXPECT_FALSE(close(infinity, -infinity));
  EXPECT_FALSE(close(1, infinity));
  EXPECT_FALSE(close(nan, nan));
  EXPECT_TRUE(ember::allclose(ember::ones({2}), ember::ones({1})));
}

TEST(Construction, MasksAndBits) {
  Tensor b = ember::tensor({true, false, true}), c = ember::tensor({true, true, false}), i = ember::tensor<int64_t>({6, -3, 5}),
         j = ember::tensor<int32_t>({3, 5, 1}), u = ember::tensor<uint8_t>({200, 7, 0});
  auto expect = [](const Tensor &found, ember::ScalarType dtype, const std::vector<int64_t> &values) {
    EXPECT_EQ(found.dtype(), dtype);
    EXPECT_EQ(found.to_vector<int64_t>(), values);
  };
  expect(b & c, ember::kBool, {1, 0, 0});
  expect(b | c, ember::kBool, {1, 1, 1});
  expect(b ^ c, ember::kBool, {0, 1, 1});
  expect(~b, ember::kBool, {0, 1, 0});
  expect(i & 3, ember::kInt64, {2, 1, 1});
  expect(i | j, ember::kInt64, {7, -3, 5});
  expect(i ^ true, ember::kInt64, {7, -4, 4});
  expect(~i, ember::kInt64, {-7, 2, -6});
  expect(~u, ember::kUInt8, {55, 248, 255});
  expect(u & 300, ember::kUInt8, {8, 4, 0});
  expect(b & i, ember::kInt64, {0, 0, 1});
  expect(u.logical_not(), ember::kBool, {0, 0, 1});
  expect(u.logical_xor(b), ember::kBool, {0, 1, 1});
}

// Forms that a user of PyTorch writes, against the plain ones.
TEST(Construction, FormsOfTensorFunctions) {
  Tensor x = ember::arange(6).to(ember::kFloat32).view({2, 3});
  auto same = [](const Tensor &a, const Tensor &b) { return a.sizes() == b.sizes() && ember::equal(a, b); };
  EXPECT_TRUE(same(x.sum(1), x.sum(ember::Shape{1})));
  EXPECT_TRUE(same(x.mean(-1, true), x.mean(ember::Shape{-1}, true)));
  EXPECT_TRUE(same(x.amax(0), x.amax(ember::Shape{0})));
  EXPECT_EQ((x * -1 + 7).argmax().item<int64_t>(), 0);
  EXPECT_EQ(x.argmax().item<int64_t>(), 5);
  EXPECT_EQ(messageOf([] { ember::zeros({0}).argmax(); }),
            "argmax(): Expected reduction dim to be specified for input.numel() == 0.");
  EXPECT_EQ(x.view({1, 2, 1, 3}).squeeze().sizes(), ember::Shape({2, 3}));
  EXPECT_EQ(x.view({1, 2, 1, 3}).squeeze(0).sizes(), ember::Shape({2, 1, 3}));
  EXPECT_TRUE(same(x[-1], x.select(0, 1)));
  EXPECT_TRUE(same(x.matmul(x.t()), matmul(x, x.t())));
  EXPECT_EQ(ember::arange(2, 9, 3).to_vector<int64_t>(), (std::vector<int64_t>{2, 5, 8}));
  EXPECT_EQ(ember::arange(5, -1, -2).to_vector<int64_t>(), (std::vector<int64_t>{5, 3, 1}));
  EXPECT_EQ(ember::arange(-2, 0).to_vector<int64_t>(), (std::vector<int64_t>{-2, -1}));
  Tensor y = x.clone(), same_storage = y;
  y += 1;
  y *= y;
  y -= 1;
  y /= 2;
  y[0] += 100;
  EXPECT_EQ(same_storage.to_vector<float>(), (std::vector<float>{100, 101.5, 104, 7.5, 12, 17.5}));
}

} // namespace
