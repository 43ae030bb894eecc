#include "passes/Decompose.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Constant.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

void decompose(func::FuncOp function) {
  SmallVector<DecomposableOp> found;
  auto collect = [&] { function.walk([&](DecomposableOp op) { found.push_back(op); }); };
  for (collect(); !found.empty(); collect()) {
    for (DecomposableOp op : found) {
      OpBuilder builder(op);
      SmallVector<Value> values = op.decompose(builder);
      op->replaceAllUsesWith(values);
      op->erase();
    }
    found.clear();
  }
}

void bindArgument(func::FuncOp function, unsigned number, DenseElementsAttr value) {
  OpBuilder builder(function.getBody());
  BlockArgument argument = function.getArgument(number);
  argument.replaceAllUsesWith(ConstantOp::create(builder, function.getLoc(), value));
  LogicalResult erased = function.eraseArgument(number);
  assert(succeeded(erased) && "an argument without uses can go");
  (void)erased;
}

} // namespace ember::passes
