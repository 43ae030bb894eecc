// Ops are met in order; each joins the last group that one of its operands comes from, where the target takes the larger
// group, or starts its own. Groups run in their order, so a join never makes a cycle: everything else that the op reads was made
// by an earlier group.
#include "passes/FormKernels.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Kernel.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Simplify.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

// Cloned into every reader: costs nothing, or less than reading it from memory.
bool isFree(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>())
    return true;
  return isa<ViewOp>(op) || (isa<ScalarOp>(op) && op->getNumOperands() == 0);
}

struct Candidate {
  SmallVector<Operation *> ops; // those that compute, in order
};

class Former {
public:
  Former(func::FuncOp function, const TargetModel &target, FormKernelsOptions options)
      : function(function), target(target), options(options), block(function.getBody().front()) {}

  LogicalResult run() {
    if (failed(checkConstants()))
      return failure();
    separateResults();
    dropDead(block);
    number();
    for (Operation &op : block.without_terminator())
      if (!isFree(&op) && failed(place(&op)))
        return failure();
    // A view that is returned is written out by a map of its own.
    for (Value value : block.getTerminator()->getOperands())
      if (Operation *op = value.getDefiningOp(); op && isFree(op) && !groupOf.count(op)) {
        groupOf[op] = groups.size();
        groups.push_back({{op}});
      }
    build();
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

  void number() {
    int64_t next = 0;
    for (Operation &op : block)
      position[&op] = next++;
  }

  // The computing ops that a value comes from, through free ones, and those free ones.
  void sources(Value value, llvm::SetVector<Operation *> &computing, llvm::SetVector<Operation *> &free) const {
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

  // The group's ops with the free ops they read, in the function's order.
  SmallVector<Operation *> withFreeOps(ArrayRef<Operation *> ops) const {
    llvm::SetVector<Operation *> all(ops.begin(), ops.end()), computing, free;
    for (Operation *op : ops)
      for (Value operand : op->getOperands())
        sources(operand, computing, free);
    all.insert(free.begin(), free.end());
    SmallVector<Operation *> sorted = all.takeVector();
    llvm::sort(sorted, [&](Operation *a, Operation *b) { return position.lookup(a) < position.lookup(b); });
    return sorted;
  }

  // Whether a use reaches, through free ops, something outside the group.
  bool leaves(Value value, const llvm::SmallPtrSetImpl<Operation *> &members) const {
    for (Operation *user : value.getUsers()) {
      if (members.contains(user))
        continue;
      if (!isFree(user) || user == block.getTerminator())
        return true;
      for (Value result : user->getResults())
        if (leaves(result, members))
          return true;
    }
    return false;
  }

  SmallVector<Value> outputsOf(ArrayRef<Operation *> ops) const {
    llvm::SmallPtrSet<Operation *, 16> members(ops.begin(), ops.end());
    SmallVector<Value> outputs;
    for (Operation *op : ops)
      for (Value result : op->getResults())
        if (leaves(result, members) || isFree(op))
          outputs.push_back(result);
    return outputs;
  }

  Verdict consider(ArrayRef<Operation *> ops) const {
    SmallVector<Value> outputs = outputsOf(ops);
    if (outputs.empty()) // nothing reads it yet: it stands for itself
      outputs.push_back(ops.back()->getResult(0));
    return target.consider(withFreeOps(ops), outputs);
  }

  LogicalResult place(Operation *op) {
    if (op->use_empty())
      return success();
    llvm::SetVector<Operation *> computing, free;
    for (Value operand : op->getOperands())
      sources(operand, computing, free);
    int64_t last = -1;
    for (Operation *source : computing)
      last = std::max<int64_t>(last, groupOf.lookup(source));
    if (options.fuse && last >= 0 && groups[last].ops.size() < options.largest) {
      SmallVector<Operation *> joined = groups[last].ops;
      joined.push_back(op);
      if (consider(joined).accepted()) {
        groups[last].ops = joined;
        groupOf[op] = last;
        return success();
      }
    }
    Verdict verdict = consider({op});
    if (!verdict.accepted())
      return op->emitError("no kernel of target ") << target.name() << " takes this op: " << verdict.reason;
    groupOf[op] = groups.size();
    groups.push_back({{op}});
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

  void build() {
    OpBuilder builder(block.getTerminator());
    llvm::DenseMap<Value, Value> made; // a group's output to its kernel's result
    for (const Candidate &group : groups)
      buildKernel(builder, group, made);
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

  void buildKernel(OpBuilder &builder, const Candidate &group, llvm::DenseMap<Value, Value> &made) {
    SmallVector<Value> outputs = outputsOf(group.ops);
    if (outputs.empty())
      return;
    SmallVector<Operation *> ops = withFreeOps(group.ops);
    llvm::SmallPtrSet<Operation *, 16> members(ops.begin(), ops.end());
    llvm::SetVector<Value> inputs;
    for (Operation *op : ops)
      for (Value operand : op->getOperands())
        if (!members.contains(operand.getDefiningOp()))
          inputs.insert(operand);
    SmallVector<Value> operands;
    for (Value input : inputs)
      operands.push_back(made.count(input) ? made.lookup(input) : input);
    SmallVector<Type> types = llvm::to_vector(ValueRange(outputs).getTypes());
    Verdict verdict = target.consider(ops, outputs);
    auto kernel = KernelOp::create(builder, group.ops.front()->getLoc(), types, labelOf(group.ops), operands,
                                   builder.getStringAttr(verdict.generator), DenseI64ArrayAttr());
    Block *body = builder.createBlock(&kernel.getBody());
    IRMapping mapping;
    for (Value input : inputs)
      mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
    builder.setInsertionPointToEnd(body);
    for (Operation *op : ops)
      builder.clone(*op, mapping);
    SmallVector<Value> yielded;
    for (Value output : outputs)
      yielded.push_back(mapping.lookup(output));
    YieldOp::create(builder, kernel.getLoc(), yielded);
    builder.setInsertionPointAfter(kernel);
    for (auto [output, result] : llvm::zip_equal(outputs, kernel.getOutputs()))
      made[output] = result;
  }

  func::FuncOp function;
  const TargetModel &target;
  FormKernelsOptions options;
  Block &block;
  llvm::DenseMap<Operation *, int64_t> position, groupOf;
  std::vector<Candidate> groups;
};

} // namespace

LogicalResult formKernels(func::FuncOp function, const TargetModel &target, FormKernelsOptions options) {
  return Former(function, target, options).run();
}

} // namespace ember::passes
