#include "tools/ember/Tensors.h"

#include "frontend/printing/TensorFormat.h"
#include "ir/SizeBinding.h"
#include "ir/interpret/Bytes.h"
#include <cstring>

using namespace mlir;

namespace ember::tool {

namespace {

std::string shapeText(uint32_t dtype, llvm::ArrayRef<int64_t> dims) {
  std::string text = ember_rt_dtype_name(dtype);
  text += "[";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}

int64_t valueOf(const ir::SizeExpr &size, const std::map<std::string, int64_t> &known) {
  for (const auto &[monomial, coefficient] : size.terms())
    for (const std::string &name : monomial)
      if (!known.count(name))
        throw Mistake("size '" + name + "' is not known: give .npy files, or --size " + name + "=N");
  int64_t value = size.evaluate(known);
  if (value < 0)
    throw Mistake("size '" + size.str() + "' is " + std::to_string(value) + ", expected none below 0");
  return value;
}

} // namespace

std::optional<uint32_t> dtypeNumber(Type element) {
  static const std::pair<const char *, uint32_t> numbers[] = {
      {"f64", EMBER_F64}, {"f32", EMBER_F32}, {"bf16", EMBER_BF16}, {"f16", EMBER_F16}, {"i64", EMBER_I64},
      {"i32", EMBER_I32}, {"i16", EMBER_I16}, {"i8", EMBER_I8},     {"ui8", EMBER_U8},  {"i1", EMBER_BOOL}};
  std::string name;
  llvm::raw_string_ostream(name) << element;
  for (auto [text, number] : numbers)
    if (name == text)
      return number;
  return std::nullopt;
}

Tensors::Tensors(const Model &model, const std::vector<std::string> &files, std::map<std::string, int64_t> givenSizes,
                 uint64_t seed)
    : model(model), known(std::move(givenSizes)), owned(model.main().getNumArguments()) {
  size_t expected = model.inputs().size();
  if (!files.empty() && files.size() != expected)
    throw Mistake(model.path + ": expected " + std::to_string(expected) + " inputs, found " + std::to_string(files.size()));
  if (files.empty())
    makeRandom(seed);
  else
    readFiles(files);
  if (std::string text = ir::outOfRange(ir::sizeRanges(model.main()), known); !text.empty())
    throw Mistake(model.path + ": " + text);
}

void Tensors::seedGenerator(uint64_t seed) {
  func::FuncOp main = model.main();
  ember_generator generator;
  ember_rt_seed(&generator, seed);
  bool isThere = false;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    if (ir::argumentInfo(main, i).role == ir::Role::Generator) {
      owned[i] = allocate(cast<RankedTensorType>(main.getArgumentTypes()[i]));
      ember_rt_get_state(&generator, static_cast<uint8_t *>(owned[i].get()));
      isThere = true;
    }
  if (!isThere)
    throw Mistake(model.path + ": the model draws no random numbers, found --seed");
}

RankedTensorType Tensors::resolved(Type type) const {
  SmallVector<int64_t> shape;
  for (const ir::SizeExpr &size : ir::dimSizes(cast<RankedTensorType>(type)))
    shape.push_back(valueOf(size, known));
  return RankedTensorType::get(shape, cast<RankedTensorType>(type).getElementType());
}

RankedTensorType Tensors::resultType(unsigned number) const { return resolved(model.main().getResultTypes()[number]); }

OwnedMemory Tensors::allocate(RankedTensorType type) const {
  int64_t bytes = ir::byteWidth(type.getElementType());
  for (int64_t size : type.getShape())
    if (__builtin_mul_overflow(bytes, size, &bytes))
      throw Mistake("out of memory: " + describe(type) + " is too large");
  OwnedMemory memory(ember_rt_allocate(bytes + 64)); // whole vectors may be read at the end
  if (!memory)
    throw Mistake("out of memory: " + describe(type) + " takes " + std::to_string(bytes) + " bytes");
  std::memset(memory.get(), 0, bytes + 64);
  return memory;
}

void Tensors::checkShape(const std::string &file, unsigned argument, const ember_array &array) const {
  Type type = model.main().getArgumentTypes()[argument];
  std::string found = shapeText(array.dtype, {array.dims, array.rank});
  std::string name = ir::argumentInfo(model.main(), argument).name;
  auto refuse = [&](const std::string &expected) {
    throw Mistake(file + ": input '" + name + "' is " + found + ", expected " + expected);
  };
  auto tensor = cast<RankedTensorType>(type);
  if (dtypeNumber(tensor.getElementType()) != array.dtype || tensor.getRank() != array.rank)
    refuse(describe(type));
  for (const std::string &size : ir::sizeNamesOf(type))
    if (!known.count(size))
      refuse(describe(type));
  RankedTensorType shape = resolved(type);
  if (shape.getShape() != llvm::ArrayRef<int64_t>(array.dims, array.rank))
    refuse(describe(shape) + (tensor.hasStaticShape() ? "" : " = " + describe(type)));
}

void Tensors::readFiles(const std::vector<std::string> &files) {
  std::vector<unsigned> inputs = model.inputs();
  std::vector<ember_array> arrays(files.size());
  for (auto [number, file] : llvm::enumerate(files)) {
    char error[512];
    if (ember_rt_read_npy(file.c_str(), &arrays[number], error, sizeof error) != 0)
      throw Mistake(error);
    owned[inputs[number]].reset(arrays[number].data);
  }
  SmallVector<RankedTensorType> types;
  SmallVector<SmallVector<int64_t>> shapes;
  for (auto [number, array] : llvm::enumerate(arrays)) {
    types.push_back(cast<RankedTensorType>(model.main().getArgumentTypes()[inputs[number]]));
    shapes.emplace_back(array.dims, array.dims + array.rank);
  }
  ir::bindSizes(types, shapes, known); // what does not fit, the check of its shape says
  for (auto [number, file] : llvm::enumerate(files))
    checkShape(file, inputs[number], arrays[number]);
}

void Tensors::makeRandom(uint64_t seed) {
  ember_generator generator;
  ember_rt_seed(&generator, seed);
  for (unsigned argument : model.inputs()) {
    RankedTensorType type = resolved(model.main().getArgumentTypes()[argument]);
    Type element = type.getElementType();
    owned[argument] = allocate(type);
    void *memory = owned[argument].get();
    int64_t count = type.getNumElements();
    if (isa<FloatType>(element)) {
      ember_rt_normal(&generator, *dtypeNumber(element), memory, count, 0, 1);
      continue;
    }
    int64_t width = ir::byteWidth(element);
    for (int64_t i = 0; i < count; ++i) // little endian: the first byte is the lowest
      static_cast<unsigned char *>(memory)[i * width] = ember_rt_random32(&generator) & 1;
  }
}

std::vector<void *> Tensors::arguments() const {
  std::vector<void *> pointers;
  for (unsigned i = 0; i < owned.size(); ++i)
    pointers.push_back(owned[i] ? owned[i].get() : const_cast<void *>(model.heldMemory(i)));
  return pointers;
}

std::vector<void *> Tensors::results(const std::vector<int64_t> &aliases) {
  std::vector<void *> given = arguments();
  ownedResults.clear();
  resultPointers.clear();
  for (auto [number, alias] : llvm::enumerate(aliases)) {
    ownedResults.push_back(alias >= 0 ? nullptr : allocate(resultType(number)));
    resultPointers.push_back(alias >= 0 ? given[alias] : ownedResults.back().get());
  }
  return resultPointers;
}

std::string printed(RankedTensorType type, const void *memory) {
  ir::ReferenceTensor values = ir::referenceOf(type, memory);
  Type element = type.getElementType();
  printing::Printable shown;
  shown.sizes.assign(type.getShape().begin(), type.getShape().end());
  std::vector<int64_t> strides(shown.sizes.size(), 1);
  for (size_t dim = strides.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shown.sizes[dim];
  printing::forEachShown(shown.sizes, strides, [&](int64_t place) {
    if (values.isReal())
      shown.reals.push_back(values.reals[place]);
    else
      shown.integers.push_back(values.integers[place]);
  });
  shown.kind = values.isReal()        ? printing::Printable::Kind::Real
               : element.isInteger(1) ? printing::Printable::Kind::Bool
                                      : printing::Printable::Kind::Integer;
  static const std::pair<const char *, const char *> names[] = {
      {"f64", "float64"}, {"f32", "float32"}, {"bf16", "bfloat16"}, {"f16", "float16"}, {"i64", "int64"},
      {"i32", "int32"},   {"i16", "int16"},   {"i8", "int8"},       {"ui8", "uint8"},   {"ui16", "uint16"},
      {"ui32", "uint32"}, {"ui64", "uint64"}, {"i1", "bool"}};
  std::string name;
  llvm::raw_string_ostream(name) << element;
  for (auto [own, torch] : names)
    if (name == own)
      shown.dtype = std::string("torch.") + torch;
  shown.dtypeIsDefault = element.isF32();
  shown.dtypeIsImplied = element.isF32() || element.isSignlessInteger(64) || element.isInteger(1);
  return printing::formatTensor(shown);
}

void writeNpy(const std::string &path, RankedTensorType type, const void *memory) {
  char error[512];
  std::optional<uint32_t> dtype = dtypeNumber(type.getElementType());
  if (!dtype)
    throw Mistake(path + ": .npy has no " + describe(type));
  if (ember_rt_write_npy(path.c_str(), *dtype, type.getRank(), type.getShape().data(), memory, error, sizeof error) != 0)
    throw Mistake(error);
}

} // namespace ember::tool
