#include "passes/OpGroup.h"

#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

int64_t estimatedBytes(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t bytes = byteWidth(type.getElementType());
  for (const SizeExpr &size : dimSizes(type))
    bytes *= size.constant().value_or(64);
  return bytes;
}

bool isReturned(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); });
}

bool isFree(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>())
    return true;
  return isa<ViewOp>(op) || (isa<ScalarOp>(op) && op->getNumOperands() == 0);
}

BlockOps::BlockOps(Block &block) : block(block) {
  int64_t next = 0;
  for (Operation &op : block)
    positions[&op] = next++;
}

void BlockOps::sources(Value value, llvm::SetVector<Operation *> &computing, llvm::SetVector<Operation *> &free) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return;
  if (!isFree(op)) {
    computing.insert(op);
    return;
  }
  if (free.insert(op))
    for (Value operand : op->getOperands())
      sources(operand, computing, free);
}

OpGroup BlockOps::withFreeOps(ArrayRef<Operation *> group) const {
  llvm::SetVector<Operation *> all(group.begin(), group.end()), computing, free;
  for (Operation *op : group)
    for (Value operand : op->getOperands())
      sources(operand, computing, free);
  all.insert(free.begin(), free.end());
  OpGroup sorted(all.begin(), all.end());
  llvm::sort(sorted, [&](Operation *a, Operation *b) { return position(a) < position(b); });
  return sorted;
}

// Whether a use reaches, through free ops, something outside the group. A free member, which is returned, is written by the
// group; other readers have copies of it and read its operands.
bool BlockOps::leaves(Value value, const llvm::SmallPtrSetImpl<Operation *> &members) const {
  SmallVector<Value> work{value};
  llvm::SmallPtrSet<Operation *, 8> followed; // free ops, each once: a view may read one value many times
  while (!work.empty()) {
    Value own = work.pop_back_val();
    bool isWritten = members.contains(own.getDefiningOp()) && isFree(own.getDefiningOp());
    for (Operation *user : own.getUsers()) {
      if (user == block.getTerminator() ? !isWritten : !isFree(user) && !members.contains(user))
        return true;
      if (user != block.getTerminator() && isFree(user) && followed.insert(user).second)
        llvm::append_range(work, user->getResults());
    }
  }
  return false;
}

SmallVector<Value> BlockOps::outputsOf(ArrayRef<Operation *> group) const {
  llvm::SmallPtrSet<Operation *, 16> members(group.begin(), group.end());
  SmallVector<Value> outputs;
  for (Operation *op : group)
    for (Value result : op->getResults())
      if (isFree(op) || leaves(result, members))
        outputs.push_back(result);
  return outputs;
}

SmallVector<Value> BlockOps::inputsOf(ArrayRef<Operation *> withFree) const {
  llvm::SmallPtrSet<Operation *, 16> members(withFree.begin(), withFree.end());
  llvm::SetVector<Value> inputs;
  for (Operation *op : withFree)
    for (Value operand : op->getOperands())
      if (!members.contains(operand.getDefiningOp()))
        inputs.insert(operand);
  return inputs.takeVector();
}

} // namespace ember::passes
