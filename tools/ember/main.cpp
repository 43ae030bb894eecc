// ember: the command-line tool.
#include "codegen/Compiler.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static cl::SubCommand compileCommand("compile", "compile a graph (text, function 'main'), or print a stage of its compilation");
static cl::SubCommand inspectCommand("inspect", "list the kernels of a graph and the memory it needs");
static cl::opt<std::string> compileInput(cl::Positional, cl::Required, cl::desc("GRAPH.mlir"), cl::sub(compileCommand));
static cl::opt<std::string> inspectInput(cl::Positional, cl::Required, cl::desc("GRAPH.mlir"), cl::sub(inspectCommand));
static cl::opt<std::string> stage("emit", cl::desc("stage to print: graph, kernels, planned, vector, llvm, asm"),
                                  cl::init("kernels"), cl::sub(compileCommand));
static cl::opt<std::string> target("target", cl::desc("instruction level: native, x86-64-v3, x86-64-v4"), cl::init("native"),
                                   cl::sub(compileCommand), cl::sub(inspectCommand));
static cl::list<std::string> sizeOptions("size", cl::desc("NAME=NUMBER: a named size, for the memory that a run needs"),
                                         cl::sub(compileCommand), cl::sub(inspectCommand));
static cl::opt<bool> unfused("unfused", cl::desc("every op a kernel of its own"), cl::sub(compileCommand),
                             cl::sub(inspectCommand));

static std::map<std::string, int64_t> sizes() {
  std::map<std::string, int64_t> numbers;
  for (llvm::StringRef option : sizeOptions) {
    auto [name, text] = option.split('=');
    int64_t number;
    if (name.empty() || text.getAsInteger(10, number) || number < 0)
      throw ember::CompileError("--size: found '" + option.str() + "', expected NAME=NUMBER");
    numbers[name.str()] = number;
  }
  return numbers;
}

static int run() {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ember::loadDialects(context);
  std::string path = compileCommand ? compileInput : inspectInput;
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
  if (!module)
    return 1; // the parser has said why and where
  ember::CompileOptions options{target, !unfused, false};
  if (compileCommand) {
    llvm::outs() << ember::emitStage(*module, stage, options, sizes());
    return 0;
  }
  auto executable = ember::compileProgram(*module, options);
  for (const std::string &name : executable->kernelNames)
    llvm::outs() << name << "\n";
  ember::ArenaUse use = executable->arenaUse(sizes());
  llvm::outs() << "arena " << use.bytes << " bytes, largest live set " << use.liveBytes << " bytes\n";
  return 0;
}

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "ember: compiles machine-learning graphs to fused kernels\n");
  if (!compileCommand && !inspectCommand) {
    llvm::errs() << "ember: expected a command: compile or inspect (ember --help lists them)\n";
    return 1;
  }
  try {
    return run();
  } catch (const std::exception &error) {
    llvm::errs() << "ember: " << error.what() << "\n";
    return 1;
  }
}
