#include "ember/jit.h"

#include "codegen/artifact/Artifact.h"
#include "functions/Build.h"

using namespace mlir;

namespace ember::jit {

struct TracedModule::Impl {
  record::Recorder::Captured captured;
  std::shared_ptr<Executable> executable;
  std::vector<Shape> inputShapes, outputShapes;
  std::vector<ScalarType> inputTypes, outputTypes;
};

static std::string describe(const Shape &shape, ScalarType dtype) { return dtype_name(dtype) + functions::shapeText(shape); }

TracedModule trace(const std::function<Tensor(const std::vector<Tensor> &)> &function, const std::vector<Tensor> &examples) {
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  recorder.flush();
  auto impl = std::make_shared<TracedModule::Impl>();
  // Inputs of their own: an example may also be a weight, or be looked at by others.
  std::vector<Tensor> inputs;
  std::vector<record::NodeRef> inputNodes;
  for (const Tensor &example : examples) {
    record::NodeRef memory = record::nodeOf(example);
    inputs.push_back(record::tensorOf(recorder.memoryNode(memory->type, recorder.materialize(memory))));
    inputNodes.push_back(record::nodeOf(inputs.back()));
    impl->inputShapes.push_back(example.sizes());
    impl->inputTypes.push_back(example.dtype());
  }
  NoGradGuard noGrad;
  Tensor output = function(inputs);
  impl->outputShapes.push_back(output.sizes());
  impl->outputTypes.push_back(output.dtype());
  // A view step may be all there is to the output: it is read into a value of its own.
  record::NodeRef outputNode = record::nodeOf(output);
  if (outputNode->buffer && !outputNode->value)
    throw Error("trace: the function looked at a value, or its output does not depend on the inputs; nothing of it was recorded");
  impl->captured = recorder.capture(inputNodes, {outputNode});
  impl->executable = compileProgram(*impl->captured.module, CompileOptions::fromEnvironment());
  return TracedModule(impl);
}

TracedModule trace(nn::Module &module, const std::vector<Tensor> &examples) {
  return trace([&](const std::vector<Tensor> &inputs) { return module(inputs.at(0)); }, examples);
}

std::vector<Tensor> TracedModule::run(const std::vector<Tensor> &inputs, Here where) const {
  functions::Entry entry(where);
  if (inputs.size() != impl->inputShapes.size())
    throw Error("traced module: expected " + std::to_string(impl->inputShapes.size()) + " inputs, found " +
                std::to_string(inputs.size()));
  std::vector<void *> arguments, results;
  std::vector<std::shared_ptr<record::Buffer>> alive;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].sizes() != impl->inputShapes[i] || inputs[i].dtype() != impl->inputTypes[i])
      throw Error("traced module: input " + std::to_string(i) + " is " + describe(inputs[i].sizes(), inputs[i].dtype()) +
                  ", expected " + describe(impl->inputShapes[i], impl->inputTypes[i]));
    alive.push_back(record::contents(inputs[i]));
  }
  for (size_t i = inputs.size(); i < impl->captured.arguments.size(); ++i)
    alive.push_back(entry.recorder.materialize(impl->captured.arguments[i]));
  for (const auto &buffer : alive)
    arguments.push_back(buffer->data);
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < impl->outputShapes.size(); ++i) {
    outputs.push_back(empty(impl->outputShapes[i], impl->outputTypes[i]));
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
  return emitStage(*impl->captured.module, stage, CompileOptions::fromEnvironment());
}

void TracedModule::compile(const std::string &path, std::string name) const {
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  ArtifactRequest request;
  request.program = *impl->captured.module;
  for (size_t i = 0; i < impl->inputShapes.size(); ++i)
    request.inputNames.push_back("input" + std::to_string(i));
  for (size_t i = 0; i < impl->outputShapes.size(); ++i)
    request.outputNames.push_back("output" + std::to_string(i));
  std::vector<std::shared_ptr<record::Buffer>> alive;
  for (size_t i = impl->inputShapes.size(); i < impl->captured.arguments.size(); ++i) {
    alive.push_back(recorder.materialize(impl->captured.arguments[i]));
    request.weights.push_back(alive.back()->data);
  }
  request.name = name;
  if (name.empty()) {
    size_t start = path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/') + 1;
    request.name = path.substr(start, path.find_last_of('.') > start ? path.find_last_of('.') - start : std::string::npos);
  }
  try {
    writeArtifact(request, path);
  } catch (const CompileError &error) {
    throw Error(error.what());
  }
}

} // namespace ember::jit
