// ember verify: every compiled op against the double-precision reference.
#include "codegen/Verify.h"
#include "ir/interpret/Bytes.h"
#include "tools/ember/Tensors.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstring>

using namespace mlir;

namespace ember::tool {

namespace {

struct Arguments {
  InputArguments inputs;
  std::optional<double> ulps;
  CompileOptions options;
};

std::vector<std::string> resultsOf(const Model &model, Tensors &tensors, const CompileOptions &options) {
  auto executable = compileProgram(*model.module, options);
  RunFault fault = executable->run(tensors.arguments(), tensors.results(executable->resultAlias), tensors.sizes());
  if (fault.happened)
    throw Mistake(model.path + ": " + fault.text() + ": give inputs as .npy files");
  std::vector<std::string> bytes;
  for (unsigned i = 0; i < model.main().getNumResults(); ++i) {
    RankedTensorType type = tensors.resultType(i);
    bytes.emplace_back(static_cast<const char *>(tensors.result(i)),
                       type.getNumElements() * ir::byteWidth(type.getElementType()));
  }
  return bytes;
}

// Ops are checked with each a kernel of its own; fusion then must not change a bit.
void checkFusion(const Model &model, Tensors &tensors, CompileOptions options) {
  options.fuse = true;
  std::vector<std::string> fused = resultsOf(model, tensors, options);
  options.fuse = false;
  std::vector<std::string> unfused = resultsOf(model, tensors, options);
  for (unsigned i = 0; i < fused.size(); ++i)
    if (fused[i] != unfused[i])
      throw Mistake(model.path + ": result '" + ir::resultInfo(model.main(), i).name +
                    "' of the fused program has other bits than that of the unfused one");
}

std::string verify(const Arguments &own, Session &session) {
  Model model = Model::load(own.inputs.model, session);
  for (unsigned i = 0; i < model.main().getNumArguments(); ++i) // every run has the same inputs
    model.main().removeArgAttr(i, "ember.donated");
  Tensors tensors(model, own.inputs.files, parseSizes(own.inputs.sizes, model.main().getArgumentTypes()), own.inputs.seed);
  checkFusion(model, tensors, own.options);
  Verification found = verifyOps(*model.module, tensors.arguments(), tensors.sizes(), own.options, own.ulps);
  if (!found.difference.empty())
    throw Mistake(found.difference);
  std::string text = llvm::formatv("verified: {0} ops, worst ", found.opsChecked).str();
  return text +
         (found.worstOp.empty() ? "0 ulps\n" : llvm::formatv("{0:F2} ulps at {1}\n", found.worstUlps, found.worstOp).str());
}

} // namespace

void addVerify(CLI::App &app, Session &session) {
  CLI::App *command =
      addCommand(app, "verify", "compare each compiled op with the double-precision reference",
                 "Example: ember verify mlp.mlir --seed 3\n"
                 "         ember verify mlp.mlir --ulps 0    (where does rounding first differ?)\n"
                 "Each op is checked on the run's own operands, within the ulps that it declares; the first that differs is\n"
                 "printed and the exit code is 1. The fused program must give the same bits as the unfused one.");
  auto own = std::make_shared<Arguments>();
  addInputOptions(*command, own->inputs);
  command->add_option("--ulps", own->ulps, "what every op may differ by (default: what the op declares)")
      ->type_name("N")
      ->check(CLI::Validator(
          [](std::string &text) {
            double value;
            bool isGood = !llvm::StringRef(text).getAsDouble(value) && value >= 0;
            return isGood ? "" : "expected a number of at least 0, found '" + text + "'";
          },
          /*description=*/""));
  addCompileOptions(*command, own->options);
  command->callback([command, own, &session] {
    refuseUnknown(*command);
    writeText("", verify(*own, session));
  });
}

} // namespace ember::tool
