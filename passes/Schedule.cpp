// Greedy: of the kernels that can run, the one after which the fewest bytes are alive; a gradient's last reader follows its
// maker. The order as recorded stays where the greedy one needs as much.
#include "passes/Schedule.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Kernel.h"
#include "passes/OpGroup.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

class Scheduler {
public:
  Scheduler(Block &block, const TargetModel &target) {
    for (Operation &op : block.without_terminator()) {
      numbers[&op] = kernels.size();
      kernels.push_back(cast<KernelOp>(op));
      faults.push_back(target.mayFault(&op));
      writesResults.push_back(llvm::any_of(op.getResults(), isReturned));
    }
  }

  void run() {
    std::vector<unsigned> recorded(kernels.size());
    for (unsigned i = 0; i < recorded.size(); ++i)
      recorded[i] = i;
    std::vector<unsigned> order = greedy();
    if (peakOf(order) >= peakOf(recorded))
      return;
    for (unsigned i = 1; i < order.size(); ++i)
      kernels[order[i]]->moveAfter(kernels[order[i - 1]]);
  }

private:
  // Readers of a value that have not run: when none is left, its bytes are free. Results and arguments are no bytes of the arena.
  struct Live {
    explicit Live(const Scheduler &scheduler) : readers(scheduler.readers()) {}
    llvm::DenseMap<Value, unsigned> readers;

    int64_t made(KernelOp kernel) const {
      int64_t bytes = 0;
      for (Value output : kernel.getOutputs())
        bytes += isReturned(output) ? 0 : estimatedBytes(output);
      return bytes;
    }
    int64_t freed(KernelOp kernel) const {
      int64_t bytes = 0;
      for (Value input : llvm::SmallSetVector<Value, 8>(kernel.getInputs().begin(), kernel.getInputs().end()))
        if (input.getDefiningOp() && !isReturned(input) && readers.lookup(input) == 1)
          bytes += estimatedBytes(input);
      return bytes;
    }
    void ran(KernelOp kernel) {
      for (Value input : llvm::SmallSetVector<Value, 8>(kernel.getInputs().begin(), kernel.getInputs().end()))
        --readers[input];
    }
  };

  llvm::DenseMap<Value, unsigned> readers() const {
    llvm::DenseMap<Value, unsigned> counts;
    for (KernelOp kernel : kernels)
      for (Value input : llvm::SmallSetVector<Value, 8>(kernel.getInputs().begin(), kernel.getInputs().end()))
        ++counts[input];
    return counts;
  }

  int64_t peakOf(ArrayRef<unsigned> order) const {
    Live live(*this);
    int64_t now = 0, most = 0;
    for (unsigned number : order) {
      KernelOp kernel = kernels[number];
      now += live.made(kernel);
      most = std::max(most, now);
      now -= live.freed(kernel);
      live.ran(kernel);
    }
    return most;
  }

  std::vector<unsigned> greedy() {
    Live live(*this);
    std::vector<unsigned> waiting(kernels.size()), ready, order;
    unsigned faultsLeft = llvm::count(faults, true);
    for (unsigned number = 0; number < kernels.size(); ++number) {
      for (Value input : kernels[number].getInputs())
        waiting[number] += input.getDefiningOp() != nullptr;
      if (waiting[number] == 0)
        ready.push_back(number);
    }
    while (!ready.empty()) {
      auto rank = [&](unsigned number) {
        KernelOp kernel = kernels[number];
        bool mustWait = faultsLeft > faults[number] && writesResults[number];
        return std::tuple(mustWait, live.made(kernel) - live.freed(kernel), number);
      };
      auto best = std::min_element(ready.begin(), ready.end(), [&](unsigned a, unsigned b) { return rank(a) < rank(b); });
      unsigned number = *best;
      ready.erase(best);
      order.push_back(number);
      faultsLeft -= faults[number];
      live.ran(kernels[number]);
      for (Value output : kernels[number].getOutputs())
        for (Operation *user : output.getUsers())
          if (auto reader = numbers.find(user); reader != numbers.end() && --waiting[reader->second] == 0)
            ready.push_back(reader->second);
    }
    return order;
  }

  SmallVector<KernelOp> kernels;
  llvm::DenseMap<Operation *, unsigned> numbers;
  std::vector<bool> faults, writesResults;
};

} // namespace

void scheduleKernels(func::FuncOp function, const TargetModel &target) { Scheduler(function.getBody().front(), target).run(); }

} // namespace ember::passes
