// ember compile: an artifact, or the text of a stage.
#include "codegen/artifact/Artifact.h"
#include "tools/ember/Training.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include <cstring>

namespace ember::tool {

namespace {

constexpr const char *kExample = R"(What a stage prints, the next one reads:
  ember compile mlp.mlir --emit=kernels | ember compile - --from=kernels --emit=asm
Artifacts, by the ending of OUT: .so .a .o with a C header beside it (an object is linked with
libember_rt.a, the others hold it); .ember: a package; none: an executable (.npy files in and out).
  ember compile mlp.mlir -o mlp && ./mlp x.npy -o y.npy
An artifact holds code for AVX2 and for AVX-512 and chooses when it starts.
A training library (step, predict, set_hyper, save, load ... in C) from a package:
  ember compile net.ember --train --loss cross_entropy:target=i64[32] \
      --optimizer adamw:lr=1e-3,weight_decay=0.01 -o libtrain.so)";

struct Arguments {
  std::string model, output, emit, from = "recorded";
  std::optional<std::string> name;
  std::vector<std::string> sizes;
  TrainingArguments training;
  CompileOptions options;
};

std::string stageList() {
  std::string text = "\nStages, in the order of compilation:";
  for (const StageInfo &own : stages())
    text += "\n  " + std::string(own.name) + std::string(10 - std::strlen(own.name), ' ') + own.summary;
  return text;
}

// The file's stem as a C identifier: `lib` in front and what no identifier holds are left out.
std::string nameOf(llvm::StringRef path) {
  llvm::StringRef stem = llvm::sys::path::stem(path);
  if (path.ends_with(".so") || path.ends_with(".a"))
    stem.consume_front("lib");
  std::string name;
  for (char c : stem)
    name += llvm::isAlnum(c) ? c : '_';
  return name.empty() || llvm::isDigit(name.front()) ? "model_" + name : name;
}

void emitText(const Arguments &own, Session &session) {
  Stage last = stageOf(own.emit);
  std::string name = own.model == "-" ? "<stdin>" : own.model;
  Stage first = stageOf(own.from);
  auto start = [&] {
    if (first != Stage::Recorded)
      return StagedProgram::read(readFile(own.model), name, first, session.context, own.options, parseSizes(own.sizes));
    Model model = Model::load(own.model, session);
    return StagedProgram(*model.module, own.options, parseSizes(own.sizes, model.main().getArgumentTypes()));
  };
  StagedProgram program = start();
  program.advanceTo(last);
  writeText(own.output, program.text());
}

// Inputs first, then what the model holds: the order that artifacts and packages are written in.
void checkOrder(const Model &model) {
  std::vector<unsigned> inputs = model.inputs();
  if (!inputs.empty() && inputs.back() + 1 != inputs.size())
    throw Mistake(model.path + ": expected the inputs before all other arguments");
}

void checkValues(const Model &model) {
  for (unsigned i : model.inputs())
    if (ir::ArgumentInfo info = ir::argumentInfo(model.main(), i); info.role != ir::Role::Input)
      throw Mistake(model.path + ": " + ir::roleName(info.role).str() + " '" + info.name +
                    "' has no value: a graph as text holds none, OUT needs one");
}

void writeNative(const Model &model, const Arguments &own) {
  std::string name = own.name.value_or(nameOf(own.output));
  if (own.training.train)
    return writeTraining(model, own.training, own.options, name, own.output);
  ArtifactRequest request;
  request.predict.module = *model.module;
  request.predict.fuse = own.options.fuse;
  request.predict.maxMemory = own.options.maxMemory;
  for (unsigned i = 0; i < model.main().getNumArguments(); ++i)
    if (const void *memory = model.heldMemory(i))
      request.predict.memory.push_back(memory);
  request.name = name;
  writeArtifact(request, own.output);
}

// Options of native code, where none is made.
void refuseUnused(const CLI::App &command, const Arguments &own) {
  bool isPackage = own.emit.empty() && llvm::StringRef(own.output).ends_with(".ember");
  if (own.name && (isPackage || !own.emit.empty()))
    throw Mistake("compile: --name goes with -o OUT of native code: a " + std::string(isPackage ? "package" : "stage") +
                  " has no C functions");
  for (const char *option : {"--unfused", "--max-memory"})
    if (isPackage && command.count(option))
      throw Mistake(std::string("compile: ") + option + " goes with native code or --emit: a package holds the graph as it is");
}

void writeModel(const Arguments &own, Session &session) {
  if (own.from != "recorded")
    throw Mistake("compile: --from goes with --emit: an artifact is made from the whole program");
  if (own.options.target != "native")
    throw Mistake("compile: --target goes with --emit: an artifact holds the code of both levels");
  if (!own.sizes.empty())
    throw Mistake("compile: --size goes with --emit: an artifact takes every size");
  llvm::StringRef ending = llvm::sys::path::extension(own.output);
  if (own.training.train && ending != ".so" && ending != ".a" && ending != ".o")
    throw Mistake("compile: " + own.output + ": --train writes a library: expected .so, .a or .o");
  Model model = Model::load(own.model, session);
  checkOrder(model);
  checkValues(model);
  checkWritable(own.output);
  if (llvm::StringRef(own.output).ends_with(".ember"))
    ir::writePackage(*model.module, model.weights, own.output);
  else
    writeNative(model, own);
}

} // namespace

void addCompile(CLI::App &app, Session &session) {
  CLI::App *command =
      addCommand(app, "compile", "write a native artifact, or print a stage of the compilation", kExample + stageList());
  auto own = std::make_shared<Arguments>();
  addModel(*command, own->model, kModelText);
  command->add_option("-o", own->output, "the file to write; with --emit: its text")->type_name("OUT")->check(fileName());
  command->add_option("--emit", own->emit, "print this stage, one of " + stageNames())->type_name("STAGE");
  command->add_option("--from", own->from, "the stage that MODEL is the text of")->type_name("STAGE")->capture_default_str();
  command->add_option("--name", own->name, "prefix of the artifact's C functions (default: OUT's name)")->type_name("NAME");
  addSizeOption(*command, own->sizes, "a named size, for --emit=planned");
  addTrainingOptions(*command, own->training);
  addCompileOptions(*command, own->options);
  command->callback([command, own, &session] {
    refuseUnknown(*command);
    refuseUnused(*command, *own);
    if (own->emit.empty() && own->output.empty())
      throw Mistake("compile: expected -o OUT or --emit STAGE");
    checkTraining(own->training);
    if (own->training.train && !own->emit.empty())
      throw Mistake("compile: --train writes a library, expected no --emit");
    own->emit.empty() ? writeModel(*own, session) : emitText(*own, session);
  });
}

} // namespace ember::tool
