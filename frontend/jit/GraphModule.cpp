#include "jit/GraphModule.h"

#include "functions/Build.h"
#include "functions/Draw.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/ops/Constant.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ember::jit {

// The module that holds `0.bn.weight`, made where it is not there yet; the path becomes `weight`.
static nn::Module &holderOf(nn::Module &top, std::string &path) {
  nn::Module *module = &top;
  while (true) {
    size_t dot = path.find('.');
    if (dot == std::string::npos)
      return *module;
    std::string name = path.substr(0, dot);
    path.erase(0, dot + 1);
    auto children = module->named_children();
    auto known = llvm::find_if(children, [&](const auto &child) { return child.first == name; });
    if (known != children.end())
      module = known->second.get();
    else
      module = module->register_module(name, nn::ModuleHolder<nn::Module>(std::make_shared<nn::Module>())).ptr().get();
  }
}

GraphModule::GraphModule(std::shared_ptr<TracedModule::Impl> own) : trace(std::move(own)), main(trace->main()) {
  unsigned outputs =
      llvm::count_if(llvm::seq(main.getNumResults()), [&](unsigned i) { return ir::resultInfo(main, i).updates < 0; });
  if (trace->inputCount() != 1 || outputs != 1)
    throw Error("traced module: it has " + std::to_string(trace->inputCount()) + " inputs and " + std::to_string(outputs) +
                " outputs, expected one of each for training");
  record::Recorder &recorder = record::Recorder::get();
  if (main.getContext() != &recorder.context()) {
    copy = record::copyInto(recorder.context(), *trace->module);
    main = *copy->getOps<func::FuncOp>().begin();
  }
  for (auto [number, weight] : llvm::enumerate(trace->weights)) {
    auto type = cast<RankedTensorType>(main.getArgument(number + 1).getType());
    memory.push_back(record::tensorOf(recorder.memoryNode(type, weight)));
  }
  registerState();
}

// Under each name that the traced module had for it.
void GraphModule::registerState() {
  std::optional<std::vector<ir::StateName>> names = ir::stateNames(main);
  if (!names)
    throw Error("traced module: its names of state do not fit its arguments, expected a line for each and parameters or buffers");
  for (unsigned number = 1; number < main.getNumArguments(); ++number)
    if (llvm::none_of(*names, [&](const ir::StateName &own) { return own.argument == number; }))
      names->push_back({ir::argumentInfo(main, number).name, number});
  llvm::StringSet<> seen;
  for (auto &[name, argument] : *names) {
    if (!seen.insert(name).second)
      throw Error("traced module: two pieces of its state are named '" + name + "', expected one");
    ir::ArgumentInfo info = ir::argumentInfo(main, argument);
    if (info.role == ir::Role::Parameter)
      holderOf(*this, name).register_parameter(name, memory[argument - 1], info.trainable);
    else if (info.role == ir::Role::Buffer)
      holderOf(*this, name).register_buffer(name, memory[argument - 1]);
  }
}

namespace {

// What a type is at these sizes.
RankedTensorType at(Type type, const ir::SizeValues &sizes) {
  SmallVector<int64_t> shape;
  for (const ir::SizeExpr &size : ir::dimSizes(cast<RankedTensorType>(type)))
    shape.push_back(size.evaluate(sizes));
  return RankedTensorType::get(shape, getElementTypeOrSelf(type));
}

bool isGenerator(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getElementType().isUnsignedInteger(8) && type.getShape() == ArrayRef<int64_t>(kGeneratorBytes);
}

// One forward: the graph's ops recorded again, in the mode that the module is in.
class Replay {
public:
  Replay(record::Recorder &recorder, const ir::SizeValues &sizes, bool isTraining)
      : recorder(recorder), sizes(sizes), isTraining(isTraining) {}

  void bind(Value argument, const Tensor &tensor) {
    bool isState = recorder.drawing && isGenerator(argument);
    mapping.map(argument, isState ? recorder.valueOf(recorder.drawing->state) : record::read(tensor));
  }
  Value valueOf(Value own) const { return mapping.lookup(own); }
  /// Arguments with their next values, in the order of the ops that give them.
  llvm::MapVector<Value, Value> next;

  void record(Operation &op) {
    Operation *own = op.clone(mapping);
    for (Value result : own->getResults())
      result.setType(at(result.getType(), sizes));
    if (auto modal = dyn_cast<ir::ModalOp>(own))
      recordInMode(op, modal);
    else if (isa<ir::RandomOp>(own))
      recordDraw(own, 0, 1, -1);
    else
      insert(own);
  }

private:
  // The types of its results stand: an op is hashed when it is inserted.
  void insert(Operation *own) { recorder.builder().insert(own); }

  void recordInMode(Operation &op, ir::ModalOp own) {
    own->setOperand(own.trainingOperand(), functions::number(isTraining, kBool));
    if (!isTraining)
      return insert(own);
    for (auto [operand, result] : own.nextStates())
      if (isGenerator(op.getOperand(operand)))
        return recordDraw(own, operand, result, own.drawnWords());
    insert(own);
    NoGradGuard noGrad;
    for (auto [operand, result] : own.nextStates()) {
      Value state = op.getOperand(operand), now = recorder.emit<ir::DetachOp>(own->getResult(result));
      mapping.map(state, now); // a module that is called twice goes on from here
      if (isa<BlockArgument>(state))
        next[state] = now;
    }
  }

  // words < 0: not known, so that the op runs at once where the default generator is to go on.
  void recordDraw(Operation *own, unsigned state, unsigned nextState, int64_t words) {
    functions::Draw draw = words < 0 ? functions::Draw(recorder) : functions::Draw(recorder, words);
    own->setOperand(state, draw.before);
    insert(own);
    draw.after(own->getResult(nextState));
  }

  record::Recorder &recorder;
  const ir::SizeValues &sizes;
  bool isTraining;
  IRMapping mapping;
};

} // namespace

Tensor GraphModule::forward(const Tensor &input) {
  functions::Entry entry(Here::current());
  ir::SizeValues sizes = trace->bind({input});
  Replay replay(entry.recorder, sizes, is_training());
  replay.bind(main.getArgument(0), input);
  for (auto [number, tensor] : llvm::enumerate(memory))
    replay.bind(main.getArgument(number + 1), tensor);
  for (Operation &op : main.getBody().front().without_terminator())
    replay.record(op);
  Operation *end = main.getBody().front().getTerminator();
  unsigned output = 0;
  for (unsigned number = 0; number < main.getNumResults(); ++number) {
    int64_t updated = ir::resultInfo(main, number).updates;
    if (updated < 0)
      output = number;
    else if (is_training() && !isGenerator(main.getArgument(updated)))
      replay.next[main.getArgument(updated)] = replay.valueOf(end->getOperand(number));
  }
  NoGradGuard noGrad;
  for (auto [argument, value] : replay.next)
    record::write(memory[cast<BlockArgument>(argument).getArgNumber() - 1], value);
  return functions::made(replay.valueOf(end->getOperand(output)), "GraphModuleBackward0");
}

nn::ModuleHolder<nn::Module> TracedModule::module(Here where) const {
  CallSite site(where);
  std::lock_guard lock(record::Recorder::get().mutex);
  return nn::ModuleHolder<nn::Module>(std::make_shared<GraphModule>(impl));
}

} // namespace ember::jit
