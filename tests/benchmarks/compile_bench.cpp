// How long compiling takes, in processor time: passes alone (graph to kernels, planned), and to running code.
//   ember_compile_bench
#include "codegen/Compiler.h"
#include "mlir/Parser/Parser.h"
#include <cstdio>
#include <ctime>
#include <ember/ember.h>
#include <functional>

namespace nn = ember::nn;

namespace {

// ResNet-18 on one image, as text: convolutions, batch normalisations as they are in eval, residual blocks.
class ResNet18 {
public:
  ResNet18() {
    Value x = argument({1, 3, 224, 224});
    x = relu(normalised(convolution(x, 64, 7, 2, 3)));
    Shape pooled = {1, 64, 56, 56};
    x = op(pooled, "ember.max_pool2d " + x.name + " kernel [3, 3] stride [2, 2] padding [1, 1] : " + type(x.shape) + " -> " +
                       type(pooled));
    for (int64_t channels : {64, 128, 256, 512})
      for (int64_t block : {0, 1})
        x = residual(x, channels, channels > 64 && block == 0 ? 2 : 1);
    Value sum = op({1, 512}, "ember.sum " + x.name + " [2, 3] : " + type(x.shape) + " -> " + type({1, 512}));
    Value out = op({1, 1000}, "ember.matmul " + sum.name + ", " + argument({512, 1000}).name +
                                  " : tensor<1x512xf32>, tensor<512x1000xf32> -> tensor<1x1000xf32>");
    text = "func.func @main(" + arguments + ") -> " + type(out.shape) + " {\n" + body + "  return " + out.name + " : " +
           type(out.shape) + "\n}\n";
  }
  std::string text;

private:
  using Shape = std::vector<int64_t>;
  struct Value {
    std::string name;
    Shape shape;
  };

  static std::string type(const Shape &shape) {
    std::string text = "tensor<";
    for (int64_t size : shape)
      text += std::to_string(size) + "x";
    return text + "f32>";
  }
  Value argument(const Shape &shape) {
    std::string name = "%a" + std::to_string(next++);
    arguments += (arguments.empty() ? "" : ", ") + name + ": " + type(shape);
    return {name, shape};
  }
  Value op(const Shape &shape, const std::string &line) {
    std::string name = "%v" + std::to_string(next++);
    body += "  " + name + " = " + line + "\n";
    return {name, shape};
  }
  Value binary(const std::string &name, const Value &a, const Value &b) {
    return op(a.shape, "ember." + name + " " + a.name + ", " + b.name + " : " + type(a.shape));
  }
  Value relu(const Value &x) { return op(x.shape, "ember.relu " + x.name + " : " + type(x.shape)); }

  Value convolution(const Value &x, int64_t channels, int64_t kernel, int64_t stride, int64_t padding) {
    Value weight = argument({channels, x.shape[1], kernel, kernel});
    int64_t size = (x.shape[2] + 2 * padding - kernel) / stride + 1;
    auto pair = [](int64_t n) { return "[" + std::to_string(n) + ", " + std::to_string(n) + "]"; };
    Shape shape = {1, channels, size, size};
    return op(shape, "ember.conv2d " + weight.name + ", " + x.name + " stride " + pair(stride) + " padding " + pair(padding) +
                         " dilation [1, 1] groups 1 : " + type(weight.shape) + ", " + type(x.shape) + " -> " + type(shape));
  }

  Value perChannel(const Value &value, const Shape &shape) {
    Shape wide = {value.shape[0], 1, 1};
    Value reshaped = op(wide, "ember.reshape " + value.name + " : " + type(value.shape) + " -> " + type(wide));
    return op(shape, "ember.broadcast " + reshaped.name + " : " + type(wide) + " -> " + type(shape));
  }
  Value normalised(const Value &x) {
    Shape channels = {x.shape[1]};
    Value centred = binary("sub", x, perChannel(argument(channels), x.shape));
    Value root = op(channels, "ember.rsqrt " + argument(channels).name + " : " + type(channels));
    Value scaled = binary("mul", centred, perChannel(root, x.shape));
    scaled = binary("mul", scaled, perChannel(argument(channels), x.shape));
    return binary("add", scaled, perChannel(argument(channels), x.shape));
  }
  Value residual(const Value &x, int64_t channels, int64_t stride) {
    Value y = relu(normalised(convolution(x, channels, 3, stride, 1)));
    y = normalised(convolution(y, channels, 3, 1, 1));
    Value skip = stride == 1 ? x : normalised(convolution(x, channels, 1, stride, 0));
    return relu(binary("add", y, skip));
  }

  unsigned next = 0;
  std::string arguments, body;
};

double processorMs(const std::function<void()> &work) {
  std::clock_t start = std::clock();
  work();
  return 1e3 * (std::clock() - start) / CLOCKS_PER_SEC;
}

void resnet() {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(ResNet18().text, &context);
  ember::CompileOptions options;
  double passes = processorMs([&] { ember::emitStage(*module, "planned", options); });
  size_t kernels = 0;
  double all = processorMs([&] { kernels = ember::compileProgram(*module, options)->kernelNames.size(); });
  std::printf("ResNet-18 forward: %zu kernels, passes %.0f ms (with printing), graph to code %.0f ms\n", kernels, passes, all);
}

// The first step of the digits example against a later one: recording, passes and code.
void digits() {
  ember::manual_seed(0);
  nn::Sequential model(nn::Conv2d(1, 16, 3, nn::Conv2dOptions{.padding = 1}), nn::BatchNorm2d(16), nn::ReLU(), nn::MaxPool2d(2),
                       nn::Conv2d(16, 32, 3, nn::Conv2dOptions{.padding = 1}), nn::ReLU(), nn::MaxPool2d(2), nn::Flatten(),
                       nn::Dropout(0.25), nn::Linear(128, 10));
  ember::optim::AdamW optimizer(model->parameters(), {.lr = 3e-3});
  ember::Tensor images = ember::randn({32, 1, 8, 8}), labels = ember::zeros({32}).to(ember::kInt64);
  nn::CrossEntropyLoss lossFunction;
  auto step = [&] {
    optimizer.zero_grad();
    lossFunction(model(images), labels).backward();
    optimizer.step();
    ember::synchronize();
  };
  ember::synchronize();
  double first = processorMs(step), second = processorMs(step); // state of the optimizer: from zeros, then from memory
  double third = processorMs(step);
  std::printf("digits training step: first %.0f ms, second %.0f ms, later %.1f ms\n", first, second, third);
}

} // namespace

int main() {
  setenv("EMBER_CACHE_DIR", "", 1); // compiled, not found
  resnet();
  digits();
}
