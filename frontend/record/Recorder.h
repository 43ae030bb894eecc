// Records tensor operations straight into the ember dialect, and cuts what is pending into programs. One recorder a thread.
#pragma once

#include "ir/EmberDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "record/Hash128.h"
#include "record/Node.h"
#include "record/ProgramCache.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/FunctionExtras.h"
#include <atomic>
#include <deque>
#include <map>
#include <optional>

namespace ember::passes {
struct GradientRequest;
}

namespace ember::record {

struct CustomFunction;
struct Storage;

/// What writes have made of a storage, for the values that it held before them.
struct Writes {
  int64_t version = 0;       // now
  const char *function = ""; // PyTorch's name of what made the contents
};

/// A value that was the contents of a storage which has been written since.
struct Overwritten {
  std::shared_ptr<const Writes> writes;
  int64_t version;      // of the storage while it held the value
  const char *function; // PyTorch's name of what made the value
};

/// One result of a recorded op, for as long as the op stands in its recorder.
struct Recorded {
  mlir::Value value;
  Hash128 hash;                       // of what computes it, or of its slot
  uint64_t number = 0;                // in the order of recording; unique
  uint32_t epoch = 0;                 // in which `hash` holds
  uint32_t slot = 0;                  // among the memory that this epoch's programs read
  bool isLeaf = false;                // memory: an op without operands
  bool tracked = false;               // requires a gradient
  bool freed = false;                 // a backward has gone through its op; of a leaf: through what it was once
  bool isAlias = false;               // a view: the same memory as its first operand
  bool kept = false;                  // scratch of a flush: a later backward may go through its op
  std::weak_ptr<Node> holder;         // what handles hold
  NodeRef owner;                      // of a leaf: keeps its memory
  std::shared_ptr<Buffer> buffer;     // of a leaf, and of what was computed while its op is kept
  std::shared_ptr<GradSlot> gradSlot; // set: autograd stops here and accumulates
  std::shared_ptr<GradSlot> retained; // set: accumulates, and goes on
  std::unique_ptr<Overwritten> overwritten;
  std::shared_ptr<HookList> hooks;          // of a value that is no leaf; null: none
  std::shared_ptr<CustomFunction> function; // of a result of `custom_function`: its rule
  std::shared_ptr<bool> wasMissed;          // of a kept value: set when a backward computes it once more
};

/// A thread's own lock, which others take only to compute what is pending. The owner may nest.
class RecorderMutex {
public:
  void lock() {
    if (depth++ == 0)
      mutex.lock();
  }
  void unlock() {
    if (--depth == 0)
      mutex.unlock();
  }
  bool isOutermost() const { return depth == 1; }
  std::mutex mutex;

private:
  int depth = 0; // the owner's alone
};

/// Draws while a trace is recorded: the program takes the generator's state as an argument, and the generator stays as it is.
struct Drawing {
  NodeRef first; // the argument
  NodeRef state; // after the draws recorded so far
};

/// What is gathered while a step is recorded for an artifact. Nothing runs meanwhile.
struct Tracing {
  std::map<std::pair<std::string, ScalarType>, Tensor> scalars; // by formula: hyper-parameters as the program reads them
};

/// A block of pending ops with the def-use chains as tape. Recorders share the context, memory and compiled programs; never an
/// op or a value that is pending. Each belongs to one thread at a time; another thread may flush it, and then erases nothing.
class Recorder {
public:
  /// This thread's.
  static Recorder &get();
  RecorderMutex mutex;

  mlir::MLIRContext &context() { return *opBuilder.getContext(); }
  mlir::OpBuilder &builder() { return opBuilder; }
  mlir::Location location(); // of the user's line
  mlir::Type elementType(ScalarType dtype) const { return elementTypes[static_cast<int>(dtype)]; }
  static ScalarType dtypeOf(mlir::Type element);

  /// An entry from outside begins: runs the step that has ended, or what has become too much. No value is in flight now.
  void enter();

  /// The value of a node for use as an operand; memory becomes a leaf op.
  mlir::Value valueOf(const NodeRef &node);
  /// The node of a value, made when there is none.
  NodeRef nodeOf(mlir::Value value);
  NodeRef memoryNode(mlir::RankedTensorType type, std::shared_ptr<Buffer> buffer);
  /// A number that is an argument of the program: one leaf for each value of a dtype.
  mlir::Value number(double value, ScalarType dtype);
  /// A number that is part of the program.
  mlir::Value constant(double value, ScalarType dtype);

  /// Creates an op at the end of the block. Shapes have been checked, with the user's words, before.
  template <typename Op, typename... Args> mlir::Value emit(Args &&...args) {
    return Op::create(opBuilder, location(), std::forward<Args>(args)...)->getResult(0);
  }
  bool requiresGrad(mlir::Value value) const { return recordOf(value).tracked; }
  Recorded &recordOf(mlir::Value value) const { return *records.find(value)->second; }
  /// A write replaces this value as a storage's contents: gradients that read it refuse to, and an error undoes the write.
  void noteWrite(const std::shared_ptr<Storage> &storage, mlir::Value before);
  /// Whether something pending may have read a node.
  bool isRead(const NodeRef &node) const { return node->recorder || leaves.count(node.get()); }
  /// A gradient replaces the one before, which may be undefined.
  void noteGradient(const std::shared_ptr<GradSlot> &slot, const Tensor &before);
  /// State was changed that pending ops depend on: `undo` is called if one recorded earlier fails.
  void noteChange(llvm::unique_function<void(Recorder &)> undo);
  /// Throws where a value that an op's gradient needs was the contents of a storage that has been written since, or a view of
  /// them.
  void refuseOverwritten(mlir::Value value, mlir::Operation *op) const;
  void makeLeaf(const NodeRef &node, std::shared_ptr<GradSlot> slot);

  /// Set: flushing is refused, and optimizers write formulas.
  Tracing *tracing = nullptr;
  /// Set: random ops draw from this state; flushing is refused after the first draw.
  Drawing *drawing = nullptr;
  LaunchLog *launchLog = nullptr;
  /// Runs everything that is pending. Throws while a step is recorded for an artifact.
  void flush();
  /// The node's memory, computed now if it must be.
  std::shared_ptr<Buffer> materialize(const NodeRef &node);
  /// The node's memory if it has been computed.
  std::shared_ptr<Buffer> computed(const NodeRef &node);
  void endStep() { stepEnded = !tracing; }

  /// Calls the user's code within a backward. That may have programs cut; where one fails, what was gathered is gone, and this
  /// throws.
  template <typename Call> auto withinBackward(Call call) {
    uint64_t before = undone;
    auto result = call();
    if (undone != before)
      refuseUndone();
    return result;
  }

  std::vector<NodeRef> gradients(llvm::ArrayRef<NodeRef> outputs, llvm::ArrayRef<NodeRef> cotangents,
                                 llvm::ArrayRef<NodeRef> inputs, bool retainGraph, bool createGraph);
  void backward(const NodeRef &output, const NodeRef &cotangent, bool retainGraph, bool createGraph);

  /// The graph from these values to `outputs` as a module: inputs become arguments in order, what else it reads further
  /// arguments.
  struct Captured {
    mlir::OwningOpRef<mlir::ModuleOp> module;
    std::vector<NodeRef> arguments; // inputs, then memory
  };
  Captured capture(llvm::ArrayRef<NodeRef> inputs, llvm::ArrayRef<NodeRef> outputs);

  /// Of the process.
  static Counters counters();
  size_t pendingOps() const { return list.size(); }

private:
  struct Cut;
  struct Run;
  struct Known;
  class Listener;
  friend struct Release;

  Recorder();
  void noteOp(mlir::Operation *op);
  Recorded *newRecord(mlir::Value value);
  mlir::Value leafValue(const NodeRef &node);
  bool isGoneBelow(llvm::ArrayRef<mlir::Value> outputs) const;
  void leavesBelow(llvm::ArrayRef<mlir::Value> outputs, llvm::SmallVectorImpl<mlir::Value> &values,
                   std::vector<std::shared_ptr<GradSlot>> &gradSlots) const;
  const Hash128 &hashOf(Recorded &record);
  void hash(Recorded &record);
  void takeSlot(Recorded &record);
  bool isPending(const Recorded &record) const { return !record.isLeaf && !record.buffer; }
  std::shared_ptr<Buffer> elsewhere(const NodeRef &node, bool compute);

  [[noreturn]] void refuseUndone() const;
  mlir::Value callHooks(mlir::Value value, mlir::Value gradient);
  llvm::SmallVector<mlir::Value> gradientValues(llvm::ArrayRef<mlir::Value> outputs, llvm::ArrayRef<mlir::Value> cotangents,
                                                llvm::ArrayRef<mlir::Value> inputs, bool retainGraph, bool createGraph);

  void flush(bool erase);
  llvm::DenseSet<mlir::Value> underWay() const;
  void markKept();
  void addMissed(Run &run);
  Hash128 keyOf(Run &run, bool donate);
  std::shared_ptr<Known> lookUp(Run &run);
  Cut cut(llvm::ArrayRef<Recorded *> roots, llvm::ArrayRef<char> donated);
  void compute(Run &run);
  RunFault execute(Run &run, Known &known);
  [[noreturn]] void fail(const Run &run, const RunFault &fault);
  void undoFrom(uint64_t number);
  void undoAll();
  void retire();
  void erase(llvm::ArrayRef<Recorded *> dead);

  mlir::OwningOpRef<mlir::ModuleOp> pending; // its body is the block that is recorded into
  std::unique_ptr<Listener> listener;
  mlir::OpBuilder opBuilder;
  mlir::Type elementTypes[10];
  llvm::DenseMap<std::pair<const char *, uint64_t>, mlir::Location> locations;
  llvm::DenseMap<std::pair<uint64_t, uint64_t>, mlir::Attribute> constants;

  std::deque<Recorded> pool;
  std::vector<Recorded *> unused;
  std::vector<Recorded *> list;                                      // in the order of recording
  llvm::DenseMap<mlir::Value, Recorded *> records;                   // of the list
  llvm::DenseMap<Node *, Recorded *> leaves;                         // memory that has a leaf op
  llvm::DenseMap<std::pair<uint64_t, uint64_t>, Recorded *> numbers; // leaves of this epoch
  std::vector<Recorded *> slots;                                     // memory that this epoch's ops read, in order of first touch
  /// What a run-time error undoes.
  struct Change {
    uint64_t number; // the first op that is recorded after
    llvm::unique_function<void(Recorder &)> undo;
  };
  /// Backwards that have called the user's code, the innermost last: what they need stays when that has a program cut.
  std::vector<const passes::GradientRequest *> backwards;
  std::vector<Change> changes;                               // in the order in which they were made
  std::unordered_map<Hash128, std::shared_ptr<Known>> known; // first level of the program cache
  std::unordered_map<Hash128, std::shared_ptr<bool>> missed; // by key: whether a backward missed values of the flush
  uint32_t epoch = 1;
  uint64_t nextNumber = 0, epochStart = 0, useCount = 0, undone = 0;
  bool stepEnded = false, flushing = false, eraseAllowed = true;
};

/// Every call from outside: the recorder's lock, and the user's line.
struct Entry {
  explicit Entry(const std::source_location &where) : site(where), recorder(Recorder::get()), lock(recorder.mutex) {
    recorder.enter();
  }
  CallSite site;
  Recorder &recorder;
  std::lock_guard<RecorderMutex> lock;
};

/// The grad mode while it lives.
class GradMode {
public:
  explicit GradMode(bool enabled);
  ~GradMode();
  GradMode(const GradMode &) = delete;

private:
  bool previous;
};

/// Ops recorded so far, by all threads.
int64_t opsRecordedSoFar();
/// The grad mode of this thread.
bool &gradMode();
/// The place of the outermost call into ember on this thread; null outside of calls.
const std::source_location *callSite();
/// A line on stderr with the place of the call, once for each place.
void warnOnce(const std::string &text);
/// `net.2.conv1`: the modules that this thread is in.
const std::string &modulePath();

} // namespace ember::record
