#include "codegen/ParseProgram.h"

#include "codegen/Compiler.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace ember {

namespace {

// Programs of the later stages reach 20; the parsers' stack of 8 MB is full at some thousands.
constexpr unsigned kDeepest = 500;

// Walks over text outside of strings and comments.
class Scan {
public:
  Scan(StringRef text, const std::string &name) : text(text), name(name) {}

  void run() {
    for (; at < text.size(); ++at) {
      char c = text[at];
      if (c == '"')
        skipString();
      else if (c == ';' || text.substr(at).starts_with("//"))
        skipLine();
      else
        take(c);
    }
  }

private:
  void skipString() {
    for (++at; at < text.size() && text[at] != '"'; ++at)
      at += text[at] == '\\';
  }
  void skipLine() { at = std::min(text.find('\n', at), text.size()) - 1; }

  void take(char c) {
    bool isArrow = c == '>' && at > 0 && text[at - 1] == '-', compares = at + 1 < text.size() && text[at + 1] == '=';
    if (c == '(' || c == '[' || c == '{' || (c == '<' && !compares))
      ++depth;
    else if (depth > 0 && (c == ')' || c == ']' || c == '}' || (c == '>' && !isArrow && !compares)))
      --depth;
    signs = c == '-' ? signs + 1 : llvm::isSpace(c) ? signs : 0;
    if (depth > kDeepest || signs > kDeepest)
      refuse("expected at most " + std::to_string(kDeepest) + " brackets or signs within each other, found more");
    if (StringRef rest = text.substr(at); rest.consume_front("array<") && rest.ltrim().starts_with("index"))
      refuse("expected integers or floats of a number of bits in array<…>, found index");
  }

  [[noreturn]] void refuse(const std::string &what) const {
    StringRef before = text.take_front(at);
    size_t line = before.count('\n') + 1, column = at - (before.rfind('\n') + 1) + 1; // rfind: npos + 1 is 0
    throw CompileError(name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + what);
  }

  StringRef text;
  const std::string &name;
  size_t at = 0;
  unsigned depth = 0, signs = 0;
};

} // namespace

void checkText(const std::string &text, const std::string &name) { Scan(text, name).run(); }

OwningOpRef<ModuleOp> parseProgram(const std::string &text, const std::string &name, MLIRContext &context) {
  checkText(text, name);
  return parseSourceString<ModuleOp>(text, ParserConfig(&context), name);
}

} // namespace ember
