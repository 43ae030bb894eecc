#include "codegen/artifact/Tables.h"

#include "ir/SizeBinding.h"
#include "ir/interpret/Bytes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;

namespace ember {

OwningOpRef<ModuleOp> newKernelModule(MLIRContext &context) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  OpBuilder builder(module->getBodyRegion());
  Type pointer = LLVM::LLVMPointerType::get(&context), number = builder.getI64Type();
  LLVM::LLVMFuncOp::create(
      builder, module->getLoc(), "ember_rt_note_fault",
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&context), {pointer, builder.getI32Type(), number, number}));
  return module;
}

namespace {

// Writes C structs as constants; the layouts are those of ember_rt.h on x86-64.
class Writer {
public:
  explicit Writer(llvm::Module &module)
      : module(module), context(module.getContext()), pointer(llvm::PointerType::get(context, 0)),
        word(llvm::Type::getInt32Ty(context)), wide(llvm::Type::getInt64Ty(context)) {}

  llvm::Constant *u32(uint64_t value) { return llvm::ConstantInt::get(word, value); }
  llvm::Constant *null() { return llvm::Constant::getNullValue(pointer); }

  llvm::Constant *global(llvm::Constant *value, unsigned alignment = 8) {
    auto *variable =
        new llvm::GlobalVariable(module, value->getType(), true, llvm::GlobalValue::PrivateLinkage, value, "ember.data");
    variable->setAlignment(llvm::Align(alignment));
    return variable;
  }
  llvm::Constant *text(llvm::StringRef value) { return global(llvm::ConstantDataArray::getString(context, value), 1); }
  llvm::Constant *structure(llvm::ArrayRef<llvm::Constant *> fields) { return llvm::ConstantStruct::getAnon(context, fields); }
  llvm::Constant *array(llvm::ArrayRef<llvm::Constant *> items) {
    if (items.empty())
      return null();
    return global(llvm::ConstantArray::get(llvm::ArrayType::get(items[0]->getType(), items.size()), items));
  }
  template <typename T> llvm::Constant *numbers(llvm::ArrayRef<T> values) {
    return values.empty() ? null() : global(llvm::ConstantDataArray::get(context, values));
  }

  llvm::Constant *program(const cpu::HostTable &table, llvm::ArrayRef<std::string> symbols) {
    llvm::SmallVector<llvm::Constant *> launches;
    for (auto [number, launch] : llvm::enumerate(table.launches)) {
      llvm::SmallVector<llvm::Constant *> buffers;
      for (const ember_buffer_ref &ref : table.buffers[number])
        buffers.push_back(structure({u32(ref.kind), u32(ref.index)}));
      launches.push_back(structure({text(launch.name), module.getFunction(symbols[number]), array(buffers),
                                    numbers<uint32_t>(table.params[number]), ops(table.ops[number]), u32(launch.buffer_count),
                                    u32(launch.param_count), u32(launch.extent), u32(launch.scratch), u32(launch.grain),
                                    llvm::ConstantFP::get(llvm::Type::getFloatTy(context), launch.nanoseconds_per_unit)}));
    }
    llvm::SmallVector<llvm::Constant *> arenaValues;
    for (const ember_arena_value &own : table.arenaValues)
      arenaValues.push_back(structure({u32(own.offset), u32(own.bytes), u32(own.first), u32(own.last)}));
    llvm::SmallVector<llvm::Constant *> places;
    for (const ember_op_place &own : table.opPlaces)
      places.push_back(structure({u32(own.op), u32(0), text(own.text)}));
    const ember_program &own = table.program;
    return global(
        structure({u32(own.abi), u32(own.argument_count), u32(own.result_count), u32(own.launch_count), u32(own.value_count),
                   u32(own.size_count), u32(own.arena_value_count), u32(0), array(launches), numbers<int64_t>(table.staticValues),
                   numbers<int64_t>(table.valueCode), texts(table.sizeNames), array(arenaValues), array(places),
                   u32(own.arena_bytes), u32(own.scratch_bytes), u32(own.fault_launches), u32(own.op_place_count)}));
  }

  llvm::Constant *ops(llvm::ArrayRef<int32_t> list) {
    return numbers<uint32_t>({reinterpret_cast<const uint32_t *>(list.data()), list.size()});
  }

  llvm::Constant *texts(llvm::ArrayRef<std::string> list) {
    llvm::SmallVector<llvm::Constant *> pointers;
    for (const std::string &item : list)
      pointers.push_back(text(item));
    return array(pointers);
  }

  // sizeNames: of the function that takes or gives the tensor.
  llvm::Constant *signature(llvm::StringRef name, RankedTensorType type, llvm::ArrayRef<std::string> sizeNames = {}) {
    llvm::Constant *dtype = u32(ir::dtypeNumber(type.getElementType())), *rank = u32(type.getRank());
    if (type.hasStaticShape())
      return structure({text(name), dtype, rank, numbers<int64_t>(type.getShape()), null(), null()});
    std::vector<int64_t> code;
    std::vector<std::string> dims;
    for (const ir::SizeExpr &size : ir::dimSizes(type)) {
      cpu::appendSizeCode(size, sizeNames, code);
      dims.push_back(size.str());
    }
    return structure({text(name), dtype, rank, null(), numbers<int64_t>(code), texts(dims)});
  }

  llvm::Constant *u64(uint64_t value) { return llvm::ConstantInt::get(wide, value); }
  llvm::Constant *f64(double value) { return llvm::ConstantFP::get(llvm::Type::getDoubleTy(context), value); }

  // `name(own arguments)` calls `runtime` with them, after the description where it wants that.
  void forward(const std::string &name, const char *runtime, llvm::Type *result, llvm::ArrayRef<llvm::Type *> arguments,
               llvm::Constant *desc) {
    auto *own =
        llvm::Function::Create(llvm::FunctionType::get(result, arguments, false), llvm::Function::ExternalLinkage, name, module);
    llvm::SmallVector<llvm::Type *> types(arguments);
    if (desc)
      types.insert(types.begin(), pointer);
    llvm::FunctionCallee callee = module.getOrInsertFunction(runtime, llvm::FunctionType::get(result, types, false));
    llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", own));
    llvm::SmallVector<llvm::Value *> values;
    if (desc)
      values.push_back(desc);
    for (llvm::Argument &argument : own->args())
      values.push_back(&argument);
    llvm::CallInst *call = builder.CreateCall(callee, values);
    if (result->isVoidTy())
      builder.CreateRetVoid();
    else
      builder.CreateRet(call);
  }

  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::Type *pointer, *word, *wide;
};

// What the programs of an artifact hold together, numbered. Constants are told apart by their memory, all else by role and name.
class Held {
public:
  unsigned add(const HeldTensor &tensor) {
    bool isConstant = tensor.info.role == ir::Role::Constant;
    std::string key = ir::roleName(tensor.info.role).str() + " ";
    key += isConstant ? std::to_string(reinterpret_cast<uintptr_t>(tensor.memory)) : tensor.info.name;
    auto [place, isNew] = numbers.try_emplace(key, tensors.size());
    if (isNew)
      tensors.push_back(tensor);
    return place->second;
  }
  std::vector<HeldTensor> tensors;

private:
  std::map<std::string, unsigned> numbers;
};

// The tables of a whole artifact.
class ArtifactWriter : public Writer {
public:
  ArtifactWriter(llvm::Module &module, const ArtifactRequest &request) : Writer(module), request(request) {}

  llvm::Constant *description(const CompiledProgram &predict, const CompiledProgram *step) {
    if (request.training)
      for (const HeldTensor &tensor : request.training->held)
        held.add(tensor);
    llvm::Constant *predictTable = function(predict), *stepTable = step ? function(*step) : noFunction();
    std::string bytes;
    llvm::Constant *states = heldTensors(bytes);
    llvm::Constant *block = global(llvm::ConstantDataArray::getString(context, bytes, /*AddNull=*/false), 64);
    std::vector<uint32_t> groups;
    if (request.training)
      groups = request.training->groupSizes;
    llvm::SmallVector<llvm::Constant *> hypers = hyperTables();
    return global(structure({u32(EMBER_RT_ABI), u32(held.tensors.size()), u32(hypers.size()), u32(groups.size()),
                             text(request.name), predictTable, stepTable, states, block, u64(bytes.size()), array(hypers),
                             numbers<uint32_t>(groups), u64(request.training ? request.training->steps : 0),
                             u32(request.training && request.training->countsSteps), u32(generatorNumber())}));
  }

  // Of the held tensors; ~0: the generator's state is none of them.
  uint32_t generatorNumber() {
    for (auto [number, tensor] : llvm::enumerate(held.tensors))
      if (tensor.info.role == ir::Role::Generator)
        return number;
    return ~0u;
  }

private:
  llvm::Constant *noFunction() {
    return structure({null(), null(), u32(0), u32(0), u32(0), u32(0), null(), null(), null(), null(), null(), null()});
  }

  llvm::Constant *function(const CompiledProgram &program) {
    func::FuncOp main = program.function;
    llvm::ArrayRef<std::string> sizeNames = program.v3.table->sizeNames;
    llvm::SmallVector<llvm::Constant *> inputs, outputs;
    std::vector<uint32_t> states, updates, inPlace, numberOfArgument;
    for (auto [number, type] : llvm::enumerate(main.getArgumentTypes())) {
      ir::ArgumentInfo info = ir::argumentInfo(main, number);
      numberOfArgument.push_back(0);
      if (info.role == ir::Role::Input) {
        inputs.push_back(signature(info.name, cast<RankedTensorType>(type), sizeNames));
        continue;
      }
      numberOfArgument.back() = held.add({info, cast<RankedTensorType>(type), program.source->memory[number - inputs.size()]});
      states.push_back(numberOfArgument.back());
    }
    for (auto [number, type] : llvm::enumerate(main.getResultTypes())) {
      ir::ResultInfo info = ir::resultInfo(main, number);
      if (info.updates < 0) {
        outputs.push_back(signature(info.name, cast<RankedTensorType>(type), sizeNames));
        continue;
      }
      updates.push_back(numberOfArgument[info.updates]);
      inPlace.push_back(program.resultAlias[number] == info.updates);
    }
    return structure({this->program(*program.v3.table, program.v3.symbols), this->program(*program.v4.table, program.v4.symbols),
                      u32(inputs.size()), u32(outputs.size()), u32(states.size()), u32(updates.size()), array(inputs),
                      array(outputs), numbers<uint32_t>(states), numbers<uint32_t>(updates), numbers<uint32_t>(inPlace),
                      numbers<int64_t>(rangesOf(main, sizeNames))});
  }

  // The least and the largest value of each named size.
  static std::vector<int64_t> rangesOf(func::FuncOp function, llvm::ArrayRef<std::string> sizeNames) {
    std::map<std::string, ir::SizeRange> known = ir::sizeRanges(function);
    std::vector<int64_t> ranges;
    for (const std::string &name : sizeNames) {
      ir::SizeRange range = known[name];
      ranges.insert(ranges.end(), {range.least, range.most});
    }
    return ranges;
  }

  // All first values in one block, each at a multiple of 64 bytes.
  llvm::Constant *heldTensors(std::string &bytes) {
    llvm::SmallVector<llvm::Constant *> states;
    for (const HeldTensor &tensor : held.tensors) {
      bytes.resize((bytes.size() + 63) / 64 * 64);
      const std::string &formula = tensor.info.formula;
      states.push_back(structure({signature(tensor.info.name, tensor.type), u32(static_cast<uint32_t>(tensor.info.role)),
                                  formula.empty() ? null() : text(formula), u64(bytes.size())}));
      bytes.append(static_cast<const char *>(tensor.memory),
                   tensor.type.getNumElements() * ir::byteWidth(tensor.type.getElementType()));
    }
    bytes.resize((bytes.size() + 127) / 64 * 64); // whole vectors may be read at the end
    return array(states);
  }

  // An option that no formula reads was decided while the step was recorded.
  llvm::SmallVector<llvm::Constant *> hyperTables() {
    llvm::StringSet<> read;
    for (const HeldTensor &tensor : held.tensors) {
      llvm::SmallVector<llvm::StringRef> words;
      llvm::StringRef(tensor.info.formula).split(words, ' ');
      for (llvm::StringRef word : words)
        read.insert(word);
    }
    llvm::SmallVector<llvm::Constant *> hypers;
    if (request.training)
      for (const HyperParameter &own : request.training->hypers)
        hypers.push_back(
            structure({text(own.name), text(own.option), u32(own.group), u32(!read.contains(own.name)), f64(own.value)}));
    return hypers;
  }

  const ArtifactRequest &request;
  Held held;
};

// What the C interface consists of: `NAME_function`, the runtime's function, whether it takes the description, and its types: p a
// pointer, w 32 bits, d 64 bits, f a double; the result first.
struct Interface {
  const char *name, *runtime, *types;
  bool takesDescription;
};
constexpr Interface kCommon[] = {{"create", "ember_rt_model_create", "pw", true},
                                 {"destroy", "ember_rt_model_destroy", "vp", false},
                                 {"error", "ember_rt_model_error", "pp", false},
                                 {"output_dims", "ember_rt_model_output_dims", "wppwwp", false},
                                 {"abi", "ember_rt_abi", "w", false}};
constexpr Interface kInference[] = {{"run", "ember_rt_model_run", "wppwpw", false}};
constexpr Interface kSeed[] = {{"seed", "ember_rt_model_seed", "wpd", false}};
constexpr Interface kTraining[] = {{"predict", "ember_rt_model_run", "wppwpw", false},
                                   {"step", "ember_rt_model_step", "wppwp", false},
                                   {"set_hyper", "ember_rt_model_set_hyper", "wppf", false},
                                   {"get_hyper", "ember_rt_model_get_hyper", "wppp", false},
                                   {"hyper_name", "ember_rt_model_hyper_name", "ppw", false},
                                   {"permutation", "ember_rt_model_permutation", "wppd", false},
                                   {"weight_count", "ember_rt_model_weight_count", "wp", false},
                                   {"weight", "ember_rt_model_weight", "wpwpp", false},
                                   {"get_weight", "ember_rt_model_get_weight", "wppp", false},
                                   {"set_weight", "ember_rt_model_set_weight", "wppp", false},
                                   {"save", "ember_rt_model_save", "wpp", false},
                                   {"load", "ember_rt_model_load", "wpp", false}};

} // namespace

void writeTables(llvm::Module &module, const ArtifactRequest &request, const CompiledProgram &predict,
                 const CompiledProgram *step, bool withMain) {
  for (llvm::Function &kernel : module) // nothing but the C interface is seen from outside
    if (!kernel.isDeclaration())
      kernel.setLinkage(llvm::GlobalValue::InternalLinkage);
  ArtifactWriter writer(module, request);
  llvm::Constant *description = writer.description(predict, step);
  auto typeOf = [&](char letter) -> llvm::Type * {
    return letter == 'p'   ? writer.pointer
           : letter == 'w' ? writer.word
           : letter == 'd' ? writer.wide
           : letter == 'f' ? llvm::Type::getDoubleTy(module.getContext())
                           : llvm::Type::getVoidTy(module.getContext());
  };
  auto offer = [&](llvm::ArrayRef<Interface> functions) {
    for (const Interface &own : functions) {
      llvm::SmallVector<llvm::Type *> arguments;
      for (const char *letter = own.types + 1; *letter; ++letter)
        arguments.push_back(typeOf(*letter));
      writer.forward(request.name + "_" + own.name, own.runtime, typeOf(own.types[0]), arguments,
                     own.takesDescription ? description : nullptr);
    }
  };
  offer(kCommon);
  if (request.training)
    offer(kTraining);
  else
    offer(kInference);
  if (writer.generatorNumber() != ~0u)
    offer(kSeed);
  if (withMain)
    writer.forward("main", "ember_rt_main", writer.word, {writer.word, writer.pointer}, description);
}

} // namespace ember
