#include "jit/TracedModule.h"

#include "codegen/artifact/Artifact.h"
#include "functions/Build.h"
#include "jit/HeldState.h"
#include "jit/NamedTrace.h"
#include "jit/Names.h"
#include "record/GeneratorImpl.h"
#include "llvm/ADT/ScopeExit.h"

#include <cstring>
#include <filesystem>

using namespace mlir;

namespace ember::jit {

func::FuncOp TracedModule::Impl::main() const { return *(*module).getOps<func::FuncOp>().begin(); }

size_t TracedModule::Impl::inputCount() const { return main().getNumArguments() - weights.size(); }

// Runs of one traced module that has states take turns; the default generator is held meanwhile, as by any draw.
RunFault TracedModule::Impl::runWithStates(std::vector<void *> &arguments, const std::vector<void *> &results,
                                           const std::vector<Tensor> &values, const ir::SizeValues &sizes) {
  func::FuncOp function = main();
  size_t first = arguments.size();
  auto run = [&](ember_generator *generator) {
    for (auto [i, weight] : llvm::enumerate(weights)) {
      arguments.push_back(weight->data);
      if (generator && ir::argumentInfo(function, first + i).role == ir::Role::Generator)
        ember_rt_get_state(generator, static_cast<uint8_t *>(weight->data));
    }
    RunFault fault = record::runProgram(*executable, arguments, results, sizes);
    for (size_t i = 0; i < results.size() && !fault.happened; ++i) {
      int64_t updated = ir::resultInfo(function, i).updates;
      if (updated < 0)
        continue;
      weights[updated - first] = record::contents(values[i]);
      if (generator && ir::argumentInfo(function, updated).role == ir::Role::Generator)
        ember_rt_set_state(generator, static_cast<uint8_t *>(results[i]));
    }
    return fault;
  };
  if (!hasStates())
    return run(nullptr);
  std::lock_guard lock(mutex);
  return default_generator().impl().draw(run);
}

bool TracedModule::Impl::hasStates() const {
  func::FuncOp function = main();
  return llvm::any_of(llvm::seq(function.getNumResults()), [&](unsigned i) { return ir::resultInfo(function, i).updates >= 0; });
}

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

using Function = std::function<std::vector<Tensor>(const std::vector<Tensor> &)>;

std::vector<Tensor> ownInputs(const std::vector<Tensor> &examples) {
  std::vector<Tensor> inputs;
  for (const Tensor &example : examples)
    inputs.push_back(ownInput(example));
  return inputs;
}

// What a trace may write while it is recorded: buffers, and the generator's state. Nothing runs, so all of it is put back.
class States {
public:
  explicit States(const nn::NamedTensors &named) : recorder(record::Recorder::get()) {
    for (const auto &[name, tensor] : named)
      if (!tensor.impl->isView())
        buffers.push_back({tensor, name, tensor.impl->storage->base});
    std::vector<uint8_t> state = default_generator().get_state();
    drawing.first = record::nodeOf(from_bytes(state.data(), {kGeneratorBytes}, kUInt8));
    reset();
    recorder.drawing = &drawing;
  }
  ~States() {
    recorder.drawing = nullptr;
    reset();
    try {
      recorder.flush();                // what was recorded is dropped
    } catch (const std::exception &) { // of values that the function kept: it comes again when they are looked at
    }
  }
  States(const States &) = delete;

  void reset() {
    for (Buffer &own : buffers)
      own.tensor.impl->storage->replace(own.before);
    drawing.state = drawing.first;
  }

  struct Change {
    record::NodeRef before, now;
  };
  std::vector<Change> changes() const {
    std::vector<Change> list;
    for (const Buffer &own : buffers)
      if (const record::NodeRef &now = own.tensor.impl->storage->base; now != own.before) {
        if (now->buffer && !now->record)
          throw Error("trace: '" + own.name + "' was filled with data while it was recorded, expected a computed value");
        list.push_back({own.before, now});
      }
    if (drawing.state != drawing.first)
      list.push_back({drawing.first, drawing.state});
    return list;
  }
  const record::NodeRef &generator() const { return drawing.first; }

private:
  struct Buffer {
    Tensor tensor;
    std::string name;
    record::NodeRef before;
  };
  record::Recorder &recorder;
  std::vector<Buffer> buffers;
  record::Drawing drawing;
};

Recording recordOnce(const Function &function, const std::vector<Tensor> &inputs, States &states, size_t &outputCount) {
  record::Recorder &recorder = record::Recorder::get();
  states.reset();
  std::vector<record::NodeRef> arguments, results;
  for (const Tensor &input : inputs)
    arguments.push_back(record::nodeOf(input));
  NoGradGuard noGrad;
  std::vector<Tensor> outputs = function(inputs);
  if (outputs.empty())
    throw Error("trace: the function gives no tensor, expected one or more");
  for (const Tensor &output : outputs) {
    // A view step may be all there is to the output: it is read into a value of its own.
    results.push_back(record::nodeOf(output));
    if (results.back()->buffer && !results.back()->record)
      throw Error(
          "trace: the function looked at a value, or its output does not depend on the inputs; nothing of it was recorded");
  }
  outputCount = outputs.size();
  for (const auto &[before, now] : states.changes()) {
    arguments.push_back(before);
    results.push_back(now);
  }
  record::Recorder::Captured captured = recorder.capture(arguments, results);
  states.reset();
  Recording recording;
  recording.module = std::move(captured.module);
  recording.memory.assign(captured.arguments.begin() + inputs.size(), captured.arguments.end());
  return recording;
}

// What a run replaces is memory of the traced module's own: the module that was traced keeps its.
std::shared_ptr<record::Buffer> ownCopy(const std::shared_ptr<record::Buffer> &memory) {
  auto copy = std::make_shared<record::Buffer>(memory->bytes);
  std::memcpy(copy->data, memory->data, memory->bytes);
  return copy;
}

// Of a module the trace holds all state, in its order. The results after the outputs update the first pieces of memory.
TracedModule traced(OwningOpRef<ModuleOp> module, std::vector<record::NodeRef> memory, size_t outputCount, const Names &names,
                    const std::vector<HeldTensor> &state) {
  auto impl = std::make_shared<TracedModule::Impl>();
  impl->module = std::move(module);
  func::FuncOp main = impl->main();
  size_t inputCount = main.getNumArguments() - memory.size();
  std::vector<record::NodeRef> updated(memory.begin(), memory.begin() + (main.getNumResults() - outputCount));
  holdState(main, memory, state);
  for (size_t i = 0; i < inputCount; ++i)
    ir::setArgumentInfo(main, i, {"input" + std::to_string(i)});
  for (auto [i, node] : llvm::enumerate(memory)) {
    ir::setArgumentInfo(main, inputCount + i, nameOf(names, *node, i));
    std::shared_ptr<record::Buffer> own = record::Recorder::get().materialize(node);
    impl->weights.push_back(llvm::is_contained(updated, node) ? ownCopy(own) : own);
  }
  for (size_t i = 0; i < outputCount; ++i)
    ir::setResultInfo(main, i, {"output" + std::to_string(i)});
  for (auto [i, node] : llvm::enumerate(updated)) {
    auto argument = static_cast<int64_t>(inputCount + (llvm::find(memory, node) - memory.begin()));
    ir::setResultInfo(main, outputCount + i, {ir::argumentInfo(main, argument).name, argument});
  }
  impl->executable = record::compileHere(*impl->module);
  return TracedModule(impl);
}

// `module` is null where a function is traced.
TracedModule traceWithNames(const Function &function, const std::vector<Tensor> &examples, nn::Module *module,
                            const TraceOptions &options) {
  record::Recorder::get().flush();
  Names names = module ? namesOf(*module) : Names();
  std::vector<HeldTensor> state = module ? stateOf(*module) : std::vector<HeldTensor>();
  States states(module ? module->named_buffers() : nn::NamedTensors());
  names.try_emplace(states.generator().get(), ir::ArgumentInfo{"generator", ir::Role::Generator});
  size_t outputCount = 0;
  if (!options.dims.empty()) {
    auto record = [&](const std::vector<Tensor> &inputs) { return recordOnce(function, inputs, states, outputCount); };
    NamedTrace named = traceNamedSizes(record, ownInputs(examples), options);
    return traced(std::move(named.module), named.memory, outputCount, names, state);
  }
  Recording recording = recordOnce(function, ownInputs(examples), states, outputCount);
  return traced(std::move(recording.module), recording.memory, outputCount, names, state);
}

} // namespace

TracedModule trace(const std::function<Tensor(const std::vector<Tensor> &)> &function, const std::vector<Tensor> &examples,
                   const TraceOptions &options, Here where) {
  auto one = [&](const std::vector<Tensor> &inputs) { return std::vector<Tensor>{function(inputs)}; };
  return trace(Function(one), examples, options, where);
}

TracedModule trace(const Function &function, const std::vector<Tensor> &examples, const TraceOptions &options, Here where) {
  functions::Entry entry(where);
  auto own = [&](const std::vector<Tensor> &inputs) {
    UserCode lines;
    return function(inputs);
  };
  return traceWithNames(own, examples, nullptr, options);
}

TracedModule trace(nn::Module &module, const std::vector<Tensor> &examples, const TraceOptions &options, Here where) {
  functions::Entry entry(where);
  if (examples.size() != 1)
    throw Error("trace: a module takes one input, found " + std::to_string(examples.size()) + " examples");
  auto function = [&](const std::vector<Tensor> &inputs) { return std::vector<Tensor>{module(inputs[0])}; };
  return traceWithNames(function, examples, &module, options);
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
  std::vector<Tensor> values, outputs;
  for (auto [number, type] : llvm::enumerate(main.getResultTypes())) {
    Shape shape;
    for (const ir::SizeExpr &size : ir::dimSizes(cast<RankedTensorType>(type)))
      shape.push_back(size.evaluate(sizes));
    values.push_back(empty(shape, dtypeOf(type)));
    results.push_back(record::contents(values.back())->data);
    if (ir::resultInfo(main, number).updates < 0)
      outputs.push_back(values.back());
  }
  RunFault fault = impl->runWithStates(arguments, results, values, sizes);
  if (fault.happened)
    throw Error(fault.text());
  return outputs;
}

std::string TracedModule::graph() const { return emit("graph"); }

std::string TracedModule::emit(const std::string &stage) const {
  std::lock_guard lock(record::Recorder::get().mutex);
  try {
    return emitStage(*impl->module, stage, CompileOptions::fromEnvironment());
  } catch (const CompileError &error) {
    throw Error(error.what());
  }
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
