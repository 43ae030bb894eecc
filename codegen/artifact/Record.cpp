#include "codegen/artifact/Record.h"

#include "codegen/Pipeline.h"
#include "codegen/kernel/Cost.h"
#include "ir/SizeBinding.h"
#include "ir/interpret/Bytes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace mlir;

namespace ember {

namespace {

constexpr const char *kSection = ".note.ember", *kOwner = "ember";
constexpr uint32_t kNoteType = 1;
constexpr size_t kNoteHeader = 20; // name size, text size, type; "ember" and its padding

std::string describe(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return ember_rt_dtype_name(ir::dtypeNumber(tensor.getElementType())) + ir::dimsText(tensor);
}

int64_t bytesOf(RankedTensorType type) { return type.getNumElements() * ir::byteWidth(type.getElementType()); }

// Of all kernels, the least that their ops need.
kernel::Cost workOf(func::FuncOp function) {
  kernel::Cost sum{0, 0, 0};
  for (ir::KernelOp kernel : kernelsOf(function)) {
    kernel::Cost own = kernel::costOf(kernel::Group::of(kernel));
    sum = {sum.flops + own.flops, sum.bytesRead + own.bytesRead, sum.bytesWritten + own.bytesWritten};
  }
  return sum;
}

void addProgram(llvm::raw_ostream &out, const char *kind, const CompiledProgram &program) {
  func::FuncOp function = program.function;
  const cpu::HostTable &table = *program.v4.table;
  out << kind << ": " << table.program.launch_count << " kernels, arena ";
  if (table.isStatic())
    out << table.staticValues[table.program.arena_bytes] << " bytes\n";
  else
    out << "laid out at entry\n";
  kernel::Cost work = workOf(function);
  out << "  work: " << work.flops.str() << " flops, " << (work.bytesRead + work.bytesWritten).str() << " bytes\n";
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (ir::ArgumentInfo info = ir::argumentInfo(function, i); info.role == ir::Role::Input)
      out << "  input " << info.name << ": " << describe(function.getArgumentTypes()[i]) << "\n";
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (ir::ResultInfo info = ir::resultInfo(function, i); info.updates < 0)
      out << "  output " << info.name << ": " << describe(function.getResultTypes()[i]) << "\n";
}

void addHeld(llvm::raw_ostream &out, const ArtifactRequest &request, const CompiledProgram &predict) {
  std::vector<std::pair<ir::ArgumentInfo, RankedTensorType>> held;
  if (request.training) {
    for (const HeldTensor &tensor : request.training->held)
      held.push_back({tensor.info, tensor.type});
  } else {
    func::FuncOp function = predict.function;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      held.push_back({ir::argumentInfo(function, i), cast<RankedTensorType>(function.getArgumentTypes()[i])});
  }
  std::map<std::string, std::pair<int64_t, int64_t>> sums; // by role: tensors and bytes
  for (const auto &[info, type] : held)
    if (info.role != ir::Role::Input) {
      auto &[count, bytes] = sums[ir::roleName(info.role).str()];
      ++count;
      bytes += bytesOf(type);
    }
  for (const auto &[role, sum] : sums)
    out << role << ": " << sum.first << (sum.first == 1 ? " tensor, " : " tensors, ") << sum.second << " bytes\n";
}

void addSizes(llvm::raw_ostream &out, func::FuncOp function) {
  for (const auto &[name, range] : ir::sizeRanges(function)) {
    out << "size " << name << ": from " << range.least;
    if (range.most != INT64_MAX)
      out << " to " << range.most;
    out << "\n";
  }
}

// ---- reading

// Notes are text of ours, but the file is anyone's.
void takeNotes(llvm::StringRef bytes, std::vector<std::string> &records, const std::string &path) {
  while (!bytes.empty()) {
    uint64_t length = bytes.size() < kNoteHeader ? 0 : llvm::support::endian::read32le(bytes.data() + 4);
    if (bytes.size() < kNoteHeader || length > bytes.size() - kNoteHeader || bytes.substr(12, 6) != llvm::StringRef(kOwner, 6) ||
        llvm::support::endian::read32le(bytes.data()) != 6 || llvm::support::endian::read32le(bytes.data() + 8) != kNoteType)
      throw CompileError(path + ": its record (section " + kSection + ") is damaged");
    llvm::StringRef text = bytes.substr(kNoteHeader, length);
    if (!llvm::all_of(text, [](char c) { return llvm::isPrint(c) || c == '\n'; }))
      throw CompileError(path + ": its record (section " + kSection + ") is no printable text");
    records.push_back(text.str());
    bytes = bytes.drop_front(std::min<uint64_t>(kNoteHeader + llvm::alignTo(length, 4), bytes.size()));
  }
}

template <typename T> T orThrow(llvm::Expected<T> value, const std::string &path) {
  if (!value)
    throw CompileError(path + ": damaged: " + llvm::toString(value.takeError()));
  return std::move(*value);
}

void takeObject(llvm::MemoryBufferRef buffer, std::vector<std::string> &records, const std::string &path) {
  auto object = orThrow(llvm::object::ObjectFile::createObjectFile(buffer), path);
  for (const llvm::object::SectionRef &section : object->sections())
    if (orThrow(section.getName(), path) == kSection)
      takeNotes(orThrow(section.getContents(), path), records, path);
}

} // namespace

std::string recordText(const ArtifactRequest &request, const CompiledProgram &predict, const CompiledProgram *step) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << request.name << ": " << (step ? "a model that trains" : "a model") << ", by ember " << EMBER_VERSION
      << ", C interface version " << EMBER_RT_ABI << ", code for x86-64-v3 and x86-64-v4\n";
  addProgram(out, step ? "predict" : "run", predict);
  if (step)
    addProgram(out, "step", *step);
  addSizes(out, predict.function);
  if (request.training)
    for (const HyperParameter &hyper : request.training->hypers)
      out << "hyper-parameter " << hyper.name << ": " << llvm::formatv("{0}", llvm::format("%.9g", hyper.value)) << "\n";
  addHeld(out, request, predict);
  return text;
}

void addRecord(llvm::Module &module, const std::string &text) {
  std::string note(kNoteHeader, '\0');
  llvm::support::endian::write32le(note.data(), 6);
  llvm::support::endian::write32le(note.data() + 4, text.size());
  llvm::support::endian::write32le(note.data() + 8, kNoteType);
  llvm::copy(llvm::StringRef(kOwner), note.begin() + 12);
  note += text;
  note.resize(llvm::alignTo(note.size(), 4));
  llvm::Constant *bytes = llvm::ConstantDataArray::getString(module.getContext(), note, /*AddNull=*/false);
  auto *variable =
      new llvm::GlobalVariable(module, bytes->getType(), true, llvm::GlobalValue::PrivateLinkage, bytes, "ember.record");
  variable->setSection(kSection);
  variable->setAlignment(llvm::Align(4));
  llvm::appendToUsed(module, {variable}); // no code reads it
}

bool isNative(llvm::StringRef bytes) { return bytes.starts_with("\x7f\x45LF") || bytes.starts_with("!<arch>\n"); }

std::vector<std::string> readRecords(llvm::StringRef bytes, const std::string &path) {
  std::vector<std::string> records;
  llvm::MemoryBufferRef buffer(bytes, path);
  if (!bytes.starts_with("!<arch>\n")) {
    takeObject(buffer, records, path);
  } else {
    auto archive = orThrow(llvm::object::Archive::create(buffer), path);
    llvm::Error error = llvm::Error::success();
    llvm::SmallVector<llvm::Expected<llvm::MemoryBufferRef>> members;
    for (const llvm::object::Archive::Child &child : archive->children(error))
      members.push_back(child.getMemoryBufferRef());
    if (error)
      throw CompileError(path + ": damaged: " + llvm::toString(std::move(error)));
    for (llvm::Expected<llvm::MemoryBufferRef> &member : members)
      takeObject(orThrow(std::move(member), path), records, path);
  }
  if (records.empty())
    throw CompileError(path + ": no artifact of ember: it holds no record (section " + kSection + ")");
  return records;
}

} // namespace ember
