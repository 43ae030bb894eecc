// Records tensor operations straight into the ember dialect, and cuts what is pending into programs.
#pragma once

#include "codegen/Compiler.h"
#include "ember/tensor.h"
#include "ir/EmberDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace ember::record {

/// Row-major memory of one tensor.
struct Buffer {
  explicit Buffer(size_t bytes);
  /// Memory that lives as long as `owner`: a mapped file.
  Buffer(void *data, size_t bytes, std::shared_ptr<const void> owner) : data(data), bytes(bytes), owner(std::move(owner)) {}
  ~Buffer();
  Buffer(const Buffer &) = delete;
  void *data;
  size_t bytes;

private:
  std::shared_ptr<const void> owner; // null: the memory is the buffer's own
};

/// Where the gradient of a leaf is gathered.
struct GradSlot {
  Tensor gradient;
};

/// A value that something holds: in memory, or the result of a pending op, or both.
struct Node {
  mlir::RankedTensorType type;
  mlir::Value value;              // null: no op stands for it now
  std::shared_ptr<Buffer> buffer; // null: not computed yet
  std::shared_ptr<GradSlot> leaf; // set: autograd stops here and accumulates
  bool requiresGrad = false;
  bool tapeFreed = false; // a backward has gone through it
  std::string function;   // PyTorch's name of what made it, for printing
  ~Node();
};
using NodeRef = std::shared_ptr<Node>;

/// What is gathered while a step is recorded for an artifact. Nothing runs meanwhile.
struct Tracing {
  std::map<std::pair<std::string, ScalarType>, Tensor> scalars; // by formula: hyper-parameters as the program reads them
};

/// One recorder for the process; every entry from outside takes its lock.
class Recorder {
public:
  static Recorder &get();
  std::recursive_mutex mutex;

  mlir::MLIRContext &context() { return mlirContext; }
  mlir::OpBuilder &builder() { return opBuilder; }
  mlir::Location location(); // of the user's line
  mlir::Type elementType(ScalarType dtype);
  static ScalarType dtypeOf(mlir::Type element);

  /// The value of a node for use as an operand; memory becomes a leaf op.
  mlir::Value valueOf(const NodeRef &node);
  /// The node of a value, made when there is none.
  NodeRef nodeOf(mlir::Value value);
  NodeRef memoryNode(mlir::RankedTensorType type, std::shared_ptr<Buffer> buffer);

  /// Creates an op at the end of the block. Shapes have been checked, with the user's words, before.
  template <typename Op, typename... Args> mlir::Value emit(Args &&...args) {
    beforeEmit();
    auto op = Op::create(opBuilder, location(), std::forward<Args>(args)...);
    return op->getResult(0);
  }
  bool requiresGrad(mlir::Value value) const { return tracked.contains(value); }
  /// A write replaced this value as a storage's contents: gradients that read it refuse to.
  void markOverwritten(mlir::Value value) { overwritten.insert(value); }
  void makeLeaf(const NodeRef &node, std::shared_ptr<GradSlot> slot);

  /// Set: flushing is refused, and optimizers write formulas.
  Tracing *tracing = nullptr;
  /// Runs everything that is pending. Throws while a step is recorded for an artifact.
  void flush();
  /// The node's memory, computed now if it must be.
  std::shared_ptr<Buffer> materialize(const NodeRef &node);
  void endStep() { stepEnded = !tracing; }

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

  Counters counters();
  size_t pendingOps();

private:
  friend struct Node;
  struct Program;
  struct Cut;
  class Listener;

  Recorder();
  void beforeEmit();
  void noteOp(mlir::Operation *op);
  void forget(Node *node);
  mlir::Value leafValue(const NodeRef &node);

  llvm::DenseSet<mlir::Operation *> opsKeptForBackward();
  Cut cut(const llvm::DenseSet<mlir::Operation *> &kept);
  std::shared_ptr<Executable> lookUp(const Cut &cut);
  void run(const Cut &cut, Executable &executable);
  void retire(const llvm::DenseSet<mlir::Operation *> &kept);
  mlir::OwningOpRef<mlir::ModuleOp> outline(llvm::ArrayRef<mlir::Operation *> ops, llvm::ArrayRef<mlir::Value> arguments,
                                            llvm::ArrayRef<mlir::Value> results, llvm::ArrayRef<bool> donated);

  mlir::MLIRContext mlirContext;
  mlir::OwningOpRef<mlir::ModuleOp> pending; // its body is the block that is recorded into
  std::unique_ptr<Listener> listener;
  mlir::OpBuilder opBuilder;
  llvm::DenseMap<mlir::Value, Node *> nodes;
  llvm::DenseMap<mlir::Operation *, NodeRef> leafOwners; // a leaf op keeps its memory
  llvm::DenseMap<mlir::Value, std::shared_ptr<GradSlot>> leafSlots;
  llvm::DenseSet<mlir::Value> tracked;     // values that require a gradient
  llvm::DenseSet<mlir::Value> overwritten; // contents of storages, before a write
  llvm::DenseSet<mlir::Operation *> freed; // a backward has gone through them
  std::unordered_map<std::string, std::shared_ptr<Program>> programs;
  bool stepEnded = false, flushing = false;
  ArenaUse lastArena;
  int64_t opsSinceFlush = 0, programsCompiled = 0, programsRun = 0;
};

/// The grad mode of this thread.
bool &gradMode();
/// The place of the outermost call into ember on this thread; null outside of calls.
const std::source_location *callSite();
/// `net.2.conv1`: the modules that this thread is in.
const std::string &modulePath();

} // namespace ember::record
