// ember inspect: what a model takes, gives and needs.
#include "codegen/artifact/Record.h"
#include "tools/ember/KernelList.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace ember::tool {

namespace {

void listSignature(func::FuncOp function, llvm::raw_ostream &out) {
  std::optional<std::vector<ir::StateName>> names = ir::stateNames(function);
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    ir::ArgumentInfo info = ir::argumentInfo(function, i);
    out << ir::roleName(info.role) << " " << describe(info.name, function.getArgumentTypes()[i])
        << (info.trainable ? ", trainable" : "");
    for (const ir::StateName &own : names.value_or(std::vector<ir::StateName>()))
      if (own.argument == i && own.name != info.name)
        out << ", also " << own.name;
    out << "\n";
  }
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    ir::ResultInfo info = ir::resultInfo(function, i);
    out << "output " << describe(info.name, function.getResultTypes()[i]);
    if (info.updates >= 0)
      out << ", the next " << ir::argumentInfo(function, info.updates).name;
    out << "\n";
  }
}

// The arena holds what lives between kernels. Where it is as small as the largest set of bytes that live at once, no plan is
// better.
void listMemory(const KernelList &list, llvm::raw_ostream &out) {
  if (!list.isLaidOut) {
    out << "arena laid out at entry: --size NAME=N says how large it is for these sizes\n";
    return;
  }
  auto [arena, live] = list.certificate;
  out << "arena " << arena << " bytes, largest live set " << live << " bytes";
  if (arena == live)
    out << ": the least there can be\n";
  else
    out << llvm::formatv(": {0:F1} % above it\n", 100.0 * (arena - live) / live);
}

std::string inspect(const Model &model, const CompileOptions &options, const std::vector<std::string> &sizeTexts) {
  std::map<std::string, int64_t> sizes = parseSizes(sizeTexts, model.main().getArgumentTypes());
  std::string text;
  llvm::raw_string_ostream out(text);
  if (!model.producer.empty())
    out << "package by " << model.producer << "\n";
  listSignature(model.main(), out);
  KernelList list = listKernels(model, options, sizes);
  for (auto [number, kernel] : llvm::enumerate(list.kernels)) {
    out << "kernel " << number << " " << kernel.generator << ": " << kernel.ops << "\n  " << kernel.types << "\n  "
        << kernel.cost.flops.str() << " flops, " << (kernel.cost.bytesRead + kernel.cost.bytesWritten).str() << " bytes\n";
  }
  listMemory(list, out);
  return text;
}

// An artifact's own record; nothing of the file runs.
std::string inspectNative(const std::string &path) {
  std::string text, bytes = readFile(path);
  for (const std::string &record : readRecords(bytes, path))
    text += record;
  return text + "file: " + std::to_string(bytes.size()) + " bytes\n";
}

std::string inspectFile(const std::string &path, Session &session, const CompileOptions &options,
                        const std::vector<std::string> &sizeTexts) {
  if (isNative(firstBytes(path, 8)))
    return inspectNative(path);
  return inspect(Model::load(path, session), options, sizeTexts);
}

} // namespace

void addInspect(CLI::App &app, Session &session) {
  struct Arguments {
    std::string model;
    std::vector<std::string> sizes;
    CompileOptions options;
  };
  CLI::App *command =
      addCommand(app, "inspect", "list what a model takes and gives, its kernels and the memory it needs",
                 "Example: ember inspect mlp.mlir\n"
                 "Lists each argument and result, each kernel with its generator, ops, shapes, flops and bytes,\n"
                 "and the arena against the largest set of bytes that live at once. Of an artifact (.so .a .o or an\n"
                 "executable) it prints the record that stands in the file; nothing of it runs.");
  auto own = std::make_shared<Arguments>();
  addModel(*command, own->model, std::string(kModelText) + ", or an artifact");
  addSizeOption(*command, own->sizes, "a named size, for the arena");
  addCompileOptions(*command, own->options);
  command->callback([command, own, &session] {
    refuseUnknown(*command);
    writeText("", inspectFile(own->model, session, own->options, own->sizes));
  });
}

} // namespace ember::tool
