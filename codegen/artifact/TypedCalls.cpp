#include "codegen/artifact/TypedCalls.h"

#include "ir/Signature.h"
#include "ir/SizeBinding.h"
#include "ir/interpret/Bytes.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

std::string cTypeOf(Type element) {
  if (element.isF64())
    return "double";
  if (element.isF32())
    return "float";
  if (element.isBF16() || element.isF16())
    return "uint16_t";
  unsigned width = element.getIntOrFloatBitWidth();
  bool isUnsigned = element.isUnsignedInteger() || width == 1;
  return (isUnsigned ? "uint" : "int") + std::to_string(std::max(width, 8u)) + "_t";
}

std::string commentText(llvm::StringRef name) {
  std::string text;
  for (char c : name) {
    if (c == '/' && llvm::StringRef(text).ends_with("*"))
      text += ' ';
    text += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  }
  return text;
}

namespace {

// Words that C99, C++ or a compiler's own macros have taken.
const llvm::StringSet<> &reservedWords() {
  static const llvm::StringSet<> words = [] {
    llvm::StringSet<> all;
    llvm::SmallVector<llvm::StringRef> list;
    llvm::StringRef(
        "EOF NULL alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class "
        "co_await "
        "co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do "
        "double dynamic_cast else enum errno explicit export extern false float for friend goto i386 if inline int linux long "
        "mutable "
        "namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires "
        "restrict return short signed sizeof static static_assert static_cast struct switch template this thread_local throw "
        "true "
        "try typedef typeid typename typeof union unix unsigned using virtual void volatile wchar_t while xor xor_eq")
        .split(list, ' ');
    for (llvm::StringRef word : list)
      all.insert(word);
    return all;
  }();
  return words;
}

// Members of one struct: each name once, as a C identifier.
class MemberNames {
public:
  std::string add(llvm::StringRef name) {
    std::string own;
    for (char c : name)
      own += llvm::isAlnum(c) || c == '_' ? c : '_';
    if (own.empty() || llvm::isDigit(own.front()) || own.front() == '_') // names that begin so are the implementation's
      own = "t" + own;
    if (reservedWords().contains(own))
      own += "_";
    std::string free = own;
    for (unsigned number = 2; !taken.insert(free).second; ++number)
      free = own + "_" + std::to_string(number);
    return free;
  }

private:
  llvm::StringSet<> taken;
};

struct Member {
  std::string name;
  RankedTensorType type;
};

class Writer {
public:
  Writer(const std::string &function, func::FuncOp main, CallKind kind) : function(function), kind(kind), out(text) {
    for (const std::string &size : sizeNamesOf(main.getArgumentTypes()))
      sizes[size] = inputNames.add(size);
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      if (ArgumentInfo info = argumentInfo(main, i); info.role == Role::Input)
        inputs.push_back({inputNames.add(info.name), cast<RankedTensorType>(main.getArgumentTypes()[i])});
    for (unsigned i = 0; i < main.getNumResults() && kind == CallKind::Run; ++i)
      if (ResultInfo info = resultInfo(main, i); info.updates < 0)
        outputs.push_back({outputNames.add(info.name), cast<RankedTensorType>(main.getResultTypes()[i])});
  }

  std::string run() {
    out << "\n/* " << function << " with named and typed memory" << (sizes.empty() ? "" : "; sizes are by name") << ". */\n";
    writeStruct("inputs", inputs, "const ");
    bool isStep = kind == CallKind::Step;
    if (!isStep)
      writeStruct("outputs", outputs, "");
    out << "static inline int32_t " << function << "_typed(ember_model *model, const " << function << "_inputs *inputs, "
        << (isStep ? "double *loss" : "const " + function + "_outputs *outputs") << ") {\n";
    out << "  if (!inputs" << (isStep ? "" : " || !outputs") << ")\n    return " << function << "(model, 0, 0, "
        << (isStep ? "loss" : "0, 0") << ");\n";
    writeTensors("inputs", inputs, "in");
    if (!isStep)
      writeTensors("outputs", outputs, "out");
    out << "  return " << function << "(model, " << (inputs.empty() ? "0" : "in") << ", " << inputs.size() << ", ";
    if (isStep)
      out << "loss";
    else
      out << (outputs.empty() ? "0" : "out") << ", " << outputs.size();
    out << ");\n}\n";
    return text;
  }

private:
  void writeStruct(const char *what, ArrayRef<Member> members, const char *qualifier) {
    bool hasSizes = what[0] == 'i' && !sizes.empty();
    out << "typedef struct {\n";
    if (hasSizes)
      for (const auto &[size, member] : sizes)
        out << "  int64_t " << member << ";\n";
    for (const Member &own : members)
      out << "  " << qualifier << cTypeOf(own.type.getElementType()) << " *" << own.name << "; /* " << dimsText(own.type)
          << " */\n";
    if (!hasSizes && members.empty())
      out << "  char nothing;\n";
    out << "} " << function << "_" << what << ";\n";
  }

  // Unsigned, so that a size that is none wraps, and is refused.
  std::string sizeText(const SizeExpr &size) const {
    if (std::optional<int64_t> number = size.constant())
      return std::to_string(*number);
    if (size.terms().size() == 1 && size.terms().begin()->first.size() == 1 && size.terms().begin()->second == 1)
      return "inputs->" + sizes.find(size.terms().begin()->first[0])->second;
    std::string sum;
    for (const auto &[names, coefficient] : size.terms()) {
      sum += (sum.empty() ? "" : " + ") + std::to_string(static_cast<uint64_t>(coefficient)) + "u";
      for (const std::string &name : names)
        sum += " * (uint64_t)inputs->" + sizes.find(name)->second;
    }
    return "(int64_t)(" + sum + ")";
  }

  // `const int64_t in0[] = {inputs->B, 4};` for each, then the array `in`.
  void writeTensors(const char *what, ArrayRef<Member> members, const char *name) {
    if (members.empty()) {
      out << "  (void)" << what << ";\n";
      return;
    }
    for (auto [number, own] : llvm::enumerate(members)) {
      if (own.type.getRank() == 0)
        continue;
      out << "  const int64_t " << name << number << "[] = {";
      llvm::interleaveComma(dimSizes(own.type), out, [&](const SizeExpr &size) { out << sizeText(size); });
      out << "};\n";
    }
    out << (what[0] == 'i' ? "  const ember_tensor " : "  ember_tensor ") << name << "[] = {";
    for (auto [number, own] : llvm::enumerate(members)) {
      std::string dims = own.type.getRank() == 0 ? "0" : name + std::to_string(number);
      out << (number ? ",\n      " : "") << "{" << dtypeNumber(own.type.getElementType()) << ", " << own.type.getRank() << ", "
          << dims << ", (void *)" << what << "->" << own.name << "}";
    }
    out << "};\n";
  }

  const std::string &function;
  CallKind kind;
  std::string text;
  llvm::raw_string_ostream out;
  MemberNames inputNames, outputNames;
  std::map<std::string, std::string> sizes; // members by name
  std::vector<Member> inputs, outputs;
};

} // namespace

std::string typedCall(const std::string &function, func::FuncOp main, CallKind kind) {
  return Writer(function, main, kind).run();
}

} // namespace ember
