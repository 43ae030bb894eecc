// A training step recorded for an artifact: forward, loss, backward and the optimizer's update as one program.
#include "ember/jit.h"

#include "codegen/artifact/Artifact.h"
#include "functions/Build.h"
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

// Names of the arguments after the inputs, and their memory.
void describeArguments(Impl::Program &program, const std::vector<record::NodeRef> &arguments, size_t inputCount,
                       const Names &names) {
  for (size_t i = inputCount; i < arguments.size(); ++i) {
    ir::setArgumentInfo(program.main(), i, nameOf(names, *arguments[i], i - inputCount));
    program.memory.push_back(record::Recorder::get().materialize(arguments[i]));
  }
}

// One step, recorded and captured.
class StepRecorder {
public:
  StepRecorder(nn::Module &module, optim::Optimizer &optimizer, Impl &impl)
      : module(module), access(optimizer), rehearsal(module), impl(impl) {}

  void record(const Loss &lossFunction, const std::vector<Tensor> &batch) {
    module.train();
    Tensor loss = lossFunction(module(batch[0]), batch[1]);
    if (loss.numel() != 1 || !loss.is_floating_point())
      throw Error("trace_training: the loss is " + dtype_name(loss.dtype()) + functions::shapeText(loss.sizes()) +
                  ", expected one float");
    loss.backward();
    access.initialize();
    impl.steps = access.stepsBefore();
    impl.countsSteps = access.countsSteps();
    for (const auto &[name, tensor] : access.state())
      rehearsal.add(tensor, {name, ir::Role::Optimizer});
    access.update();
    capture(loss.detach().reshape({}), batch);
    if (rehearsal.hasDrawn())
      throw Error(
          "trace_training: the step draws from the generator itself; a program holds dropout, uniform_, normal_, bernoulli_ "
          "and randperm");
  }

  void hold() {
    for (const Changing &own : rehearsal.changing)
      impl.held.push_back({own.info, own.before->type, rehearsal.recorder.materialize(own.before)});
    const record::NodeRef &state = rehearsal.drawing.first;
    impl.held.push_back({kGenerator, state->type, state->buffer});
  }

private:
  Names names() {
    Names all;
    for (const Changing &own : rehearsal.changing)
      all.try_emplace(own.before.get(), own.info);
    all.try_emplace(rehearsal.drawing.first.get(), kGenerator);
    size_t number = 0;
    for (const auto &[key, tensor] : rehearsal.tracing.scalars)
      all.try_emplace(record::nodeOf(tensor).get(),
                      ir::ArgumentInfo{"hyper" + std::to_string(number++), ir::Role::Hyper, false, key.first});
    return all;
  }

  void capture(const Tensor &loss, const std::vector<Tensor> &batch) {
    std::vector<record::NodeRef> arguments{record::nodeOf(batch[0]), record::nodeOf(batch[1])}, results{record::nodeOf(loss)};
    for (const Changing &own : rehearsal.changing) {
      const record::NodeRef &now = own.tensor.impl->storage->base;
      if (now == own.before)
        continue;
      if (now->buffer)
        throw Error("trace_training: '" + own.info.name +
                    "' was filled with data while the step was recorded, expected a computed value");
      arguments.push_back(own.before);
      results.push_back(now);
    }
    if (rehearsal.drawing.state != rehearsal.drawing.first) {
      arguments.push_back(rehearsal.drawing.first);
      results.push_back(rehearsal.drawing.state);
    }
    record::Recorder::Captured captured = rehearsal.recorder.capture(arguments, results);
    impl.step.module = std::move(captured.module);
    func::FuncOp main = impl.step.main();
    ir::setArgumentInfo(main, 0, {"input0"});
    ir::setArgumentInfo(main, 1, {"target0"});
    describeArguments(impl.step, captured.arguments, 2, names());
    ir::setResultInfo(main, 0, {"loss"});
    Builder builder(main.getContext());
    for (unsigned result = 1; result < results.size(); ++result) {
      unsigned argument = result + 1; // the two inputs against the loss
      ir::setResultInfo(main, result, {ir::argumentInfo(main, argument).name, argument});
      if (results[result]->type.getRank() > 0)
        main.setArgAttr(argument, "ember.donated", builder.getI64IntegerAttr(result));
    }
  }

  nn::Module &module;
  optim::OptimizerAccess access; // puts the optimizer's state back after the rehearsal has put contents back
  Rehearsal rehearsal;
  Impl &impl;
};

void recordPrediction(nn::Module &module, const Tensor &input, Impl &impl) {
  Rehearsal rehearsal(module);
  NoGradGuard noGrad;
  module.eval();
  record::NodeRef output = record::nodeOf(module(input));
  if (output->buffer && !output->record)
    throw Error("trace_training: the model's output does not depend on its input");
  std::vector<record::NodeRef> arguments{record::nodeOf(input)}, results{output};
  if (rehearsal.drawing.state != rehearsal.drawing.first) {
    arguments.push_back(rehearsal.drawing.first);
    results.push_back(rehearsal.drawing.state);
  }
  record::Recorder::Captured captured = rehearsal.recorder.capture(arguments, results);
  impl.predict.module = std::move(captured.module);
  func::FuncOp main = impl.predict.main();
  ir::setArgumentInfo(main, 0, {"input0"});
  Names names = namesOf(module);
  names.try_emplace(rehearsal.drawing.first.get(), kGenerator);
  describeArguments(impl.predict, captured.arguments, 1, names);
  ir::setResultInfo(main, 0, {"output0"});
  if (results.size() > 1)
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
                              const std::vector<Tensor> &example) {
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
  {
    StepRecorder step(module, optimizer, *impl);
    step.record(loss, batch);
    step.hold();
  }
  recordPrediction(module, batch[0], *impl);
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
