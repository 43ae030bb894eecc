#include "codegen/cpu/Cost.h"

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/NestPlan.h"
#include "ir/EmberDialect.h"
#include "ir/index/ReductionOrder.h"
#include "ir/interpret/Bytes.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

namespace {

// Measured on one Zen 5 core (tools/BENCH.md); ratios are what matters.
constexpr double kLaunch = 150;           // ns
constexpr double kCacheBytesPerNs = 100;  // what fits in L2
constexpr double kMemoryBytesPerNs = 40;  // what does not
constexpr double kCacheBytes = 1 << 20;   // L2
constexpr double kElementwisePerNs = 90;  // flops, lanes full
constexpr double kReductionPerNs = 60;    // elements
constexpr double kContractionPerNs = 150; // flops

double elements(ArrayRef<SizeExpr> sizes) {
  double count = 1;
  for (const SizeExpr &size : sizes)
    count *= size.constant().value_or(64);
  return count;
}
double elements(Value value) { return elements(dimSizes(cast<RankedTensorType>(value.getType()))); }
double bytes(Value value) { return elements(value) * byteWidth(getElementTypeOrSelf(value.getType())); }

// How many neighbours in the innermost loops see the same element of a view's operand (a number a row, spread over it): it is
// computed once for all of them, outside of these loops.
double repeats(ViewOp view) {
  Space space;
  SmallVector<SizeExpr> sizes = dimSizes(cast<RankedTensorType>(view->getResult(0).getType()));
  SmallVector<Expr> loops;
  for (const SizeExpr &size : sizes)
    loops.push_back(space.loop(space.size(size)));
  Access access = cast<IndexedOp>(view.getOperation()).access(0, loops, space);
  double count = 1;
  for (size_t dim = loops.size(); dim-- > 0;) {
    std::optional<VariableId> loop = loops[dim].asVariable();
    if (loop && llvm::any_of(access.indices, [&](const Expr &index) { return space.dependsOn(index, *loop); }))
      break;
    count *= static_cast<double>(sizes[dim].constant().value_or(64));
  }
  return count;
}

// How often each value of the group is computed, consumers first, and the time that takes.
class Work {
public:
  explicit Work(const Group &group) : group(group) {
    for (Value output : group.outputs)
      times[output] = elements(output);
    for (Operation *op : llvm::reverse(group.ops))
      visit(op);
  }
  double nanoseconds = 0;
  llvm::DenseMap<Value, double> times;

private:
  // Readers at the same points share what they read; each reduction reads in a pass of its own.
  void visit(Operation *op) {
    if (op->getNumResults() == 0 || op->hasTrait<OpTrait::ConstantLike>())
      return;
    Value result = op->getResult(0);
    double own = std::max(times.lookup(result), isa<ViewOp>(op) ? 0.0 : 1.0);
    if (isKept(op))
      own = std::min(own, std::max(1.0, elements(result)));
    if (isa<ContractionOp>(op)) {
      double products = elements(result) * elements(cast<IndexedOp>(op).reducedSizes());
      nanoseconds += 2 * products / kContractionPerNs;
      add(op->getOperand(0), elements(op->getOperand(0)));
      add(op->getOperand(1), panelElements(group));
    } else if (isa<ReductionOp>(op)) {
      double read = elements(result) * elements(cast<IndexedOp>(op).reducedSizes());
      nanoseconds += read / kReductionPerNs;
      for (Value operand : op->getOperands())
        add(operand, read);
    } else {
      if (auto scalar = dyn_cast<ScalarOp>(op))
        nanoseconds += own * scalar.cost() / kElementwisePerNs;
      if (auto view = dyn_cast<ViewOp>(op))
        own /= repeats(view);
      for (Value operand : op->getOperands()) {
        double &known = times[operand];
        known = std::max(known, cast<RankedTensorType>(operand.getType()).getRank() == 0 ? 1 : own);
      }
    }
  }
  void add(Value value, double count) { times[value] += count; }
  // A row's buffer holds what later passes over it read again (NestPlan.h).
  bool isKept(Operation *op) const {
    auto scalar = dyn_cast<ScalarOp>(op);
    return scalar && scalar.cost() >= kWorthKeeping && llvm::any_of(group.ops, [&](Operation *other) {
             return isa<ReductionOp>(other) && reductionOrder(other).partials > 1 &&
                    other->getOperand(0).getType() == op->getResult(0).getType();
           });
  }

  const Group &group;
};

} // namespace

double estimateNanoseconds(const Group &group) {
  Work work(group);
  double moved = 0;
  for (Value input : group.inputs) // a slice reads a part; what is read again and again is in a cache
    moved += bytes(input) * std::min(1.0, work.times.lookup(input) / std::max(1.0, elements(input)));
  for (Value output : group.outputs)
    moved += bytes(output);
  double rate = moved > kCacheBytes ? kMemoryBytesPerNs : kCacheBytesPerNs;
  return kLaunch + std::max(moved / rate, work.nanoseconds);
}

} // namespace ember::cpu
