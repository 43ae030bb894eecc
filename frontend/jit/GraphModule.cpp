#include "jit/GraphModule.h"

#include "functions/Build.h"
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
  if (trace->inputCount() != 1 || main.getNumResults() != 1)
    throw Error("traced module: it has " + std::to_string(trace->inputCount()) + " inputs and " +
                std::to_string(main.getNumResults()) + " outputs, expected one of each for training");
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

Tensor GraphModule::forward(const Tensor &input) {
  functions::Entry entry(Here::current());
  ir::SizeValues sizes = trace->bind({input});
  IRMapping mapping;
  mapping.map(main.getArgument(0), record::read(input));
  for (auto [number, tensor] : llvm::enumerate(memory))
    mapping.map(main.getArgument(number + 1), record::read(tensor));
  for (Operation &op : main.getBody().front().without_terminator()) {
    Operation *own = op.clone(mapping);
    for (Value result : own->getResults())
      result.setType(at(result.getType(), sizes));
    entry.recorder.builder().insert(own); // its types stand: it is hashed now
  }
  Operation *end = main.getBody().front().getTerminator();
  return functions::made(mapping.lookup(end->getOperand(0)), "GraphModuleBackward0");
}

nn::ModuleHolder<nn::Module> TracedModule::module() const {
  std::lock_guard lock(record::Recorder::get().mutex);
  return nn::ModuleHolder<nn::Module>(std::make_shared<GraphModule>(impl));
}

} // namespace ember::jit
