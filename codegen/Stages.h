// The stages of compilation as text: what --emit prints and --from reads.
#pragma once

#include "codegen/Compiler.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/ArrayRef.h"

namespace ember {

enum class Stage {
#define EMBER_STAGE(identifier, name, ending, summary) identifier,
#include "tools/Stages.def"
};

struct StageInfo {
  const char *name, *ending, *summary;
};
/// By number of the stage.
llvm::ArrayRef<StageInfo> stages();
/// "recorded, graph, …".
std::string stageNames();
/// Throws CompileError for a name that is no stage.
Stage stageOf(const std::string &name);

/// A program on its way through the stages. What `text` gives at one stage, `read` takes there.
class StagedProgram {
public:
  /// A program as it was recorded or read; it is copied. `sizes`: for which `planned` says where values lie, where sizes have
  /// names.
  StagedProgram(mlir::ModuleOp program, const CompileOptions &options, std::map<std::string, int64_t> sizes = {});
  /// Text of a stage. Throws CompileError where it is none; `name` is the file's, for places. Diagnostics of the parser go to the
  /// context.
  static StagedProgram read(const std::string &text, const std::string &name, Stage stage, mlir::MLIRContext &context,
                            const CompileOptions &options, std::map<std::string, int64_t> sizes = {});

  /// Goes on to a later stage. Throws CompileError for an earlier one.
  void advanceTo(Stage stage);
  Stage stage() const { return at; }
  std::string text() const;
  /// Kernels by themselves, from the stage `kernels` to `planned`: each with its label.
  std::vector<std::pair<std::string, StagedProgram>> kernels() const;

private:
  StagedProgram(CompileOptions options, Stage at) : options(std::move(options)), at(at) {}
  void step();
  void formKernels();
  void plan();
  void emitKernels();

  CompileOptions options;
  std::map<std::string, int64_t> sizes;
  Stage at;
  mlir::OwningOpRef<mlir::ModuleOp> module; // up to vector
  std::string name;                         // of the file that it was read from, for places
  std::string code;                         // llvm, asm
  std::string places;                       // planned: the plan in words
};

/// Writes every stage of a program, and of each of its kernels, as a file of its own: folder/program-0/04-planned.mlir,
/// folder/program-0/kernel-3-mul_add.ll. Programs are numbered as they come in this process. Throws CompileError where the folder
/// cannot be written.
void dumpStages(mlir::ModuleOp program, const CompileOptions &options, const std::string &folder);

} // namespace ember
