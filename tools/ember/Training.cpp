#include "tools/ember/Training.h"

#include "ember/jit.h"
#include "ember/nn.h"
#include "ir/SizeBinding.h"
#include "tools/ember/Tensors.h"
#include <cmath>

using namespace mlir;

namespace ember::tool {

namespace {

// `name:key=value,key=value`. Commas in brackets do not part: `target=f32[B, 10]`.
struct Spec {
  std::string name;
  std::vector<std::pair<std::string, std::string>> values;
};

Spec parse(const char *option, llvm::StringRef text) {
  auto [name, rest] = text.split(':');
  Spec spec{name.trim().str(), {}};
  unsigned depth = 0;
  std::string part;
  auto take = [&] {
    auto [key, value] = llvm::StringRef(part).split('=');
    if (key.trim().empty() || value.trim().empty())
      throw Mistake(std::string(option) + ": expected NAME:KEY=VALUE,KEY=VALUE, found '" + text.str() + "'");
    for (const auto &[earlier, own] : spec.values)
      if (earlier == key.trim())
        throw Mistake(std::string(option) + ": '" + earlier + "' is given twice");
    spec.values.emplace_back(key.trim(), value.trim());
    part.clear();
  };
  for (char c : rest) {
    depth += c == '[';
    depth -= c == ']' && depth > 0;
    if (c == ',' && depth == 0)
      take();
    else
      part += c;
  }
  if (text.contains(':'))
    take();
  return spec;
}

// ---- losses

struct LossKind {
  const char *name;
  Tensor (*function)(const Tensor &output, const Tensor &target);
  RankedTensorType (*target)(RankedTensorType output); // null: the loss does not take this output
  const char *output;
};

RankedTensorType labelsOf(RankedTensorType output) {
  if (output.getRank() != 2)
    return nullptr;
  return ir::tensorOf(ir::dimSizes(output)[0], IntegerType::get(output.getContext(), 64));
}

constexpr LossKind kLosses[] = {
    {"cross_entropy", [](const Tensor &output, const Tensor &target) { return nn::CrossEntropyLoss()(output, target); }, labelsOf,
     "[N, C]"},
    {"mse", [](const Tensor &output, const Tensor &target) { return nn::MSELoss()(output, target); },
     [](RankedTensorType output) { return output; }, "any shape"},
};

const LossKind &lossOf(const std::string &name) {
  for (const LossKind &kind : kLosses)
    if (name == kind.name)
      return kind;
  throw Mistake("--loss: unknown loss '" + name + "', expected cross_entropy or mse");
}

// The type of the targets, which `target=` may state: spaces do not count.
RankedTensorType targetType(const LossKind &kind, const Spec &spec, RankedTensorType output) {
  RankedTensorType type = isa<FloatType>(output.getElementType()) ? kind.target(output) : nullptr;
  if (!type)
    throw Mistake(std::string("--loss: ") + kind.name + " takes an output of floats of " + kind.output + ", the model's is " +
                  describe(output));
  for (const auto &[key, value] : spec.values) {
    if (key != "target")
      throw Mistake(std::string("--loss: ") + kind.name + " has no '" + key + "', expected target");
    auto plain = [](std::string text) {
      llvm::erase(text, ' ');
      return text;
    };
    if (plain(value) != plain(describe(type)))
      throw Mistake("--loss: the target is " + value + ", expected " + describe(type) + " for an output " + describe(output));
  }
  return type;
}

// ---- optimizers

using optim::ParameterGroup;
using MakeOptimizer = std::unique_ptr<optim::Optimizer> (*)(std::vector<ParameterGroup>);
constexpr std::pair<const char *, MakeOptimizer> kOptimizers[] = {
    {"sgd",
     [](std::vector<ParameterGroup> groups) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::SGD>(std::move(groups), optim::SGDOptions());
     }},
    {"adam",
     [](std::vector<ParameterGroup> groups) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::Adam>(std::move(groups), optim::AdamOptions());
     }},
    {"adamw", [](std::vector<ParameterGroup> groups) -> std::unique_ptr<optim::Optimizer> {
       return std::make_unique<optim::AdamW>(std::move(groups), optim::AdamWOptions());
     }}};

double numberOf(const std::string &key, const std::string &text) {
  if (text == "true" || text == "false")
    return text == "true";
  double value;
  if (llvm::StringRef(text).getAsDouble(value) || !std::isfinite(value))
    throw Mistake("--optimizer: " + key + " is '" + text + "', expected a number, true or false");
  return value;
}

std::unique_ptr<optim::Optimizer> makeOptimizer(const Spec &spec, std::vector<Tensor> parameters) {
  ParameterGroup group{std::move(parameters), {}};
  for (const auto &[key, value] : spec.values)
    group.options[key] = numberOf(key, value);
  for (auto [name, make] : kOptimizers)
    if (spec.name == name)
      try {
        return make({group});
      } catch (const Error &error) {
        llvm::StringRef text = error.message();
        text.consume_front("parameter group: ");
        throw Mistake("--optimizer: " + spec.name + ": " + text.str());
      }
  throw Mistake("--optimizer: unknown optimizer '" + spec.name + "', expected sgd, adam or adamw");
}

ScalarType dtypeOf(Type element) { return static_cast<ScalarType>(*dtypeNumber(element)); }

// A step depends on dtypes and shapes alone; labels of 0 are always in range.
Tensor example(RankedTensorType type, const ir::SizeValues &sizes) {
  Shape shape;
  for (const ir::SizeExpr &size : ir::dimSizes(type))
    shape.push_back(size.evaluate(sizes));
  return zeros(shape, dtypeOf(type.getElementType()));
}

// Named sizes stay names: the step takes a batch of any size.
std::map<int64_t, jit::Dim> namesOf(RankedTensorType type, std::map<std::string, ir::SizeRange> &ranges) {
  std::map<int64_t, jit::Dim> names;
  for (auto [axis, size] : llvm::enumerate(ir::dimSizes(type))) {
    if (size.isConstant())
      continue;
    std::string text = size.str();
    ir::SizeRange range = size == ir::SizeExpr::name(text) ? ranges[text] : ir::SizeRange();
    names.emplace(axis, jit::Dim(text, range.least, range.most));
  }
  return names;
}

} // namespace

void addTrainingOptions(CLI::App &command, TrainingArguments &own) {
  addFlag(command, "--train", own.train, "write a library that trains the package's model: OUT is .so, .a or .o");
  command.add_option("--loss", own.loss, "cross_entropy or mse; target=DTYPE[SIZES] states what the targets are")
      ->type_name("NAME[:target=TYPE]");
  command.add_option("--optimizer", own.optimizer, "sgd, adam or adamw; KEYs are PyTorch's: lr, weight_decay, ...")
      ->type_name("NAME[:KEY=VALUE,...]");
}

void checkTraining(const TrainingArguments &own) {
  if (!own.train && (!own.loss.empty() || !own.optimizer.empty()))
    throw Mistake("compile: --loss and --optimizer go with --train");
  if (own.train && (own.loss.empty() || own.optimizer.empty()))
    throw Mistake(std::string("compile: --train needs ") +
                  (own.loss.empty() ? "--loss: cross_entropy or mse" : "--optimizer: sgd, adam or adamw"));
}

void writeTraining(const Model &model, const TrainingArguments &own, const CompileOptions &compile, const std::string &name,
                   const std::string &output) {
  Spec lossSpec = parse("--loss", own.loss), optimizerSpec = parse("--optimizer", own.optimizer);
  const LossKind &loss = lossOf(lossSpec.name);
  func::FuncOp main = model.main();
  if (model.producer.empty())
    throw Mistake(model.path + ": --train needs the model's weights: expected a package (.ember), found a graph as text");
  size_t inputs = model.inputs().size(), outputs = 0;
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    outputs += ir::resultInfo(main, i).updates < 0;
  if (inputs != 1 || outputs != 1)
    throw Mistake(model.path + ": --train takes a model of one input and one output, found " + std::to_string(inputs) + " and " +
                  std::to_string(outputs));
  nn::ModuleHolder<nn::Module> module = jit::load(model.path).module();
  RankedTensorType target = targetType(loss, lossSpec, cast<RankedTensorType>(main.getResultTypes()[0]));
  std::unique_ptr<optim::Optimizer> optimizer = makeOptimizer(optimizerSpec, module->parameters());
  auto input = cast<RankedTensorType>(main.getArgumentTypes()[0]);
  std::map<std::string, ir::SizeRange> ranges = ir::sizeRanges(main);
  ir::SizeValues sizes;
  for (const std::string &name : ir::sizeNamesOf(main.getArgumentTypes()))
    sizes[name] = std::min(std::max<int64_t>(ranges[name].least, 4), ranges[name].most);
  std::vector<Tensor> batch{example(input, sizes), example(target, sizes)};
  jit::TraceOptions options{.dims = {namesOf(input, ranges), namesOf(target, ranges)}};
  // The library starts from the generator's state, which chance chose: the same package would give other bytes each time.
  manual_seed(Generator().initial_seed());
  jit::TracedTraining traced = jit::trace_training(module, loss.function, *optimizer, batch, options);
  traced.compile(output, name, {.fuse = compile.fuse, .max_memory = compile.maxMemory});
}

} // namespace ember::tool
