// libFuzzer's entry to the graph reader of packages: a refusal is an error of one line, and a graph that loads is written and
// read again. The checksums of the file around it stand in nobody's way here.
#include "ir/EmberDialect.h"
#include "ir/package/Package.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  // The context never frees what it has seen: a fresh one now and then.
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned inputs = 0;
  if (inputs++ % 1024 == 0) {
    context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
    context->loadDialect<ember::ir::EmberDialect, mlir::func::FuncDialect>();
  }
  try {
    ember::ir::readGraph({reinterpret_cast<const char *>(bytes), count}, 128, *context);
  } catch (const ember::ir::PackageError &error) {
    for (const char *c = error.what(); *c; ++c)
      if (*c < ' ' || *c > '~')
        std::abort();
  }
  return 0;
}
