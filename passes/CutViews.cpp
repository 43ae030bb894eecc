#include "passes/CutViews.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Constant.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

constexpr unsigned kMostDepth = 64; // views behind each other: whoever follows them may do so by recursion
constexpr uint64_t kFewWays = 16;

// How a value is read through views: the longest chain of them, and all ways to what is no view.
struct Reading {
  unsigned depth = 0;
  uint64_t ways = 1;
};

class Cutter {
public:
  explicit Cutter(Block &block) : block(block), builder(block.getParentOp()->getContext()) {}

  void run() {
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (!isa<ViewOp>(op))
        continue;
      Reading own = readingOf(&op);
      if (own.depth >= kMostDepth || (own.ways > kFewWays && own.ways > readsBehind(&op)))
        copy(op.getResult(0));
      else
        readings[&op] = own;
    }
  }

private:
  Reading readingOf(Operation *view) const {
    Reading own{1, 0};
    for (Value operand : view->getOperands()) {
      auto known = readings.find(operand.getDefiningOp());
      Reading behind = known == readings.end() ? Reading() : known->second;
      own.depth = std::max(own.depth, behind.depth + 1);
      own.ways += behind.ways;
    }
    return own;
  }

  // What all views of the chain read, each view counted once.
  uint64_t readsBehind(Operation *view) const {
    llvm::SmallDenseSet<Operation *, 32> seen{view};
    SmallVector<Operation *> work{view};
    uint64_t reads = 0;
    while (!work.empty())
      for (Value operand : work.pop_back_val()->getOperands()) {
        ++reads;
        Operation *source = operand.getDefiningOp();
        if (readings.count(source) && seen.insert(source).second)
          work.push_back(source);
      }
    return reads;
  }

  void copy(Value view) {
    builder.setInsertionPointAfterValue(view);
    Operation *copied = CopyOp::create(builder, view.getLoc(), view);
    view.replaceAllUsesExcept(copied->getResult(0), copied);
  }

  Block &block;
  OpBuilder builder;
  llvm::DenseMap<Operation *, Reading> readings; // of views that are not copied
};

} // namespace

void cutViews(func::FuncOp function) { Cutter(function.getBody().front()).run(); }

} // namespace ember::passes
