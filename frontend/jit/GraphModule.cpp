#include "jit/GraphModule.h"

#include "functions/Build.h"
#include "functions/Draw.h"
#include "ir/ops/Constant.h"
#include "mlir/IR/IRMapping.h"

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
  unsigned outputs = 0;
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    outputs += ir::resultInfo(main, i).updates < 0;
  if (trace->inputCount() != 1 || outputs != 1 || ir::resultInfo(main, 0).updates >= 0)
    throw Error("traced module: it has " + std::to_string(trace->inputCount()) + " inputs and " + std::to_string(outputs) +
                " outputs, expected one of each for training");
  record::Recorder &recorder = record::Recorder::get();
  if (main.getContext() != &recorder.context()) {
    copy = record::copyInto(recorder.context(), *trace->module);
    main = *copy->getOps<func::FuncOp>().begin();
  }
  for (auto [number, weight] : llvm::enumerate(trace->weights)) {
    auto type = cast<RankedTensorType>(main.getArgument(number + 1).getType());
    ir::ArgumentInfo info = ir::argumentInfo(main, number + 1);
    Tensor tensor = record::tensorOf(recorder.memoryNode(type, weight));
    if (info.role == ir::Role::Parameter)
      holderOf(*this, info.name).register_parameter(info.name, tensor, info.trainable);
    else if (info.role == ir::Role::Buffer)
      holderOf(*this, info.name).register_buffer(info.name, tensor);
    memory.push_back(tensor);
  }
}

// What a type is at these sizes.
static RankedTensorType at(Type type, const ir::SizeValues &sizes) {
  SmallVector<int64_t> shape;
  for (const ir::SizeExpr &size : ir::dimSizes(cast<RankedTensorType>(type)))
    shape.push_back(size.evaluate(sizes));
  return RankedTensorType::get(shape, getElementTypeOrSelf(type));
}

// What the trace updates is updated here: buffers of this module, and the generator that everything draws from.
void GraphModule::update(IRMapping &mapping, functions::Draw *draw) {
  NoGradGuard noGrad;
  record::Recorder &recorder = record::Recorder::get();
  Operation *end = main.getBody().front().getTerminator();
  Value state;
  for (unsigned i = 0; i < main.getNumResults(); ++i) {
    int64_t argument = ir::resultInfo(main, i).updates;
    if (argument < 0)
      continue;
    Value next = mapping.lookup(end->getOperand(i));
    if (ir::argumentInfo(main, argument).role == ir::Role::Generator)
      state = next;
    else
      record::write(memory[argument - 1], recorder.emit<ir::DetachOp>(next));
  }
  if (state)
    draw->after(state);
}

Tensor GraphModule::forward(const Tensor &input) {
  functions::Entry entry(Here::current());
  ir::SizeValues sizes = trace->bind({input});
  IRMapping mapping;
  mapping.map(main.getArgument(0), record::read(input));
  std::optional<functions::Draw> draw;
  for (auto [number, tensor] : llvm::enumerate(memory)) {
    bool isGenerator = ir::argumentInfo(main, number + 1).role == ir::Role::Generator;
    if (isGenerator)
      draw.emplace(entry.recorder);
    mapping.map(main.getArgument(number + 1), isGenerator ? draw->before : record::read(tensor));
  }
  for (Operation &op : main.getBody().front().without_terminator()) {
    Operation *own = op.clone(mapping);
    for (Value result : own->getResults())
      result.setType(at(result.getType(), sizes));
    entry.recorder.builder().insert(own); // its types stand: it is hashed now
  }
  Tensor output = functions::made(mapping.lookup(main.getBody().front().getTerminator()->getOperand(0)), "GraphModuleBackward0");
  update(mapping, draw ? &*draw : nullptr);
  return output;
}

nn::ModuleHolder<nn::Module> TracedModule::module() const {
  std::lock_guard lock(record::Recorder::get().mutex);
  return nn::ModuleHolder<nn::Module>(std::make_shared<GraphModule>(impl));
}

} // namespace ember::jit
