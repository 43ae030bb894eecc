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

static std::string keyOf(const ProgramForm &form) {
  return form.text + std::string(reinterpret_cast<const char *>(form.sizes.data()), form.sizes.size() * sizeof(int64_t));
}

ProgramCache::Found ProgramCache::lookUp(const ProgramForm &form, const Outline &outline, bool bySizes) {
  std::string key = keyOf(form);
  std::shared_ptr<Program> program;
  {
    std::lock_guard lock(mutex);
    program = programs.find(key);
  }
  if (!program && bySizes)
    if (std::optional<Found> found = ofFamily(form, outline))
      return *found;
  {
    std::lock_guard lock(mutex);
    program = programs.get(key);
    shrink();
  }
  std::lock_guard compiling(program->mutex);
  if (!program->executable)
    compile(*program, *outline({}));
  return {program, {}};
}

// The program for all sizes that this form was seen with.
std::optional<ProgramCache::Found> ProgramCache::ofFamily(const ProgramForm &form, const Outline &outline) {
  std::vector<ir::SizeExpr> dims;
  std::shared_ptr<SizeFamily> family;
  Found found;
  {
    std::lock_guard lock(mutex);
    family = families.get(form.text);
    std::optional<ir::SizeValues> names = family->namesAt(form.sizes);
    if (!names && family->learn(form.sizes, form.argumentSizes))
      names = family->namesAt(form.sizes);
    if (!names)
      return std::nullopt;
    dims = family->dims();
    found = {programs.get(form.text + family->text()), *names};
    shrink();
  }
  std::lock_guard compiling(found.program->mutex);
  if (found.program->executable)
    return found;
  try {
    if (OwningOpRef<ModuleOp> module = outline(dims)) {
      compile(*found.program, *module);
      return found;
    }
  } catch (const CompileError &) { // the program for these sizes alone tells what is wrong, if it is
  }
  std::lock_guard lock(mutex);
  family->refuse();
  return std::nullopt;
}

// Its lock is held.
void ProgramCache::compile(Program &program, ModuleOp module) {
  program.executable = compileApart(module, CompileOptions::fromEnvironment());
  program.operations = 0;
  module.walk([&](Operation *op) {
    bool computes = op->getNumResults() > 0 && op->getNumOperands() > 0;
    program.operations += computes;
  });
  std::lock_guard lock(mutex);
  ++programsCompiled;
}

void ProgramCache::shrink() {
  programs.shrink(std::max<size_t>(mostPrograms, 1));
  families.shrink(std::max<size_t>(mostPrograms, 1));
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
                    const ir::SizeValues &sizes) {
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
