// Makes kernel ops of the groups that passes/Fusion.cpp decides on.
#include "passes/FormKernels.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Kernel.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "passes/Fusion.h"
#include "passes/Simplify.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

class Former {
public:
  Former(func::FuncOp function, const TargetModel &target, FormKernelsOptions options)
      : target(target), options(options), block(function.getBody().front()) {}

  LogicalResult run() {
    if (failed(checkConstants()))
      return failure();
    separateResults();
    dropDead(block);
    BlockOps ops(block);
    auto groups = groupOps(ops, target, {.fuse = options.fuse});
    if (failed(groups))
      return failure();
    build(ops, *groups);
    return success();
  }

private:
  // Each result is a value of its own that some kernel writes: arguments and values returned twice are copied.
  void separateResults() {
    llvm::DenseSet<Value> seen;
    OpBuilder builder(block.getTerminator());
    for (OpOperand &operand : block.getTerminator()->getOpOperands()) {
      Operation *op = operand.get().getDefiningOp();
      bool isConstant = op && op->hasTrait<OpTrait::ConstantLike>();
      if (!op || isConstant || !seen.insert(operand.get()).second)
        operand.set(CopyOp::create(builder, operand.get().getLoc(), operand.get()));
    }
  }

  // A constant is cloned into its readers as one number: others have to come as arguments.
  LogicalResult checkConstants() {
    for (Operation &op : block.without_terminator()) {
      DenseElementsAttr value;
      if (op.hasTrait<OpTrait::ConstantLike>() && (!matchPattern(&op, m_Constant(&value)) || !value.isSplat()))
        return op.emitError("kernels: expected a constant with one value for all elements, found ")
               << op.getResult(0).getType() << " with several: pass it as an argument";
    }
    return success();
  }

  std::string labelOf(ArrayRef<Operation *> ops) const {
    std::string label;
    for (Operation *op : ops) {
      if (label.size() > 48)
        return label + "_etc";
      label += (label.empty() ? "" : "_") + op->getName().stripDialect().str();
    }
    return label;
  }

  void build(const BlockOps &ops, ArrayRef<OpGroup> groups) {
    OpBuilder builder(block.getTerminator());
    llvm::DenseMap<Value, Value> made; // a group's output to its kernel's result
    for (const OpGroup &group : groups)
      buildKernel(builder, ops, group, made);
    for (OpOperand &operand : block.getTerminator()->getOpOperands())
      if (Value value = made.lookup(operand.get()))
        operand.set(value);
    SmallVector<Operation *> old;
    for (Operation &op : block.without_terminator())
      if (!isa<KernelOp>(op))
        old.push_back(&op);
    for (Operation *op : llvm::reverse(old)) {
      assert(op->use_empty() && "every use of an op is in a kernel now");
      op->erase();
    }
  }

  void buildKernel(OpBuilder &builder, const BlockOps &ops, const OpGroup &group, llvm::DenseMap<Value, Value> &made) {
    SmallVector<Value> outputs = ops.outputsOf(group);
    if (outputs.empty())
      return;
    OpGroup all = ops.withFreeOps(group);
    SmallVector<Value> inputs = ops.inputsOf(all), operands;
    for (Value input : inputs)
      operands.push_back(made.count(input) ? made.lookup(input) : input);
    SmallVector<Type> types = llvm::to_vector(ValueRange(outputs).getTypes());
    Verdict verdict = target.consider(all, outputs);
    auto kernel = KernelOp::create(builder, group.front()->getLoc(), types, labelOf(group), operands,
                                   builder.getStringAttr(verdict.generator), DenseI64ArrayAttr());
    Block *body = builder.createBlock(&kernel.getBody());
    IRMapping mapping;
    for (Value input : inputs)
      mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
    builder.setInsertionPointToEnd(body);
    for (Operation *op : all)
      builder.clone(*op, mapping)->removeAttr(kRecomputed);
    SmallVector<Value> yielded;
    for (Value output : outputs)
      yielded.push_back(mapping.lookup(output));
    YieldOp::create(builder, kernel.getLoc(), yielded);
    builder.setInsertionPointAfter(kernel);
    for (auto [output, result] : llvm::zip_equal(outputs, kernel.getOutputs()))
      made[output] = result;
  }

  const TargetModel &target;
  FormKernelsOptions options;
  Block &block;
};

} // namespace

LogicalResult formKernels(func::FuncOp function, const TargetModel &target, FormKernelsOptions options) {
  return Former(function, target, options).run();
}

} // namespace ember::passes
