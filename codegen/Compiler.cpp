#include "codegen/Compiler.h"

#include "codegen/artifact/Tables.h"
#include "codegen/cpu/Backend.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/HostTable.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "ir/ops/Kernel.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/FormKernels.h"
#include <cstring>
#include <mutex>

using namespace mlir;
using namespace ember::ir;

namespace ember {

CompileOptions CompileOptions::fromEnvironment() {
  CompileOptions options;
  const char *interpret = std::getenv("EMBER_INTERPRET");
  options.interpret = interpret && std::strcmp(interpret, "1") == 0;
  return options;
}

void loadDialects(MLIRContext &context) {
  context.loadDialect<EmberDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect,
                      math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
}

ember_pool *processPool() {
  static ember_pool *pool = ember_rt_pool_create(0);
  return pool;
}

static func::FuncOp mainOf(ModuleOp module) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function)
    throw CompileError("the module has no function 'main'");
  return function;
}

namespace {

// A kernel that is compiled and loaded, kept for every program that has the same one.
struct LoadedKernel {
  kernel::KernelCode code;
  std::shared_ptr<cpu::LoadedCode> owner;
  ember_kernel_fn function = nullptr;
};

class KernelCache {
public:
  std::mutex mutex;
  std::map<std::string, LoadedKernel> kernels;
  CompileCounters counters;
};

KernelCache &kernelCache() {
  static auto *cache = new KernelCache; // never destroyed: programs may outlive statics
  return *cache;
}

// The kernel's content without names and places: what its code depends on.
std::string keyOf(KernelOp kernel, const cpu::Level &level) {
  OwningOpRef<Operation *> copy = kernel->clone();
  cast<KernelOp>(copy.get()).setLabel("");
  std::string text = level.cpu + "\n";
  llvm::raw_string_ostream stream(text);
  OpPrintingFlags flags;
  flags.useLocalScope().elideLargeElementsAttrs(1 << 20);
  copy->print(stream, flags);
  return text;
}

std::vector<LoadedKernel> compileKernels(ArrayRef<KernelOp> kernels, const cpu::CpuTarget &target, const cpu::Level &level) {
  KernelCache &cache = kernelCache();
  std::lock_guard lock(cache.mutex);
  std::vector<std::string> keys;
  std::map<std::string, LoadedKernel> fresh;
  OwningOpRef<ModuleOp> module = newKernelModule(*kernels.front()->getContext());
  for (KernelOp kernel : kernels) {
    keys.push_back(keyOf(kernel, level));
    if (cache.kernels.count(keys.back()) || fresh.count(keys.back())) {
      ++cache.counters.kernelsReused;
      continue;
    }
    kernel::Group group = kernel::Group::of(kernel);
    std::string symbol = "kernel_" + std::to_string(fresh.size());
    LoadedKernel loaded;
    loaded.code = target.generatorFor(group).emit(group, *module, symbol, level.lanes);
    fresh[keys.back()] = loaded;
    ++cache.counters.kernelsCompiled;
  }
  if (!fresh.empty()) {
    cpu::lowerToLlvmDialect(*module);
    auto code = std::make_shared<cpu::LoadedCode>(cpu::compileObject(*module, level));
    for (auto &[key, loaded] : fresh) {
      loaded.owner = code;
      loaded.function = reinterpret_cast<ember_kernel_fn>(code->find(loaded.code.symbol));
      cache.kernels[key] = loaded;
    }
  }
  std::vector<LoadedKernel> result;
  for (const std::string &key : keys)
    result.push_back(cache.kernels.at(key));
  return result;
}

// Memory that a thread's programs share: one runs at a time.
struct ThreadArena {
  void *memory = nullptr;
  int64_t bytes = 0;
  ~ThreadArena() { ember_rt_free(memory); }
  void *reserve(int64_t wanted) {
    if (wanted > bytes) {
      ember_rt_free(memory);
      memory = ember_rt_allocate(wanted);
      bytes = memory ? wanted : 0;
      if (!memory)
        throw std::bad_alloc();
    }
    return memory;
  }
};

class NativeExecutable : public Executable {
public:
  NativeExecutable(std::unique_ptr<cpu::HostTable> table, std::vector<LoadedKernel> kernels)
      : table(std::move(table)), kernels(std::move(kernels)), spent(this->kernels.size()) {
    if (wantsTiming())
      timedExecutables().push_back(this);
  }

  // EMBER_TIMING=1: what each kernel took, over all runs.
  void report() const {
    for (size_t i = 0; i < spent.size(); ++i)
      std::fprintf(stderr, "%10.1f us a run  %6lld runs  %s\n", spent[i] / 1e3 / std::max<int64_t>(runs, 1),
                   static_cast<long long>(runs), table->program.launches[i].name);
  }

  RunFault run(const std::vector<void *> &arguments, const std::vector<void *> &results,
               const std::map<std::string, int64_t> &sizes) override {
    thread_local ThreadArena arena, scratch;
    std::vector<int64_t> own;
    const int64_t *values = table->staticValues.data();
    if (!table->isStatic) {
      own = table->resolve(sizes);
      values = own.data();
    }
    void *memory = arena.reserve(values[table->program.arena_bytes] + 64);
    void *room = scratch.reserve(values[table->program.scratch_bytes] * ember_rt_pool_size(processPool()) + 64);
    ember_fault fault;
    RunFault result;
    int64_t *times = wantsTiming() ? spent.data() : nullptr;
    ++runs;
    if (ember_rt_run_timed(&table->program, processPool(), values, arguments.data(), results.data(), memory, room, nullptr,
                           &fault, times) != 0) {
      result.happened = true;
      result.value = fault.value;
      result.bound = fault.bound;
    }
    return result;
  }

private:
  static bool wantsTiming() {
    static const bool wanted = std::getenv("EMBER_TIMING") && std::strcmp(std::getenv("EMBER_TIMING"), "1") == 0;
    return wanted;
  }
  static std::vector<NativeExecutable *> &timedExecutables() {
    static auto *list = [] {
      std::atexit([] {
        for (NativeExecutable *executable : timedExecutables())
          executable->report();
      });
      return new std::vector<NativeExecutable *>;
    }();
    return *list;
  }

  std::unique_ptr<cpu::HostTable> table;
  std::vector<LoadedKernel> kernels; // keep their code alive
  std::vector<int64_t> spent;        // nanoseconds by launch
  int64_t runs = 0;
};

class InterpretedExecutable : public Executable {
public:
  explicit InterpretedExecutable(ModuleOp program) : module(program.clone()) {
    resultAlias.assign(mainOf(*module).getNumResults(), -1);
  }

  RunFault run(const std::vector<void *> &arguments, const std::vector<void *> &results,
               const std::map<std::string, int64_t> &sizes) override {
    func::FuncOp function = mainOf(*module);
    std::vector<ReferenceTensor> values;
    for (auto [argument, memory] : llvm::zip_equal(function.getArguments(), arguments)) {
      SmallVector<int64_t> shape;
      auto type = cast<RankedTensorType>(argument.getType());
      for (const SizeExpr &size : dimSizes(type))
        shape.push_back(size.evaluate(sizes));
      values.push_back(referenceOf(RankedTensorType::get(shape, type.getElementType()), memory));
    }
    auto computed = interpret(function, std::move(values));
    RunFault fault;
    fault.happened = failed(computed);
    if (!fault.happened)
      for (auto [value, memory] : llvm::zip_equal(*computed, results))
        writeBytes(value, memory);
    return fault;
  }

private:
  OwningOpRef<ModuleOp> module;
};

SmallVector<KernelOp> kernelsOf(func::FuncOp function) { return llvm::to_vector(function.getBody().front().getOps<KernelOp>()); }

} // namespace

std::shared_ptr<Executable> compileProgram(ModuleOp program, const CompileOptions &options) {
  if (options.interpret)
    return std::make_shared<InterpretedExecutable>(program);
  cpu::Level level = cpu::levelOf(options.target);
  OwningOpRef<ModuleOp> module = program.clone();
  func::FuncOp function = mainOf(*module);
  cpu::CpuTarget target;
  if (failed(passes::formKernels(function, target, {options.fuse})))
    throw CompileError("a program could not be grouped into kernels");
  passes::MemoryPlan plan = passes::planMemory(function, target);
  SmallVector<KernelOp> ops = kernelsOf(function);
  std::vector<LoadedKernel> kernels;
  if (!ops.empty())
    kernels = compileKernels(ops, target, level);
  std::vector<cpu::LaunchCode> launches;
  for (const LoadedKernel &kernel : kernels)
    launches.push_back({kernel.code, kernel.function});
  auto table = cpu::buildHostTable(function, plan, launches);
  auto executable = std::make_shared<NativeExecutable>(std::move(table), std::move(kernels));
  executable->resultAlias.assign(plan.resultAlias.begin(), plan.resultAlias.end());
  executable->arenaBytes = plan.peakBytes;
  executable->liveBytes = plan.liveBytes;
  for (KernelOp op : ops)
    executable->kernelNames.push_back(op.getLabel().str());
  return executable;
}

std::string emitStage(ModuleOp program, const std::string &stage, const CompileOptions &options) {
  cpu::Level level = cpu::levelOf(options.target);
  OwningOpRef<ModuleOp> module = program.clone();
  auto printed = [](Operation *op) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    op->print(stream);
    return text + "\n";
  };
  if (stage == "graph")
    return printed(*module);
  func::FuncOp function = mainOf(*module);
  cpu::CpuTarget target;
  if (failed(passes::formKernels(function, target, {options.fuse})))
    throw CompileError("a program could not be grouped into kernels");
  if (stage == "kernels")
    return printed(*module);
  passes::MemoryPlan plan = passes::planMemory(function, target);
  if (stage == "planned")
    return printed(*module) + "// arena " + plan.arenaBytes.str() + " bytes, live " + std::to_string(plan.liveBytes) + " bytes\n";
  OwningOpRef<ModuleOp> code = newKernelModule(*module->getContext());
  for (auto [i, kernel] : llvm::enumerate(kernelsOf(function))) {
    kernel::Group group = kernel::Group::of(kernel);
    target.generatorFor(group).emit(group, *code, "kernel_" + std::to_string(i), level.lanes);
  }
  if (stage == "vector")
    return printed(*code);
  cpu::lowerToLlvmDialect(*code);
  if (stage == "llvm")
    return cpu::llvmText(*code, level);
  if (stage == "asm")
    return cpu::compileAssembly(*code, level);
  throw CompileError("unknown stage '" + stage + "', expected graph, kernels, planned, vector, llvm or asm");
}

CompileCounters compileCounters() {
  KernelCache &cache = kernelCache();
  std::lock_guard lock(cache.mutex);
  return cache.counters;
}

} // namespace ember
