#include "codegen/cpu/InPlace.h"

#include "ir/EmberDialect.h"

#include <deque>

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

namespace {

// The number of an input that one operand of one op reads, no other: a scatter's updates must not be made of elements of its base
// that were written before.
std::optional<unsigned> inputReadOnce(const Group &group, Value value) {
  if (!group.isInput(value))
    return std::nullopt;
  int64_t uses = 0;
  for (Operation *op : group.ops)
    uses += llvm::count(op->getOperands(), value);
  if (uses != 1)
    return std::nullopt;
  return llvm::find(group.inputs, value) - group.inputs.begin();
}

// Every read of an input by one output, and where that output is written.
struct OutputReads {
  Space space;
  Trace found;
  Expr own;
  bool isAtOwnPoint = true; // written at the rows' own point, where heroes are read

  OutputReads(const Group &group, Value output) {
    auto type = cast<RankedTensorType>(output.getType());
    SmallVector<Expr> loops;
    for (const SizeExpr &size : dimSizes(type))
      loops.push_back(size == SizeExpr(1) ? Expr(0) : space.loop(space.size(size)));
    trace(group, space, output, loops, {}, found);
    own = addressOf(space, type, loops);
    for (const auto &hero : found.heroes)
      isAtOwnPoint &= hero.second == loops;
    // An output that reads no reduction may still be written in loops of its own: where it has other dimensions than the rows.
    for (Operation *op : group.ops)
      if (isa<ReductionOp>(op))
        isAtOwnPoint &= dimSizes(cast<RankedTensorType>(op->getResult(0).getType())) == dimSizes(type);
  }
  bool reads(Value input) const {
    return llvm::any_of(found.reads, [&](const Read &read) { return read.input == input; });
  }
  bool readsOnlyAtOwn(Value input) const {
    return llvm::all_of(found.reads,
                        [&](const Read &read) { return read.input != input || (read.address == own && read.guards.empty()); });
  }
};

// Inputs that a reduction or contraction reads: all of them before, or while, results are written elsewhere.
llvm::DenseSet<Value> readByHeroes(const Group &group) {
  llvm::DenseSet<Value> inputs;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Operation *> work;
  for (Operation *op : group.ops)
    if (isa<ReductionOp, ContractionOp>(op))
      work.push_back(op);
  while (!work.empty())
    for (Value operand : work.pop_back_val()->getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (!group.contains(source))
        inputs.insert(operand);
      else if (seen.insert(source).second)
        work.push_back(source);
    }
  return inputs;
}

// Outputs at one point are written after everything that is read there (Walker::atAll). An output in loops of its own, beside the
// reductions' rows, is written alone: nothing else may read what it replaces.
void addPairs(const Part &part, unsigned inputCount, SmallVectorImpl<std::pair<unsigned, unsigned>> &pairs) {
  const Group &group = part.group;
  llvm::DenseSet<Value> excluded = readByHeroes(group);
  std::deque<OutputReads> outputs;
  for (Value output : group.outputs)
    outputs.emplace_back(group, output);
  for (auto [result, output] : llvm::enumerate(group.outputs))
    for (auto [operand, input] : llvm::enumerate(group.inputs)) {
      if (input.getType() != output.getType() || excluded.contains(input))
        continue;
      bool fits = true;
      for (auto [number, other] : llvm::enumerate(outputs)) {
        bool isTogether = number == result || (outputs[result].isAtOwnPoint && other.isAtOwnPoint);
        fits &= other.readsOnlyAtOwn(input) && (isTogether || !other.reads(input));
      }
      if (fits)
        pairs.push_back({part.buffers[group.inputs.size() + result] - inputCount, part.buffers[operand]});
    }
}

} // namespace

// Parts of a sweep run in any order: what one replaces, no other reads.
SmallVector<std::pair<unsigned, unsigned>> inPlacePairs(const Group &group, ArrayRef<Part> parts) {
  SmallVector<std::pair<unsigned, unsigned>> pairs;
  if (auto opaque = llvm::find_if(group.ops, [](Operation *op) { return isa<OpaqueOp>(op); }); opaque != group.ops.end()) {
    for (auto [number, output] : llvm::enumerate(group.outputs)) {
      int operand = cast<OpaqueOp>(*opaque).inPlaceOperand(cast<OpResult>(output).getResultNumber());
      if (operand < 0)
        continue;
      if (std::optional<unsigned> place = inputReadOnce(group, (*opaque)->getOperand(operand)))
        pairs.push_back({static_cast<unsigned>(number), *place});
    }
    return pairs;
  }
  SmallVector<unsigned> readers(group.inputs.size());
  for (const Part &part : parts) {
    addPairs(part, group.inputs.size(), pairs);
    for (unsigned buffer : part.buffers)
      if (buffer < readers.size())
        ++readers[buffer];
  }
  llvm::erase_if(pairs, [&](const auto &pair) { return readers[pair.second] > 1; });
  return pairs;
}

} // namespace ember::cpu
