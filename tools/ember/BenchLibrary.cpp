// ember bench of a shared library: what its functions take, called as C programs call them.
#include "codegen/kernel/Cost.h"
#include "tools/ember/Bench.h"
#include "tools/ember/Ceilings.h"
#include "tools/ember/NativeLibrary.h"

using namespace mlir;

namespace ember::tool {

namespace {

// A function that is called again and again, on the same inputs; its best time.
class Call {
public:
  Call(NativeLibrary &library, const NativeProgram &program, const BenchArguments &own,
       const std::map<std::string, int64_t> &sizes)
      : library(library), program(program), tensors(program.signature, own.inputs.files, sizes, own.inputs.seed) {
    func::FuncOp main = program.signature.main();
    std::vector<void *> arguments = tensors.arguments(),
                        results = tensors.results(std::vector<int64_t>(main.getNumResults(), -1));
    for (auto [number, memory] : llvm::enumerate(arguments))
      inputs.push_back(tensorOf(tensors.resolved(main.getArgumentTypes()[number]), memory));
    for (auto [number, memory] : llvm::enumerate(results))
      outputs.push_back(tensorOf(tensors.resultType(number), memory));
  }

  void run() {
    double start = bench::now();
    library.call(program, inputs, outputs);
    best = std::min(best, bench::now() - start);
  }
  double flops() const { return kernel::evaluate(program.flops, tensors.sizes()); }
  double bytes() const { return kernel::evaluate(program.bytes, tensors.sizes()); }
  BenchRow row(const MeasuredCeilings &ceilings) const { return rowOf(program.function, best, flops(), bytes(), ceilings); }

private:
  ember_tensor tensorOf(RankedTensorType type, void *memory) {
    dims.push_back(std::make_unique<std::vector<int64_t>>(type.getShape().begin(), type.getShape().end()));
    return {*dtypeNumber(type.getElementType()), static_cast<uint32_t>(type.getRank()), dims.back()->data(), memory};
  }

  NativeLibrary &library;
  const NativeProgram &program;
  Tensors tensors;
  std::vector<std::unique_ptr<std::vector<int64_t>>> dims;
  std::vector<ember_tensor> inputs, outputs;
  double best = INFINITY;
};

} // namespace

std::string benchLibrary(const BenchArguments &own, Session &session) {
  unsigned threads = ember_rt_pool_size(processPool());
  NativeLibrary library(own.inputs.model, threads, session);
  std::vector<std::unique_ptr<Call>> calls;
  std::vector<double> bytes;
  SmallVector<Type> types; // a size of one function is none of the other, maybe
  for (const NativeProgram &program : library.programs())
    llvm::append_range(types, program.signature.main().getArgumentTypes());
  std::map<std::string, int64_t> sizes = parseSizes(own.inputs.sizes, types);
  for (const NativeProgram &program : library.programs()) {
    if (!calls.empty() && !own.inputs.files.empty()) // the files are the step's
      break;
    calls.push_back(std::make_unique<Call>(library, program, own, sizes));
    bytes.push_back(calls.back()->bytes());
  }
  MeasuredCeilings ceilings;
  for (unsigned turn = 0; turn < own.repeat; ++turn) {
    ceilings.measure(bytes);
    for (auto &call : calls)
      call->run();
  }
  std::vector<BenchRow> rows;
  for (auto &call : calls)
    rows.push_back(call->row(ceilings));
  if (own.json)
    return nlohmann::json({{"functions", jsonOf("function", rows)},
                           {"peak_gflops_per_second", ceilings.flopRate()},
                           {"threads", threads},
                           {"repeat", own.repeat}})
               .dump(2) +
           "\n";
  return tableOf("function of the library", rows) + conditions("a function's", ceilings.flopRate(), threads, own.repeat);
}

} // namespace ember::tool
