// Compiled kernels against what the machine can do: each round times the kernel and, in turn with it, a loop of multiply-adds or
// a copy of as many bytes. Columns: us (best round), rate (GFLOP/s or GB/s), ratio (of that loop), compile_ms.
//   EMBER_NUM_THREADS=1 ember_kernels_bench [--benchmark_filter=conv]
#include "codegen/Compiler.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "tools/ember/Ceilings.h"
#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdlib>
#include <random>

using namespace mlir;
using namespace ember::ir;

namespace {

struct Case {
  std::string name, text;
  double flops = 0; // 0: measured by its bytes
  double bytes = 0; // read and written once
};

std::string f32(std::initializer_list<int64_t> sizes, const char *element = "f32") {
  std::string text = "tensor<";
  for (int64_t size : sizes)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

// ---- contractions

void addMatmuls(std::vector<Case> &cases) {
  auto add = [&](const char *kind, int64_t m, int64_t n, int64_t k, bool leftTransposed, bool rightTransposed) {
    std::string a = f32({m, k}), b = f32({k, n}), c = f32({m, n});
    std::string stored[] = {leftTransposed ? f32({k, m}) : a, rightTransposed ? f32({n, k}) : b};
    std::string text = "func.func @main(%x: " + stored[0] + ", %y: " + stored[1] + ") -> " + c + " {\n";
    if (leftTransposed)
      text += "%a = ember.transpose %x [1, 0] : " + stored[0] + " -> " + a + "\n";
    if (rightTransposed)
      text += "%b = ember.transpose %y [1, 0] : " + stored[1] + " -> " + b + "\n";
    text += std::string("%0 = ember.matmul ") + (leftTransposed ? "%a" : "%x") + ", " + (rightTransposed ? "%b" : "%y") + " : " +
            a + ", " + b + " -> " + c + "\nreturn %0 : " + c + "\n}";
    std::string name =
        std::string("matmul/") + kind + "/" + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
    // Few rows: the weights are read once, which is what takes the time.
    if (m < 6)
      cases.push_back({name, text, 0, 4.0 * (m * k + k * n + m * n)});
    else
      cases.push_back({name, text, 2.0 * m * n * k, 0});
  };
  for (int64_t size : {64, 256, 1024}) {
    add("plain", size, size, size, false, false);
    add("left_transposed", size, size, size, true, false);
    add("right_transposed", size, size, size, false, true);
  }
  for (int64_t m : {1, 4, 16, 64}) {
    add("plain", m, 1024, 1024, false, false);
    add("right_transposed", m, 1024, 1024, false, true);
  }
  add("plain", 1024, 10, 512, false, false);
  add("right_transposed", 32, 10, 128, false, true);
  add("left_transposed", 512, 512, 4096, true, false);
}

struct Convolution {
  int64_t batch, in, out, size, kernel, stride;
};

void addConvolutions(std::vector<Case> &cases, const char *group, Convolution c, bool gradients) {
  int64_t padding = c.kernel / 2, outSize = (c.size + 2 * padding - c.kernel) / c.stride + 1;
  std::string weight = f32({c.out, c.in, c.kernel, c.kernel}), input = f32({c.batch, c.in, c.size, c.size}),
              output = f32({c.batch, c.out, outSize, outSize});
  auto pair = [](int64_t n) { return "[" + std::to_string(n) + ", " + std::to_string(n) + "]"; };
  std::string attributes = "stride " + pair(c.stride) + " padding " + pair(padding) + " dilation [1, 1] groups 1 : ";
  double flops = 2.0 * c.batch * c.out * c.in * c.kernel * c.kernel * outSize * outSize;
  auto add = [&](const char *op, const std::string &a, const std::string &b, const std::string &result) {
    std::string text = "func.func @main(%x: " + a + ", %y: " + b + ") -> " + result + " {\n%0 = ember." + op + " %x, %y " +
                       attributes + a + ", " + b + " -> " + result + "\nreturn %0 : " + result + "\n}";
    cases.push_back({std::string(group) + "/" + std::to_string(c.in) + "to" + std::to_string(c.out) + "_" +
                         std::to_string(c.size) + "_" + std::to_string(c.kernel) + "x" + std::to_string(c.kernel) + "s" +
                         std::to_string(c.stride) + "_batch" + std::to_string(c.batch) + "/" + op,
                     text, flops, 0});
  };
  add("conv2d", weight, input, output);
  if (!gradients)
    return;
  if (c.in > 3)
    add("conv2d_input_grad", weight, output, input);
  add("conv2d_weight_grad", output, input, weight);
}

constexpr Convolution kResNet18[] = {{1, 3, 64, 224, 7, 2},   {1, 64, 64, 56, 3, 1},   {1, 64, 128, 56, 3, 2},
                                     {1, 64, 128, 56, 1, 2},  {1, 128, 128, 28, 3, 1}, {1, 128, 256, 28, 3, 2},
                                     {1, 128, 256, 28, 1, 2}, {1, 256, 256, 14, 3, 1}, {1, 256, 512, 14, 3, 2},
                                     {1, 256, 512, 14, 1, 2}, {1, 512, 512, 7, 3, 1}};
constexpr Convolution kDigits[] = {{32, 1, 16, 8, 3, 1}, {32, 16, 32, 4, 3, 1}};

// ---- everything else, by bytes

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

void addElementwise(std::vector<Case> &cases) {
  for (int64_t count : {int64_t(1) << 14, int64_t(1) << 24}) {
    std::string place = count > 1 << 20 ? "out_of_cache" : "in_cache", t = f32({count});
    cases.push_back({"elementwise/two_streams/" + place,
                     replaced(R"(func.func @main(%x: T) -> T {
        %0 = ember.mul %x, %x : T  %1 = ember.add %0, %x : T  %2 = ember.relu %1 : T  return %2 : T })",
                              "T", t),
                     0, 8.0 * count});
    cases.push_back({"elementwise/three_streams/" + place,
                     replaced(R"(func.func @main(%x: T, %y: T) -> T {
        %0 = ember.mul %x, %y : T  %1 = ember.sub %0, %y : T  %2 = ember.relu %1 : T  return %2 : T })",
                              "T", t),
                     0, 12.0 * count});
    cases.push_back({"elementwise/gelu/" + place,
                     replaced(R"(func.func @main(%x: T) -> T {
        %h = ember.constant dense<0.5> : T  %r = ember.constant dense<0.70710678> : T  %o = ember.constant dense<1.0> : T
        %0 = ember.mul %x, %r : T  %1 = ember.erf %0 : T  %2 = ember.add %1, %o : T  %3 = ember.mul %x, %h : T
        %4 = ember.mul %3, %2 : T  return %4 : T })",
                              "T", t),
                     0, 8.0 * count});
  }
  for (const char *op : {"neg", "abs", "floor", "relu", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin",
                         "cos", "tanh", "erf", "sigmoid"})
    cases.push_back({"elementwise/unary/" + std::string(op),
                     replaced("func.func @main(%x: T) -> T { %0 = ember." + std::string(op) + " %x : T  return %0 : T }", "T",
                              f32({1 << 24})),
                     0, 8.0 * (1 << 24)});
  for (const char *op : {"add", "mul", "div", "maximum", "pow"})
    cases.push_back({"elementwise/binary/" + std::string(op),
                     replaced("func.func @main(%x: T, %y: T) -> T { %a = ember.abs %x : T  %0 = ember." + std::string(op) +
                                  " %a, %y : T  return %0 : T }",
                              "T", f32({1 << 24})),
                     0, 12.0 * (1 << 24)});
  std::string t = f32({4096, 4096});
  cases.push_back({"elementwise/transposed/out_of_cache",
                   replaced(R"(func.func @main(%x: T) -> T {
      %0 = ember.transpose %x [1, 0] : T -> T  %1 = ember.neg %0 : T  return %1 : T })",
                            "T", t),
                   0, 8.0 * 4096 * 4096});
}

void addRows(std::vector<Case> &cases) {
  for (int64_t columns : {10, 128, 1000, 1024, 4096}) {
    int64_t rows = (int64_t(1) << 22) / columns;
    std::string t = f32({rows, columns}), v = f32({rows}), u = f32({rows, 1}), size = std::to_string(columns);
    auto add = [&](const char *kind, const char *text) {
      cases.push_back({"rows/" + std::string(kind) + "/" + size, replaced(replaced(replaced(text, "TT", t), "VV", v), "UU", u), 0,
                       8.0 * rows * columns});
    };
    add("softmax", R"(func.func @main(%x: TT) -> TT {
        %m = ember.max %x [1] : TT -> VV  %m1 = ember.reshape %m : VV -> UU  %mb = ember.broadcast %m1 : UU -> TT
        %d = ember.sub %x, %mb : TT  %e = ember.exp %d : TT  %s = ember.sum %e [1] : TT -> VV
        %s1 = ember.reshape %s : VV -> UU  %sb = ember.broadcast %s1 : UU -> TT  %y = ember.div %e, %sb : TT
        return %y : TT })");
    add("layer_norm", R"(func.func @main(%x: TT) -> TT {
        %c = ember.constant dense<0.001> : VV  %o = ember.constant dense<1.0e-5> : VV
        %s = ember.sum %x [1] : TT -> VV  %m = ember.mul %s, %c : VV  %m1 = ember.reshape %m : VV -> UU
        %mb = ember.broadcast %m1 : UU -> TT  %d = ember.sub %x, %mb : TT  %q = ember.mul %d, %d : TT
        %v = ember.sum %q [1] : TT -> VV  %w = ember.mul %v, %c : VV  %z = ember.add %w, %o : VV  %r = ember.rsqrt %z : VV
        %r1 = ember.reshape %r : VV -> UU  %rb = ember.broadcast %r1 : UU -> TT  %y = ember.mul %d, %rb : TT
        return %y : TT })");
  }
}

void addReductions(std::vector<Case> &cases) {
  auto sum = [&](const char *kind, std::initializer_list<int64_t> sizes, std::initializer_list<int64_t> kept, const char *axes) {
    double count = 1;
    for (int64_t size : sizes)
      count *= size;
    std::string t = f32(sizes), r = f32(kept);
    cases.push_back({std::string("reduce/") + kind,
                     "func.func @main(%x: " + t + ") -> " + r + " {\n%0 = ember.sum %x [" + axes + "] : " + t + " -> " + r +
                         "\nreturn %0 : " + r + "\n}",
                     0, 4 * count});
  };
  sum("all/16M", {4096, 4096}, {}, "0, 1");
  sum("rows/1024", {4096, 1024}, {4096}, "1");
  sum("columns/8192x3072", {8192, 3072}, {3072}, "0");
  sum("columns/65536x64", {65536, 64}, {64}, "0");
  sum("channels/32x64x56x56", {32, 64, 56, 56}, {64}, "0, 2, 3");
  sum("channels/32x512x7x7", {32, 512, 7, 7}, {512}, "0, 2, 3");
  struct Shape {
    int64_t batch, channels, size;
  };
  for (Shape s : {Shape{32, 16, 8}, Shape{16, 64, 56}, Shape{32, 512, 7}}) {
    std::string t = f32({s.batch, s.channels, s.size, s.size}), c = f32({s.channels}), u = f32({1, s.channels, 1, 1});
    double count = s.batch * s.channels * s.size * s.size;
    cases.push_back({"reduce/batch_norm_statistics/" + std::to_string(s.batch) + "x" + std::to_string(s.channels) + "x" +
                         std::to_string(s.size),
                     replaced(replaced(replaced(R"(func.func @main(%x: TT) -> (CC, CC) {
        %k = ember.constant dense<0.001> : CC
        %s = ember.sum %x [0, 2, 3] : TT -> CC  %m = ember.mul %s, %k : CC  %m1 = ember.reshape %m : CC -> UU
        %mb = ember.broadcast %m1 : UU -> TT  %d = ember.sub %x, %mb : TT  %q = ember.mul %d, %d : TT
        %v = ember.sum %q [0, 2, 3] : TT -> CC  %w = ember.mul %v, %k : CC
        return %m, %w : CC, CC })",
                                                "TT", t),
                                       "CC", c),
                              "UU", u),
                     0, 4 * count});
  }
}

void addPooling(std::vector<Case> &cases) {
  struct Pool {
    int64_t batch, channels, size, kernel, stride, padding;
  };
  for (Pool p : {Pool{8, 64, 112, 3, 2, 1}, Pool{32, 16, 8, 2, 2, 0}, Pool{32, 64, 32, 2, 2, 0}}) {
    int64_t out = (p.size + 2 * p.padding - p.kernel) / p.stride + 1;
    std::string x = f32({p.batch, p.channels, p.size, p.size}), y = f32({p.batch, p.channels, out, out}),
                i = f32({p.batch, p.channels, out, out}, "i64"), q = f32({p.size, p.size}, "i64");
    auto pair = [](int64_t n) { return "[" + std::to_string(n) + ", " + std::to_string(n) + "]"; };
    std::string window = "kernel " + pair(p.kernel) + " stride " + pair(p.stride) + " padding " + pair(p.padding) + " : ";
    double whole = p.batch * p.channels * p.size * p.size, pooled = p.batch * p.channels * out * out;
    std::string name = std::to_string(p.kernel) + "x" + std::to_string(p.kernel) + "s" + std::to_string(p.stride) + "_" +
                       std::to_string(p.batch) + "x" + std::to_string(p.channels) + "x" + std::to_string(p.size);
    cases.push_back({"pool/max/" + name,
                     "func.func @main(%x: " + x + ") -> " + y + " {\n%0 = ember.max_pool2d %x " + window + x + " -> " + y +
                         "\nreturn %0 : " + y + "\n}",
                     0, 4 * (whole + pooled)});
    cases.push_back({"pool/max_grad/" + name,
                     "func.func @main(%x: " + x + ", %g: " + y + ") -> " + x + " {\n%f = ember.iota 0 : " +
                         f32({p.size * p.size}, "i64") + "\n%p = ember.reshape %f : " + f32({p.size * p.size}, "i64") + " -> " +
                         q + "\n%i = ember.max_pool2d_indices %x, %p " + window + x + ", " + q + " -> " + i +
                         "\n%0 = ember.max_pool2d_grad %g, %i, %p " + window + y + ", " + i + ", " + q + " -> " + x +
                         "\nreturn %0 : " + x + "\n}",
                     0, 4 * (2 * whole + pooled)});
  }
}

void addOptimizers(std::vector<Case> &cases) {
  for (int64_t count : {int64_t(1) << 14, int64_t(1) << 23})
    cases.push_back({"adamw/" + std::to_string(count),
                     replaced(R"(
      func.func @main(%p: TT {ember.donated = 0 : i64}, %g: TT, %m: TT {ember.donated = 1 : i64}, %v: TT {ember.donated = 2 : i64},
                      %lr: tensor<f32>, %c: tensor<f32>) -> (TT, TT, TT) {
        %b1 = ember.constant dense<0.9> : TT  %n1 = ember.constant dense<0.1> : TT  %b2 = ember.constant dense<0.999> : TT
        %n2 = ember.constant dense<0.001> : TT  %eps = ember.constant dense<1.0e-8> : TT
        %l = ember.broadcast %lr : tensor<f32> -> TT  %d = ember.broadcast %c : tensor<f32> -> TT
        %0 = ember.mul %m, %b1 : TT  %1 = ember.mul %g, %n1 : TT  %m1 = ember.add %0, %1 : TT
        %2 = ember.mul %v, %b2 : TT  %3 = ember.mul %g, %g : TT  %4 = ember.mul %3, %n2 : TT  %v1 = ember.add %2, %4 : TT
        %5 = ember.sqrt %v1 : TT  %6 = ember.add %5, %eps : TT  %7 = ember.div %m1, %6 : TT  %8 = ember.mul %7, %l : TT
        %9 = ember.mul %p, %d : TT  %p1 = ember.sub %9, %8 : TT
        return %p1, %m1, %v1 : TT, TT, TT })",
                              "TT", f32({count})),
                     0, 28.0 * count});
}

void addEmbedding(std::vector<Case> &cases) {
  cases.push_back({"embedding/lookup/30000x256",
                   "func.func @main(%x: tensor<30000x256xf32>, %i: tensor<8192xi64>) -> "
                   "tensor<8192x256xf32> {\n%0 = ember.take %x, %i axis 0 : tensor<30000x256xf32>, "
                   "tensor<8192xi64> -> tensor<8192x256xf32>\nreturn %0 : tensor<8192x256xf32>\n}",
                   0, 8.0 * 8192 * 256});
  cases.push_back({"embedding/gradient/30000x256",
                   "func.func @main(%x: tensor<30000x256xf32> {ember.donated = 0 : i64}, %i: tensor<8192xi64>, %g: "
                   "tensor<8192x256xf32>) -> tensor<30000x256xf32> {\n%0 = ember.index_add %x, %i, %g axis 0 : "
                   "tensor<30000x256xf32>, tensor<8192xi64>, tensor<8192x256xf32>\nreturn %0 : tensor<30000x256xf32>\n}",
                   0, 12.0 * 8192 * 256});
}

// ---- running them

struct Program {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  std::shared_ptr<ember::Executable> executable;
  std::vector<std::vector<char>> memory;
  std::vector<void *> arguments, results;
  double compileMs = 0;

  explicit Program(const std::string &text) {
    ember::loadDialects(context);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      throw std::runtime_error("a benchmark's program does not parse");
    double start = ember::bench::now();
    executable = ember::compileProgram(*module, {});
    compileMs = 1e3 * (ember::bench::now() - start);
    auto function = module->lookupSymbol<func::FuncOp>("main");
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (Type type : function.getArgumentTypes()) {
      std::vector<char> &bytes = reserve(type);
      arguments.push_back(bytes.data());
      if (cast<RankedTensorType>(type).getElementType().isF32())
        std::generate_n(reinterpret_cast<float *>(bytes.data()), bytes.size() / 4, [&] { return uniform(random); });
      else
        std::generate_n(reinterpret_cast<int64_t *>(bytes.data()), bytes.size() / 8, [&] { return random() % 30000; });
    }
    for (auto [number, type] : llvm::enumerate(function.getResultTypes())) {
      int64_t alias = executable->resultAlias[number];
      results.push_back(alias >= 0 ? arguments[alias] : reserve(type).data());
    }
  }

  double seconds(int turns) {
    double start = ember::bench::now();
    for (int turn = 0; turn < turns; ++turn)
      executable->run(arguments, results, {});
    return (ember::bench::now() - start) / turns;
  }

private:
  std::vector<char> &reserve(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return memory.emplace_back(tensor.getNumElements() * byteWidth(tensor.getElementType()));
  }
};

// Each round: the ceiling, then the kernel for about a millisecond. The best of both over all rounds.
void measure(benchmark::State &state, const Case &own) {
  Program program(own.text);
  program.seconds(1);
  double once = program.seconds(1), best = 1e9, ceiling = 0;
  int turns = std::max(1, static_cast<int>(1e-3 / once));
  for (auto _ : state) {
    ceiling = std::max(ceiling, own.flops > 0 ? ember::bench::fmaPeak() : ember::bench::copyRate(own.bytes));
    double took = program.seconds(turns);
    best = std::min(best, took);
    state.SetIterationTime(took);
  }
  double rate = (own.flops > 0 ? own.flops : own.bytes) / best / 1e9;
  state.counters["us"] = best * 1e6;
  state.counters["rate"] = rate;
  state.counters["ratio"] = rate / ceiling;
  state.counters["compile_ms"] = program.compileMs;
}

} // namespace

int main(int argc, char **argv) {
  setenv("EMBER_NUM_THREADS", "1", /*overwrite=*/0);
  static std::vector<Case> cases;
  addMatmuls(cases);
  for (const Convolution &c : kResNet18)
    addConvolutions(cases, "resnet18", c, true);
  for (const Convolution &c : kDigits)
    addConvolutions(cases, "digits", c, true);
  addElementwise(cases);
  addRows(cases);
  addReductions(cases);
  addPooling(cases);
  addOptimizers(cases);
  addEmbedding(cases);
  for (const Case &own : cases)
    benchmark::RegisterBenchmark(own.name.c_str(), [&own](benchmark::State &state) { measure(state, own); })
        ->UseManualTime()
        ->Iterations(15)
        ->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
