#include "tools/ember/NativeLibrary.h"

#include "codegen/artifact/Record.h"
#include "ir/EmberDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include <dlfcn.h>

using namespace mlir;

namespace ember::tool {

namespace {

// `f32[2*B, 4]`, as records write it.
std::optional<RankedTensorType> parseTensor(llvm::StringRef text, MLIRContext *context) {
  Builder builder(context);
  const std::pair<const char *, Type> dtypes[] = {
      {"f64", builder.getF64Type()},       {"f32", builder.getF32Type()}, {"bf16", builder.getBF16Type()},
      {"f16", builder.getF16Type()},       {"i64", builder.getI64Type()}, {"i32", builder.getI32Type()},
      {"i16", builder.getIntegerType(16)}, {"i8", builder.getI8Type()},   {"u8", builder.getIntegerType(8, false)},
      {"bool", builder.getI1Type()}};
  auto [name, dims] = text.split('[');
  auto dtype = llvm::find_if(dtypes, [&](const auto &own) { return name == own.first; });
  if (dtype == std::end(dtypes) || !dims.consume_back("]"))
    return std::nullopt;
  SmallVector<ir::SizeExpr> sizes;
  SmallVector<llvm::StringRef> parts;
  dims.split(parts, ", ", -1, /*KeepEmpty=*/false);
  for (llvm::StringRef part : parts) {
    std::optional<ir::SizeExpr> size = ir::SizeExpr::parse(part);
    if (!size)
      return std::nullopt;
    sizes.push_back(*size);
  }
  return ir::tensorOf(sizes, dtype->second);
}

struct Tensor {
  std::string name;
  RankedTensorType type;
};

Model modelOf(const std::string &path, llvm::ArrayRef<Tensor> inputs, llvm::ArrayRef<Tensor> outputs, MLIRContext *context) {
  Model model;
  model.path = path;
  model.module = ModuleOp::create(UnknownLoc::get(context));
  SmallVector<Type> taken, given;
  for (const Tensor &input : inputs)
    taken.push_back(input.type);
  for (const Tensor &output : outputs)
    given.push_back(output.type);
  OpBuilder builder = OpBuilder::atBlockEnd(model.module->getBody());
  auto main = func::FuncOp::create(builder, UnknownLoc::get(context), "main", builder.getFunctionType(taken, given));
  main.setPrivate();
  for (auto [number, input] : llvm::enumerate(inputs))
    ir::setArgumentInfo(main, number, {.name = input.name});
  for (auto [number, output] : llvm::enumerate(outputs))
    ir::setResultInfo(main, number, {.name = output.name});
  return model;
}

} // namespace

// The lines of a program begin with its kind; those of its work, inputs and outputs follow, indented.
void NativeLibrary::read(const std::string &record, Session &session) {
  auto damaged = [&] { return Mistake(path + ": its record is damaged"); };
  name = llvm::StringRef(record).split(": ").first.str();
  SmallVector<llvm::StringRef> lines;
  llvm::StringRef(record).split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (auto line = lines.begin(); line != lines.end();) {
    llvm::StringRef kind = line++->split(": ").first;
    if (kind != "run" && kind != "step" && kind != "predict")
      continue;
    NativeProgram program;
    program.function = name + "_" + kind.str();
    std::vector<Tensor> inputs, outputs;
    for (; line != lines.end() && line->starts_with("  "); ++line) {
      auto [what, text] = line->drop_front(2).rsplit(": ");
      bool isInput = what.consume_front("input "), isOutput = !isInput && what.consume_front("output ");
      if (isInput || isOutput) {
        std::optional<RankedTensorType> type = parseTensor(text, &session.context);
        if (!type)
          throw damaged();
        (isInput ? inputs : outputs).push_back({what.str(), *type});
      } else if (what == "work") {
        auto [flops, bytes] = text.split(" flops, ");
        bytes.consume_back(" bytes");
        std::optional<ir::SizeExpr> ownFlops = ir::SizeExpr::parse(flops), ownBytes = ir::SizeExpr::parse(bytes);
        if (!ownFlops || !ownBytes)
          throw damaged();
        program.flops = *ownFlops;
        program.bytes = *ownBytes;
      }
    }
    program.signature = modelOf(path, inputs, outputs, &session.context);
    all.insert(kind == "step" ? all.begin() : all.end(), std::move(program));
  }
}

template <typename Function> Function *NativeLibrary::symbol(const std::string &own) const {
  void *address = dlsym(handle, own.c_str());
  if (!address)
    throw Mistake(path + ": expected a function " + own + ", found none");
  return reinterpret_cast<Function *>(address);
}

NativeLibrary::NativeLibrary(const std::string &path, unsigned threads, Session &session) : path(path) {
  std::vector<std::string> records = readRecords(readFile(path), path);
  if (!llvm::StringRef(path).ends_with(".so") || records.size() != 1)
    throw Mistake(path + ": expected a package, a graph as text or a shared library (.so) of one model, found other native code");
  read(records[0], session);
  std::string place = llvm::StringRef(path).contains('/') ? path : "./" + path; // a bare name is searched for elsewhere
  handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    throw Mistake(path + ": cannot be loaded: " + dlerror());
  if (uint32_t version = symbol<uint32_t()>(name + "_abi")(); version != EMBER_RT_ABI)
    throw Mistake(path + ": its C interface has version " + std::to_string(version) + ", expected " +
                  std::to_string(EMBER_RT_ABI));
  model = symbol<ember_model *(uint32_t)>(name + "_create")(threads);
  if (!model)
    throw Mistake(path + ": " + symbol<const char *(const ember_model *)>(name + "_error")(nullptr));
}

NativeLibrary::~NativeLibrary() {
  if (model)
    symbol<void(ember_model *)>(name + "_destroy")(model);
}

void NativeLibrary::call(const NativeProgram &program, const std::vector<ember_tensor> &inputs,
                         std::vector<ember_tensor> &outputs) {
  double loss;
  int status = program.function == name + "_step"
                   ? symbol<int(ember_model *, const ember_tensor *, uint32_t, double *)>(program.function)(model, inputs.data(),
                                                                                                            inputs.size(), &loss)
                   : symbol<int(ember_model *, const ember_tensor *, uint32_t, ember_tensor *, uint32_t)>(program.function)(
                         model, inputs.data(), inputs.size(), outputs.data(), outputs.size());
  if (status != EMBER_OK)
    throw Mistake(symbol<const char *(const ember_model *)>(name + "_error")(model));
}

} // namespace ember::tool
