#include "ir/EmberDialect.h"
#include "ir/package/Container.h"
#include "ir/package/Limits.h"
#include "program.pb.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/TypeSwitch.h"
#include <map>

using namespace mlir;

namespace ember::ir {

namespace {

std::optional<wire::Element> elementOf(Type type) {
  if (type.isF64())
    return wire::F64;
  if (type.isF32())
    return wire::F32;
  if (type.isBF16())
    return wire::BF16;
  if (type.isF16())
    return wire::F16;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.isSigned())
    return std::nullopt;
  switch (integer.getWidth()) {
  case 64:
    return integer.isUnsigned() ? wire::UI64 : wire::I64;
  case 32:
    return integer.isUnsigned() ? wire::UI32 : wire::I32;
  case 16:
    return integer.isUnsigned() ? wire::UI16 : wire::I16;
  case 8:
    return integer.isUnsigned() ? wire::UI8 : wire::I8;
  case 1:
    return integer.isUnsigned() ? std::nullopt : std::optional(wire::BOOL);
  default:
    return std::nullopt;
  }
}

class GraphWriter {
public:
  explicit GraphWriter(WriteOptions options) : options(options) {}

  void module(ModuleOp module, const std::vector<Memory> &weights);
  std::string records;
  std::vector<Memory> data;
  uint64_t dataBytes = 0; // of the data section

private:
  void function(func::FuncOp function, bool isMain, const std::vector<Memory> &weights);
  void argument(func::FuncOp function, unsigned number, const Memory *memory);
  void op(Operation &op);
  void region(Region &region);
  uint32_t typeNumber(Type type);
  void attribute(wire::Attribute &out, NamedAttribute attribute);
  void dense(wire::Dense &out, DenseElementsAttr value);
  template <typename Message> void attributes(Message &out, ArrayRef<NamedAttribute> list, ArrayRef<StringRef> fields = {});

  void define(Value value) { values[value] = nextValue++; }
  void append(const wire::Record &record);
  [[noreturn]] void refuse(const std::string &what) { throw PackageError(place + what); }

  struct Stored {
    uint64_t offset;
    Memory memory;
    Type type;
  };
  WriteOptions options;
  llvm::MapVector<Type, uint32_t> types;
  llvm::DenseMap<Value, uint32_t> values;
  uint32_t nextValue = 0;
  std::map<std::string, Stored> stored;
  uint64_t opCount = 0;
  std::string place; // of what is written now, for errors
};

void GraphWriter::append(const wire::Record &record) {
  uint64_t size = record.ByteSizeLong();
  if (size > limits::kRecordBytes)
    refuse("it takes " + std::to_string(size) + " bytes in a package, expected at most " + std::to_string(limits::kRecordBytes) +
           " (a large constant is passed as an argument)");
  for (uint64_t rest = size; true; rest >>= 7) {
    records.push_back(static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
    if (rest <= 0x7f)
      break;
  }
  record.AppendToString(&records);
}

uint32_t GraphWriter::typeNumber(Type type) {
  auto found = types.find(type);
  if (found != types.end())
    return found->second;
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::optional<wire::Element> element = tensor ? elementOf(tensor.getElementType()) : std::nullopt;
  if (!element)
    refuse("type " + debugString(type) +
           " has no place in a package, expected a tensor of floats, bool or integers of 8 to 64 bits");
  wire::Record record;
  wire::Type &out = *record.mutable_type();
  out.set_element(*element);
  for (int64_t size : tensor.getShape())
    out.add_sizes(ShapedType::isDynamic(size) ? -1 : size);
  if (Attribute encoding = tensor.getEncoding()) {
    auto dims = dyn_cast<DimsAttr>(encoding);
    if (!dims)
      refuse("type " + debugString(type) + " has an encoding that has no place in a package, expected none or #ember.dims");
    for (StringAttr name : dims.getNames())
      out.add_names(name.str());
  }
  if (static_cast<size_t>(out.names_size()) != tensor.getNumDynamicDims())
    refuse("type " + debugString(type) + ": the number of names of sizes is " + std::to_string(out.names_size()) + ", expected " +
           std::to_string(tensor.getNumDynamicDims()));
  append(record);
  uint32_t number = types.size();
  types[type] = number;
  return number;
}

void GraphWriter::dense(wire::Dense &out, DenseElementsAttr value) {
  out.set_type(typeNumber(value.getType()));
  out.set_splat(value.isSplat() && value.getNumElements() > 0);
  if (value.getElementType().isInteger(1)) {
    std::string bytes;
    for (bool element : value.getValues<bool>()) {
      bytes.push_back(element ? 1 : 0);
      if (out.splat())
        break;
    }
    out.set_elements(bytes);
  } else if (value.getNumElements() > 0) {
    ArrayRef<char> bytes = value.getRawData();
    out.set_elements(bytes.data(), bytes.size());
  }
}

void GraphWriter::attribute(wire::Attribute &out, NamedAttribute attribute) {
  out.set_name(attribute.getName().str());
  llvm::TypeSwitch<Attribute>(attribute.getValue())
      .Case([&](StringAttr value) { out.set_text(value.str()); })
      .Case([&](UnitAttr) { out.mutable_unit(); })
      .Case([&](DenseI64ArrayAttr value) {
        out.mutable_integers()->set_width(64);
        out.mutable_integers()->mutable_values()->Add(value.asArrayRef().begin(), value.asArrayRef().end());
      })
      .Case([&](DenseI32ArrayAttr value) {
        out.mutable_integers()->set_width(32);
        out.mutable_integers()->mutable_values()->Add(value.asArrayRef().begin(), value.asArrayRef().end());
      })
      .Case([&](DenseElementsAttr value) { dense(*out.mutable_dense(), value); })
      .Case([&](FloatAttr value) {
        if (!value.getType().isF64() && !value.getType().isF32())
          refuse("attribute '" + out.name() + "' is " + debugString(attribute.getValue()) + ", expected f32 or f64");
        out.mutable_real()->set_width(value.getType().getIntOrFloatBitWidth());
        out.mutable_real()->set_bits(value.getValue().bitcastToAPInt().getZExtValue());
      })
      .Case([&](IntegerAttr value) {
        auto type = dyn_cast<IntegerType>(value.getType());
        if (!type || !type.isSignless() || (type.getWidth() != 1 && !elementOf(type)))
          refuse("attribute '" + out.name() + "' is " + debugString(attribute.getValue()) +
                 ", expected a signless integer of 1, 8, 16, 32 or 64 bits");
        out.mutable_integer()->set_width(type.getWidth());
        out.mutable_integer()->set_value(type.getWidth() == 1 ? value.getValue().getZExtValue() : value.getInt());
      })
      .Default([&](Attribute value) {
        refuse("attribute '" + out.name() + "' is " + debugString(value) +
               ", expected an integer, a float, a text, a list of i32 or i64, a constant or a unit");
      });
}

// All attributes but those that have fields of their own.
template <typename Message>
void GraphWriter::attributes(Message &out, ArrayRef<NamedAttribute> list, ArrayRef<StringRef> fields) {
  for (NamedAttribute own : list)
    if (!llvm::is_contained(fields, own.getName().strref()))
      attribute(*out.add_attributes(), own);
}

void GraphWriter::argument(func::FuncOp function, unsigned number, const Memory *memory) {
  ArgumentInfo info = argumentInfo(function, number);
  place = "function '" + function.getName().str() + "', argument " + std::to_string(number) + " '" + info.name + "': ";
  Type type = function.getArgument(number).getType();
  wire::Record record;
  wire::Argument &out = *record.mutable_argument();
  out.set_type(typeNumber(type));
  out.set_name(info.name);
  out.set_role(static_cast<wire::Role>(info.role));
  out.set_trainable(info.trainable);
  attributes(out, ArrayRef<NamedAttribute>(mlir::function_interface_impl::getArgAttrs(function, number)),
             {"ember.name", "ember.role", "ember.trainable"});
  if (info.role != Role::Input) {
    auto [own, isNew] = stored.try_emplace(info.name);
    if (isNew) {
      if (!memory || !memory->data)
        refuse("it is a " + roleName(info.role).str() + " and has no data, expected its memory");
      own->second = {dataBytes, *memory, type};
      data.push_back(*memory);
      dataBytes = alignedUp(dataBytes + memory->bytes, kDataAlignment);
    } else if (own->second.type != type || (memory && memory->data != own->second.memory.data)) {
      refuse("it has other memory or another type than an argument of this name, of " + debugString(own->second.type) +
             ", expected the same");
    }
    out.set_offset(own->second.offset);
    out.set_bytes(own->second.memory.bytes);
  }
  append(record);
}

void GraphWriter::function(func::FuncOp function, bool isMain, const std::vector<Memory> &weights) {
  std::string prefix = "function '" + function.getName().str() + "'";
  place = prefix + ": ";
  if (function.isDeclaration())
    refuse("it has no body, expected one");
  if (!function.getBody().hasOneBlock())
    refuse("it has " + std::to_string(function.getBody().getBlocks().size()) + " blocks, expected 1");
  wire::Record record;
  record.mutable_function()->set_name(function.getName().str());
  attributes(*record.mutable_function(), llvm::to_vector(function->getDiscardableAttrs()));
  append(record);
  size_t used = 0;
  for (unsigned number = 0; number < function.getNumArguments(); ++number) {
    bool hasMemory = isMain && argumentInfo(function, number).role != Role::Input && used < weights.size();
    argument(function, number, hasMemory ? &weights[used++] : nullptr);
    define(function.getArgument(number));
  }
  place = prefix + ": ";
  if (isMain && used != weights.size())
    refuse("there are " + std::to_string(weights.size()) + " pieces of memory, expected " + std::to_string(used) +
           ", one for each argument that is no input");
  for (unsigned number = 0; number < function.getNumResults(); ++number) {
    ResultInfo info = resultInfo(function, number);
    place = prefix + ", result " + std::to_string(number) + ": ";
    wire::Record result;
    result.mutable_result()->set_type(typeNumber(function.getResultTypes()[number]));
    result.mutable_result()->set_name(info.name);
    result.mutable_result()->set_updates(static_cast<uint32_t>(info.updates + 1));
    attributes(*result.mutable_result(),
               ArrayRef<NamedAttribute>(mlir::function_interface_impl::getResultAttrs(function, number)),
               {"ember.name", "ember.updates"});
    append(result);
  }
  for (Operation &own : function.getBody().front())
    op(own);
  wire::Record end;
  end.mutable_end();
  append(end);
  values.clear();
  nextValue = 0;
}

void GraphWriter::region(Region &region) {
  assert(region.hasOneBlock() && "every op of the dialect that has a region verifies this");
  uint32_t outer = nextValue;
  wire::Record block;
  block.mutable_block();
  for (BlockArgument own : region.getArguments()) {
    block.mutable_block()->add_arguments(typeNumber(own.getType()));
    define(own);
  }
  append(block);
  for (Operation &own : region.front())
    op(own);
  wire::Record end;
  end.mutable_end();
  append(end);
  nextValue = outer;
}

void GraphWriter::op(Operation &op) {
  place = "op " + std::to_string(opCount++) + " ('" + op.getName().getStringRef().str() + "'): ";
  if (!isa_and_present<EmberDialect>(op.getDialect()) && !isa<func::ReturnOp>(op))
    refuse("an op of another dialect has no place in a package, expected the ember dialect or 'func.return'");
  if (!isMemoryEffectFree(&op))
    refuse("an op with effects has no place in a package");
  wire::Record record;
  wire::Op &out = *record.mutable_op();
  out.set_name(op.getName().getStringRef().str());
  for (Value operand : op.getOperands())
    out.add_operands(values.lookup(operand));
  for (Type type : op.getResultTypes())
    out.add_results(typeNumber(type));
  attributes(out, op.getAttrDictionary().getValue());
  out.set_regions(op.getNumRegions());
  if (auto location = dyn_cast<FileLineColLoc>(op.getLoc()); options.locations && location) {
    out.mutable_location()->set_file(location.getFilename().str());
    out.mutable_location()->set_line(location.getLine());
    out.mutable_location()->set_column(location.getColumn());
  }
  append(record);
  for (Region &own : op.getRegions())
    region(own);
  for (Value result : op.getResults())
    define(result);
}

void GraphWriter::module(ModuleOp module, const std::vector<Memory> &weights) {
  place = "module: ";
  wire::Record header;
  header.mutable_header()->set_format(limits::kFormat);
  header.mutable_header()->set_producer("ember " EMBER_VERSION);
  attributes(*header.mutable_header(), llvm::to_vector(module->getDiscardableAttrs()));
  append(header);
  for (Operation &op : *module.getBody()) {
    auto own = dyn_cast<func::FuncOp>(op);
    if (!own)
      refuse("expected functions, found '" + op.getName().getStringRef().str() + "'");
    // main first: its memory is what others share by name.
    if (own.getName() == "main")
      function(own, true, weights);
  }
  for (auto own : module.getOps<func::FuncOp>())
    if (own.getName() != "main")
      function(own, false, {});
}

} // namespace

void writePackage(ModuleOp module, const std::vector<Memory> &weights, const std::string &path, WriteOptions options) {
  GraphWriter writer(options);
  try {
    writer.module(module, weights);
    readGraph(writer.records, writer.dataBytes, *module.getContext()); // its limits are those of what may be written
  } catch (const PackageError &error) {
    throw PackageError(path + ": " + error.what());
  }
  writeContainer(path, writer.records, writer.data);
}

} // namespace ember::ir
