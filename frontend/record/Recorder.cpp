#include "record/Recorder.h"

#include "ember/scope.h"
#include "ember/threads.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Constant.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cassert>

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

ModuleScope::ModuleScope(const std::string &name, const std::source_location &where)
    : site(where), previousLength(currentPath.size()) {
  if (!name.empty())
    currentPath += (currentPath.empty() ? "" : ".") + name;
}
ModuleScope::~ModuleScope() { currentPath.resize(previousLength); }

static std::string placed(const std::string &message) {
  std::string text;
  if (currentSite)
    text = std::string(currentSite->file_name()) + ":" + std::to_string(currentSite->line()) + ":" +
           std::to_string(currentSite->column()) + ": error: ";
  if (!currentPath.empty())
    text += "in " + currentPath + ": ";
  return text + message;
}

Error::Error(const std::string &message) : std::runtime_error(placed(message)), text(message) {}

NoGradGuard::NoGradGuard() : previous(record::gradMode()) { record::gradMode() = false; }
NoGradGuard::~NoGradGuard() { record::gradMode() = previous; }
bool is_grad_enabled() { return record::gradMode(); }

namespace record {

bool &gradMode() {
  static thread_local bool enabled = true;
  return enabled;
}
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

Node::~Node() {
  if (value)
    Recorder::get().forget(this);
}

// ---- the recorder

// Every op that is created passes here, also those that gradient rules build.
class Recorder::Listener : public OpBuilder::Listener {
public:
  explicit Listener(Recorder &recorder) : recorder(recorder) {}
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override { recorder.noteOp(op); }

private:
  Recorder &recorder;
};

Recorder &Recorder::get() {
  static auto *recorder = new Recorder; // never destroyed: tensors may outlive statics
  return *recorder;
}

Recorder::Recorder()
    : mlirContext(MLIRContext::Threading::DISABLED), listener(std::make_unique<Listener>(*this)), opBuilder(&mlirContext) {
  loadDialects(mlirContext);
  pending = ModuleOp::create(UnknownLoc::get(&mlirContext));
  opBuilder = OpBuilder(pending->getBodyRegion(), listener.get());
  opBuilder.setInsertionPointToEnd(pending->getBody());
}

Location Recorder::location() {
  if (!currentSite)
    return UnknownLoc::get(&mlirContext);
  return FileLineColLoc::get(&mlirContext, currentSite->file_name(), currentSite->line(), currentSite->column());
}

Type Recorder::elementType(ScalarType dtype) {
  switch (dtype) {
  case kFloat64:
    return opBuilder.getF64Type();
  case kFloat32:
    return opBuilder.getF32Type();
  case kBFloat16:
    return opBuilder.getBF16Type();
  case kFloat16:
    return opBuilder.getF16Type();
  case kInt64:
    return opBuilder.getI64Type();
  case kInt32:
    return opBuilder.getI32Type();
  case kInt16:
    return opBuilder.getIntegerType(16);
  case kInt8:
    return opBuilder.getI8Type();
  case kUInt8:
    return opBuilder.getIntegerType(8, /*isSigned=*/false);
  case kBool:
    return opBuilder.getI1Type();
  }
  llvm_unreachable("every dtype has its type");
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

void Recorder::beforeEmit() {
  constexpr int64_t mostPending = 20000;
  if (!tracing && (stepEnded || opsSinceFlush > mostPending))
    flush();
}

// Whether a result requires a gradient follows from its operands, at the time it is made.
void Recorder::noteOp(Operation *op) {
  ++opsSinceFlush;
  if (!gradMode() || !isa<DifferentiableOp>(op))
    return;
  if (llvm::none_of(op->getOperands(), [&](Value operand) { return tracked.contains(operand); }))
    return;
  for (Value result : op->getResults())
    if (isa<FloatType>(getElementTypeOrSelf(result.getType())))
      tracked.insert(result);
}

NodeRef Recorder::memoryNode(RankedTensorType type, std::shared_ptr<Buffer> buffer) {
  auto node = std::make_shared<Node>();
  node->type = type;
  node->buffer = std::move(buffer);
  return node;
}

Value Recorder::leafValue(const NodeRef &node) {
  auto leaf = LeafOp::create(opBuilder, location(), node->type);
  leafOwners[leaf] = node;
  node->value = leaf;
  nodes[node->value] = node.get();
  if (node->leaf)
    leafSlots[node->value] = node->leaf;
  if (node->leaf && node->requiresGrad)
    tracked.insert(node->value);
  return node->value;
}

Value Recorder::valueOf(const NodeRef &node) {
  beforeEmit();
  return node->value ? node->value : leafValue(node);
}

NodeRef Recorder::nodeOf(Value value) {
  auto node = std::make_shared<Node>();
  node->type = cast<RankedTensorType>(value.getType());
  node->value = value;
  node->requiresGrad = tracked.contains(value);
  assert(!nodes.count(value) && "a value has one node");
  nodes[value] = node.get();
  return node;
}

void Recorder::forget(Node *node) {
  std::lock_guard lock(mutex);
  auto found = nodes.find(node->value);
  if (found != nodes.end() && found->second == node)
    nodes.erase(found);
}

void Recorder::makeLeaf(const NodeRef &node, std::shared_ptr<GradSlot> slot) {
  node->leaf = std::move(slot);
  node->requiresGrad = true;
  if (node->value) {
    leafSlots[node->value] = node->leaf;
    tracked.insert(node->value);
  }
}

std::shared_ptr<Buffer> Recorder::materialize(const NodeRef &node) {
  if (!node->buffer)
    flush();
  assert(node->buffer && "a flush computes every value that has a handle");
  return node->buffer;
}

size_t Recorder::pendingOps() { return pending->getBody()->getOperations().size(); }

Counters Recorder::counters() {
  return {programsCompiled,
          programsRun,
          compileCounters().kernelsCompiled,
          static_cast<int64_t>(pendingOps()),
          ember_rt_live_bytes(),
          lastArena.bytes,
          lastArena.liveBytes,
          ember_rt_peak_bytes()};
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

void reset_peak_bytes() { ember_rt_reset_peak(); }
void set_num_threads(int count) {
  if (count < 1)
    throw Error("set_num_threads expects a positive integer, got " + std::to_string(count));
  setProcessThreads(count);
}
int get_num_threads() { return static_cast<int>(ember_rt_pool_size(processPool())); }

Counters counters() {
  auto &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  return recorder.counters();
}

} // namespace ember
