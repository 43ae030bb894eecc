#include "jit/TracedModule.h"

#include "codegen/artifact/Artifact.h"
#include "functions/Build.h"
#include "jit/NamedTrace.h"
#include "jit/Names.h"
#include "llvm/ADT/ScopeExit.h"

#include <filesystem>

using namespace mlir;

namespace ember::jit {

func::FuncOp TracedModule::Impl::main() const { return *(*module).getOps<func::FuncOp>().begin(); }

size_t TracedModule::Impl::inputCount() const { return main().getNumArguments() - weights.size(); }

static ScalarType dtypeOf(Type type) { return record::Recorder::dtypeOf(getElementTypeOrSelf(type)); }

// What the names of sizes are for these inputs.
ir::SizeValues TracedModule::Impl::bind(const std::vector<Tensor> &inputs) const {
  SmallVector<RankedTensorType> types;
  SmallVector<SmallVector<int64_t>> shapes;
  std::optional<unsigned> misfit;
  for (auto [number, input] : llvm::enumerate(inputs)) {
    types.push_back(cast<RankedTensorType>(main().getArgument(number).getType()));
    shapes.push_back(llvm::to_vector<4>(input.sizes()));
    if (!misfit && input.dtype() != dtypeOf(types.back()))
      misfit = number;
  }
  ir::SizeValues sizes;
  if (!misfit)
    misfit = ir::bindSizes(types, shapes, sizes);
  if (misfit) {
    bool isNamed = !types[*misfit].hasStaticShape() && !sizes.empty();
    throw Error("traced module: input " + std::to_string(*misfit) + " is " + dtype_name(inputs[*misfit].dtype()) +
                functions::shapeText(inputs[*misfit].sizes()) + ", expected " + dtype_name(dtypeOf(types[*misfit])) +
                ir::dimsText(types[*misfit]) + (isNamed ? " with " + ir::sizesText(sizes) : ""));
  }
  if (std::string text = ir::outOfRange(ir::sizeRanges(main()), sizes); !text.empty())
    throw Error("traced module: " + text);
  return sizes;
}

Names namesOf(const nn::Module &module) {
  Names names;
  for (const auto &[name, tensor] : module.named_parameters())
    names.try_emplace(record::nodeOf(tensor).get(), ir::ArgumentInfo{name, ir::Role::Parameter, tensor.requires_grad()});
  for (const auto &[name, tensor] : module.named_buffers())
    names.try_emplace(record::nodeOf(tensor).get(), ir::ArgumentInfo{name, ir::Role::Buffer, false});
  return names;
}

ir::ArgumentInfo nameOf(const Names &names, const record::Node &node, size_t number) {
  auto known = names.find(const_cast<record::Node *>(&node));
  if (known != names.end())
    return known->second;
  if (node.leaf)
    return {"parameter" + std::to_string(number), ir::Role::Parameter, node.requiresGrad};
  return {"constant" + std::to_string(number), ir::Role::Constant, false};
}

Tensor ownInput(const Tensor &example) {
  record::Recorder &recorder = record::Recorder::get();
  record::NodeRef memory = record::nodeOf(example);
  return record::tensorOf(recorder.memoryNode(memory->type, recorder.materialize(memory)));
}

std::string artifactName(const std::string &path, const std::string &name) {
  if (!name.empty())
    return name;
  size_t slash = path.find_last_of('/'), start = slash == std::string::npos ? 0 : slash + 1, dot = path.find_last_of('.');
  return path.substr(start, dot != std::string::npos && dot > start ? dot - start : std::string::npos);
}

namespace {

using Function = std::function<Tensor(const std::vector<Tensor> &)>;

std::vector<Tensor> ownInputs(const std::vector<Tensor> &examples) {
  std::vector<Tensor> inputs;
  for (const Tensor &example : examples)
    inputs.push_back(ownInput(example));
  return inputs;
}

Recording recordOnce(const Function &function, const std::vector<Tensor> &inputs) {
  record::Recorder &recorder = record::Recorder::get();
  std::vector<record::NodeRef> inputNodes;
  for (const Tensor &input : inputs)
    inputNodes.push_back(record::nodeOf(input));
  NoGradGuard noGrad;
  Tensor output = function(inputs);
  // A view step may be all there is to the output: it is read into a value of its own.
  record::NodeRef outputNode = record::nodeOf(output);
  if (outputNode->buffer && !outputNode->record)
    throw Error("trace: the function looked at a value, or its output does not depend on the inputs; nothing of it was recorded");
  record::Recorder::Captured captured = recorder.capture(inputNodes, {outputNode});
  Recording recording;
  recording.module = std::move(captured.module);
  recording.memory.assign(captured.arguments.begin() + inputs.size(), captured.arguments.end());
  return recording;
}

TracedModule traced(OwningOpRef<ModuleOp> module, const std::vector<record::NodeRef> &memory, const Names &names) {
  auto impl = std::make_shared<TracedModule::Impl>();
  impl->module = std::move(module);
  size_t inputCount = impl->main().getNumArguments() - memory.size();
  for (size_t i = 0; i < inputCount; ++i)
    ir::setArgumentInfo(impl->main(), i, {"input" + std::to_string(i)});
  for (auto [i, node] : llvm::enumerate(memory)) {
    ir::setArgumentInfo(impl->main(), inputCount + i, nameOf(names, *node, i));
    impl->weights.push_back(record::Recorder::get().materialize(node));
  }
  for (size_t i = 0; i < impl->main().getNumResults(); ++i)
    ir::setResultInfo(impl->main(), i, {"output" + std::to_string(i)});
  impl->executable = compileProgram(*impl->module, CompileOptions::fromEnvironment());
  return TracedModule(impl);
}

TracedModule traceWithNames(const Function &function, const std::vector<Tensor> &examples, const Names &names,
                            const TraceOptions &options) {
  record::Recorder::get().flush();
  if (!options.dims.empty()) {
    NamedTrace named = traceNamedSizes(recordOnce, function, ownInputs(examples), options);
    return traced(std::move(named.module), named.memory, names);
  }
  Recording recording = recordOnce(function, ownInputs(examples));
  return traced(std::move(recording.module), recording.memory, names);
}

} // namespace

TracedModule trace(const Function &function, const std::vector<Tensor> &examples, const TraceOptions &options, Here where) {
  functions::Entry entry(where);
  return traceWithNames(function, examples, Names(), options);
}

TracedModule trace(nn::Module &module, const std::vector<Tensor> &examples, const TraceOptions &options, Here where) {
  functions::Entry entry(where);
  Names names = namesOf(module);
  // Recording at several sizes writes buffers, as running does: what they held comes back.
  std::vector<std::pair<Tensor, record::NodeRef>> buffers;
  for (const auto &[name, buffer] : module.named_buffers())
    buffers.push_back({buffer, record::nodeOf(buffer)});
  llvm::scope_exit restored([&] {
    if (!options.dims.empty())
      for (auto &[buffer, contents] : buffers)
        buffer.impl->storage->base = contents;
  });
  auto function = [&](const std::vector<Tensor> &inputs) {
    if (!options.dims.empty())
      for (auto &[buffer, contents] : buffers)
        buffer.impl->storage->base = contents;
    return module(inputs.at(0));
  };
  return traceWithNames(function, examples, names, options);
}

std::vector<Tensor> TracedModule::run(const std::vector<Tensor> &inputs, Here where) const {
  functions::Entry entry(where);
  func::FuncOp main = impl->main();
  if (inputs.size() != impl->inputCount())
    throw Error("traced module: expected " + std::to_string(impl->inputCount()) + " inputs, found " +
                std::to_string(inputs.size()));
  ir::SizeValues sizes = impl->bind(inputs);
  std::vector<void *> arguments, results;
  std::vector<std::shared_ptr<record::Buffer>> alive;
  for (const Tensor &input : inputs) {
    alive.push_back(record::contents(input));
    arguments.push_back(alive.back()->data);
  }
  for (const auto &weight : impl->weights)
    arguments.push_back(weight->data);
  std::vector<Tensor> outputs;
  for (Type type : main.getResultTypes()) {
    Shape shape;
    for (const ir::SizeExpr &size : ir::dimSizes(cast<RankedTensorType>(type)))
      shape.push_back(size.evaluate(sizes));
    outputs.push_back(empty(shape, dtypeOf(type)));
    results.push_back(record::contents(outputs.back())->data);
  }
  RunFault fault = impl->executable->run(arguments, results, sizes);
  if (fault.happened)
    throw Error("index " + std::to_string(fault.value) + " is out of bounds for a dimension with size " +
                std::to_string(fault.bound));
  return outputs;
}

std::string TracedModule::graph() const { return emit("graph"); }

std::string TracedModule::emit(const std::string &stage) const {
  std::lock_guard lock(record::Recorder::get().mutex);
  return emitStage(*impl->module, stage, CompileOptions::fromEnvironment());
}

void TracedModule::compile(const std::string &path, std::string name) const {
  if (std::filesystem::path(path).extension() == ".ember")
    return save(path);
  std::lock_guard lock(record::Recorder::get().mutex);
  ArtifactRequest request;
  request.predict.module = *impl->module;
  for (const auto &weight : impl->weights)
    request.predict.memory.push_back(weight->data);
  request.name = artifactName(path, name);
  try {
    writeArtifact(request, path);
  } catch (const CompileError &error) {
    throw Error(error.what());
  }
}

} // namespace ember::jit
