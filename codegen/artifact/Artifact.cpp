#include "codegen/artifact/Artifact.h"

#include "codegen/Pipeline.h"
#include "codegen/artifact/Header.h"
#include "codegen/artifact/Linking.h"
#include "codegen/artifact/NewFile.h"
#include "codegen/artifact/Record.h"
#include "codegen/cpu/Backend.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/SizeBinding.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "passes/PlanMemory.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <pthread.h>
#include <signal.h>

using namespace mlir;
using namespace ember::ir;

namespace ember {

namespace {

// Kernels of one program for both instruction levels, added to `code`; `prefix` keeps programs' symbols apart.
CompiledProgram compile(func::FuncOp function, const ArtifactProgram &source, ModuleOp code, const std::string &prefix) {
  cpu::CpuTarget target;
  CompileOptions options;
  options.fuse = source.fuse;
  options.maxMemory = source.maxMemory;
  simplifyGraph(function, options);
  groupIntoKernels(function, target, options);
  passes::MemoryPlan plan = passes::planMemory(function, target);
  CompiledProgram program;
  program.function = function;
  program.source = &source;
  program.resultAlias.assign(plan.resultAlias.begin(), plan.resultAlias.end());
  for (auto [own, levelName] : {std::pair(&program.v3, "x86-64-v3"), std::pair(&program.v4, "x86-64-v4")}) {
    cpu::Level level = cpu::levelOf(levelName);
    std::vector<cpu::LaunchCode> launches;
    for (KernelOp kernel : kernelsOf(function)) {
      kernel::Group group = kernel::Group::of(kernel);
      own->symbols.push_back("v" + std::to_string(level.lanes) + prefix + std::to_string(own->symbols.size()));
      launches.push_back({target.generatorFor(group).emit(group, code, own->symbols.back(), level.lanes), nullptr});
    }
    own->table = cpu::buildHostTable(function, plan, launches);
  }
  return program;
}

std::string objectOf(const ArtifactRequest &request, bool withMain) {
  ModuleOp source = request.predict.module;
  OwningOpRef<ModuleOp> code = newKernelModule(*source.getContext()), predict = source.clone(), step;
  CompiledProgram predictProgram = compile(mainOf(*predict), request.predict, *code, "_"), stepProgram;
  if (request.training) {
    ModuleOp stepSource = request.training->step.module;
    step = stepSource.clone();
    stepProgram = compile(mainOf(*step), request.training->step, *code, "_step_");
  }
  const CompiledProgram *stepIfAny = request.training ? &stepProgram : nullptr;
  cpu::lowerToLlvmDialect(*code);
  auto levelOfFunction = [](llvm::StringRef name) { return cpu::levelOf(name.starts_with("v8_") ? "x86-64-v3" : "x86-64-v4"); };
  return cpu::compileObject(*code, levelOfFunction, [&](llvm::Module &module) {
    writeTables(module, request, predictProgram, stepIfAny, withMain);
    addRecord(module, recordText(request, predictProgram, stepIfAny));
  });
}

// What the C interface asks of a program's tensors.
void checkSignature(func::FuncOp function, const ArtifactProgram &source) {
  size_t inputs = function.getNumArguments() - source.memory.size();
  auto check = [](const std::string &name, Type type) {
    if (int64_t rank = cast<RankedTensorType>(type).getRank(); rank > EMBER_RT_MAX_RANK)
      throw CompileError("artifact: '" + name + "' has " + std::to_string(rank) + " dimensions, expected at most " +
                         std::to_string(EMBER_RT_MAX_RANK));
  };
  for (auto [number, type] : llvm::enumerate(function.getArgumentTypes())) {
    std::string name = argumentInfo(function, number).name;
    check(name, type);
    if (number >= inputs && !cast<RankedTensorType>(type).hasStaticShape())
      throw CompileError("artifact: '" + name + "' has sizes " + dimsText(cast<RankedTensorType>(type)) +
                         ", expected numbers: the artifact holds its value");
  }
  for (auto [number, type] : llvm::enumerate(function.getResultTypes()))
    check(resultInfo(function, number).name, type);
  for (const std::string &name : sizeNamesOf(function.getArgumentTypes()))
    if (llvm::none_of(function.getArgumentTypes(), [&](Type type) { return tells(cast<RankedTensorType>(type), name); }))
      throw CompileError("artifact: the size " + name + " follows from no dimension alone");
}

// An interrupt waits for its end: so both files of an artifact are there, or none.
class InterruptsWait {
public:
  InterruptsWait() {
    sigset_t interrupts;
    sigemptyset(&interrupts);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
      sigaddset(&interrupts, signal);
    pthread_sigmask(SIG_BLOCK, &interrupts, &before);
  }
  ~InterruptsWait() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  InterruptsWait(const InterruptsWait &) = delete;

private:
  sigset_t before;
};

// A device or folder of this name would be replaced by the artifact.
void requireReplaceable(const std::string &path) {
  llvm::sys::fs::file_status status;
  if (!llvm::sys::fs::status(path, status) && llvm::sys::fs::exists(status) && !llvm::sys::fs::is_regular_file(status))
    throw CompileError(path + ": expected a file or nothing there, found " +
                       (llvm::sys::fs::is_directory(status) ? "a folder" : "a device or pipe"));
}

bool isIdentifier(llvm::StringRef name) {
  return !name.empty() && name.size() <= 200 && !llvm::isDigit(name.front()) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

} // namespace

void writeArtifact(const ArtifactRequest &request, const std::string &path) {
  if (!isIdentifier(request.name))
    throw CompileError("artifact: the name is '" + request.name + "', expected a C identifier of at most 200 characters");
  if (llvm::StringRef(request.name).starts_with("ember_rt"))
    throw CompileError("artifact: the name is '" + request.name + "', expected none of the runtime's, which begin with ember_rt");
  llvm::StringRef ending = llvm::sys::path::extension(path);
  if (!ending.empty() && ending != ".o" && ending != ".a" && ending != ".so")
    throw CompileError(path + ": unknown ending '" + ending.str() + "', expected .so, .a, .o, .ember or none");
  checkSignature(mainOf(request.predict.module), request.predict);
  if (request.training)
    checkSignature(mainOf(request.training->step.module), request.training->step);
  requireReplaceable(path);
  std::string header = headerText(request);
  std::string object = objectOf(request, ending.empty());
  InterruptsWait interruptsWait;
  std::unique_ptr<llvm::MemoryBuffer> whole;
  if (ending != ".o")
    whole = linked(ending, request.name, object);
  NewFile artifact(path, whole ? whole->getBuffer() : object, /*isExecutable=*/ending.empty() || ending == ".so");
  if (ending.empty())
    return artifact.commit();
  NewFile declarations(path.substr(0, path.size() - ending.size()) + ".h", header);
  artifact.commit();
  declarations.commit();
}

} // namespace ember
