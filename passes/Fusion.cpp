// Each op starts as a group of its own. Pairs of groups where one reads the other's values, or where both read the same ones,
// stand in a heap by the bytes that joining them saves; the target is asked when a pair comes up, and only a merge's neighbours
// come up again. Groups whose results nobody reads (a program's last writes: updates of parameters, copies) depend on nothing of
// each other: at the end they are joined into as few launches as the target takes.
#include "passes/Fusion.h"

#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include <queue>

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

struct Node {
  OpGroup ops; // empty: merged into another
  double nanoseconds = 0;
  unsigned version = 0;
  llvm::SmallDenseSet<unsigned, 4> producers, consumers; // groups, by number
  SmallVector<Value> inputs, outputs;
};

struct Pair {
  double saved;
  unsigned a, b, versionA, versionB;
  bool operator<(const Pair &other) const { // the first in the program among equals
    return std::tuple(saved, -double(a), -double(b)) < std::tuple(other.saved, -double(other.a), -double(other.b));
  }
};

class Grouping {
public:
  Grouping(const BlockOps &ops, const TargetModel &target, FusionOptions options) : ops(ops), target(target), options(options) {}

  FailureOr<std::vector<OpGroup>> run() {
    // A free op that is returned is written out by a group of its own.
    llvm::DenseSet<Value> returned(ops.block.getTerminator()->operand_begin(), ops.block.getTerminator()->operand_end());
    for (Operation &op : ops.block.without_terminator()) {
      bool isGrouped = isFree(&op) ? returned.contains(op.getResult(0)) : !op.use_empty();
      if (isGrouped && failed(addOp(&op)))
        return failure();
    }
    connect();
    if (options.fuse) {
      for (unsigned number = 0; number < nodes.size(); ++number)
        pushPairs(number);
      mergeByBytes();
      mergeSinks();
    }
    return inOrder();
  }

private:
  LogicalResult addOp(Operation *op) {
    Node node;
    node.ops = {op};
    describe(node);
    Verdict verdict = target.consider(ops.withFreeOps(node.ops), node.outputs);
    if (!verdict.accepted())
      return op->emitError("no kernel of target ") << target.name() << " takes this op: " << verdict.reason;
    node.nanoseconds = verdict.nanoseconds;
    groupOf[op] = nodes.size();
    nodes.push_back(std::move(node));
    return success();
  }

  void describe(Node &node) {
    node.outputs = ops.outputsOf(node.ops);
    if (node.outputs.empty()) // read by dead ops alone: it stands for itself
      node.outputs.push_back(node.ops.back()->getResult(0));
    node.inputs = ops.inputsOf(ops.withFreeOps(node.ops));
  }

  void connect() {
    for (unsigned number = 0; number < nodes.size(); ++number)
      for (Value input : nodes[number].inputs) {
        readers[input].push_back(number);
        if (Operation *source = input.getDefiningOp()) {
          unsigned producer = groupOf.lookup(source);
          nodes[number].producers.insert(producer);
          nodes[producer].consumers.insert(number);
        }
      }
  }

  unsigned current(unsigned number) const {
    while (nodes[number].ops.empty())
      number = mergedInto.lookup(number);
    return number;
  }

  // Bytes that are neither written nor read when two groups are one.
  double bytesSaved(const Node &a, const Node &b) const {
    llvm::SmallDenseSet<Value, 8> own(a.inputs.begin(), a.inputs.end());
    double saved = 0;
    for (Value input : b.inputs)
      if (own.contains(input))
        saved += estimatedBytes(input);
    for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)})
      for (Value output : from->outputs)
        if (llvm::is_contained(to->inputs, output))
          saved += 2 * estimatedBytes(output);
    return saved;
  }

  void push(unsigned a, unsigned b) {
    if (a == b)
      return;
    if (a > b)
      std::swap(a, b);
    double saved = bytesSaved(nodes[a], nodes[b]);
    if (saved > 0)
      heap.push({saved, a, b, nodes[a].version, nodes[b].version});
  }

  // Neighbours: producers, consumers, and the nearest other readers of an input that is more than a few numbers.
  void pushPairs(unsigned number) {
    for (unsigned producer : nodes[number].producers)
      push(producer, number);
    for (unsigned consumer : nodes[number].consumers)
      push(number, consumer);
    for (Value input : nodes[number].inputs) {
      if (estimatedBytes(input) <= 64)
        continue;
      unsigned before = number, after = number;
      for (unsigned reader : readers[input]) {
        unsigned other = current(reader);
        if (other < number && (before == number || other > before))
          before = other;
        if (other > number && (after == number || other < after))
          after = other;
      }
      push(before, number);
      push(number, after);
    }
  }

  void mergeByBytes() {
    while (!heap.empty()) {
      Pair pair = heap.top();
      heap.pop();
      const Node &a = nodes[pair.a], &b = nodes[pair.b];
      if (a.ops.empty() || b.ops.empty() || a.version != pair.versionA || b.version != pair.versionB)
        continue;
      if (a.ops.size() + b.ops.size() <= options.largest && tryMerge(pair.a, pair.b, options.buffers))
        pushPairs(pair.a);
    }
  }

  // Whether a way leads from one group to the other through a third.
  bool wouldCycle(unsigned a, unsigned b) const {
    auto reaches = [&](unsigned from, unsigned to) {
      SmallVector<unsigned> work;
      llvm::SmallDenseSet<unsigned, 32> seen;
      for (unsigned next : nodes[from].consumers)
        if (next != to)
          work.push_back(next);
      while (!work.empty()) {
        unsigned number = work.pop_back_val();
        if (number == to)
          return true;
        if (seen.insert(number).second)
          work.append(nodes[number].consumers.begin(), nodes[number].consumers.end());
      }
      return false;
    };
    return reaches(a, b) || reaches(b, a);
  }

  bool tryMerge(unsigned a, unsigned b, unsigned buffers) {
    if (wouldCycle(a, b))
      return false;
    Node joined;
    joined.ops = nodes[a].ops;
    llvm::append_range(joined.ops, nodes[b].ops);
    llvm::sort(joined.ops, [&](Operation *x, Operation *y) { return ops.position(x) < ops.position(y); });
    if (undoesRecomputing(joined.ops))
      return false;
    describe(joined);
    if (joined.inputs.size() + joined.outputs.size() > buffers)
      return false;
    Verdict verdict = target.consider(ops.withFreeOps(joined.ops), joined.outputs);
    if (!verdict.accepted() || verdict.nanoseconds >= nodes[a].nanoseconds + nodes[b].nanoseconds)
      return false;
    joined.nanoseconds = verdict.nanoseconds;
    replace(a, b, std::move(joined));
    return true;
  }

  // What is computed again beside where it was computed first is kept after all.
  bool undoesRecomputing(const OpGroup &joined) {
    if (!firstRecomputed) {
      firstRecomputed = INT64_MAX;
      for (Operation &op : ops.block)
        if (op.hasAttr(kRecomputed))
          firstRecomputed = std::min(*firstRecomputed, ops.position(&op));
    }
    return ops.position(joined.front()) < *firstRecomputed &&
           llvm::any_of(joined, [](Operation *op) { return op->hasAttr(kRecomputed); });
  }

  // `a` becomes the joined group, `b` part of it.
  void replace(unsigned a, unsigned b, Node joined) {
    joined.version = nodes[a].version + 1;
    for (unsigned part : {a, b}) {
      joined.producers.insert(nodes[part].producers.begin(), nodes[part].producers.end());
      joined.consumers.insert(nodes[part].consumers.begin(), nodes[part].consumers.end());
    }
    for (unsigned part : {a, b}) {
      joined.producers.erase(part);
      joined.consumers.erase(part);
    }
    for (unsigned producer : joined.producers) {
      nodes[producer].consumers.erase(b);
      nodes[producer].consumers.insert(a);
    }
    for (unsigned consumer : joined.consumers) {
      nodes[consumer].producers.erase(b);
      nodes[consumer].producers.insert(a);
    }
    nodes[b] = {};
    mergedInto[b] = a;
    nodes[a] = std::move(joined);
  }

  // In the program's order, each into the last one that takes it.
  void mergeSinks() {
    constexpr unsigned kBuffers = 240; // of one launch
    std::optional<unsigned> last;
    for (unsigned number = 0; number < nodes.size(); ++number) {
      if (nodes[number].ops.empty() || !nodes[number].consumers.empty())
        continue;
      if (!last || !tryMerge(*last, number, kBuffers))
        last = number;
    }
  }

  // By their first op among those that can run.
  std::vector<OpGroup> inOrder() {
    std::priority_queue<std::pair<int64_t, unsigned>, std::vector<std::pair<int64_t, unsigned>>, std::greater<>> ready;
    std::vector<unsigned> waiting(nodes.size());
    auto offer = [&](unsigned number) { ready.push({ops.position(nodes[number].ops.front()), number}); };
    for (unsigned number = 0; number < nodes.size(); ++number) {
      waiting[number] = nodes[number].producers.size();
      if (!nodes[number].ops.empty() && waiting[number] == 0)
        offer(number);
    }
    std::vector<OpGroup> groups;
    while (!ready.empty()) {
      unsigned number = ready.top().second;
      ready.pop();
      for (unsigned consumer : nodes[number].consumers)
        if (--waiting[consumer] == 0)
          offer(consumer);
      groups.push_back(std::move(nodes[number].ops));
    }
    return groups;
  }

  const BlockOps &ops;
  const TargetModel &target;
  FusionOptions options;
  std::vector<Node> nodes;
  llvm::DenseMap<Operation *, unsigned> groupOf;
  llvm::DenseMap<unsigned, unsigned> mergedInto;
  llvm::DenseMap<Value, SmallVector<unsigned>> readers;
  std::priority_queue<Pair> heap;
  std::optional<int64_t> firstRecomputed; // position
};

} // namespace

FailureOr<std::vector<OpGroup>> groupOps(const BlockOps &ops, const TargetModel &target, FusionOptions options) {
  return Grouping(ops, target, options).run();
}

} // namespace ember::passes
