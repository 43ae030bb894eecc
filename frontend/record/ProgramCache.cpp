#include "record/ProgramCache.h"

#include "ember/error.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace ember::record {

ProgramCache &ProgramCache::get() {
  static auto *cache = new ProgramCache; // never destroyed: tensors may outlive statics
  return *cache;
}

std::shared_ptr<Program> ProgramCache::lookUp(const std::string &key, const std::function<OwningOpRef<ModuleOp>()> &outline) {
  std::shared_ptr<Program> program;
  {
    std::lock_guard lock(mutex);
    auto found = byKey.find(key);
    if (found != byKey.end()) {
      byUse.splice(byUse.begin(), byUse, found->second);
    } else {
      byUse.emplace_front(key, std::make_shared<Program>());
      byKey[key] = byUse.begin();
      shrink();
    }
    program = byUse.front().second;
  }
  std::lock_guard compiling(program->mutex);
  if (!program->executable) {
    OwningOpRef<ModuleOp> module = outline();
    program->executable = compileApart(*module, CompileOptions::fromEnvironment());
    program->operations = 0;
    module->walk([&](Operation *op) {
      bool computes = op->getNumResults() > 0 && op->getNumOperands() > 0;
      program->operations += computes;
    });
    std::lock_guard lock(mutex);
    ++programsCompiled;
  }
  return program;
}

void ProgramCache::shrink() {
  while (byUse.size() > std::max<size_t>(mostPrograms, 1)) {
    byKey.erase(byUse.back().first);
    byUse.pop_back();
  }
}

void ProgramCache::setLimit(size_t count) {
  std::lock_guard lock(mutex);
  mostPrograms = count;
  shrink();
}

int64_t ProgramCache::compiled() const {
  std::lock_guard lock(mutex);
  return programsCompiled;
}

OwningOpRef<ModuleOp> copyInto(MLIRContext &context, ModuleOp program) {
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  if (failed(writeBytecodeToFile(program, stream)))
    throw CompileError("a program could not be written as bytecode");
  OwningOpRef<ModuleOp> copy = parseSourceString<ModuleOp>(bytes, ParserConfig(&context, /*verifyAfterParse=*/false));
  if (!copy)
    throw CompileError("a program could not be read back from its bytecode");
  return copy;
}

RunFault runProgram(Executable &executable, const std::vector<void *> &arguments, const std::vector<void *> &results,
                    const std::map<std::string, int64_t> &sizes) {
  try {
    return executable.run(arguments, results, sizes);
  } catch (const OutOfMemory &error) {
    throw ember::Error(error.what());
  }
}

std::shared_ptr<Executable> compileHere(ModuleOp program) {
  try {
    return compileProgram(program, CompileOptions::fromEnvironment());
  } catch (const CompileError &error) {
    throw ember::Error(error.what());
  }
}

std::shared_ptr<Executable> compileApart(ModuleOp program, const CompileOptions &options) {
  if (options.interpret) // no pass runs
    return compileProgram(program, options);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  return compileProgram(*copyInto(context, program), options); // native code holds nothing of the context
}

} // namespace ember::record
