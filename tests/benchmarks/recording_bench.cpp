// What recording costs: a whole training step (record, backward, key, look-up, arguments, erasing) without the time its kernels
// take, a recorded op.
#include <ember/ember.h>

#include <benchmark/benchmark.h>
#include <chrono>
#include <memory>

namespace nn = ember::nn;
using ember::Tensor;

namespace {

using Clock = std::chrono::steady_clock;
double nanosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

enum Rule { kSGD, kAdam };

// An MLP with cross-entropy, small so that the step is all recording. Arguments: the rule, and hidden layers.
void BM_TrainingStep(benchmark::State &state) {
  ember::manual_seed(0);
  nn::Sequential model(nn::Linear(16, 16), nn::ReLU(), nn::Linear(16, 16), nn::ReLU(), nn::Linear(16, 16), nn::ReLU(),
                       nn::Linear(16, 10));
  std::unique_ptr<ember::optim::Optimizer> optimizer;
  if (state.range(0) == kAdam)
    optimizer = std::make_unique<ember::optim::Adam>(model->parameters(), ember::optim::AdamOptions{});
  else
    optimizer = std::make_unique<ember::optim::SGD>(model->parameters(), ember::optim::SGDOptions{.lr = 0.1});
  Tensor inputs = ember::randn({8, 16}), labels = ember::randint(0, 10, {8});
  nn::CrossEntropyLoss criterion;
  double forward = 0, backward = 0, update = 0;
  auto step = [&] {
    auto start = Clock::now();
    Tensor loss = criterion(model(inputs), labels);
    forward += nanosecondsSince(start);
    start = Clock::now();
    optimizer->zero_grad();
    loss.backward();
    backward += nanosecondsSince(start);
    start = Clock::now();
    optimizer->step();
    update += nanosecondsSince(start);
  };
  for (int i = 0; i < 5; ++i) // compiles
    step();
  ember::synchronize();
  forward = backward = update = 0;
  ember::Counters before = ember::counters();
  auto start = Clock::now();
  for (auto _ : state)
    step();
  ember::synchronize();
  double all = nanosecondsSince(start);
  ember::Counters after = ember::counters();
  double steps = static_cast<double>(state.iterations()),
         running = static_cast<double>(after.runNanoseconds - before.runNanoseconds);
  double ops = static_cast<double>(after.opsRecorded - before.opsRecorded);
  state.counters["ops_a_step"] = ops / steps;
  state.counters["ns_an_op"] = (all - running) / ops;
  state.counters["forward_us"] = forward / steps / 1e3; // with the cut of the step before, and its kernels
  state.counters["backward_us"] = backward / steps / 1e3;
  state.counters["update_us"] = update / steps / 1e3;
  state.counters["kernels_us"] = running / steps / 1e3;
  state.counters["compiled"] = static_cast<double>(after.programsCompiled - before.programsCompiled);
}
BENCHMARK(BM_TrainingStep)->Arg(kSGD)->Arg(kAdam)->Unit(benchmark::kMicrosecond);

// Elementwise ops alone, dropped as soon as they are recorded.
void BM_RecordedOp(benchmark::State &state) {
  ember::NoGradGuard noGrad;
  Tensor x = ember::ones({4});
  for (auto _ : state) {
    Tensor y = x;
    for (int i = 0; i < 100; ++i)
      y = y * x;
    benchmark::DoNotOptimize(y);
  }
  state.counters["ns_an_op"] = benchmark::Counter(static_cast<double>(state.iterations()) * 100e-9,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_RecordedOp);

} // namespace

BENCHMARK_MAIN();
