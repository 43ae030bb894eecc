// libFuzzer's entry to programs as text: what parses, verifies and may be compiled is simplified, and verifies still.
#include "codegen/CheckProgram.h"
#include "codegen/ParseProgram.h"
#include "codegen/Pipeline.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  // The context never frees what it has seen: a fresh one now and then.
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned inputs = 0;
  if (inputs++ % 1024 == 0) {
    context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
    ember::loadDialects(*context);
  }
  mlir::ScopedDiagnosticHandler silent(context.get(), [](mlir::Diagnostic &) { return mlir::success(); });
  std::string text(reinterpret_cast<const char *>(bytes), count);
  try {
    auto module = ember::parseProgram(text, "text", *context);
    if (!module)
      return 0;
    mlir::func::FuncOp function = ember::mainOf(*module);
    ember::checkProgram(function);
    ember::simplifyGraph(function, {});
    if (mlir::failed(mlir::verify(*module)))
      std::abort();
  } catch (const ember::CompileError &) { // what cannot be used
  }
  return 0;
}
