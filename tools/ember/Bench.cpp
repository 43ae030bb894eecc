// ember bench: what each kernel takes, against what the machine can do at that moment and against the unfused program.
#include "codegen/Pipeline.h"
#include "tools/ember/Ceilings.h"
#include "tools/ember/KernelList.h"
#include "tools/ember/Tensors.h"
#include "llvm/Support/Format.h"
#include <nlohmann/json.hpp>

using namespace mlir;

namespace ember::tool {

namespace {

struct Arguments {
  InputArguments inputs;
  unsigned threads = 0, repeat = 20;
  bool json = false;
  CompileOptions options;
};

// The pool's threads each run a loop at once; their rates add up.
double onAllThreads(double (*rate)(int64_t), int64_t argument) {
  struct Context {
    double (*rate)(int64_t);
    int64_t argument;
    std::vector<double> rates;
  } context{rate, argument, std::vector<double>(ember_rt_pool_size(processPool()))};
  int64_t count = context.rates.size();
  auto one = [](void *opaque, int64_t begin, int64_t end, unsigned) {
    auto *own = static_cast<Context *>(opaque);
    for (int64_t i = begin; i < end; ++i)
      own->rates[i] = own->rate(own->argument);
  };
  ember_rt_parallel(processPool(), count, 1, count, one, &context);
  double sum = 0;
  for (double part : context.rates)
    sum += part;
  return sum;
}

// The best that the ceilings' loops have reached so far. A copy's ceiling depends on how much is copied: what stays in a cache is
// copied faster. Each kernel has that of its own bytes, rounded up to a power of two.
class MeasuredCeilings {
public:
  void measure(const std::vector<double> &bytesOfKernels) {
    peak = std::max(peak, onAllThreads([](int64_t) { return bench::fmaPeak(); }, 0));
    for (double bytes : bytesOfKernels)
      copies.try_emplace(classOf(bytes), 0);
    int64_t threads = ember_rt_pool_size(processPool());
    for (auto &[bytes, rate] : copies)
      rate = std::max(rate, onAllThreads(bench::copyRate, std::max<int64_t>(bytes / threads, 1)));
  }
  double flopRate() const { return peak; }
  double copyRate(double bytes) const { return copies.at(classOf(bytes)); }

private:
  static int64_t classOf(double bytes) {
    int64_t rounded = 4096;
    while (rounded < bytes && rounded < (int64_t(1) << 28))
      rounded *= 2;
    return rounded;
  }
  double peak = 0;                  // GFLOP/s
  std::map<int64_t, double> copies; // GB/s
};

// A program that is run again and again; the best time of each kernel and of the whole.
class Contender {
public:
  Contender(const Model &model, const CompileOptions &options, Tensors &tensors)
      : executable(compileProgram(*model.module, options)), tensors(tensors), best(executable->kernelNames.size(), INFINITY) {
    executable->measures = true;
  }

  void run() {
    std::vector<int64_t> before = executable->kernelNanoseconds;
    std::vector<void *> results = tensors.results(executable->resultAlias);
    double start = bench::now();
    RunFault fault = executable->run(tensors.arguments(), results, tensors.sizes());
    whole = std::min(whole, bench::now() - start);
    if (fault.happened)
      throw Mistake(fault.text() + ": give inputs as .npy files");
    for (size_t i = 0; i < best.size(); ++i)
      best[i] = std::min(best[i], (executable->kernelNanoseconds[i] - before[i]) * 1e-9);
  }
  double seconds(size_t kernel) const { return std::max(best[kernel], 1e-9); }
  double wholeSeconds() const { return whole; }
  size_t kernelCount() const { return best.size(); }

private:
  std::shared_ptr<Executable> executable;
  Tensors &tensors;
  std::vector<double> best;
  double whole = INFINITY;
};

struct Row {
  std::string ops;
  double milliseconds, flopRate, percentOfPeak, byteRate, percentOfCopy; // rates: 1e9 a second
};

struct Report {
  std::vector<Row> rows;
  double fusedMilliseconds, unfusedMilliseconds, flopRate;
  size_t unfusedKernels;
  unsigned threads, repeat;
};

Report measure(const Arguments &own, Session &session) {
  Model model = Model::load(own.inputs.model, session);
  for (unsigned i = 0; i < model.main().getNumArguments(); ++i) // every run has the same inputs
    model.main().removeArgAttr(i, "ember.donated");
  Tensors tensors(model, own.inputs.files, parseSizes(own.inputs.sizes), own.inputs.seed);
  CompileOptions unfusedOptions = own.options;
  unfusedOptions.fuse = false;
  KernelList list = listKernels(model, own.options, tensors.sizes());
  Contender fused(model, own.options, tensors), unfused(model, unfusedOptions, tensors);
  std::vector<double> flops, bytes;
  for (const KernelFacts &kernel : list.kernels) {
    flops.push_back(kernel::evaluate(kernel.cost.flops, tensors.sizes()));
    bytes.push_back(kernel::evaluate(kernel.cost.bytesRead + kernel.cost.bytesWritten, tensors.sizes()));
  }
  MeasuredCeilings ceilings;
  for (unsigned turn = 0; turn < own.repeat; ++turn) {
    ceilings.measure(bytes);
    fused.run();
    unfused.run();
  }
  Report report{{},
                fused.wholeSeconds() * 1e3,
                unfused.wholeSeconds() * 1e3,
                ceilings.flopRate(),
                unfused.kernelCount(),
                ember_rt_pool_size(processPool()),
                own.repeat};
  for (auto [i, kernel] : llvm::enumerate(list.kernels)) {
    double flopRate = flops[i] / fused.seconds(i) / 1e9, byteRate = bytes[i] / fused.seconds(i) / 1e9;
    report.rows.push_back({kernel.ops, fused.seconds(i) * 1e3, flopRate, 100 * flopRate / ceilings.flopRate(), byteRate,
                           100 * byteRate / ceilings.copyRate(bytes[i])});
  }
  return report;
}

std::string tableOf(const Report &report) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "        ms   GFLOP/s   % peak      GB/s   % copy  ops of the kernel\n";
  for (const Row &row : report.rows)
    out << llvm::format("%10.4f %9.1f %8.1f %9.1f %8.1f  ", row.milliseconds, row.flopRate, row.percentOfPeak, row.byteRate,
                        row.percentOfCopy)
        << row.ops << "\n";
  out << llvm::format("%10.4f", report.fusedMilliseconds) << " ms fused, " << report.rows.size() << " kernels\n"
      << llvm::format("%10.4f", report.unfusedMilliseconds) << " ms unfused, " << report.unfusedKernels
      << " kernels: " << llvm::format("%.2f", report.unfusedMilliseconds / report.fusedMilliseconds) << " times the fused\n"
      << "peak: " << llvm::format("%.1f", report.flopRate)
      << " GFLOP/s of multiply-adds in registers; copy: a copy of the kernel's bytes; " << report.threads
      << (report.threads == 1 ? " thread" : " threads") << ", best of " << report.repeat << " runs in turn\n";
  return text;
}

std::string jsonOf(const Report &report) {
  nlohmann::json kernels = nlohmann::json::array();
  for (const Row &row : report.rows)
    kernels.push_back({{"ops", row.ops},
                       {"milliseconds", row.milliseconds},
                       {"gflops_per_second", row.flopRate},
                       {"percent_of_peak", row.percentOfPeak},
                       {"gigabytes_per_second", row.byteRate},
                       {"percent_of_copy", row.percentOfCopy}});
  nlohmann::json all = {{"kernels", kernels},
                        {"fused_milliseconds", report.fusedMilliseconds},
                        {"unfused_milliseconds", report.unfusedMilliseconds},
                        {"unfused_kernels", report.unfusedKernels},
                        {"peak_gflops_per_second", report.flopRate},
                        {"threads", report.threads},
                        {"repeat", report.repeat}};
  return all.dump(2) + "\n";
}

} // namespace

void addBench(CLI::App &app, Session &session) {
  CLI::App *command =
      addCommand(app, "bench", "measure each kernel against the machine and the unfused program",
                 "Example: ember bench mlp.mlir --threads 1 --repeat 50\n"
                 "Flops and bytes are the least that the kernel's ops need. The ceilings are measured in turn with\n"
                 "the program, in the same run; a kernel near 100 % of either has no more to give.");
  auto own = std::make_shared<Arguments>();
  addInputOptions(*command, own->inputs);
  command->add_option("--threads", own->threads, "threads to run on (default: EMBER_NUM_THREADS, or one a processor)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--repeat", own->repeat, "runs; the best counts")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_flag("--json", own->json, "print JSON instead of a table");
  addCompileOptions(*command, own->options);
  command->callback([command, own, &session] {
    refuseUnknown(*command);
    if (own->threads)
      setProcessThreads(own->threads);
    Report report = measure(*own, session);
    writeText("", own->json ? jsonOf(report) : tableOf(report));
  });
}

} // namespace ember::tool
