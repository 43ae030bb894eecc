#include "codegen/cpu/Backend.h"

#include "codegen/Timing.h"
#include "codegen/cpu/MathExpansion.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "runtime/include/ember_rt.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopStrengthReduce.h"
#include <cmath>
#include <mutex>
#include <stdexcept>

using namespace mlir;

namespace ember::cpu {

Level levelOf(const std::string &text) {
  if (text == "x86-64-v4")
    return {text, 16};
  if (text == "x86-64-v3")
    return {text, 8};
  if (text != "native")
    throw std::runtime_error("target: unknown level '" + text + "', expected native, x86-64-v3 or x86-64-v4");
  auto features = llvm::sys::getHostCPUFeatures();
  auto has = [&](const char *name) { return features.lookup(name); };
  if (has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl") && has("avx512cd"))
    return {"x86-64-v4", 16};
  if (has("avx2") && has("fma") && has("f16c"))
    return {"x86-64-v3", 8};
  throw std::runtime_error("target: this processor has no AVX2, FMA and F16C; expected at least x86-64-v3");
}

// Ops that no instruction computes, and what they expand into; the rest of the module is left alone.
static void expandMath(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<math::MathDialect>(op->getDialect()) || isa<arith::DivFOp>(op))
      ops.push_back(op);
  });
  RewritePatternSet patterns(module.getContext());
  populateMathExpansion(patterns);
  GreedyRewriteConfig config;
  config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
  if (!ops.empty() && failed(applyOpPatternsGreedily(ops, std::move(patterns), config)))
    throw std::runtime_error("lowering: math expansion did not come to an end");
}

// All dialects in one conversion.
void lowerToLlvmDialect(ModuleOp module) {
  PassTimer timer("lower");
  expandMath(module);
  MLIRContext *context = module.getContext();
  LLVMTypeConverter types(context);
  RewritePatternSet patterns(context);
  populateSCFToControlFlowConversionPatterns(patterns);
  populateVectorToLLVMConversionPatterns(types, patterns);
  populateMathToLLVMConversionPatterns(types, patterns);
  arith::populateArithToLLVMConversionPatterns(types, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(types, patterns);
  populateFuncToLLVMConversionPatterns(types, patterns);
  LLVMConversionTarget target(*context);
  target.addLegalOp<ModuleOp>();
  if (failed(applyFullConversion(module, target, std::move(patterns))))
    throw std::runtime_error("lowering: a kernel could not be lowered to LLVM");
}

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
  });
}

static std::unique_ptr<llvm::TargetMachine> machineFor(const Level &level) {
  initializeTargets();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    throw std::runtime_error("target: " + error);
  std::string features = level.lanes == 16 ? "-prefer-256-bit" : "";
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, level.cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

// Code generation would reduce the strength of addresses in every loop, which takes half of its time and gains nothing beside
// the arithmetic of contractions: it is done in `simplify`, in functions that ask for it.
struct NoStrengthReduction final : llvm::OptPassGate {
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef) const override { return pass != "Loop Strength Reduction"; }
  bool isEnabled() const override { return true; }
};

// Where LLVM keeps the types and constants of one compilation.
struct CompileContext : llvm::LLVMContext {
  CompileContext() { setOptPassGate(gate); }
  NoStrengthReduction gate;
};

struct ReduceStrength : llvm::PassInfoMixin<ReduceStrength> {
  llvm::PreservedAnalyses run(llvm::Function &function, llvm::FunctionAnalysisManager &analyses) {
    if (!function.hasFnAttribute(kReduceStrength))
      return llvm::PreservedAnalyses::all();
    return llvm::createFunctionToLoopPassAdaptor(llvm::LoopStrengthReducePass()).run(function, analyses);
  }
};

// Hoisting and clean-up only: the generators have chosen vectors, unrolling and order already.
static void simplify(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (auto error = builder.parsePassPipeline(
          passes, "function(early-cse,simplifycfg,instcombine<no-verify-fixpoint>,loop-mssa(licm),early-cse<memssa>,"
                  "loop-mssa(licm))"))
    throw std::runtime_error("pipeline: " + llvm::toString(std::move(error)));
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(ReduceStrength()));
  passes.run(module, modules);
}

using LevelOfFunction = std::function<Level(llvm::StringRef)>;

static std::unique_ptr<llvm::Module> translate(ModuleOp module, const LevelOfFunction &levelOfFunction,
                                               llvm::LLVMContext &context, llvm::TargetMachine &machine) {
  PassTimer timer("llvm");
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, context, "ember");
  if (!translated)
    throw std::runtime_error("lowering: a kernel could not be translated to LLVM");
  translated->setDataLayout(machine.createDataLayout());
  translated->setTargetTriple(machine.getTargetTriple());
  for (llvm::Function &function : *translated)
    if (!function.isDeclaration()) {
      Level level = levelOfFunction(function.getName());
      function.addFnAttr("prefer-vector-width", level.lanes == 16 ? "512" : "256");
      function.addFnAttr("target-cpu", level.cpu);
      function.addFnAttr(llvm::Attribute::NoUnwind);
    }
  simplify(*translated, machine);
  return translated;
}

static std::string emitFile(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType kind) {
  PassTimer timer("asm");
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, kind))
    throw std::runtime_error("target: cannot write this kind of file");
  passes.run(module);
  return std::string(bytes);
}

static LevelOfFunction always(const Level &level) {
  return [level](llvm::StringRef) { return level; };
}

std::string compileObject(ModuleOp module, const Level &level) {
  auto machine = machineFor(level);
  CompileContext context;
  return emitFile(*translate(module, always(level), context, *machine), *machine, llvm::CodeGenFileType::ObjectFile);
}

std::string compileObject(ModuleOp module, const LevelOfFunction &levelOfFunction,
                          const std::function<void(llvm::Module &)> &decorate) {
  auto machine = machineFor({"x86-64", 8});
  CompileContext context;
  auto translated = translate(module, levelOfFunction, context, *machine);
  decorate(*translated);
  return emitFile(*translated, *machine, llvm::CodeGenFileType::ObjectFile);
}

std::string llvmText(ModuleOp module, const Level &level) {
  auto machine = machineFor(level);
  CompileContext context;
  std::string text;
  llvm::raw_string_ostream stream(text);
  translate(module, always(level), context, *machine)->print(stream, nullptr);
  return text;
}

std::string assemblyOf(const std::string &llvmText, const std::string &name, const Level &level) {
  auto machine = machineFor(level);
  CompileContext context;
  llvm::SMDiagnostic fault;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(llvmText, fault, context);
  if (!module)
    throw std::runtime_error(name + ":" + std::to_string(fault.getLineNo()) + ":" + std::to_string(fault.getColumnNo() + 1) +
                             ": " + fault.getMessage().str());
  module->setDataLayout(machine->createDataLayout());
  module->setTargetTriple(machine->getTargetTriple());
  return emitFile(*module, *machine, llvm::CodeGenFileType::AssemblyFile);
}

struct LoadedCode::Engine {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

static void check(llvm::Error error) {
  if (error)
    throw std::runtime_error("loading code: " + llvm::toString(std::move(error)));
}

static std::atomic<int64_t> objectsLoaded;
int64_t LoadedCode::count() { return objectsLoaded; }

LoadedCode::LoadedCode(const std::string &object) : engine(std::make_unique<Engine>()) {
  PassTimer timer("load");
  initializeTargets();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    check(jit.takeError());
  engine->jit = std::move(*jit);
  auto generator = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(engine->jit->getDataLayout().getGlobalPrefix());
  if (!generator)
    check(generator.takeError());
  llvm::orc::JITDylib &library = engine->jit->getMainJITDylib();
  library.addGenerator(std::move(*generator));
  // The runtime is linked with hidden symbols: what kernels call is named here.
  llvm::orc::SymbolMap symbols;
  auto name = [&](const char *symbol, auto *function) {
    symbols[engine->jit->mangleAndIntern(symbol)] = {llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported};
  };
  name("ember_rt_note_fault", &ember_rt_note_fault);
  name("ember_rt_draw_uniform", &ember_rt_draw_uniform);
  name("ember_rt_draw_normal", &ember_rt_draw_normal);
  name("ember_rt_draw_normal_singly", &ember_rt_draw_normal_singly);
  name("ember_rt_draw_randint", &ember_rt_draw_randint);
  name("ember_rt_draw_bernoulli", &ember_rt_draw_bernoulli);
  name("ember_rt_draw_randperm", &ember_rt_draw_randperm);
  check(library.define(llvm::orc::absoluteSymbols(std::move(symbols))));
  check(engine->jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, "kernels")));
  ++objectsLoaded;
}

LoadedCode::~LoadedCode() { --objectsLoaded; }

void *LoadedCode::find(const std::string &symbol) const {
  auto address = engine->jit->lookup(symbol);
  if (!address)
    check(address.takeError());
  return address->toPtr<void *>();
}

} // namespace ember::cpu
