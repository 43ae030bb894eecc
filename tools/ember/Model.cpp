#include "tools/ember/Model.h"

#include "codegen/CheckProgram.h"
#include "codegen/ParseProgram.h"
#include "codegen/Pipeline.h"
#include "codegen/artifact/Record.h"
#include "ir/EmberDialect.h"
#include "llvm/Support/MemoryBuffer.h"
#include <filesystem>
#include <fstream>

using namespace mlir;

namespace ember::tool {

std::string firstBytes(const std::string &path, size_t count) {
  std::string bytes(count, '\0');
  std::error_code error;
  if (path == "-" || !std::filesystem::is_regular_file(path, error)) // a pipe can be read once
    return "";
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), count);
  bytes.resize(file.gcount());
  return bytes;
}

std::string readFile(const std::string &path) {
  std::error_code error;
  if (path != "-" && (std::filesystem::is_character_file(path, error) || std::filesystem::is_block_file(path, error)))
    throw Mistake(path + ": expected a file, found a device"); // it may have no end
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer)
    throw Mistake(path + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

void writeText(const std::string &path, const std::string &text) {
  if (path.empty()) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      throw Mistake("standard output: cannot be written");
    return;
  }
  char error[512];
  ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
  if (!file)
    throw Mistake(error);
  ember_rt_file_write(file, text.data(), text.size());
  if (ember_rt_file_close(file, 1, error, sizeof error) != 0)
    throw Mistake(error);
}

void checkWritable(const std::string &path) {
  char error[512];
  ember_file *file = ember_rt_file_create(path.c_str(), error, sizeof error);
  if (!file)
    throw Mistake(error);
  ember_rt_file_close(file, 0, error, sizeof error);
}

static Model loadPackage(const std::string &path, Session &session) {
  ir::Package package = ir::readPackage(path, session.context);
  Model model;
  model.path = path;
  model.producer = package.producer;
  model.module = std::move(package.module);
  model.weights = std::move(package.weights);
  model.file = std::move(package.file);
  return model;
}

static Model loadText(const std::string &path, Session &session) {
  Model model;
  model.path = path == "-" ? "<stdin>" : path;
  model.module = parseProgram(readFile(path), model.path, session.context);
  if (!model.module)
    throw Mistake(model.path + ": not a graph"); // the parser has said why and where
  return model;
}

Model Model::load(const std::string &path, Session &session) {
  if (isNative(firstBytes(path, 8)))
    throw Mistake(path + ": expected a package or a graph as text, found native code (ember inspect reads its signature)");
  if (path.empty())
    throw Mistake("expected a MODEL, found an empty name");
  bool isPackage = firstBytes(path, 4) == "\x89\x45MB" || llvm::StringRef(path).ends_with(".ember");
  Model model = isPackage ? loadPackage(path, session) : loadText(path, session);
  try {
    checkProgram(model.main());
  } catch (const CompileError &error) {
    llvm::StringRef text(error.what());
    throw Mistake(text.starts_with(model.path) ? text.str() : model.path + ": " + text.str());
  }
  return model;
}

std::vector<unsigned> Model::inputs() const {
  std::vector<unsigned> numbers;
  for (unsigned i = 0; i < main().getNumArguments(); ++i)
    if (!heldMemory(i))
      numbers.push_back(i);
  return numbers;
}

const void *Model::heldMemory(unsigned argument) const {
  if (weights.empty() || ir::argumentInfo(main(), argument).role == ir::Role::Input)
    return nullptr;
  size_t number = 0;
  for (unsigned i = 0; i < argument; ++i)
    number += ir::argumentInfo(main(), i).role != ir::Role::Input;
  return weights[number].data;
}

func::FuncOp Model::main() const { return mainOf(*module); }

std::string describe(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (tensor.getElementType().isInteger(1))
    stream << "bool";
  else
    stream << tensor.getElementType();
  stream << "[";
  llvm::interleaveComma(ir::dimSizes(tensor), stream, [&](const ir::SizeExpr &size) { stream << size.str(); });
  stream << "]";
  return text;
}

std::string describe(const std::string &name, Type type) { return name + ": " + describe(type); }

} // namespace ember::tool
