#include "codegen/artifact/Header.h"

#include "codegen/Pipeline.h"
#include "codegen/artifact/TypedCalls.h"
#include "ir/SizeBinding.h"
#include "runtime/include/ember_rt.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

namespace {

std::string cType(Type element) {
  if (element.isBF16())
    return "uint16_t, bf16 bits,";
  if (element.isF16())
    return "uint16_t, f16 bits,";
  return element.isInteger(1) ? "uint8_t, 0 or 1," : cTypeOf(element);
}

void describe(llvm::raw_ostream &out, const char *kind, unsigned number, llvm::StringRef name, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  out << "   " << kind << " " << number << "  " << commentText(name) << ": " << cType(tensor.getElementType()) << " "
      << dimsText(tensor) << ", row-major\n";
}

void describeProgram(llvm::raw_ostream &out, const std::string &name, ModuleOp module) {
  func::FuncOp function = mainOf(module);
  out << "   " << name << "\n";
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (ArgumentInfo info = argumentInfo(function, i); info.role == Role::Input)
      describe(out, "  input ", i, info.name, function.getArgumentTypes()[i]);
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (ResultInfo info = resultInfo(function, i); info.updates < 0)
      describe(out, "  output", i, info.name, function.getResultTypes()[i]);
  std::map<std::string, SizeRange> ranges = sizeRanges(function);
  for (const std::string &size : sizeNamesOf(function.getArgumentTypes())) {
    SizeRange range = ranges[size];
    out << "     size " << size << ": at least " << range.least;
    if (range.most != INT64_MAX)
      out << ", at most " << range.most;
    out << "; the same wherever it stands\n";
  }
}

const char *const kTypes = R"(#ifndef EMBER_TENSOR_TYPE
#define EMBER_TENSOR_TYPE
#ifndef EMBER_RT_H
/* dtype: 0 f64, 1 f32, 2 bf16, 3 f16, 4 i64, 5 i32, 6 i16, 7 i8, 8 u8, 9 bool (one byte). */
typedef struct {
  uint32_t dtype, rank;
  const int64_t *dims;
  void *data;
} ember_tensor;
typedef struct ember_model ember_model;
#endif
#endif
)";

// NAME stands for the artifact's name, RUN for its function that computes outputs.
const char *const kCommon = R"(
/* Functions return 0, or, with one line in NAME_error: -1 for a bad argument, -2 for an index out of range in the data, -3 for a
   file that does not serve, -4 for no memory. After an error the model is as before the call. Calls on one model are serial, from
   any thread; models share nothing. */

/* The version of this interface that the library has; this header's is the number above. */
uint32_t NAME_abi(void);
/* threads 0: as many as processors. NULL: out of memory, or a processor without AVX2. */
ember_model *NAME_create(uint32_t threads);
void NAME_destroy(ember_model *model);
const char *NAME_error(const ember_model *model);
/* The dims that an output of NAME_RUN has for inputs of these dtypes and dims, whose data may be NULL. dims: room for the output's
   rank. */
int32_t NAME_output_dims(ember_model *model, const ember_tensor *inputs, uint32_t input_count, uint32_t output, int64_t *dims);
)";

const char *const kRun = R"(/* Outputs are your memory, with dtype, rank and dims filled in. */
int32_t NAME_run(ember_model *model, const ember_tensor *inputs, uint32_t input_count, ember_tensor *outputs,
                 uint32_t output_count);
)";

const char *const kSeed =
    R"(/* Seeds the generator that NAME_run draws from, as manual_seed does; until then it goes on from where the model was traced. */
int32_t NAME_seed(ember_model *model, uint64_t seed);
)";

const char *const kTraining = R"(
/* One step of training: forward, backward and the optimizer's update. */
int32_t NAME_step(ember_model *model, const ember_tensor *inputs, uint32_t input_count, double *loss);
/* The model's output as in evaluation. Outputs are your memory, with dtype, rank and dims filled in. */
int32_t NAME_predict(ember_model *model, const ember_tensor *inputs, uint32_t input_count, ember_tensor *outputs,
                     uint32_t output_count);
/* Hyper-parameters, finite and at least 0. */
int32_t NAME_set_hyper(ember_model *model, const char *name, double value);
int32_t NAME_get_hyper(ember_model *model, const char *name, double *value);
/* The number-th name; NULL behind the last. */
const char *NAME_hyper_name(const ember_model *model, uint32_t number);
/* Seeds the generator that dropout and NAME_permutation draw from, as manual_seed does. */
int32_t NAME_seed(ember_model *model, uint64_t seed);
/* The order of an epoch's samples, 0 ... count - 1: what a shuffling DataLoader draws. */
int32_t NAME_permutation(ember_model *model, int64_t *out, int64_t count);
/* Parameters and buffers: their number; the number-th one's name, dtype and dims, which live as long as the model. */
uint32_t NAME_weight_count(const ember_model *model);
int32_t NAME_weight(ember_model *model, uint32_t number, const char **name, ember_tensor *tensor);
/* Copies out to, and in from, your memory, with dtype, rank and dims filled in. */
int32_t NAME_get_weight(ember_model *model, const char *name, ember_tensor *tensor);
int32_t NAME_set_weight(ember_model *model, const char *name, const ember_tensor *tensor);
/* All state as a safetensors file, which is whole or not there: parameters, buffers, optimizer, generator. */
int32_t NAME_save(ember_model *model, const char *path);
int32_t NAME_load(ember_model *model, const char *path);
)";

bool drawsNumbers(ModuleOp module) {
  func::FuncOp function = mainOf(module);
  return llvm::any_of(llvm::seq(function.getNumArguments()),
                      [&](unsigned i) { return argumentInfo(function, i).role == Role::Generator; });
}

std::string replaced(llvm::StringRef text, llvm::StringRef word, llvm::StringRef own) {
  std::string result;
  while (true) {
    auto [before, after] = text.split(word);
    result += before;
    if (before.size() == text.size())
      return result;
    result += own;
    text = after;
  }
}

} // namespace

std::string headerText(const ArtifactRequest &request) {
  const std::string &name = request.name;
  const char *run = request.training ? "predict" : "run";
  std::string text, guard = "EMBER_" + llvm::StringRef(name).upper() + "_H";
  llvm::raw_string_ostream out(text);
  out << "/* " << name << ": a compiled model" << (request.training ? " that trains" : "")
      << ". Link with -lm -lpthread; an object (.o) with libember_rt.a, too.\n\n";
  describeProgram(out, name + "_" + run, request.predict.module);
  if (request.training) {
    describeProgram(out, name + "_step", request.training->step.module);
    out << "   hyper-parameters: ";
    llvm::interleaveComma(request.training->hypers, out, [&](const HyperParameter &hyper) { out << hyper.name; });
    out << "\n";
  }
  out << "*/\n#ifndef " << guard << "\n#define " << guard
      << "\n#include <stdint.h>\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  out << kTypes << "#define " << llvm::StringRef(name).upper() << "_ABI " << EMBER_RT_ABI << "u\n"
      << replaced(replaced(kCommon, "NAME_RUN", name + "_" + run), "NAME", name)
      << replaced(request.training ? kTraining : kRun, "NAME", name);
  if (!request.training && drawsNumbers(request.predict.module))
    out << replaced(kSeed, "NAME", name);
  if (request.training)
    out << typedCall(name + "_step", mainOf(request.training->step.module), CallKind::Step);
  out << typedCall(name + "_" + run, mainOf(request.predict.module), CallKind::Run);
  out << "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}

} // namespace ember
