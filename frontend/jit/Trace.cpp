#include "jit/TracedModule.h"

#include "codegen/artifact/Artifact.h"
#include "functions/Build.h"
#include "jit/Names.h"

#include <filesystem>

using namespace mlir;

namespace ember::jit {

func::FuncOp TracedModule::Impl::main() const { return *(*module).getOps<func::FuncOp>().begin(); }

size_t TracedModule::Impl::inputCount() const { return main().getNumArguments() - weights.size(); }

std::vector<std::string> TracedModule::Impl::inputNames() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < inputCount(); ++i)
    names.push_back(ir::argumentInfo(main(), i).name);
  return names;
}

std::vector<std::string> TracedModule::Impl::outputNames() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < main().getNumResults(); ++i)
    names.push_back(ir::resultInfo(main(), i).name);
  return names;
}

static Shape shapeOf(Type type) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
  return Shape(shape.begin(), shape.end());
}
static ScalarType dtypeOf(Type type) { return record::Recorder::dtypeOf(getElementTypeOrSelf(type)); }
static std::string describe(const Shape &shape, ScalarType dtype) { return dtype_name(dtype) + functions::shapeText(shape); }

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

TracedModule traceWithNames(const std::function<Tensor(const std::vector<Tensor> &)> &function,
                            const std::vector<Tensor> &examples, const Names &names) {
  record::Recorder &recorder = record::Recorder::get();
  std::vector<Tensor> inputs;
  std::vector<record::NodeRef> inputNodes;
  for (const Tensor &example : examples) {
    inputs.push_back(ownInput(example));
    inputNodes.push_back(record::nodeOf(inputs.back()));
  }
  NoGradGuard noGrad;
  Tensor output = function(inputs);
  // A view step may be all there is to the output: it is read into a value of its own.
  record::NodeRef outputNode = record::nodeOf(output);
  if (outputNode->buffer && !outputNode->record)
    throw Error("trace: the function looked at a value, or its output does not depend on the inputs; nothing of it was recorded");
  record::Recorder::Captured captured = recorder.capture(inputNodes, {outputNode});
  auto impl = std::make_shared<TracedModule::Impl>();
  impl->module = std::move(captured.module);
  for (size_t i = 0; i < inputs.size(); ++i)
    ir::setArgumentInfo(impl->main(), i, {"input" + std::to_string(i)});
  for (size_t i = inputs.size(); i < captured.arguments.size(); ++i) {
    record::NodeRef node = captured.arguments[i];
    ir::setArgumentInfo(impl->main(), i, nameOf(names, *node, i - inputs.size()));
    impl->weights.push_back(recorder.materialize(node));
  }
  for (size_t i = 0; i < impl->main().getNumResults(); ++i)
    ir::setResultInfo(impl->main(), i, {"output" + std::to_string(i)});
  impl->executable = compileProgram(*impl->module, CompileOptions::fromEnvironment());
  return TracedModule(impl);
}

} // namespace

TracedModule trace(const std::function<Tensor(const std::vector<Tensor> &)> &function, const std::vector<Tensor> &examples) {
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  recorder.flush();
  return traceWithNames(function, examples, Names());
}

TracedModule trace(nn::Module &module, const std::vector<Tensor> &examples) {
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  recorder.flush();
  return traceWithNames([&](const std::vector<Tensor> &inputs) { return module(inputs.at(0)); }, examples, namesOf(module));
}

std::vector<Tensor> TracedModule::run(const std::vector<Tensor> &inputs, Here where) const {
  functions::Entry entry(where);
  func::FuncOp main = impl->main();
  if (inputs.size() != impl->inputCount())
    throw Error("traced module: expected " + std::to_string(impl->inputCount()) + " inputs, found " +
                std::to_string(inputs.size()));
  std::vector<void *> arguments, results;
  std::vector<std::shared_ptr<record::Buffer>> alive;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Shape expected = shapeOf(main.getArgument(i).getType());
    ScalarType dtype = dtypeOf(main.getArgument(i).getType());
    if (inputs[i].sizes() != expected || inputs[i].dtype() != dtype)
      throw Error("traced module: input " + std::to_string(i) + " is " + describe(inputs[i].sizes(), inputs[i].dtype()) +
                  ", expected " + describe(expected, dtype));
    alive.push_back(record::contents(inputs[i]));
    arguments.push_back(alive.back()->data);
  }
  for (const auto &weight : impl->weights)
    arguments.push_back(weight->data);
  std::vector<Tensor> outputs;
  for (Type type : main.getResultTypes()) {
    outputs.push_back(empty(shapeOf(type), dtypeOf(type)));
    results.push_back(record::contents(outputs.back())->data);
  }
  RunFault fault = impl->executable->run(arguments, results, {});
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
