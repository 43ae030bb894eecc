// Printing, as PyTorch prints (version 2.8's rules).
#include <ember/ember.h>

#include <gtest/gtest.h>
#include <limits>
#include <sstream>

namespace nn = ember::nn;

namespace {

template <typename T> std::string printed(const T &value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();

TEST(Print, Tensors) {
  EXPECT_EQ(printed(ember::tensor({1e-5f, 1.0f})), "tensor([1.0000e-05, 1.0000e+00])");
  EXPECT_EQ(printed(ember::tensor({1.5f, 1001.0f})), "tensor([   1.5000, 1001.0000])");
  EXPECT_EQ(printed(ember::tensor({1.0f, 1001.0f})), "tensor([1.0000e+00, 1.0010e+03])");
  EXPECT_EQ(printed(ember::tensor({{1.0f, nan}, {inf, -3.0f}})), "tensor([[ 1., nan],\n        [inf, -3.]])");
  EXPECT_EQ(printed(ember::tensor({true, false})), "tensor([ True, False])");
  EXPECT_EQ(printed(ember::tensor({123456.7891f})), "tensor([123456.7891])");
  EXPECT_EQ(printed(ember::tensor({0.0f, -0.0f})), "tensor([0., -0.])");
  EXPECT_EQ(printed(ember::zeros({0, 3})), "tensor([], size=(0, 3))");
  EXPECT_EQ(printed(ember::zeros({0}, ember::kInt64)), "tensor([], dtype=torch.int64)");
  EXPECT_EQ(printed(ember::tensor(3.5)), "tensor(3.5000, dtype=torch.float64)");
  EXPECT_EQ(printed(ember::tensor<int64_t>({1, -20})), "tensor([  1, -20])");
  EXPECT_EQ(printed(ember::tensor({1.0f, 2.0f}).requires_grad_()), "tensor([1., 2.], requires_grad=True)");
  EXPECT_EQ(printed(ember::tensor({1.0f}).requires_grad_() * 2), "tensor([2.], grad_fn=<MulBackward0>)");
  EXPECT_EQ(printed(ember::zeros({2, 3}).size()), "torch.Size([2, 3])");
  EXPECT_EQ(printed(ember::arange(1001)), "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
}

TEST(Print, ViewsOfManyElements) {
  const ember::Tensor x = ember::arange(24).view({2, 3, 4}), real = ember::arange(40).to(ember::kFloat32).view({40, 1}) * 0.5;
  for (const ember::Tensor &view :
       {x.view({4, 6}).t().unsqueeze(2).expand({6, 4, 300}), x.slice(2, 1, 4, 2).unsqueeze(0).expand({100, 2, 3, 2}),
        x.to(ember::kUInt8).view({24}).slice(0, 3, 20).unsqueeze(1).expand({17, 80}), (x > 4).unsqueeze(3).expand({2, 3, 4, 50}),
        real.expand({40, 70}), real.to(ember::kBFloat16).slice(0, 5, 39, 3).expand({12, 700}),
        real.to(ember::kFloat64).t().expand({90, 40}), real.to(ember::kFloat16).expand({40, 40}).detach(),
        (x - 9).to(ember::kInt8).expand({50, 2, 3, 4})})
    EXPECT_EQ(printed(view), printed(view.clone()));
  // More elements than there is memory for.
  EXPECT_EQ(
      printed(ember::tensor<int64_t>({7}).expand({1 << 20, 1 << 20})),
      "tensor([[7, 7, 7,  ..., 7, 7, 7],\n        [7, 7, 7,  ..., 7, 7, 7],\n        [7, 7, 7,  ..., 7, 7, 7],\n        ...,\n"
      "        [7, 7, 7,  ..., 7, 7, 7],\n        [7, 7, 7,  ..., 7, 7, 7],\n        [7, 7, 7,  ..., 7, 7, 7]])");
}

TEST(Print, Modules) {
  nn::Sequential net(nn::Linear(3, 4), nn::ReLU());
  EXPECT_EQ(printed(net), "Sequential(\n  (0): Linear(in_features=3, out_features=4, bias=True)\n  (1): ReLU()\n)");
  EXPECT_EQ(printed(nn::Conv2d(1, 2, 3, nn::Conv2dOptions{.padding = 1})),
            "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))");
  EXPECT_EQ(printed(nn::BatchNorm2d(4)), "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
  EXPECT_EQ(printed(nn::MaxPool2d(2)), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)");
  EXPECT_EQ(printed(nn::Dropout(0.5)), "Dropout(p=0.5, inplace=False)");
  EXPECT_EQ(printed(nn::GELU()), "GELU(approximate='none')");
  EXPECT_EQ(printed(nn::Flatten()), "Flatten(start_dim=1, end_dim=-1)");
}

// What a module says of itself stands above what it holds.
struct NamedImpl : nn::Module {
  nn::Linear inner = register_module("inner", nn::Linear(1, 2));
  std::string extra_repr() const override { return "name=3"; }
};
EMBER_MODULE(Named);

TEST(Print, ModulesWithMore) {
  EXPECT_EQ(printed(nn::Sequential(Named())),
            "Sequential(\n  (0): Named(\n    name=3\n    (inner): Linear(in_features=1, out_features=2, bias=True)\n  )\n)");
}

TEST(Print, Parameters) {
  nn::Linear layer(1, 2);
  ember::nn::init::constant_(layer->weight, 0.5);
  EXPECT_EQ(printed(layer->weight), "Parameter containing:\ntensor([[0.5000],\n        [0.5000]], requires_grad=True)");
  EXPECT_EQ(printed(layer->weight.detach()), "tensor([[0.5000],\n        [0.5000]])");
  EXPECT_EQ(printed(layer->state_dict()[0].second), "tensor([[0.5000],\n        [0.5000]])");
  EXPECT_EQ(printed(layer->weight * 2), "tensor([[1.],\n        [1.]], grad_fn=<MulBackward0>)");
  layer->requires_grad_(false);
  EXPECT_EQ(printed(layer->weight), "Parameter containing:\ntensor([[0.5000],\n        [0.5000]])");
}

TEST(StateDict, NamesAndTexts) {
  nn::Sequential net(nn::Linear(4, 2), nn::BatchNorm2d(2));
  std::string names;
  for (const auto &[name, tensor] : net->state_dict())
    names += name + " ";
  EXPECT_EQ(names, "0.weight 0.bias 1.weight 1.bias 1.running_mean 1.running_var 1.num_batches_tracked ");
  nn::Linear linear(3, 2);
  try {
    linear->load_state_dict({{"weight", ember::zeros({2, 4})}, {"z", ember::zeros({1})}});
    FAIL() << "expected an error";
  } catch (const ember::Error &error) {
    EXPECT_EQ(error.message(),
              "Error(s) in loading state_dict for Linear:\n\tMissing key(s) in state_dict: \"bias\". \n\tUnexpected key(s) in "
              "state_dict: \"z\". \n\tsize mismatch for weight: copying a param with shape torch.Size([2, 4]) from checkpoint, "
              "the shape in current model is torch.Size([2, 3]).");
  }
}

} // namespace
