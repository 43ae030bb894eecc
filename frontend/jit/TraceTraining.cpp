// A training step recorded for an artifact: forward, loss, backward and the optimizer's update as one program.
#include "ember/jit.h"

#include "codegen/artifact/Artifact.h"
#include "functions/Build.h"
#include "jit/NamedTrace.h"
#include "jit/Names.h"
#include "optim/OptimizerAccess.h"
#include "record/GeneratorImpl.h"

using namespace mlir;

namespace ember::jit {

struct TracedTraining::Impl {
  struct Program {
    OwningOpRef<ModuleOp> module;
    std::vector<std::shared_ptr<record::Buffer>> memory; // of each argument after the inputs
    func::FuncOp main() { return *(*module).getOps<func::FuncOp>().begin(); }
  };
  struct State {
    ir::ArgumentInfo info;
    RankedTensorType type;
    std::shared_ptr<record::Buffer> memory;
  };
  Program step, predict;
  std::vector<State> held; // in the order of checkpoints
  std::vector<HyperParameter> hypers;
  std::vector<uint32_t> groupSizes;
  int64_t steps = 0;
  bool countsSteps = false;
};

namespace {

using Impl = TracedTraining::Impl;

const ir::ArgumentInfo kGenerator{"generator", ir::Role::Generator};

// A tensor whose contents the step may replace, with what they were.
struct Changing {
  Tensor tensor;
  ir::ArgumentInfo info;
  record::NodeRef before;
};

// Everything that recording touches is put back, whatever happens.
class Rehearsal {
public:
  explicit Rehearsal(nn::Module &module) : recorder(record::Recorder::get()), generator(default_generator().get_state()) {
    module.apply([&](nn::Module &own) { modes.emplace_back(&own, own.is_training()); });
    for (const auto &[name, tensor] : module.named_parameters()) {
      gradients.emplace_back(tensor, tensor.grad());
      add(tensor, {name, ir::Role::Parameter, tensor.requires_grad()});
    }
    for (const auto &[name, tensor] : module.named_buffers())
      add(tensor, {name, ir::Role::Buffer});
    drawing.first = drawing.state = record::nodeOf(from_bytes(generator.data(), {kGeneratorBytes}, kUInt8));
    recorder.tracing = &tracing;
    recorder.drawing = &drawing;
    for (auto &[tensor, gradient] : gradients)
      tensor.set_grad(Tensor());
  }
  ~Rehearsal() {
    for (Changing &own : changing)
      own.tensor.impl->storage->replace(own.before);
    for (auto &[tensor, gradient] : gradients)
      tensor.set_grad(gradient);
    for (auto &[module, mode] : modes) // children come before their parents, whose train() reaches them again
      module->train(mode);
    for (auto own = modes.rbegin(); own != modes.rend(); ++own)
      own->first->train(own->second);
    default_generator().set_state(generator);
    recorder.tracing = nullptr;
    recorder.drawing = nullptr;
  }
  Rehearsal(const Rehearsal &) = delete;

  void add(const Tensor &tensor, const ir::ArgumentInfo &info) {
    if (tensor.impl->isView())
      throw Error("trace_training: '" + info.name + "' is a view, expected a tensor with memory of its own");
    changing.push_back({tensor, info, tensor.impl->storage->base});
  }
  bool hasDrawn() const { return default_generator().get_state() != generator; }

  record::Recorder &recorder;
  record::Tracing tracing;
  std::vector<Changing> changing;
  std::vector<uint8_t> generator;
  record::Drawing drawing;

private:
  std::vector<std::pair<nn::Module *, bool>> modes;
  std::vector<std::pair<Tensor, Tensor>> gradients;
};

void requireOwnParameters(const nn::Module &module, const optim::Optimizer &optimizer) {
  std::vector<Tensor> own = module.parameters();
  size_t number = 0;
  for (const optim::ParameterGroup &group : optimizer.param_groups())
    for (const Tensor &parameter : group.parameters) {
      if (llvm::none_of(own, [&](const Tensor &tensor) { return tensor.is_same(parameter); }))
        throw Error("trace_training: parameter " + std::to_string(number) + " of the optimizer is not one of the model's");
      ++number;
    }
}

// A program from its graph: names of the arguments after the inputs, and their memory.
void setProgram(Impl::Program &program, OwningOpRef<ModuleOp> module, const std::vector<record::NodeRef> &memory,
                const Names &names) {
  program.module = std::move(module);
  size_t inputCount = program.main().getNumArguments() - memory.size();
  for (auto [number, node] : llvm::enumerate(memory)) {
    ir::setArgumentInfo(program.main(), inputCount + number, nameOf(names, *node, number));
    program.memory.push_back(record::Recorder::get().materialize(node));
  }
}

// Records as often as named sizes ask for, once where there are none.
void recordProgram(Impl::Program &program, RecordOnce record, const std::vector<Tensor> &examples, const TraceOptions &options,
                   const Names &names) {
  bool isNamed = llvm::any_of(options.dims, [](const auto &dims) { return !dims.empty(); });
  if (isNamed) {
    NamedTrace trace = traceNamedSizes(record, examples, options);
    return setProgram(program, std::move(trace.module), trace.memory, names);
  }
  Recording recording = record(examples);
  setProgram(program, std::move(recording.module), recording.memory, names);
}

Recording recordingOf(record::Recorder::Captured captured, size_t inputCount) {
  Recording recording;
  recording.module = std::move(captured.module);
  recording.memory.assign(captured.arguments.begin() + inputCount, captured.arguments.end());
  return recording;
}

// What a step is besides its graph: the same for every size of the batch.
struct StepFacts {
  Names names;
  std::vector<std::string> updates; // what its results after the loss are the next values of: its first arguments after the batch
};

// One step, recorded and captured.
class StepRecorder {
public:
  StepRecorder(nn::Module &module, optim::Optimizer &optimizer) : module(module), access(optimizer), rehearsal(module) {}

  Recording record(const Loss &lossFunction, const std::vector<Tensor> &batch) {
    module.train();
    Tensor loss = lossFunction(module(batch[0]), batch[1]);
    if (loss.numel() != 1 || !loss.is_floating_point())
      throw Error("trace_training: the loss is " + dtype_name(loss.dtype()) + functions::shapeText(loss.sizes()) +
                  ", expected one float");
    loss.backward();
    access.initialize();
    steps = access.stepsBefore();
    for (const auto &[name, tensor] : access.state())
      rehearsal.add(tensor, {name, ir::Role::Optimizer});
    access.update();
    Recording recording = capture(loss.detach().reshape({}), batch);
    if (rehearsal.hasDrawn())
      throw Error(
          "trace_training: the step draws from the generator itself; a program holds dropout, uniform_, normal_, bernoulli_, "
          "random_, randint and randperm");
    return recording;
  }

  // After a recording.
  void describe(Impl &impl, StepFacts &facts) {
    impl.steps = steps;
    impl.countsSteps = access.countsSteps();
    for (const Changing &own : rehearsal.changing) {
      impl.held.push_back({own.info, own.before->type, rehearsal.recorder.materialize(own.before)});
      facts.names.try_emplace(own.before.get(), own.info);
    }
    const record::NodeRef &state = rehearsal.drawing.first;
    impl.held.push_back({kGenerator, state->type, state->buffer});
    facts.names.try_emplace(state.get(), kGenerator);
    size_t number = 0;
    for (const auto &[key, tensor] : rehearsal.tracing.scalars)
      facts.names.try_emplace(record::nodeOf(tensor).get(),
                              ir::ArgumentInfo{"hyper" + std::to_string(number++), ir::Role::Hyper, false, key.first});
    facts.updates = updates;
  }

private:
  Recording capture(const Tensor &loss, const std::vector<Tensor> &batch) {
    std::vector<record::NodeRef> arguments{record::nodeOf(batch[0]), record::nodeOf(batch[1])}, results{record::nodeOf(loss)};
    auto add = [&](const std::string &name, const record::NodeRef &before, const record::NodeRef &now) {
      updates.push_back(name);
      arguments.push_back(before);
      results.push_back(now);
    };
    for (const Changing &own : rehearsal.changing) {
      const record::NodeRef &now = own.tensor.impl->storage->base;
      if (now == own.before)
        continue;
      if (now->buffer)
        throw Error("trace_training: '" + own.info.name +
                    "' was filled with data while the step was recorded, expected a computed value");
      add(own.info.name, own.before, now);
    }
    if (rehearsal.drawing.state != rehearsal.drawing.first)
      add(kGenerator.name, rehearsal.drawing.first, rehearsal.drawing.state);
    return recordingOf(rehearsal.recorder.capture(arguments, results), batch.size());
  }

  nn::Module &module;
  optim::OptimizerAccess access; // puts the optimizer's state back after the rehearsal has put contents back
  Rehearsal rehearsal;
  int64_t steps = 0;
  std::vector<std::string> updates;
};

void recordStep(nn::Module &module, const Loss &loss, optim::Optimizer &optimizer, const std::vector<Tensor> &batch,
                const TraceOptions &options, Impl &impl) {
  StepFacts facts;
  auto record = [&](const std::vector<Tensor> &inputs) {
    StepRecorder step(module, optimizer);
    Recording recording = step.record(loss, inputs);
    if (impl.held.empty())
      step.describe(impl, facts);
    return recording;
  };
  recordProgram(impl.step, record, batch, options, facts.names);
  func::FuncOp main = impl.step.main();
  ir::setArgumentInfo(main, 0, {"input0"});
  ir::setArgumentInfo(main, 1, {"target0"});
  ir::setResultInfo(main, 0, {"loss"});
  Builder builder(main.getContext());
  for (auto [number, name] : llvm::enumerate(facts.updates)) {
    unsigned result = number + 1, argument = number + 2; // after the loss, after the batch
    ir::setResultInfo(main, result, {name, argument});
    if (cast<RankedTensorType>(main.getResultTypes()[result]).getRank() > 0)
      main.setArgAttr(argument, "ember.donated", builder.getI64IntegerAttr(result));
  }
}

void recordPrediction(nn::Module &module, const Tensor &input, const TraceOptions &options, Impl &impl) {
  Names names = namesOf(module);
  auto record = [&](const std::vector<Tensor> &inputs) {
    Rehearsal rehearsal(module);
    NoGradGuard noGrad;
    module.eval();
    record::NodeRef output = record::nodeOf(module(inputs[0]));
    if (output->buffer && !output->record)
      throw Error("trace_training: the model's output does not depend on its input");
    std::vector<record::NodeRef> arguments{record::nodeOf(inputs[0])}, results{output};
    if (rehearsal.drawing.state != rehearsal.drawing.first) {
      names.try_emplace(rehearsal.drawing.first.get(), kGenerator);
      arguments.push_back(rehearsal.drawing.first);
      results.push_back(rehearsal.drawing.state);
    }
    return recordingOf(rehearsal.recorder.capture(arguments, results), 1);
  };
  TraceOptions own;
  if (!options.dims.empty())
    own.dims = {options.dims[0]};
  recordProgram(impl.predict, record, {input}, own, names);
  func::FuncOp main = impl.predict.main();
  ir::setArgumentInfo(main, 0, {"input0"});
  ir::setResultInfo(main, 0, {"output0"});
  if (main.getNumResults() > 1)
    ir::setResultInfo(main, 1, {kGenerator.name, 1});
}

void describeOptions(const optim::Optimizer &optimizer, Impl &impl) {
  const auto &groups = optimizer.param_groups();
  for (uint32_t number = 0; number < groups.size(); ++number) {
    impl.groupSizes.push_back(groups[number].parameters.size());
    for (const auto &[option, value] : groups[number].options)
      impl.hypers.push_back({option + (groups.size() > 1 ? "." + std::to_string(number) : ""), option, number, value});
  }
}

} // namespace

TracedTraining trace_training(nn::Module &module, const Loss &loss, optim::Optimizer &optimizer,
                              const std::vector<Tensor> &example, const TraceOptions &options) {
  record::Recorder &recorder = record::Recorder::get();
  std::lock_guard lock(recorder.mutex);
  if (example.size() != 2)
    throw Error("trace_training: the example has " + std::to_string(example.size()) + " tensors, expected an input and a target");
  requireOwnParameters(module, optimizer);
  recorder.flush();
  auto impl = std::make_shared<Impl>();
  struct Retire { // what was recorded is dropped: the program of the next step must not see it
    record::Recorder &recorder;
    ~Retire() {
      try {
        recorder.flush();
      } catch (const std::exception &) { // of values that the loss function kept: it comes again when they are looked at
      }
    }
  } retire{recorder};
  std::vector<Tensor> batch{ownInput(example[0]), ownInput(example[1])};
  recordStep(module, loss, optimizer, batch, options, *impl);
  recordPrediction(module, batch[0], options, *impl);
  describeOptions(optimizer, *impl);
  return TracedTraining(impl);
}

std::string TracedTraining::graph() const {
  std::lock_guard lock(record::Recorder::get().mutex);
  return emitStage(*impl->step.module, "graph", CompileOptions::fromEnvironment());
}

void TracedTraining::compile(const std::string &path, std::string name, const TrainingOptions &options) const {
  std::lock_guard lock(record::Recorder::get().mutex);
  auto programOf = [&](Impl::Program &program) {
    ArtifactProgram own;
    own.module = *program.module;
    own.fuse = options.fuse;
    own.maxMemory = options.max_memory;
    for (const auto &memory : program.memory)
      own.memory.push_back(memory->data);
    return own;
  };
  ArtifactTraining training;
  training.step = programOf(impl->step);
  for (const Impl::State &state : impl->held)
    training.held.push_back({state.info, state.type, state.memory->data});
  training.hypers = impl->hypers;
  training.groupSizes = impl->groupSizes;
  training.steps = impl->steps;
  training.countsSteps = impl->countsSteps;
  try {
    writeArtifact({programOf(impl->predict), training, artifactName(path, name)}, path);
  } catch (const CompileError &error) {
    throw Error(error.what());
  }
}

} // namespace ember::jit
