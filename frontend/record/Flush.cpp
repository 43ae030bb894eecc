// The cut: everything pending becomes one program, is looked up or compiled, runs, and is retired.
#include "record/CustomFunction.h"
#include "record/Cut.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Constant.h"
#include "passes/Autodiff.h"
#include <chrono>
#include <limits>

using namespace mlir;
using namespace ember::ir;

namespace ember::record {

static std::atomic<int64_t> programsRun, kernelsLaunched, runNanoseconds, lastArenaBytes, lastArenaLiveBytes;

// What a flush computes.
struct Recorder::Run {
  std::vector<Recorded *> roots;
  std::vector<NodeRef> holders; // of the roots; null: kept for a backward alone
  std::vector<char> donated;    // by slot
  bool hasTape = false;
};

// First level of the cache: a program, and which slots are its arguments.
struct Recorder::Known {
  ProgramCache::Found found;
  std::vector<uint32_t> arguments;
  uint64_t lastUse = 0;
  int64_t runs = 0;
};
// A program for many sizes is not the fastest for any: sizes that come back so often get one of their own.
constexpr int64_t kRunsBeforeOwnCode = 32;

// The gradients that backwards under way have yet to read.
llvm::DenseSet<Value> Recorder::underWay() const {
  llvm::DenseSet<Value> gathered;
  for (const passes::GradientRequest *request : backwards)
    gathered.insert_range(llvm::make_second_range(request->gathered));
  return gathered;
}

// Marks the ops that a later backward may go through: from every held value that requires a gradient down to memory. And those of
// a backward under way.
void Recorder::markKept() {
  SmallVector<Recorded *> work;
  auto visit = [&](Recorded &record) {
    if (record.kept)
      return;
    for (Value result : record.value.getDefiningOp()->getResults())
      recordOf(result).kept = true;
    work.push_back(&record);
  };
  for (Recorded *record : list)
    if (record->tracked && !record->isLeaf && !record->freed && !record->gradSlot && !record->holder.expired())
      visit(*record);
  // An error may have undone some of it: what is gone is not looked at.
  auto visitIfThere = [&](Value value) {
    if (auto found = records.find(value); found != records.end())
      visit(*found->second);
  };
  for (const passes::GradientRequest *request : backwards) {
    llvm::for_each(request->outputs, visitIfThere);
    llvm::for_each(request->inputs, visitIfThere);
  }
  llvm::for_each(underWay(), visitIfThere);
  while (!work.empty())
    for (Value operand : work.pop_back_val()->value.getDefiningOp()->getOperands())
      visit(recordOf(operand));
}

// What gradient rules will read is computed along with the roots where, the last time, a backward had to compute it again.
void Recorder::addMissed(Run &run) {
  if (missed.size() > 4096)
    missed.clear();
  std::shared_ptr<bool> &cell = missed[keyOf(run, false)];
  if (!cell)
    cell = std::make_shared<bool>(false);
  llvm::DenseSet<Recorded *> seen(run.roots.begin(), run.roots.end());
  for (Recorded *record : list) {
    if (!record->kept || !record->tracked || record->freed || record->isLeaf || record->gradSlot)
      continue;
    if (!record->wasMissed)
      record->wasMissed = cell;
    auto rule = dyn_cast<DifferentiableOp>(record->value.getDefiningOp());
    if (!*cell || !rule)
      continue;
    SmallVector<bool> needs;
    for (Value operand : rule->getOperands())
      needs.push_back(recordOf(operand).tracked);
    SmallVector<Value> reads;
    rule.vjpReads(needs, reads);
    for (Value read : reads)
      if (Recorded &own = recordOf(read); isPending(own) && seen.insert(&own).second) {
        run.roots.push_back(&own);
        run.holders.push_back(nullptr);
      }
  }
}

Hash128 Recorder::keyOf(Run &run, bool donate) {
  Hash128 key;
  for (Recorded *root : run.roots)
    key.add(hashOf(*root));
  // Nobody else reads it: no handle, no op kept for a backward, no other node with the same memory.
  run.donated.clear();
  for (Recorded *slot : slots) {
    bool donated = donate && slot->isLeaf && !slot->kept && slot->owner.use_count() == 1 &&
                   (!slot->owner->recorder || slot->owner->recorder == this) && slot->buffer.use_count() == 2 &&
                   slot->owner->buffer == slot->buffer && slot->owner->type.getRank() > 0;
    run.donated.push_back(donated);
  }
  key.addBytes(run.donated.data(), run.donated.size());
  key.add(run.roots.size(), run.donated.size());
  return key;
}

std::shared_ptr<Recorder::Known> Recorder::lookUp(Run &run) {
  Hash128 key = keyOf(run, !flushing || eraseAllowed);
  auto found = known.find(key);
  bool isKnown = found != known.end();
  if (isKnown) {
    found->second->lastUse = ++useCount;
    if (found->second->found.names.empty() || ++found->second->runs < kRunsBeforeOwnCode)
      return found->second;
  }
  while (known.size() > 2 * ProgramCache::get().limit())
    known.erase(std::min_element(known.begin(), known.end(),
                                 [](const auto &a, const auto &b) { return a.second->lastUse < b.second->lastUse; }));
  Cut work = cut(run.roots, run.donated);
  auto fresh = std::make_shared<Known>();
  fresh->found =
      ProgramCache::get().lookUp(work.form, [&](ArrayRef<SizeExpr> dims) { return work.outline(dims); }, /*bySizes=*/!isKnown);
  for (Value argument : work.arguments)
    fresh->arguments.push_back(recordOf(argument).slot);
  fresh->lastUse = ++useCount;
  known[key] = fresh;
  return fresh;
}

RunFault Recorder::execute(Run &run, Known &program) {
  const auto &[own, sizes] = program.found;
  Executable &executable = *own->executable;
  std::vector<void *> arguments, results;
  std::vector<std::shared_ptr<Buffer>> resultBuffers;
  for (uint32_t slot : program.arguments)
    arguments.push_back(slots[slot]->buffer->data);
  for (size_t i = 0; i < run.roots.size(); ++i) {
    auto type = cast<RankedTensorType>(run.roots[i]->value.getType());
    int64_t alias = executable.resultAlias[i];
    if (alias >= 0)
      resultBuffers.push_back(slots[program.arguments[alias]]->buffer);
    else
      resultBuffers.push_back(std::make_shared<Buffer>(type.getNumElements() * byteWidth(type.getElementType())));
    results.push_back(resultBuffers.back()->data);
  }
  auto start = std::chrono::steady_clock::now();
  RunFault fault = runProgram(executable, arguments, results, sizes);
  runNanoseconds += std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count();
  kernelsLaunched += static_cast<int64_t>(executable.kernelNames.size());
  if (launchLog) {
    llvm::append_range(launchLog->names, executable.kernelNames);
    launchLog->operations += own->operations;
  }
  ++programsRun;
  ArenaUse arena = executable.arenaUse(sizes);
  lastArenaBytes = arena.bytes;
  lastArenaLiveBytes = arena.liveBytes;
  for (size_t i = 0; i < run.roots.size() && !fault.happened; ++i) {
    run.roots[i]->buffer = resultBuffers[i];
    if (run.holders[i])
      run.holders[i]->buffer = resultBuffers[i];
  }
  return fault;
}

// A program that cannot be had, or for which there is no memory, is undone whole: it would fail at every look again.
void Recorder::compute(Run &run) {
  RunFault fault;
  try {
    fault = execute(run, *lookUp(run));
  } catch (const CompileError &error) {
    undoAll();
    throw Error(error.what());
  } catch (const std::exception &) {
    undoAll();
    throw;
  }
  if (fault.happened)
    fail(run, fault);
}

// All is as it was after the last flush.
void Recorder::undoAll() {
  for (Change &change : changes)
    change.number = std::numeric_limits<uint64_t>::max(); // also what was changed before the first op
  undoFrom(epochStart);
}

// Storages, gradients and what else was changed after an op was recorded are as they were before it; values of that op and of
// those after it are lost.
void Recorder::undoFrom(uint64_t number) {
  ++undone;
  while (!changes.empty() && changes.back().number > number) {
    llvm::unique_function<void(Recorder &)> undo = std::move(changes.back().undo);
    changes.pop_back();
    undo(*this);
  }
  for (Recorded *record : list)
    if (record->gradSlot) {
      Tensor gradient = record->gradSlot->get();
      if (!gradient.defined())
        continue;
      const NodeRef &node = gradient.impl->storage->base;
      if (node->recorder == this && node->record && node->record->number >= number && !node->buffer)
        record->gradSlot->set(Tensor());
    }
  SmallVector<Recorded *> dead;
  if (eraseAllowed)
    for (Recorded *record : list)
      if (record->number >= number && !record->isLeaf)
        dead.push_back(record);
  // A leaf that was made later may serve an op that stays: it stays too.
  erase(dead);
}

// An index was out of range. The program is undone from the op that reads by it on, as if the error had been thrown there: what
// was recorded before stays pending, values recorded later have none.
void Recorder::fail(const Run &run, const RunFault &fault) {
  SmallVector<Operation *> ops = cut(run.roots, run.donated).ops;
  auto numberOf = [&](Operation *op) { return recordOf(op->getResult(0)).number; };
  // The program's ops are numbered in the order of the cut. One that a pass made of none stands for the whole program.
  bool isKnown = static_cast<size_t>(fault.op) < ops.size();
  Operation *first =
      isKnown ? ops[fault.op] : *llvm::min_element(ops, [&](Operation *a, Operation *b) { return numberOf(a) < numberOf(b); });
  uint64_t from = numberOf(first);
  auto place = dyn_cast<FileLineColLoc>(first->getLoc());
  undoFrom(from);
  if (!place)
    throw Error(fault.message);
  throw Error(fault.message, place.getFilename().getValue().str(), place.getLine(), place.getColumn());
}

// Erases ops, given in the order of recording; nothing that stays may use them.
void Recorder::erase(ArrayRef<Recorded *> dead) {
  std::vector<NodeRef> released; // memory goes after the ops that named it
  std::vector<std::shared_ptr<GradSlot>> gradSlots;
  std::vector<std::shared_ptr<Buffer>> buffers;
  std::vector<std::shared_ptr<void>> code;
  for (Recorded *record : llvm::reverse(dead)) {
    if (NodeRef node = record->holder.lock()) {
      if (node->record == record) {
        node->record = nullptr;
        node->tapeFreed |= node->requiresGrad && !node->leaf;
      }
      released.push_back(std::move(node));
    }
    Value value = record->value;
    if (record->owner) {
      leaves.erase(record->owner.get());
      released.push_back(std::move(record->owner));
    }
    gradSlots.push_back(std::move(record->gradSlot));
    buffers.push_back(std::move(record->buffer));
    if (record->hooks)
      code.push_back(std::move(record->hooks));
    if (record->function)
      code.push_back(std::move(record->function));
    records.erase(value);
    *record = Recorded();
    unused.push_back(record);
    if (cast<OpResult>(value).getResultNumber() == 0)
      value.getDefiningOp()->erase();
  }
  llvm::erase_if(list, [](Recorded *record) { return !record->value; });
}

// Erases what nobody will read again; values in memory lose their op, unless a backward may go through it.
void Recorder::retire() {
  SmallVector<Recorded *> dead;
  for (Recorded *record : list) {
    if (!record->kept)
      dead.push_back(record);
    record->kept = false;
  }
  erase(dead);
  changes.clear();
  numbers.clear();
  epochStart = nextNumber;
}

void Recorder::flush() { flush(/*erase=*/true); }

void Recorder::flush(bool mayErase) {
  if (flushing)
    return;
  if (tracing)
    throw Error("trace_training: a value was looked at while the step was recorded; a step that trains cannot branch on values");
  if (drawing && drawing->state != drawing->first)
    throw Error("trace: a value was looked at after random numbers were drawn, which are drawn when the trace runs");
  flushing = true;
  eraseAllowed = mayErase;
  struct Done {
    Recorder &recorder;
    ~Done() {
      recorder.flushing = false;
      for (Recorded *record : recorder.list)
        record->kept = false;
    }
  } done{*this};
  if (mayErase)
    stepEnded = false;
  Run run;
  llvm::DenseSet<Value> gathered = underWay();
  for (Recorded *record : list) {
    if (isPending(*record)) {
      NodeRef holder = record->holder.lock();
      if (holder || gathered.contains(record->value)) {
        run.roots.push_back(record);
        run.holders.push_back(std::move(holder));
      }
    }
    run.hasTape |= record->tracked && !record->isLeaf && !record->freed && !record->gradSlot && !record->holder.expired();
  }
  if (run.hasTape || !backwards.empty())
    markKept();
  if (run.hasTape && !run.roots.empty())
    addMissed(run);
  if (!run.roots.empty())
    compute(run);
  ++epoch;
  slots.clear();
  if (mayErase)
    retire();
}

Counters Recorder::counters() {
  Counters counters;
  counters.programsCompiled = ProgramCache::get().compiled();
  counters.programsRun = programsRun;
  CompileCounters compiled = compileCounters();
  counters.kernelsCompiled = compiled.kernelsCompiled;
  counters.codeObjects = compiled.objectsInMemory;
  counters.pendingOps = static_cast<int64_t>(get().pendingOps());
  counters.liveBytes = ember_rt_live_bytes();
  counters.arenaBytes = lastArenaBytes;
  counters.arenaLiveBytes = lastArenaLiveBytes;
  counters.peakBytes = ember_rt_peak_bytes();
  counters.kernelsLaunched = kernelsLaunched;
  counters.opsRecorded = opsRecordedSoFar();
  counters.runNanoseconds = runNanoseconds;
  return counters;
}

Recorder::Captured Recorder::capture(ArrayRef<NodeRef> inputs, ArrayRef<NodeRef> outputs) {
  Captured captured;
  llvm::DenseSet<Value> seen;
  llvm::DenseSet<Operation *> seenOps; // one op may be reached through several results
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
    if (Value output = outputBehind(value)) {
      work.push_back({output, false});
      continue;
    }
    if (!seenOps.insert(op).second)
      continue;
    if (isa<LeafOp>(op)) {
      arguments.push_back(value);
      captured.arguments.push_back(recordOf(value).owner);
      continue;
    }
    work.push_back({value, true});
    for (Value operand : llvm::reverse(op->getOperands()))
      work.push_back({operand, false});
  }
  // Memory in the order in which it was read first.
  llvm::sort(arguments.begin() + inputs.size(), arguments.end(),
             [&](Value a, Value b) { return recordOf(a).number < recordOf(b).number; });
  for (size_t i = inputs.size(); i < arguments.size(); ++i)
    captured.arguments[i] = recordOf(arguments[i]).owner;
  captured.module = outline(ops, arguments, results, {});
  return captured;
}

} // namespace ember::record
