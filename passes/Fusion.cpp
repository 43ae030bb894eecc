// Each op starts as a group of its own. Pairs of groups where one reads the other's values, or where both read the same ones,
// stand in a heap by the bytes that joining them saves; the target is asked when a pair comes up, and only a merge's neighbours
// come up again. Groups whose results nobody reads (a program's last writes: updates of parameters, copies) depend on nothing of
// each other: at the end they are joined into as few launches as the target takes.
#include "passes/Fusion.h"

#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include <queue>
#include <set>

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

struct Node {
  OpGroup ops; // empty: merged into another
  double nanoseconds = 0;
  unsigned version = 0;
  unsigned place = 0;                                    // producers stand before consumers
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
    node.place = nodes.size();
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
    marks.resize(nodes.size());
    for (unsigned number = 0; number < nodes.size(); ++number)
      for (Value input : nodes[number].inputs) {
        if (isShared(input))
          readers[input].insert(number);
        if (Operation *source = input.getDefiningOp()) {
          unsigned producer = groupOf.lookup(source);
          nodes[number].producers.insert(producer);
          nodes[producer].consumers.insert(number);
        }
      }
  }

  // More than a few numbers: worth joining its readers for.
  static bool isShared(Value value) { return estimatedBytes(value) > 64; }

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

  // What a joined group would read and write at least is more than it may, whatever else it is.
  bool haveTooMany(const Node &a, const Node &b, unsigned buffers) const {
    return a.inputs.size() > buffers + b.outputs.size() || b.inputs.size() > buffers + a.outputs.size();
  }

  void push(unsigned a, unsigned b) {
    if (a == b || haveTooMany(nodes[a], nodes[b], options.buffers))
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
      auto shared = readers.find(input);
      if (shared == readers.end())
        continue;
      const std::set<unsigned> &all = shared->second;
      auto own = all.find(number);
      if (own != all.begin())
        push(*std::prev(own), number);
      if (std::next(own) != all.end())
        push(number, *std::next(own));
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

  using Neighbours = llvm::SmallDenseSet<unsigned, 4> Node::*;

  // The groups between two in their order that are reached from `from`; nothing where they lead on to `to`, which may not be
  // joined with it then.
  std::optional<SmallVector<unsigned>> between(unsigned from, unsigned to, Neighbours next) {
    auto [first, last] = std::minmax(nodes[from].place, nodes[to].place);
    SmallVector<unsigned> found;
    ++mark;
    auto visit = [&](unsigned number) {
      for (unsigned other : nodes[number].*next)
        if (unsigned place = nodes[other].place; place > first && place < last && marks[other] != mark) {
          marks[other] = mark;
          found.push_back(other);
        }
    };
    visit(from);
    for (size_t i = 0; i < found.size(); ++i) {
      if ((nodes[found[i]].*next).contains(to))
        return std::nullopt;
      visit(found[i]);
    }
    return found;
  }

  // The joined group stands after what either reads and before what reads either: those between give way.
  void reorder(unsigned joined, unsigned other, SmallVector<unsigned> before, SmallVector<unsigned> after) {
    SmallVector<unsigned> places{nodes[joined].place, nodes[other].place};
    for (SmallVector<unsigned> *moved : {&before, &after}) {
      llvm::sort(*moved, [&](unsigned x, unsigned y) { return nodes[x].place < nodes[y].place; });
      for (unsigned number : *moved)
        places.push_back(nodes[number].place);
    }
    llvm::sort(places);
    size_t next = 0;
    for (unsigned number : before)
      nodes[number].place = places[next++];
    nodes[joined].place = places[next];
    next += 2; // the other's place stays empty
    for (unsigned number : after)
      nodes[number].place = places[next++];
  }

  bool tryMerge(unsigned a, unsigned b, unsigned buffers) {
    if (haveTooMany(nodes[a], nodes[b], buffers))
      return false;
    auto [first, last] = nodes[a].place < nodes[b].place ? std::pair(a, b) : std::pair(b, a);
    std::optional<SmallVector<unsigned>> after = between(first, last, &Node::consumers);
    if (!after)
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
    reorder(a, b, *between(last, first, &Node::producers), std::move(*after));
    joined.place = nodes[a].place;
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
    for (unsigned part : {a, b})
      for (Value input : nodes[part].inputs)
        if (auto shared = readers.find(input); shared != readers.end())
          shared->second.erase(part);
    for (Value input : joined.inputs)
      if (auto shared = readers.find(input); shared != readers.end())
        shared->second.insert(a);
    nodes[b] = {};
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
  llvm::DenseMap<Value, std::set<unsigned>> readers; // of values that more than one group may read
  std::vector<unsigned> marks;                       // of a group: the last search that met it
  unsigned mark = 0;
  std::priority_queue<Pair> heap;
  std::optional<int64_t> firstRecomputed; // position
};

} // namespace

FailureOr<std::vector<OpGroup>> groupOps(const BlockOps &ops, const TargetModel &target, FusionOptions options) {
  return Grouping(ops, target, options).run();
}

} // namespace ember::passes
