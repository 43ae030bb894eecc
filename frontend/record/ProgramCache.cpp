#include "record/ProgramCache.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace ember::record {

constexpr size_t kMostPrograms = 512;

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
      if (byUse.size() > kMostPrograms) {
        byKey.erase(byUse.back().first);
        byUse.pop_back();
      }
    }
    program = byUse.front().second;
  }
  std::lock_guard compiling(program->mutex);
  if (!program->executable) {
    program->executable = compileApart(*outline(), CompileOptions::fromEnvironment());
    std::lock_guard lock(mutex);
    ++programsCompiled;
  }
  return program;
}

int64_t ProgramCache::compiled() const {
  std::lock_guard lock(mutex);
  return programsCompiled;
}

namespace {

// A program and the context it stands in.
class OwningExecutable : public Executable {
public:
  OwningExecutable(std::unique_ptr<MLIRContext> context, std::shared_ptr<Executable> inner)
      : context(std::move(context)), inner(std::move(inner)) {
    resultAlias = this->inner->resultAlias;
    kernelNames = this->inner->kernelNames;
  }
  RunFault run(const std::vector<void *> &arguments, const std::vector<void *> &results,
               const std::map<std::string, int64_t> &sizes) override {
    return inner->run(arguments, results, sizes);
  }
  ArenaUse arenaUse(const std::map<std::string, int64_t> &sizes) override { return inner->arenaUse(sizes); }

private:
  std::unique_ptr<MLIRContext> context;
  std::shared_ptr<Executable> inner;
};

} // namespace

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

std::shared_ptr<Executable> compileApart(ModuleOp program, const CompileOptions &options) {
  auto context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  loadDialects(*context);
  std::shared_ptr<Executable> executable;
  {
    OwningOpRef<ModuleOp> copy = copyInto(*context, program);
    executable = compileProgram(*copy, options);
  }
  if (!options.interpret)
    return executable; // native code holds nothing of the context
  return std::make_shared<OwningExecutable>(std::move(context), std::move(executable));
}

} // namespace ember::record
