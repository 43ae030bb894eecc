// ember bench: what each kernel takes, against what the machine can do at that moment and against the unfused program.
#include "tools/ember/Bench.h"
#include "codegen/Pipeline.h"
#include "codegen/artifact/Record.h"
#include "tools/ember/Ceilings.h"
#include "tools/ember/KernelList.h"
#include "tools/ember/Tensors.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace ember::tool {

namespace {

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

struct Report {
  std::vector<BenchRow> rows;
  double fusedMilliseconds, unfusedMilliseconds, flopRate;
  size_t unfusedKernels;
  unsigned threads, repeat;
};

Report measure(const BenchArguments &own, Session &session) {
  Model model = Model::load(own.inputs.model, session);
  for (unsigned i = 0; i < model.main().getNumArguments(); ++i) // every run has the same inputs
    model.main().removeArgAttr(i, "ember.donated");
  Tensors tensors(model, own.inputs.files, parseSizes(own.inputs.sizes, model.main().getArgumentTypes()), own.inputs.seed);
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
  for (auto [i, kernel] : llvm::enumerate(list.kernels))
    report.rows.push_back(rowOf(kernel.ops, fused.seconds(i), flops[i], bytes[i], ceilings));
  return report;
}

std::string tableOf(const Report &report) {
  std::string text = tableOf("ops of the kernel", report.rows);
  llvm::raw_string_ostream out(text);
  out << llvm::format("%10.4f", report.fusedMilliseconds) << " ms fused, " << report.rows.size() << " kernels\n"
      << llvm::format("%10.4f", report.unfusedMilliseconds) << " ms unfused, " << report.unfusedKernels
      << " kernels: " << llvm::format("%.2f", report.unfusedMilliseconds / report.fusedMilliseconds) << " times the fused\n"
      << conditions("a kernel's", report.flopRate, report.threads, report.repeat);
  return text;
}

nlohmann::json jsonOf(const Report &report) {
  return {{"kernels", jsonOf("ops", report.rows)},
          {"fused_milliseconds", report.fusedMilliseconds},
          {"unfused_milliseconds", report.unfusedMilliseconds},
          {"unfused_kernels", report.unfusedKernels},
          {"peak_gflops_per_second", report.flopRate},
          {"threads", report.threads},
          {"repeat", report.repeat}};
}

} // namespace

void addBench(CLI::App &app, Session &session) {
  CLI::App *command =
      addCommand(app, "bench", "measure each kernel against the machine and the unfused program",
                 "Example: ember bench mlp.mlir --threads 1 --repeat 50\n"
                 "Flops and bytes are the least that the kernel's ops need. The ceilings are measured in turn with\n"
                 "the program, in the same run; a kernel near 100 % of either has no more to give.\n"
                 "A shared library that ember wrote is loaded, and its functions are measured as a C program would\n"
                 "call them: NAME_run, or NAME_step and NAME_predict. What compiling takes options for is decided there.");
  auto own = std::make_shared<BenchArguments>();
  addInputOptions(*command, own->inputs, ", or a shared library (.so) of ember's");
  addThreadsOption(*command, own->threads);
  command->add_option("--repeat", own->repeat, "runs; the best counts")
      ->type_name("N")
      ->check(wholeNumber(1, 1000000))
      ->capture_default_str();
  addFlag(*command, "--json", own->json, "print JSON instead of a table");
  addCompileOptions(*command, own->options);
  command->callback([command, own, &session] {
    refuseUnknown(*command);
    if (own->threads)
      setProcessThreads(own->threads);
    if (isNative(firstBytes(own->inputs.model, 8))) {
      for (const char *option : {"--target", "--unfused", "--max-memory"})
        if (command->count(option))
          throw Mistake("bench: " + own->inputs.model + " is compiled, found " + option);
      return writeText("", benchLibrary(*own, session));
    }
    Report report = measure(*own, session);
    writeText("", own->json ? jsonOf(report).dump(2) + "\n" : tableOf(report));
  });
}

} // namespace ember::tool
