// The facts stand in the ops' folders (ir/ops): this file only asks them, each op once, after its operands. A rewriter that
// looks again wherever something changed finds little more in a graph and costs ten times as much.
#include "passes/Simplify.h"

#include "ir/ops/Constant.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace ember::passes {

namespace {

// Ops are equal when name, attributes, types and operands are: where they stand in a program is no part of it.
struct SameOp : llvm::DenseMapInfo<Operation *> {
  static unsigned getHashValue(const Operation *op) {
    return OperationEquivalence::computeHash(const_cast<Operation *>(op), OperationEquivalence::directHashValue,
                                             OperationEquivalence::ignoreHashValue, OperationEquivalence::IgnoreLocations);
  }
  static bool isEqual(const Operation *left, const Operation *right) {
    if (left == right || left == getEmptyKey() || left == getTombstoneKey() || right == getEmptyKey() ||
        right == getTombstoneKey())
      return left == right;
    return OperationEquivalence::isEquivalentTo(const_cast<Operation *>(left), const_cast<Operation *>(right),
                                                OperationEquivalence::IgnoreLocations);
  }
};

class Simplifier {
public:
  explicit Simplifier(Block &block) : block(block), builder(block.getParentOp()->getContext()) {}

  void run() {
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (!isPure(&op) || foldAway(&op))
        continue;
      auto [known, isNew] = seen.insert(&op);
      if (!isNew) {
        op.replaceAllUsesWith(*known);
        op.erase();
      }
    }
    dropDead(block);
  }

private:
  // Folds in place until nothing changes; true when the op is gone, its results being other values.
  bool foldAway(Operation *op) {
    SmallVector<OpFoldResult> folded;
    if (op->hasTrait<OpTrait::ConstantLike>())
      return false;
    // Each fold in place shortens a chain; what cycles would be a folder's mistake.
    while (succeeded(op->fold(folded))) {
      if (folded.empty())
        continue;
      for (auto [result, value] : llvm::zip_equal(op->getResults(), folded))
        result.replaceAllUsesWith(materialize(op, value));
      op->erase();
      return true;
    }
    return false;
  }

  Value materialize(Operation *op, OpFoldResult folded) {
    if (auto value = dyn_cast<Value>(folded))
      return value;
    builder.setInsertionPoint(op);
    return ir::ConstantOp::create(builder, op->getLoc(), cast<ElementsAttr>(cast<Attribute>(folded)));
  }

  Block &block;
  OpBuilder builder;
  llvm::DenseSet<Operation *, SameOp> seen;
};

} // namespace

void dropDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void simplify(func::FuncOp function) { Simplifier(function.getBody().front()).run(); }

} // namespace ember::passes
