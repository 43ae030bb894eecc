// After simplification, which would merge a recomputed value with the one it was copied from; before kernels are formed, which
// puts the copies into their readers' kernels.
#include "passes/Rematerialize.h"

#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "passes/MinCut.h"
#include "passes/OpGroup.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

// Arguments and results are in memory in any case.
bool isKeptAnyway(Value value) { return !value.getDefiningOp() || isReturned(value); }

bool isRecomputable(Operation *op) { return op->getNumResults() == 1 && isa<ScalarOp, ViewOp>(op); }

class Rematerializer {
public:
  Rematerializer(Block &block, Operation *split) : split(split), blocks(block), builder(block.getParentOp()->getContext()) {
    for (Operation *op = split->getNextNode(); op; op = op->getNextNode())
      later.push_back(op);
  }

  int64_t run() {
    int64_t before = bytesKept();
    source = cut.addNode();
    sink = cut.addNode();
    for (Operation *op : later)
      for (Value operand : op->getOperands())
        if (isEarlier(operand))
          cut.addEdge(nodesOf(operand).second, sink, MinCut::kUnbounded);
    int64_t after = cut.solve(source, sink);
    if (after >= before)
      return 0;
    for (Operation *op : later) {
      builder.setInsertionPoint(op);
      for (OpOperand &operand : op->getOpOperands())
        if (!isa<func::ReturnOp>(op) && isEarlier(operand.get()))
          operand.set(recomputed(operand.get()));
    }
    return before - after;
  }

private:
  bool isEarlier(Value value) const {
    Operation *op = value.getDefiningOp();
    return op && (op == split || op->isBeforeInBlock(split));
  }

  // What readers after the split keep alive now: the computing ops' values that they come from.
  int64_t bytesKept() {
    llvm::SetVector<Operation *> computing, free;
    int64_t bytes = 0;
    llvm::SmallDenseSet<Value> counted;
    for (Operation *op : later)
      for (Value operand : op->getOperands())
        if (!isa<func::ReturnOp>(op))
          countSources(operand, counted, bytes);
    return bytes;
  }

  void countSources(Value value, llvm::SmallDenseSet<Value> &counted, int64_t &bytes) {
    SmallVector<Value> work{value};
    while (!work.empty()) {
      Value own = work.pop_back_val();
      if (!isEarlier(own) || !counted.insert(own).second)
        continue;
      Operation *op = own.getDefiningOp();
      if (isFree(op))
        llvm::append_range(work, op->getOperands());
      else if (!isKeptAnyway(own))
        bytes += estimatedBytes(own);
    }
  }

  // A value is an edge as wide as its bytes: to cut it is to keep it. Free ops are copied into readers and never kept.
  std::pair<unsigned, unsigned> nodesOf(Value root) {
    SmallVector<Value> work{root};
    while (!work.empty()) {
      Value value = work.pop_back_val();
      if (nodes.count(value))
        continue;
      auto own = nodes[value] = {cut.addNode(), cut.addNode()};
      Operation *op = value.getDefiningOp();
      cut.addEdge(own.first, own.second, isFree(op) ? MinCut::kUnbounded : isKeptAnyway(value) ? 0 : estimatedBytes(value));
      if (!isRecomputable(op)) {
        cut.addEdge(source, own.first, MinCut::kUnbounded);
        continue;
      }
      for (Value operand : op->getOperands())
        if (operand.getDefiningOp())
          pendingEdges.push_back({operand, own.first});
      for (Value operand : op->getOperands())
        if (operand.getDefiningOp())
          work.push_back(operand);
    }
    for (auto [operand, to] : pendingEdges)
      cut.addEdge(nodes[operand].second, to, MinCut::kUnbounded);
    pendingEdges.clear();
    return nodes[root];
  }

  bool isKept(Value value) {
    if (!isEarlier(value))
      return true;
    auto [in, out] = nodes.find(value)->second;
    return isKeptAnyway(value) || !isRecomputable(value.getDefiningOp()) || (!cut.isBehindCut(in) && cut.isBehindCut(out));
  }

  // Copies the chain that makes a value, operands first, before the reader at hand.
  Value recomputed(Value root) {
    SmallVector<std::pair<Value, bool>> work{{root, false}};
    while (!work.empty()) {
      auto [value, operandsDone] = work.pop_back_val();
      if (copies.count(value) || isKept(value))
        continue;
      Operation *op = value.getDefiningOp();
      if (!operandsDone) {
        work.push_back({value, true});
        for (Value operand : op->getOperands())
          work.push_back({operand, false});
        continue;
      }
      if (isFree(op) && llvm::none_of(op->getOperands(), [&](Value operand) { return copies.count(operand); }))
        continue; // of what is kept
      Operation *copy = builder.clone(*op);
      copy->setAttr(kRecomputed, builder.getUnitAttr());
      for (OpOperand &operand : copy->getOpOperands())
        if (Value own = copies.lookup(operand.get()))
          operand.set(own);
      copies[value] = copy->getResult(0);
    }
    Value copy = copies.lookup(root);
    return copy ? copy : root;
  }

  Operation *split;
  BlockOps blocks;
  OpBuilder builder;
  SmallVector<Operation *> later;
  MinCut cut;
  unsigned source = 0, sink = 0;
  llvm::DenseMap<Value, std::pair<unsigned, unsigned>> nodes;
  SmallVector<std::pair<Value, unsigned>> pendingEdges;
  llvm::DenseMap<Value, Value> copies;
};

} // namespace

Operation *opAtPeak(func::FuncOp function) {
  Block &block = function.getBody().front();
  BlockOps ops(block);
  // Through free ops, which are computed by their readers.
  llvm::DenseMap<Operation *, int64_t> lastReader;
  for (Operation &op : block.without_terminator())
    if (!isFree(&op)) {
      llvm::SetVector<Operation *> computing, free;
      for (Value operand : op.getOperands())
        ops.sources(operand, computing, free);
      for (Operation *source : computing)
        lastReader[source] = std::max(lastReader.lookup(source), ops.position(&op));
    }
  llvm::DenseMap<int64_t, int64_t> freed; // bytes after the op at this position
  Operation *peak = nullptr;
  int64_t now = 0, most = -1;
  for (Operation &op : block.without_terminator()) {
    if (isFree(&op))
      continue;
    for (Value result : op.getResults())
      if (!isKeptAnyway(result)) {
        now += estimatedBytes(result);
        freed[std::max(lastReader.lookup(&op), ops.position(&op))] += estimatedBytes(result);
      }
    now -= freed.lookup(ops.position(&op));
    if (now > most) {
      most = now;
      peak = &op;
    }
  }
  return peak;
}

int64_t rematerialize(func::FuncOp function, Operation *split) { return Rematerializer(function.getBody().front(), split).run(); }

} // namespace ember::passes
