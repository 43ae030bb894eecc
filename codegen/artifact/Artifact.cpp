#include "codegen/artifact/Artifact.h"

#include "codegen/Pipeline.h"
#include "codegen/artifact/Tables.h"
#include "codegen/cpu/Backend.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "passes/PlanMemory.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

namespace {

void writeFile(const std::string &path, llvm::StringRef bytes) {
  char error[512];
  ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
  if (!file)
    throw CompileError(error);
  ember_rt_file_write(file, bytes.data(), bytes.size());
  if (ember_rt_file_close(file, 1, error, sizeof error) != 0)
    throw CompileError(error);
}

std::string cType(Type element) {
  if (element.isF64())
    return "double";
  if (element.isF32())
    return "float";
  return "see dtype";
}

std::string headerText(const ArtifactRequest &request, func::FuncOp function) {
  std::string text, name = request.name, guard = llvm::StringRef(name).upper() + "_H";
  llvm::raw_string_ostream out(text);
  out << "/* " << name << ": a compiled model. Link with -lm -lpthread.\n\n";
  auto list = [&](const char *kind, ArrayRef<std::string> names, ArrayRef<Type> types) {
    for (auto [number, tensor] : llvm::enumerate(names)) {
      auto type = cast<RankedTensorType>(types[number]);
      out << "   " << kind << " " << number << "  " << tensor << ": " << cType(type.getElementType()) << " [";
      llvm::interleaveComma(type.getShape(), out);
      out << "], row-major\n";
    }
  };
  list("input", request.inputNames, function.getArgumentTypes());
  list("output", request.outputNames, function.getResultTypes());
  out << "*/\n#ifndef " << guard << "\n#define " << guard
      << "\n#include <stdint.h>\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  out << "#ifndef EMBER_RT_H\n/* dtype: 0 f64, 1 f32, 2 bf16, 3 f16, 4 i64, 5 i32, 6 i16, 7 i8, 8 u8, 9 bool (one byte). */\n";
  out << "typedef struct {\n  uint32_t dtype, rank;\n  const int64_t *dims;\n  void *data;\n} ember_tensor;\n"
         "typedef struct ember_model ember_model;\n#endif\n\n";
  out << "/* threads 0: as many as processors. NULL: out of memory, or a processor without AVX2. */\n";
  out << "ember_model *" << name << "_create(uint32_t threads);\n";
  out << "void " << name << "_destroy(ember_model *model);\n";
  out << "/* 0, or -1 with one line in " << name << "_error. Outputs are your memory, with dtype, rank and dims filled in. */\n";
  out << "int32_t " << name
      << "_run(ember_model *model, const ember_tensor *inputs, uint32_t input_count, ember_tensor *outputs,\n"
      << "                uint32_t output_count);\n";
  out << "const char *" << name << "_error(const ember_model *model);\n\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}

// Kernels for both instruction levels, and the tables that launch them.
std::string objectOf(const ArtifactRequest &request, func::FuncOp function, bool withMain) {
  cpu::CpuTarget target;
  groupIntoKernels(function, target, {});
  passes::MemoryPlan plan = passes::planMemory(function, target);
  OwningOpRef<ModuleOp> code = newKernelModule(*function.getContext());
  std::vector<std::unique_ptr<cpu::HostTable>> tables;
  std::vector<std::vector<std::string>> symbols;
  for (const char *levelName : {"x86-64-v3", "x86-64-v4"}) {
    cpu::Level level = cpu::levelOf(levelName);
    std::vector<cpu::LaunchCode> launches;
    std::vector<std::string> own;
    for (KernelOp kernel : function.getBody().front().getOps<KernelOp>()) {
      kernel::Group group = kernel::Group::of(kernel);
      own.push_back("v" + std::to_string(level.lanes) + "_" + std::to_string(own.size()));
      launches.push_back({target.generatorFor(group).emit(group, *code, own.back(), level.lanes), nullptr});
    }
    tables.push_back(cpu::buildHostTable(function, plan, launches));
    if (!tables.back()->isStatic())
      throw CompileError("an artifact needs static sizes");
    symbols.push_back(own);
  }
  cpu::lowerToLlvmDialect(*code);
  auto levelOfFunction = [](llvm::StringRef name) { return cpu::levelOf(name.starts_with("v8_") ? "x86-64-v3" : "x86-64-v4"); };
  return cpu::compileObject(*code, levelOfFunction, [&](llvm::Module &module) {
    writeTables(module, request, function, {*tables[0], *tables[1]}, symbols, withMain);
  });
}

void runTool(const std::string &tool, const std::vector<std::string> &arguments) {
  auto program = llvm::sys::findProgramByName(tool);
  if (!program)
    throw CompileError("linking needs '" + tool + "' on PATH, which is not there");
  std::vector<llvm::StringRef> words{*program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::string message;
  if (llvm::sys::ExecuteAndWait(*program, words, std::nullopt, {}, 0, 0, &message) != 0)
    throw CompileError("linking: '" + tool + "' failed " + message);
}

bool isIdentifier(llvm::StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) && llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

} // namespace

void writeArtifact(const ArtifactRequest &request, const std::string &path) {
  if (!isIdentifier(request.name))
    throw CompileError("artifact: the name is '" + request.name + "', expected a C identifier");
  llvm::StringRef ending = llvm::sys::path::extension(path);
  if (!ending.empty() && ending != ".o" && ending != ".a" && ending != ".so")
    throw CompileError(path + ": unknown ending '" + ending.str() + "', expected .o, .a, .so or none");
  ModuleOp program = request.program;
  OwningOpRef<ModuleOp> module = program.clone();
  auto function = module->lookupSymbol<func::FuncOp>("main");
  std::string header = headerText(request, function);
  std::string object = objectOf(request, function, ending.empty());
  if (ending == ".o") {
    writeFile(path, object);
  } else {
    // Linked aside, then renamed: the old or the new artifact is there at any moment.
    std::string aside = path + ".tmp" + ending.str(), part = path + ".tmp.o";
    writeFile(part, object);
    struct Cleanup {
      std::string part, aside;
      ~Cleanup() {
        llvm::sys::fs::remove(part);
        llvm::sys::fs::remove(aside);
      }
    } cleanup{part, aside};
    if (ending == ".a") {
      llvm::sys::fs::copy_file(EMBER_RT_ARCHIVE, aside);
      runTool("ar", {"rD", aside, part});
    } else {
      std::vector<std::string> arguments{"-o", aside, part, EMBER_RT_ARCHIVE, "-lm", "-lpthread", "-Wl,--gc-sections", "-s"};
      if (ending == ".so")
        arguments.push_back("-shared");
      runTool("cc", arguments);
    }
    if (llvm::sys::fs::rename(aside, path))
      throw CompileError(path + ": cannot be written");
  }
  if (!ending.empty())
    writeFile(path.substr(0, path.size() - ending.size()) + ".h", header);
}

} // namespace ember
