#include "passes/PlanMemory.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Kernel.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

SizeExpr paddedBytes(RankedTensorType type) {
  SizeExpr bytes = elementCount(type) * SizeExpr(byteWidth(type.getElementType()));
  if (std::optional<int64_t> number = bytes.constant())
    return SizeExpr((*number + 127) / 64 * 64); // whole vectors of an empty tensor may be addressed
  return bytes * SizeExpr(64) + SizeExpr(64);   // a multiple of 64 for every size
}

namespace {

// A value that needs arena memory while kernels [first, last] run.
struct Lifetime {
  Value value;
  int64_t bytes, first, last, offset = -1;
};

class Planner {
public:
  Planner(func::FuncOp function, const TargetModel &target)
      : function(function), target(target), block(function.getBody().front()) {
    for (Operation &op : block.without_terminator())
      kernels.push_back(cast<KernelOp>(op));
    for (auto [number, kernel] : llvm::enumerate(kernels))
      order[kernel] = number;
  }

  MemoryPlan run() {
    for (BlockArgument argument : function.getArguments())
      plan.places[argument] = {Place::Kind::Argument, argument.getArgNumber(), {}};
    placeResults();
    placeArena();
    return std::move(plan);
  }

private:
  int64_t lastUse(Value value) const {
    int64_t last = -1;
    for (Operation *user : value.getUsers())
      last = std::max<int64_t>(last, isa<KernelOp>(user) ? order.lookup(user) : kernels.size());
    return last;
  }

  void placeResults() {
    OperandRange returned = block.getTerminator()->getOperands();
    plan.resultAlias.assign(returned.size(), -1);
    llvm::DenseSet<unsigned> taken;
    int64_t lastFault = -1;
    for (auto [number, kernel] : llvm::enumerate(kernels))
      if (target.mayFault(kernel))
        lastFault = number;
    for (auto [number, value] : llvm::enumerate(returned)) {
      assert(value.getDefiningOp() && !plan.places.count(value) && "results are distinct values of kernels");
      plan.places[value] = {Place::Kind::Result, static_cast<unsigned>(number), {}};
      takeOver(number, value, taken, lastFault);
    }
  }

  // A donated argument whose last read is not after the kernel that writes the result, and in it only at the written address.
  void takeOver(unsigned number, Value value, llvm::DenseSet<unsigned> &taken, int64_t lastFault) {
    auto kernel = cast<KernelOp>(value.getDefiningOp());
    int64_t written = order.lookup(kernel);
    if (written < lastFault || (written == lastFault))
      return;
    for (BlockArgument argument : function.getArguments()) {
      unsigned own = argument.getArgNumber();
      auto preferred = function.getArgAttrOfType<IntegerAttr>(own, "ember.donated");
      if (!preferred || taken.contains(own) || argument.getType() != value.getType())
        continue;
      if (preferred.getInt() >= 0 && preferred.getInt() != static_cast<int64_t>(number))
        continue;
      int64_t read = lastUse(argument);
      if (read > written)
        continue;
      if (read == written && !markInPlace(kernel, value, argument))
        continue;
      taken.insert(own);
      plan.resultAlias[number] = own;
      return;
    }
  }

  bool markInPlace(KernelOp kernel, Value value, Value operand) {
    unsigned result = cast<OpResult>(value).getResultNumber();
    for (auto [pairResult, pairOperand] : target.inPlacePairs(kernel))
      if (pairResult == result && kernel.getInputs()[pairOperand] == operand) {
        SmallVector<int64_t> pairs;
        if (auto known = kernel.getInPlace())
          llvm::append_range(pairs, *known);
        pairs.append({result, pairOperand});
        kernel.setInPlace(pairs);
        return true;
      }
    return false;
  }

  // Offsets by best fit, largest first; values of dynamic size one after the other behind them.
  void placeArena() {
    std::vector<Lifetime> lifetimes;
    SizeExpr dynamicBytes;
    SmallVector<std::pair<Value, SizeExpr>> dynamicOnes;
    for (auto [number, kernel] : llvm::enumerate(kernels))
      for (Value result : kernel.getOutputs()) {
        if (plan.places.count(result))
          continue;
        SizeExpr bytes = paddedBytes(cast<RankedTensorType>(result.getType()));
        if (std::optional<int64_t> known = bytes.constant()) {
          lifetimes.push_back({result, *known, static_cast<int64_t>(number), std::max<int64_t>(number, lastUse(result))});
        } else {
          dynamicOnes.push_back({result, dynamicBytes});
          dynamicBytes = dynamicBytes + bytes;
        }
      }
    measureLive(lifetimes);
    assignOffsets(lifetimes);
    for (const Lifetime &own : lifetimes)
      plan.places[own.value] = {Place::Kind::Arena, 0, SizeExpr(own.offset)};
    for (auto &[value, offset] : dynamicOnes)
      plan.places[value] = {Place::Kind::Arena, 0, SizeExpr(plan.peakBytes) + offset};
    plan.arenaBytes = SizeExpr(plan.peakBytes) + dynamicBytes;
  }

  void measureLive(const std::vector<Lifetime> &lifetimes) {
    std::vector<int64_t> live(kernels.size() + 2, 0);
    for (const Lifetime &own : lifetimes) {
      live[own.first] += own.bytes;
      live[own.last + 1] -= own.bytes;
    }
    int64_t now = 0;
    for (int64_t change : live)
      plan.liveBytes = std::max(plan.liveBytes, now += change);
  }

  void assignOffsets(std::vector<Lifetime> &lifetimes) {
    std::vector<Lifetime *> bySize;
    for (Lifetime &own : lifetimes)
      bySize.push_back(&own);
    std::stable_sort(bySize.begin(), bySize.end(), [](auto *a, auto *b) { return a->bytes > b->bytes; });
    std::vector<Lifetime *> placed; // by offset
    for (Lifetime *own : bySize) {
      int64_t best = -1, bestGap = INT64_MAX, end = 0;
      for (Lifetime *other : placed) {
        if (other->last < own->first || own->last < other->first)
          continue;
        int64_t gap = other->offset - end;
        if (gap >= own->bytes && gap < bestGap) {
          best = end;
          bestGap = gap;
        }
        end = std::max(end, other->offset + other->bytes);
      }
      own->offset = best >= 0 ? best : end;
      plan.peakBytes = std::max(plan.peakBytes, own->offset + own->bytes);
      placed.insert(std::upper_bound(placed.begin(), placed.end(), own, [](auto *a, auto *b) { return a->offset < b->offset; }),
                    own);
    }
  }

  func::FuncOp function;
  const TargetModel &target;
  Block &block;
  SmallVector<KernelOp> kernels;
  llvm::DenseMap<Operation *, int64_t> order;
  MemoryPlan plan;
};

} // namespace

MemoryPlan planMemory(func::FuncOp function, const TargetModel &target) { return Planner(function, target).run(); }

} // namespace ember::passes
