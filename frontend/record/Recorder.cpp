#include "record/Storage.h"

#include "codegen/Environment.h"
#include "ember/scope.h"
#include "ember/threads.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Constant.h"
#include "ir/ops/CustomFunction.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <bit>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>

using namespace mlir;
using namespace ember::ir;

namespace ember {

// ---- places

static thread_local const std::source_location *currentSite = nullptr;
static thread_local std::string currentPath;

CallSite::CallSite(const std::source_location &where) : isOutermost(!currentSite) {
  if (isOutermost)
    currentSite = &where;
}
CallSite::~CallSite() {
  if (isOutermost)
    currentSite = nullptr;
}

UserCode::UserCode() : outer(currentSite) { currentSite = nullptr; }
UserCode::~UserCode() { currentSite = outer; }

ModuleScope::ModuleScope(const std::string &name, const std::source_location &where)
    : site(where), previousLength(currentPath.size()) {
  if (!name.empty())
    currentPath += (currentPath.empty() ? "" : ".") + name;
}
ModuleScope::~ModuleScope() { currentPath.resize(previousLength); }

static std::string placed(const std::string &message, const char *kind) {
  std::string text;
  if (currentSite)
    text = std::string(currentSite->file_name()) + ":" + std::to_string(currentSite->line()) + ":" +
           std::to_string(currentSite->column()) + ": " + kind + ": ";
  if (!currentPath.empty())
    text += "in " + currentPath + ": ";
  return text + message;
}

Error::Error(const std::string &message) : std::runtime_error(placed(message, "error")), text(message) {}
Error::Error(const std::string &message, const std::string &file, unsigned line, unsigned column)
    : std::runtime_error(file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": error: " + message),
      text(message) {}

void record::warnOnce(const std::string &text) {
  static std::mutex mutex;
  static std::set<std::string> told;
  std::string line = placed(text, "warning");
  std::lock_guard lock(mutex);
  if (told.insert(line).second)
    std::fprintf(stderr, "%s\n", line.c_str());
}

NoGradGuard::NoGradGuard() : previous(record::gradMode()) { record::gradMode() = false; }
NoGradGuard::~NoGradGuard() { record::gradMode() = previous; }
EnableGradGuard::EnableGradGuard() : previous(record::gradMode()) { record::gradMode() = true; }
EnableGradGuard::~EnableGradGuard() { record::gradMode() = previous; }
bool is_grad_enabled() { return record::gradMode(); }

namespace record {

static std::atomic<int64_t> opsRecorded;
int64_t opsRecordedSoFar() { return opsRecorded; }

bool &gradMode() {
  static thread_local bool enabled = true;
  return enabled;
}
GradMode::GradMode(bool enabled) : previous(gradMode()) { gradMode() = enabled; }
GradMode::~GradMode() { gradMode() = previous; }
const std::source_location *callSite() { return currentSite; }
const std::string &modulePath() { return currentPath; }

// ---- memory

Buffer::Buffer(size_t bytes) : data(ember_rt_allocate(bytes)), bytes(bytes) {
  if (!data)
    throw Error("out of memory: " + std::to_string(bytes) + " bytes asked for, " + std::to_string(ember_rt_live_bytes()) +
                " in use");
}
Buffer::~Buffer() {
  if (!owner)
    ember_rt_free(data);
}

Tensor GradSlot::get() const {
  std::lock_guard lock(mutex);
  return gradient;
}
void GradSlot::set(const Tensor &fresh) {
  Tensor old; // released without the lock: its end may reach this slot again
  std::lock_guard lock(mutex);
  old = std::move(gradient);
  gradient = fresh;
}
bool GradSlot::replace(const Tensor &expected, const Tensor &fresh) {
  std::lock_guard lock(mutex);
  if (gradient.impl != expected.impl)
    return false;
  gradient = fresh;
  return true;
}

// ---- the recorder of a thread

// Every op that is created passes here, also those that gradient rules build.
class Recorder::Listener : public OpBuilder::Listener {
public:
  explicit Listener(Recorder &recorder) : recorder(recorder) {}
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override { recorder.noteOp(op); }

private:
  Recorder &recorder;
};

// Recorders whose thread has ended. They are never destroyed: what they recorded may be held elsewhere.
namespace {
struct Idle {
  std::mutex mutex;
  std::vector<Recorder *> recorders;
};
Idle &idle() {
  static auto *instance = new Idle;
  return *instance;
}
} // namespace

struct Release {
  Recorder *recorder = nullptr;
  ~Release() {
    if (!recorder)
      return;
    std::lock_guard lock(idle().mutex);
    idle().recorders.push_back(recorder);
  }
  // One that holds nothing any more, or a new one.
  static Recorder *adopt() {
    std::lock_guard lock(idle().mutex);
    for (Recorder *&candidate : idle().recorders) {
      std::lock_guard own(candidate->mutex);
      if (llvm::any_of(candidate->list, [](Recorded *record) { return !record->isLeaf && !record->holder.expired(); }))
        continue;
      candidate->flush(); // nothing to run: erases what nobody holds
      candidate->stepEnded = false;
      Recorder *found = candidate;
      std::swap(candidate, idle().recorders.back());
      idle().recorders.pop_back();
      return found;
    }
    return new Recorder;
  }
};

Recorder &Recorder::get() {
  static thread_local Release own;
  if (!own.recorder)
    own.recorder = Release::adopt();
  return *own.recorder;
}

// Threading is off in the way that leaves the uniquers' locks on: recorders share types and attributes.
static MLIRContext &sharedContext() {
  static auto *context = [] {
    auto *made = new MLIRContext(MLIRContext::Threading::DISABLED);
    loadDialects(*made);
    return made;
  }();
  return *context;
}

Recorder::Recorder() : listener(std::make_unique<Listener>(*this)), opBuilder(&sharedContext()) {
  pending = ModuleOp::create(UnknownLoc::get(&context()));
  opBuilder = OpBuilder(pending->getBodyRegion(), listener.get());
  opBuilder.setInsertionPointToEnd(pending->getBody());
  Type types[] = {opBuilder.getF64Type(),       opBuilder.getF32Type(), opBuilder.getBF16Type(),
                  opBuilder.getF16Type(),       opBuilder.getI64Type(), opBuilder.getI32Type(),
                  opBuilder.getIntegerType(16), opBuilder.getI8Type(),  opBuilder.getIntegerType(8, /*isSigned=*/false),
                  opBuilder.getI1Type()};
  llvm::copy(types, elementTypes);
}

Location Recorder::location() {
  if (!currentSite)
    return opBuilder.getUnknownLoc();
  // The file's name by its address: it is a literal of the caller's.
  std::pair<const char *, uint64_t> key{currentSite->file_name(),
                                        static_cast<uint64_t>(currentSite->line()) << 32 | currentSite->column()};
  auto found = locations.find(key);
  if (found == locations.end())
    found =
        locations.try_emplace(key, FileLineColLoc::get(&context(), key.first, currentSite->line(), currentSite->column())).first;
  return found->second;
}

ScalarType Recorder::dtypeOf(Type element) {
  if (element.isF64())
    return kFloat64;
  if (element.isF32())
    return kFloat32;
  if (element.isBF16())
    return kBFloat16;
  if (element.isF16())
    return kFloat16;
  switch (element.getIntOrFloatBitWidth()) {
  case 64:
    return kInt64;
  case 32:
    return kInt32;
  case 16:
    return kInt16;
  case 8:
    return element.isUnsignedInteger() ? kUInt8 : kInt8;
  default:
    return kBool;
  }
}

void Recorder::enter() {
  static const bool atOnce = environment::synchronous();
  constexpr size_t mostPending = 20000;
  if (!tracing && mutex.isOutermost() && (stepEnded || atOnce || list.size() > mostPending))
    flush();
}

// ---- records

Recorded *Recorder::newRecord(Value value) {
  Recorded *record;
  if (unused.empty()) {
    record = &pool.emplace_back();
  } else {
    record = unused.back();
    unused.pop_back();
  }
  record->value = value;
  record->number = nextNumber++;
  list.push_back(record);
  records[value] = record;
  return record;
}

// Whether a result requires a gradient follows from its operands, at the time it is made; so does its hash.
void Recorder::noteOp(Operation *op) {
  ++opsRecorded;
  bool isLeaf = op->getNumOperands() == 0 && isa<LeafOp>(op);
  bool tracked = false;
  if (gradMode() && isa<DifferentiableOp>(op))
    tracked = llvm::any_of(op->getOperands(), [&](Value operand) { return recordOf(operand).tracked; });
  for (Value result : op->getResults()) {
    Recorded *record = newRecord(result);
    record->isLeaf = isLeaf;
    record->tracked = tracked && isa<FloatType>(cast<RankedTensorType>(result.getType()).getElementType());
    if (!isLeaf)
      hash(*record);
  }
}

void Recorder::takeSlot(Recorded &record) {
  record.slot = slots.size();
  slots.push_back(&record);
  record.hash = Hash128();
  record.hash.add(record.value.getType().getAsOpaquePointer(), record.slot);
  record.epoch = epoch;
}

// Attributes and types are unique in the context, so their addresses stand for them. Not the place, nor the order of recording.
void Recorder::hash(Recorded &record) {
  Operation *op = record.value.getDefiningOp();
  Hash128 hash;
  hash.add(op->getName().getAsOpaquePointer(), cast<OpResult>(record.value).getResultNumber());
  hash.add(record.value.getType().getAsOpaquePointer(), op->getNumOperands());
  // How a function's operands are grouped is nothing to programs; and the counts leave a part of the storage undefined.
  int size = isa<CustomFunctionOp>(op) ? 0 : op->getPropertiesStorageSize();
  if (size > 0)
    hash.addBytes(op->getPropertiesStorage().as<const char *>(), size);
  for (Value operand : op->getOperands())
    hash.add(hashOf(recordOf(operand)));
  record.hash = hash;
  record.epoch = epoch;
}

// Ops that were kept over a flush are hashed anew, without recursion: chains may be long.
const Hash128 &Recorder::hashOf(Recorded &top) {
  if (top.epoch == epoch)
    return top.hash;
  SmallVector<Recorded *> work{&top};
  while (!work.empty()) {
    Recorded *record = work.back();
    if (record->epoch == epoch) {
      work.pop_back();
      continue;
    }
    if (!isPending(*record)) {
      takeSlot(*record);
      continue;
    }
    size_t before = work.size();
    for (Value operand : record->value.getDefiningOp()->getOperands())
      if (Recorded &own = recordOf(operand); own.epoch != epoch)
        work.push_back(&own);
    if (work.size() == before)
      hash(*record);
  }
  return top.hash;
}

NodeRef Recorder::memoryNode(RankedTensorType type, std::shared_ptr<Buffer> buffer) {
  auto node = std::make_shared<Node>();
  node->type = type;
  node->buffer = std::move(buffer);
  return node;
}

static Error lost() { return Error("this tensor has no value: the program that was to compute it failed"); }

Value Recorder::leafValue(const NodeRef &node) {
  bool isElsewhere = node->recorder && node->recorder != this; // then it is read under that recorder's lock alone
  if (isElsewhere && node->requiresGrad && !node->leaf && gradMode())
    throw Error("a tensor that requires a gradient was recorded on another thread: use it there, or detach() it");
  auto known = leaves.find(node.get());
  if (known != leaves.end())
    return known->second->value;
  std::shared_ptr<Buffer> buffer = isElsewhere ? elsewhere(node, true) : node->buffer;
  if (!buffer)
    throw lost();
  Value value = LeafOp::create(opBuilder, opBuilder.getUnknownLoc(), node->type);
  Recorded &record = recordOf(value);
  record.owner = node;
  record.buffer = std::move(buffer);
  record.gradSlot = node->leaf;
  record.retained = node->retained;
  record.tracked = node->requiresGrad && (node->leaf || (node->tapeFreed && !isElsewhere));
  record.freed = record.tracked && !node->leaf;
  record.holder = node;
  leaves[node.get()] = &record;
  return value;
}

Value Recorder::valueOf(const NodeRef &node) {
  if (node->recorder == this && node->record)
    return node->record->value;
  return leafValue(node);
}

NodeRef Recorder::nodeOf(Value value) {
  Recorded &record = recordOf(value);
  if (NodeRef held = record.isLeaf ? record.owner : record.holder.lock())
    return held;
  auto node = std::make_shared<Node>();
  node->type = cast<RankedTensorType>(value.getType());
  node->buffer = record.buffer;
  node->recorder = this;
  node->record = &record;
  node->requiresGrad = record.tracked;
  node->leaf = record.gradSlot;
  node->retained = record.retained;
  record.holder = node;
  return node;
}

void Recorder::makeLeaf(const NodeRef &node, std::shared_ptr<GradSlot> slot) {
  node->leaf = std::move(slot);
  node->requiresGrad = true;
  if (node->recorder == this && node->record) {
    node->record->gradSlot = node->leaf;
    node->record->tracked = true;
  }
}

Value Recorder::constant(double value, ScalarType dtype) {
  Attribute &attribute = constants[{std::bit_cast<uint64_t>(value), static_cast<uint64_t>(dtype)}];
  if (!attribute) {
    Type element = elementType(dtype);
    TypedAttr number;
    if (isa<FloatType>(element))
      number = opBuilder.getFloatAttr(element, value);
    else
      number = IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(), static_cast<int64_t>(value), true, true));
    attribute = DenseElementsAttr::get(RankedTensorType::get({}, element), Attribute(number));
  }
  return emit<ConstantOp>(cast<ElementsAttr>(attribute));
}

Value Recorder::number(double value, ScalarType dtype) {
  Recorded *&record = numbers[{std::bit_cast<uint64_t>(value), static_cast<uint64_t>(dtype)}];
  if (!record)
    record = &recordOf(leafValue(filled({}, value, dtype).impl->storage->base));
  return record->value;
}

void Recorder::noteChange(llvm::unique_function<void(Recorder &)> undo) { changes.push_back({nextNumber, std::move(undo)}); }

void Recorder::noteWrite(const std::shared_ptr<Storage> &storage, Value before) {
  Recorded *record = &recordOf(before);
  if (!storage->writes)
    storage->writes = std::make_shared<Writes>();
  record->overwritten = std::make_unique<Overwritten>(Overwritten{storage->writes, storage->version, storage->base->function});
  noteChange([storage = std::weak_ptr(storage), record](Recorder &recorder) {
    record->overwritten = nullptr;
    std::shared_ptr<Storage> own = storage.lock();
    if (!own)
      return;
    record->retained = own->base->retained;
    own->replace(recorder.nodeOf(record->value));
    own->base->leaf = record->gradSlot;
  });
}

void Recorder::noteGradient(const std::shared_ptr<GradSlot> &slot, const Tensor &before) {
  Recorded *record = before.defined() ? &recordOf(read(before)) : nullptr;
  noteChange([slot, record, tensor = std::weak_ptr(before.impl)](Recorder &recorder) {
    if (!record)
      return slot->set(Tensor());
    std::shared_ptr<TensorImpl> own = tensor.lock();
    slot->set(own ? Tensor(own) : tensorOf(recorder.nodeOf(record->value)));
  });
}

// ---- memory of nodes

// Another thread's value. Its recorder is locked only while ours is not: two threads may want each other's. Ours may be flushed
// meanwhile, but nothing of it is erased.
std::shared_ptr<Buffer> Recorder::elsewhere(const NodeRef &node, bool compute) {
  struct Unlocked {
    std::mutex &own;
    explicit Unlocked(std::mutex &own) : own(own) { own.unlock(); }
    ~Unlocked() { own.lock(); }
  } unlocked(mutex.mutex);
  std::lock_guard lock(node->recorder->mutex.mutex);
  if (!node->buffer && compute)
    node->recorder->flush(/*erase=*/false);
  return node->buffer;
}

std::shared_ptr<Buffer> Recorder::computed(const NodeRef &node) {
  return node->recorder && node->recorder != this ? elsewhere(node, false) : node->buffer;
}

std::shared_ptr<Buffer> Recorder::materialize(const NodeRef &node) {
  std::shared_ptr<Buffer> buffer = computed(node);
  if (buffer)
    return buffer;
  if (node->recorder != this) {
    buffer = elsewhere(node, true);
  } else if (node->record) {
    flush();
    buffer = node->buffer;
  }
  if (!buffer)
    throw lost();
  return buffer;
}

} // namespace record

void end_step() {
  auto &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  recorder.endStep();
}

void synchronize() {
  auto &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  recorder.flush();
}

LaunchLog::LaunchLog() : previous(record::Recorder::get().launchLog) { record::Recorder::get().launchLog = this; }
LaunchLog::~LaunchLog() { record::Recorder::get().launchLog = previous; }

void set_programs_kept(size_t count) {
  constexpr size_t kernelsOfAProgram = 8;
  record::ProgramCache::get().setLimit(count);
  setKernelsKept(kernelsOfAProgram * count);
}

void reset_peak_bytes() { ember_rt_reset_peak(); }
void set_num_threads(int count) {
  if (count < 1)
    throw Error("set_num_threads expects a positive integer, got " + std::to_string(count));
  if (count > 1024)
    throw Error("set_num_threads: expected 1 to 1024, got " + std::to_string(count));
  setProcessThreads(count);
}
int get_num_threads() { return static_cast<int>(ember_rt_pool_size(processPool())); }

Counters counters() { return record::Recorder::counters(); }

} // namespace ember
