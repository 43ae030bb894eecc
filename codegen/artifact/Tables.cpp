#include "codegen/artifact/Tables.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
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

uint32_t dtypeNumber(Type element) {
  if (element.isF64())
    return EMBER_F64;
  if (element.isF32())
    return EMBER_F32;
  if (element.isBF16())
    return EMBER_BF16;
  if (element.isF16())
    return EMBER_F16;
  switch (element.getIntOrFloatBitWidth()) {
  case 64:
    return EMBER_I64;
  case 32:
    return EMBER_I32;
  case 16:
    return EMBER_I16;
  case 8:
    return element.isUnsignedInteger() ? EMBER_U8 : EMBER_I8;
  default:
    return EMBER_BOOL;
  }
}

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
                                    numbers<uint32_t>(table.params[number]), u32(launch.buffer_count), u32(launch.param_count),
                                    u32(launch.extent), u32(launch.scratch), u32(launch.grain),
                                    llvm::ConstantFP::get(llvm::Type::getFloatTy(context), launch.nanoseconds_per_unit)}));
    }
    llvm::SmallVector<llvm::Constant *> arenaValues;
    for (const ember_arena_value &own : table.arenaValues)
      arenaValues.push_back(structure({u32(own.offset), u32(own.bytes), u32(own.first), u32(own.last)}));
    const ember_program &own = table.program;
    return global(structure({u32(own.abi), u32(own.argument_count), u32(own.result_count), u32(own.launch_count),
                             u32(own.value_count), u32(own.size_count), u32(own.arena_value_count), u32(0), array(launches),
                             numbers<int64_t>(table.staticValues), numbers<int64_t>(table.valueCode), texts(table.sizeNames),
                             array(arenaValues), u32(own.arena_bytes), u32(own.scratch_bytes), u32(own.fault_launches), u32(0)}));
  }

  llvm::Constant *texts(llvm::ArrayRef<std::string> list) {
    llvm::SmallVector<llvm::Constant *> pointers;
    for (const std::string &item : list)
      pointers.push_back(text(item));
    return array(pointers);
  }

  llvm::Constant *signature(llvm::ArrayRef<std::string> names, llvm::ArrayRef<Type> types) {
    llvm::SmallVector<llvm::Constant *> items;
    for (auto [number, name] : llvm::enumerate(names)) {
      auto type = cast<RankedTensorType>(types[number]);
      items.push_back(structure(
          {text(name), u32(dtypeNumber(type.getElementType())), u32(type.getRank()), numbers<int64_t>(type.getShape())}));
    }
    return array(items);
  }

  // All weights in one block, each at a multiple of 64 bytes.
  std::pair<llvm::Constant *, llvm::Constant *> weights(const ArtifactRequest &request, llvm::ArrayRef<Type> types) {
    std::string bytes;
    std::vector<uint64_t> offsets;
    for (auto [number, data] : llvm::enumerate(request.weights)) {
      auto type = cast<RankedTensorType>(types[request.inputNames.size() + number]);
      bytes.resize((bytes.size() + 63) / 64 * 64);
      offsets.push_back(bytes.size());
      bytes.append(static_cast<const char *>(data), type.getNumElements() * ir::byteWidth(type.getElementType()));
    }
    bytes.resize((bytes.size() + 127) / 64 * 64); // whole vectors may be read at the end
    llvm::Constant *block = global(llvm::ConstantDataArray::getString(context, bytes, /*AddNull=*/false), 64);
    return {numbers<uint64_t>(offsets), block};
  }

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

} // namespace

void writeTables(llvm::Module &module, const ArtifactRequest &request, func::FuncOp function,
                 std::vector<std::reference_wrapper<const cpu::HostTable>> tables,
                 const std::vector<std::vector<std::string>> &symbols, bool withMain) {
  for (llvm::Function &kernel : module) // nothing but the C interface is seen from outside
    if (!kernel.isDeclaration())
      kernel.setLinkage(llvm::GlobalValue::InternalLinkage);
  Writer writer(module);
  auto [offsets, block] = writer.weights(request, function.getArgumentTypes());
  llvm::Constant *desc = writer.global(
      writer.structure({writer.u32(EMBER_RT_ABI), writer.u32(request.inputNames.size()), writer.u32(request.outputNames.size()),
                        writer.u32(request.weights.size()), writer.text(request.name), writer.program(tables[0], symbols[0]),
                        writer.program(tables[1], symbols[1]), writer.signature(request.inputNames, function.getArgumentTypes()),
                        writer.signature(request.outputNames, function.getResultTypes()), offsets, block}));
  llvm::Type *nothing = llvm::Type::getVoidTy(module.getContext());
  writer.forward(request.name + "_create", "ember_rt_model_create", writer.pointer, {writer.word}, desc);
  writer.forward(request.name + "_destroy", "ember_rt_model_destroy", nothing, {writer.pointer}, nullptr);
  writer.forward(request.name + "_run", "ember_rt_model_run", writer.word,
                 {writer.pointer, writer.pointer, writer.word, writer.pointer, writer.word}, nullptr);
  writer.forward(request.name + "_error", "ember_rt_model_error", writer.pointer, {writer.pointer}, nullptr);
  if (withMain)
    writer.forward("main", "ember_rt_main", writer.word, {writer.word, writer.pointer}, desc);
}

} // namespace ember
