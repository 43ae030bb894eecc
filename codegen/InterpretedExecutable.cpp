#include "codegen/InterpretedExecutable.h"

#include "codegen/OpPlaces.h"
#include "codegen/Pipeline.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

InterpretedExecutable::InterpretedExecutable(ModuleOp program) : module(program.clone()) {
  resultAlias.assign(mainOf(*module).getNumResults(), -1);
  numberOps(mainOf(*module));
}

RunFault InterpretedExecutable::run(const std::vector<void *> &arguments, const std::vector<void *> &results,
                                    const std::map<std::string, int64_t> &sizes) {
  func::FuncOp function = mainOf(*module);
  std::vector<ReferenceTensor> values;
  for (auto [argument, memory] : llvm::zip_equal(function.getArguments(), arguments)) {
    SmallVector<int64_t> shape;
    auto type = cast<RankedTensorType>(argument.getType());
    for (const SizeExpr &size : dimSizes(type))
      shape.push_back(size.evaluate(sizes));
    values.push_back(referenceOf(RankedTensorType::get(shape, type.getElementType()), memory));
  }
  RunFault fault;
  ScopedDiagnosticHandler handler(function.getContext(), [&](Diagnostic &diagnostic) {
    fault.op = opNumber(diagnostic.getLocation());
    fault.place = opPlace(diagnostic.getLocation());
    fault.message = diagnostic.str();
  });
  auto computed = interpret(function, std::move(values));
  fault.happened = failed(computed);
  if (!fault.happened)
    for (auto [value, memory] : llvm::zip_equal(*computed, results))
      writeBytes(value, memory);
  return fault;
}

} // namespace ember
