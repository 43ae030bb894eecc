// The cut: everything pending becomes one program, is looked up or compiled, runs, and is retired.
#include "record/Recorder.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Constant.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::record {

struct Recorder::Program {
  std::shared_ptr<Executable> executable;
};

// What a flush computes: ops, producers first, from memory to the values that have handles.
struct Recorder::Cut {
  SmallVector<Operation *> ops;
  SmallVector<Value> arguments, results;
  SmallVector<bool> donated;
  std::string key;
};

// Ops that a later backward may go through: from every held value that requires a gradient down to memory.
llvm::DenseSet<Operation *> Recorder::opsKeptForBackward() {
  llvm::DenseSet<Operation *> kept;
  SmallVector<Operation *> work;
  auto visit = [&](Value value) {
    Operation *op = value.getDefiningOp();
    if (op && kept.insert(op).second)
      work.push_back(op);
  };
  for (auto &[value, node] : nodes)
    if (tracked.contains(value) && !isa<LeafOp>(value.getDefiningOp()) && !freed.contains(value.getDefiningOp()) && !node->leaf)
      visit(value);
  while (!work.empty())
    llvm::for_each(work.pop_back_val()->getOperands(), visit);
  return kept;
}

namespace {

// The program's text in numbers: equal strings are equal programs. Attributes and types are unique in the context, so their
// addresses stand for them.
class Key {
public:
  void number(uint64_t value) { bytes.append(reinterpret_cast<const char *>(&value), sizeof value); }
  void address(const void *pointer) { number(reinterpret_cast<uintptr_t>(pointer)); }
  void op(Operation *op) {
    address(op->getName().getAsOpaquePointer());
    if (int size = op->getPropertiesStorageSize())
      bytes.append(reinterpret_cast<const char *>(op->getPropertiesStorage().as<const char *>()), size);
    for (Type type : op->getResultTypes())
      address(type.getAsOpaquePointer());
  }
  std::string bytes;
};

} // namespace

Recorder::Cut Recorder::cut(const llvm::DenseSet<Operation *> &kept) {
  Cut cut;
  Key key;
  llvm::DenseMap<Value, uint64_t> numbers;
  auto inMemory = [&](Value value) {
    auto node = nodes.find(value);
    return isa<LeafOp>(value.getDefiningOp()) || (node != nodes.end() && node->second->buffer);
  };
  // Depth first from the results, without recursion.
  auto walk = [&](Value root) {
    SmallVector<std::pair<Operation *, unsigned>> path;
    auto enter = [&](Value value) {
      if (numbers.count(value))
        return;
      if (inMemory(value)) {
        numbers[value] = numbers.size();
        cut.arguments.push_back(value);
        key.number(~0ull);
        key.address(value.getType().getAsOpaquePointer());
        return;
      }
      path.push_back({value.getDefiningOp(), 0});
    };
    enter(root);
    while (!path.empty()) {
      auto &[op, next] = path.back();
      if (next < op->getNumOperands()) {
        enter(op->getOperand(next++));
        continue;
      }
      Operation *done = op;
      path.pop_back();
      if (numbers.count(done->getResult(0)))
        continue;
      key.op(done);
      for (Value operand : done->getOperands())
        key.number(numbers.lookup(operand));
      for (Value result : done->getResults())
        numbers[result] = numbers.size();
      cut.ops.push_back(done);
    }
  };
  for (Operation &op : *pending->getBody())
    for (Value result : op.getResults())
      if (auto node = nodes.find(result); node != nodes.end() && !node->second->buffer && !isa<LeafOp>(op)) {
        walk(result);
        cut.results.push_back(result);
      }
  key.number(~1ull);
  for (Value result : cut.results)
    key.number(numbers.lookup(result));
  for (Value argument : cut.arguments) {
    // Nobody else reads it: no handle, no op kept for a backward, no other node with the same memory.
    auto owner = leafOwners.find(argument.getDefiningOp());
    bool donated = owner != leafOwners.end() && owner->second.use_count() == 1 && owner->second->buffer.use_count() == 1 &&
                   !kept.contains(argument.getDefiningOp()) && owner->second->type.getRank() > 0;
    cut.donated.push_back(donated);
    key.number(donated);
  }
  cut.key = std::move(key.bytes);
  return cut;
}

OwningOpRef<ModuleOp> Recorder::outline(ArrayRef<Operation *> ops, ArrayRef<Value> arguments, ArrayRef<Value> results,
                                        ArrayRef<bool> donated) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&mlirContext));
  OpBuilder builder(module->getBodyRegion());
  SmallVector<Type> from = llvm::to_vector(ValueRange(arguments).getTypes()),
                    to = llvm::to_vector(ValueRange(results).getTypes());
  auto function = func::FuncOp::create(builder, module->getLoc(), "main", builder.getFunctionType(from, to));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  IRMapping mapping;
  for (auto [argument, own] : llvm::zip_equal(arguments, body->getArguments()))
    mapping.map(argument, own);
  for (auto [number, isDonated] : llvm::enumerate(donated))
    if (isDonated)
      function.setArgAttr(number, "ember.donated", builder.getI64IntegerAttr(-1));
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  SmallVector<Value> returned;
  for (Value result : results)
    returned.push_back(mapping.lookup(result));
  func::ReturnOp::create(builder, module->getLoc(), returned);
  return module;
}

std::shared_ptr<Executable> Recorder::lookUp(const Cut &cut) {
  std::shared_ptr<Program> &program = programs[cut.key];
  if (!program) {
    OwningOpRef<ModuleOp> module = outline(cut.ops, cut.arguments, cut.results, cut.donated);
    program = std::make_shared<Program>();
    try {
      program->executable = compileProgram(*module, CompileOptions::fromEnvironment());
    } catch (const CompileError &error) {
      programs.erase(cut.key);
      throw;
    }
    ++programsCompiled;
  }
  return program->executable;
}

void Recorder::run(const Cut &cut, Executable &executable) {
  std::vector<void *> arguments, results;
  std::vector<std::shared_ptr<Buffer>> argumentBuffers, resultBuffers;
  for (Value argument : cut.arguments) {
    argumentBuffers.push_back(nodes.lookup(argument)->buffer);
    arguments.push_back(argumentBuffers.back()->data);
  }
  for (auto [number, result] : llvm::enumerate(cut.results)) {
    auto type = cast<RankedTensorType>(result.getType());
    int64_t alias = executable.resultAlias[number];
    if (alias >= 0)
      resultBuffers.push_back(argumentBuffers[alias]);
    else
      resultBuffers.push_back(std::make_shared<Buffer>(type.getNumElements() * byteWidth(type.getElementType())));
    results.push_back(resultBuffers.back()->data);
  }
  RunFault fault = executable.run(arguments, results, {});
  ++programsRun;
  lastArena = executable.arenaUse({});
  if (fault.happened)
    throw Error("index " + std::to_string(fault.value) + " is out of bounds for a dimension with size " +
                std::to_string(fault.bound));
  for (auto [result, buffer] : llvm::zip_equal(cut.results, resultBuffers))
    nodes.lookup(result)->buffer = buffer;
}

// Erases what nobody will read again; values in memory lose their op, unless a backward may go through it.
void Recorder::retire(const llvm::DenseSet<Operation *> &kept) {
  std::vector<NodeRef> released; // memory goes after the ops that named it
  SmallVector<Operation *> dead;
  for (Operation &op : *pending->getBody())
    if (!kept.contains(&op))
      dead.push_back(&op);
  for (Operation *op : llvm::reverse(dead)) {
    for (Value result : op->getResults()) {
      if (auto node = nodes.find(result); node != nodes.end()) {
        node->second->value = {};
        node->second->tapeFreed |= node->second->requiresGrad && !node->second->leaf;
        nodes.erase(node);
      }
      tracked.erase(result);
      overwritten.erase(result);
      leafSlots.erase(result);
    }
    freed.erase(op);
    if (auto owner = leafOwners.find(op); owner != leafOwners.end()) {
      released.push_back(std::move(owner->second));
      leafOwners.erase(owner);
    }
    op->erase();
  }
}

void Recorder::flush() {
  if (flushing)
    return;
  if (tracing)
    throw Error("trace_training: a value was looked at while the step was recorded; a step that trains cannot branch on values");
  flushing = true;
  stepEnded = false;
  opsSinceFlush = 0;
  struct Done {
    bool &flag;
    ~Done() { flag = false; }
  } done{flushing};
  llvm::DenseSet<Operation *> kept = opsKeptForBackward();
  Cut work = cut(kept);
  if (!work.results.empty())
    run(work, *lookUp(work));
  retire(kept);
}

Recorder::Captured Recorder::capture(ArrayRef<NodeRef> inputs, ArrayRef<NodeRef> outputs) {
  Captured captured;
  llvm::DenseSet<Value> seen;
  SmallVector<Value> arguments, results;
  for (const NodeRef &input : inputs) {
    arguments.push_back(valueOf(input));
    seen.insert(arguments.back());
    captured.arguments.push_back(input);
  }
  SmallVector<Operation *> ops;
  SmallVector<std::pair<Value, bool>> work;
  for (const NodeRef &output : llvm::reverse(outputs))
    work.push_back({valueOf(output), false});
  for (const NodeRef &output : outputs)
    results.push_back(valueOf(output));
  while (!work.empty()) {
    auto [value, operandsDone] = work.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (operandsDone) {
      ops.push_back(op);
      continue;
    }
    if (!seen.insert(value).second)
      continue;
    if (isa<LeafOp>(op)) {
      arguments.push_back(value);
      captured.arguments.push_back(leafOwners.lookup(op));
      continue;
    }
    work.push_back({value, true});
    for (Value operand : llvm::reverse(op->getOperands()))
      work.push_back({operand, false});
  }
  captured.module = outline(ops, arguments, results, {});
  return captured;
}

} // namespace ember::record
