// ember run: a model on .npy files.
#include "tools/ember/Tensors.h"

namespace ember::tool {

namespace {

struct Arguments {
  std::string model;
  std::vector<std::string> inputs, outputs;
  unsigned threads = 0;
  std::optional<uint64_t> seed;
  CompileOptions options = CompileOptions::fromEnvironment();
};

// Not the next states of what a model holds: a run is one alone.
std::vector<unsigned> outputsOf(const Model &model) {
  std::vector<unsigned> numbers;
  for (unsigned i = 0; i < model.main().getNumResults(); ++i)
    if (model.inputs().size() == model.main().getNumArguments() || ir::resultInfo(model.main(), i).updates < 0)
      numbers.push_back(i);
  return numbers;
}

void run(const Arguments &own, Session &session) {
  Model model = Model::load(own.model, session);
  auto main = model.main();
  std::vector<unsigned> outputs = outputsOf(model);
  if (own.outputs.size() > outputs.size())
    throw Mistake(model.path + ": expected at most " + std::to_string(outputs.size()) + " outputs, found " +
                  std::to_string(own.outputs.size()));
  if (own.inputs.empty() && !model.inputs().empty())
    throw Mistake(model.path + ": expected " + std::to_string(model.inputs().size()) + " inputs, found 0");
  for (auto path = own.outputs.begin(); path != own.outputs.end(); ++path) {
    if (std::find(own.outputs.begin(), path, *path) != path)
      throw Mistake("-o: expected a file for each output, found '" + *path + "' twice");
    checkWritable(*path);
  }
  Tensors tensors(model, own.inputs, {}, 0);
  if (own.seed)
    tensors.seedGenerator(*own.seed);
  auto executable = compileProgram(*model.module, own.options);
  RunFault fault = executable->run(tensors.arguments(), tensors.results(executable->resultAlias), tensors.sizes());
  if (fault.happened)
    throw Mistake(model.path + ": " + fault.text());
  for (auto [path, number] : llvm::zip(own.outputs, outputs))
    writeNpy(path, tensors.resultType(number), tensors.result(number));
  if (!own.outputs.empty())
    return;
  std::string text;
  for (unsigned number : outputs) {
    if (outputs.size() > 1)
      text += ir::resultInfo(main, number).name + ": ";
    text += printed(tensors.resultType(number), tensors.result(number)) + "\n";
  }
  writeText("", text);
}

} // namespace

void addRun(CLI::App &app, Session &session) {
  CLI::App *command =
      addCommand(app, "run", "run a model on .npy files",
                 "Example: ember run mlp.mlir x.npy w.npy -o y.npy\n"
                 "Without -o, results are printed as PyTorch prints tensors. The bits do not depend on --threads.");
  auto own = std::make_shared<Arguments>();
  addModel(*command, own->model, kModelText);
  command->add_option("INPUTS", own->inputs, "one .npy file for each input, in order")->type_name("FILE.npy")->check(fileName());
  command->add_option("-o", own->outputs, "write results here, in order, instead of printing them (repeat for each)")
      ->type_name("OUT.npy")
      ->check(fileName())
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  addThreadsOption(*command, own->threads);
  command->add_option("--seed", own->seed, "of the generator of a package that draws (default: its state when it was traced)")
      ->type_name("N")
      ->check(wholeNumber(0, UINT64_MAX));
  addFlag(*command, "--interpret", own->options.interpret, "reference values in double precision instead of compiled code");
  addCompileOptions(*command, own->options);
  command->callback([command, own, &session] {
    refuseUnknown(*command);
    if (own->threads)
      setProcessThreads(own->threads);
    run(*own, session);
  });
}

} // namespace ember::tool
