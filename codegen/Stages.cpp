#include "codegen/Stages.h"

#include "codegen/CheckProgram.h"
#include "codegen/ParseProgram.h"
#include "codegen/Pipeline.h"
#include "codegen/artifact/Tables.h"
#include "codegen/cpu/Backend.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/EmberDialect.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include <atomic>

using namespace mlir;
using namespace ember::ir;

namespace ember {

llvm::ArrayRef<StageInfo> stages() {
  static constexpr StageInfo list[] = {
#define EMBER_STAGE(identifier, name, ending, summary) {name, ending, summary},
#include "tools/Stages.def"
  };
  return list;
}

static const StageInfo &infoOf(Stage stage) { return stages()[static_cast<size_t>(stage)]; }

std::string stageNames() {
  std::string names;
  for (const StageInfo &info : stages())
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  return names;
}

Stage stageOf(const std::string &name) {
  for (auto [number, info] : llvm::enumerate(stages()))
    if (name == info.name)
      return static_cast<Stage>(number);
  throw CompileError("unknown stage '" + name + "', expected one of " + stageNames());
}

StagedProgram::StagedProgram(ModuleOp program, const CompileOptions &options, std::map<std::string, int64_t> sizes)
    : options(options), sizes(std::move(sizes)), at(Stage::Recorded), module(program.clone()) {}

StagedProgram StagedProgram::read(const std::string &text, const std::string &name, Stage stage, MLIRContext &context,
                                  const CompileOptions &options, std::map<std::string, int64_t> sizes) {
  StagedProgram program(options, stage);
  program.sizes = std::move(sizes);
  program.name = name;
  if (stage >= Stage::Llvm) {
    checkText(text, name);
    program.code = text;
    return program;
  }
  program.module = parseProgram(text, name, context);
  if (!program.module)
    throw CompileError(name + ": not a program of stage " + infoOf(stage).name);
  if (stage == Stage::Kernels || stage == Stage::Planned)
    checkKernels(mainOf(*program.module), cpu::CpuTarget());
  else if (stage < Stage::Kernels)
    checkProgram(mainOf(*program.module));
  return program;
}

std::string StagedProgram::text() const {
  if (at >= Stage::Llvm)
    return code;
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.get()->print(stream);
  return text + "\n" + (at == Stage::Planned ? places : "");
}

void StagedProgram::advanceTo(Stage stage) {
  if (stage < at)
    throw CompileError(std::string("stage ") + infoOf(stage).name + " comes before " + infoOf(at).name);
  while (at < stage)
    step();
}

void StagedProgram::step() {
  Stage next = static_cast<Stage>(static_cast<int>(at) + 1);
  switch (next) {
  case Stage::Recorded:
  case Stage::Grad:
    break;
  case Stage::Graph:
    simplifyGraph(mainOf(*module), options);
    break;
  case Stage::Kernels:
    formKernels();
    break;
  case Stage::Planned:
    plan();
    break;
  case Stage::Vector:
    emitKernels();
    break;
  case Stage::Llvm:
    cpu::lowerToLlvmDialect(*module);
    code = cpu::llvmText(*module, cpu::levelOf(options.target));
    module = {};
    break;
  case Stage::Asm:
    code = cpu::assemblyOf(code, name, cpu::levelOf(options.target));
    break;
  }
  at = next;
}

void StagedProgram::formKernels() { groupIntoKernels(mainOf(*module), cpu::CpuTarget(), options); }

void StagedProgram::plan() {
  func::FuncOp function = mainOf(*module);
  passes::MemoryPlan plan = planned(function, cpu::CpuTarget());
  for (const std::string &name : sizeNamesOf(function.getArgumentTypes()))
    if (!sizes.empty() && !sizes.count(name))
      throw CompileError("the program needs a number for the size '" + name + "'");
  places = passes::describePlan(function, plan, sizes);
}

void StagedProgram::emitKernels() {
  cpu::Level level = cpu::levelOf(options.target);
  cpu::CpuTarget target;
  OwningOpRef<ModuleOp> emitted = newKernelModule(*module->getContext());
  for (auto [number, kernel] : llvm::enumerate(kernelsOf(mainOf(*module)))) {
    kernel::Group group = kernel::Group::of(kernel);
    target.generatorFor(group).emit(group, *emitted, "kernel_" + std::to_string(number), level.lanes);
  }
  module = std::move(emitted);
}

std::vector<std::pair<std::string, StagedProgram>> StagedProgram::kernels() const {
  assert((at == Stage::Kernels || at == Stage::Planned) && "kernels stand in the program at these stages alone");
  std::vector<std::pair<std::string, StagedProgram>> list;
  for (KernelOp kernel : kernelsOf(mainOf(*module))) {
    StagedProgram own(options, at);
    own.module = ModuleOp::create(kernel.getLoc());
    OpBuilder builder(own.module->getBodyRegion());
    auto function = func::FuncOp::create(builder, kernel.getLoc(), "main",
                                         builder.getFunctionType(kernel.getInputs().getTypes(), kernel.getOutputs().getTypes()));
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToStart(body);
    IRMapping mapping;
    mapping.map(kernel.getInputs(), body->getArguments());
    auto copy = cast<KernelOp>(builder.clone(*kernel, mapping));
    for (auto [number, argument] : llvm::enumerate(body->getArguments())) // an operand given twice is two arguments
      copy.getInputsMutable()[number].set(argument);
    func::ReturnOp::create(builder, kernel.getLoc(), copy.getOutputs());
    list.emplace_back(kernel.getLabel().str(), std::move(own));
  }
  return list;
}

std::string emitStage(ModuleOp program, const std::string &stage, const CompileOptions &options,
                      const std::map<std::string, int64_t> &sizes) {
  StagedProgram staged(program, options, sizes);
  staged.advanceTo(stageOf(stage));
  return staged.text();
}

static void writeText(const std::string &path, const std::string &text) {
  char error[512];
  ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
  if (!file)
    throw CompileError(error);
  ember_rt_file_write(file, text.data(), text.size());
  if (ember_rt_file_close(file, 1, error, sizeof error) != 0)
    throw CompileError(error);
}

// From the program's own stage on to the last, each under `stem(stage)`.
static void dumpFrom(StagedProgram program, llvm::function_ref<std::string(const StageInfo &, size_t)> stem) {
  for (size_t number = static_cast<size_t>(program.stage()); number < stages().size(); ++number) {
    program.advanceTo(static_cast<Stage>(number));
    writeText(stem(stages()[number], number) + stages()[number].ending, program.text());
  }
}

void dumpStages(ModuleOp program, const CompileOptions &options, const std::string &folder) {
  static std::atomic<int> next = 0;
  std::string own = folder + "/program-" + std::to_string(next++);
  if (std::error_code fault = llvm::sys::fs::create_directories(own))
    throw CompileError("EMBER_DUMP: " + own + ": " + fault.message());
  dumpFrom(StagedProgram(program, options), [&](const StageInfo &info, size_t number) {
    return own + "/" + llvm::formatv("{0,0+2}", number).str() + "-" + info.name;
  });
  StagedProgram planned(program, options);
  planned.advanceTo(Stage::Planned);
  size_t number = 0;
  for (auto &[label, kernel] : planned.kernels()) {
    std::string stem = own + "/kernel-" + std::to_string(number++) + "-" + label;
    dumpFrom(std::move(kernel), [&](const StageInfo &, size_t) { return stem; });
  }
}

} // namespace ember
