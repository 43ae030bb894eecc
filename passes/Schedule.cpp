// Greedy: of the kernels that can run, the one after which the fewest bytes are alive; a gradient's last reader follows its
// maker. The order as recorded stays where the greedy one needs as much.
#include "passes/Schedule.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Kernel.h"
#include "passes/OpGroup.h"
#include <numeric>
#include <set>

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

class Scheduler {
public:
  Scheduler(Block &block, const TargetModel &target) {
    for (Operation &op : block.without_terminator())
      addKernel(cast<KernelOp>(op), target);
  }

  void run() {
    std::vector<unsigned> recorded(kernels.size());
    std::iota(recorded.begin(), recorded.end(), 0);
    std::vector<unsigned> order = greedy();
    if (peakOf(order) >= peakOf(recorded))
      return;
    for (unsigned i = 1; i < order.size(); ++i)
      kernels[order[i]].op->moveAfter(kernels[order[i - 1]].op);
  }

private:
  struct Kernel {
    KernelOp op;
    bool faults = false, writesResults = false;
    int64_t made = 0;            // bytes of the arena
    SmallVector<unsigned> reads; // values of the arena, each once
  };

  // Results and arguments are no bytes of the arena.
  struct Stored {
    int64_t bytes = 0;
    unsigned readers = 0;
    uint64_t sum = 0; // of the readers' numbers: of the last one, its number
  };

  // What is alive while kernels run in some order: a value's bytes are free when none of its readers is left.
  struct Live {
    std::vector<Stored> values;

    int64_t freed(const Kernel &kernel) const {
      int64_t bytes = 0;
      for (unsigned value : kernel.reads)
        bytes += values[value].readers == 1 ? values[value].bytes : 0;
      return bytes;
    }
    // Kernels that have become the last reader of something.
    SmallVector<unsigned> ran(const Kernel &kernel, unsigned number) {
      SmallVector<unsigned> last;
      for (unsigned value : kernel.reads) {
        Stored &own = values[value];
        own.sum -= number;
        if (--own.readers == 1)
          last.push_back(own.sum);
      }
      return last;
    }
  };

  void addKernel(KernelOp op, const TargetModel &target) {
    unsigned number = kernels.size();
    Kernel own{op, target.mayFault(op)};
    for (Value input : llvm::SmallSetVector<Value, 8>(op.getInputs().begin(), op.getInputs().end()))
      if (auto known = numberOf.find(input); known != numberOf.end()) {
        own.reads.push_back(known->second);
        ++stored[known->second].readers;
        stored[known->second].sum += number;
      }
    for (Value output : op.getOutputs()) {
      if (isReturned(output)) {
        own.writesResults = true;
        continue;
      }
      numberOf[output] = stored.size();
      stored.push_back({estimatedBytes(output)});
      own.made += stored.back().bytes;
    }
    numbers[op] = number;
    kernels.push_back(std::move(own));
  }

  int64_t peakOf(ArrayRef<unsigned> order) const {
    Live live{stored};
    int64_t now = 0, most = 0;
    for (unsigned number : order) {
      const Kernel &kernel = kernels[number];
      now += kernel.made;
      most = std::max(most, now);
      now -= live.freed(kernel);
      live.ran(kernel, number);
    }
    return most;
  }

  // Kernels that can run, the next one first.
  class Ready {
  public:
    Ready(const Scheduler &own, const Live &live) : own(own), live(live), ranks(own.kernels.size()) {
      for (const Kernel &kernel : own.kernels)
        faultsLeft += kernel.faults;
    }
    bool empty() const { return order.empty(); }
    void add(unsigned number) { order.insert(*(ranks[number] = rankOf(number))); }
    void rankAgain(unsigned number) {
      if (ranks[number] && order.erase(*ranks[number]))
        add(number);
    }
    unsigned next() {
      unsigned number = std::get<unsigned>(*order.begin());
      order.erase(order.begin());
      ranks[number].reset();
      if (own.kernels[number].faults && --faultsLeft <= 1) // what waited for it need not any more
        for (const Rank &rank : std::vector(order.begin(), order.end()))
          rankAgain(std::get<unsigned>(rank));
      return number;
    }

  private:
    using Rank = std::tuple<bool, int64_t, unsigned>;
    // Results are written after everything that may fault.
    Rank rankOf(unsigned number) const {
      const Kernel &kernel = own.kernels[number];
      return {faultsLeft > kernel.faults && kernel.writesResults, kernel.made - live.freed(kernel), number};
    }

    const Scheduler &own;
    const Live &live;
    unsigned faultsLeft = 0;
    std::set<Rank> order;
    std::vector<std::optional<Rank>> ranks;
  };

  std::vector<unsigned> greedy() const {
    Live live{stored};
    std::vector<unsigned> waiting(kernels.size()), order;
    Ready ready(*this, live);
    for (unsigned number = 0; number < kernels.size(); ++number) {
      for (Value input : KernelOp(kernels[number].op).getInputs())
        waiting[number] += input.getDefiningOp() != nullptr;
      if (waiting[number] == 0)
        ready.add(number);
    }
    while (!ready.empty()) {
      unsigned number = ready.next();
      order.push_back(number);
      llvm::for_each(live.ran(kernels[number], number), [&](unsigned last) { ready.rankAgain(last); });
      for (Value output : KernelOp(kernels[number].op).getOutputs())
        for (Operation *user : output.getUsers())
          if (auto reader = numbers.find(user); reader != numbers.end() && --waiting[reader->second] == 0)
            ready.add(reader->second);
    }
    return order;
  }

  std::vector<Kernel> kernels;
  std::vector<Stored> stored;
  llvm::DenseMap<Operation *, unsigned> numbers;
  llvm::DenseMap<Value, unsigned> numberOf; // values of the arena
};

} // namespace

void scheduleKernels(func::FuncOp function, const TargetModel &target) { Scheduler(function.getBody().front(), target).run(); }

} // namespace ember::passes
