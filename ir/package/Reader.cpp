#include "ir/package/Reader.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/package/Container.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Support/DebugStringHelper.h"

using namespace mlir;

namespace ember::ir {

void GraphReader::refuse(const Twine &what) const { throw PackageError((place + what).str()); }

// Texts of the file in a message: one line, whatever they hold.
static std::string printable(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return !llvm::isPrint(c); }, ' ');
  return text;
}

// Names that reach messages, symbols and C code.
void GraphReader::name(const std::string &text, const char *what) {
  if (!isPrintableName(text))
    refuse(Twine(what) + " is '" + printable(text.substr(0, 64)) + "' of " + Twine(text.size()) +
           " bytes, expected a text of 1 to " + Twine(limits::kNameBytes) +
           " printable bytes without spaces, quotes and backslashes");
}

// What a block ends in, for messages.
static std::string lastOf(Block &block) {
  return block.empty() ? "no op" : "'" + block.back().getName().getStringRef().str() + "'";
}

// ---- types

Type GraphReader::elementOf(wire::Element element) {
  MLIRContext *context = builder.getContext();
  auto integer = [&](unsigned width, bool isUnsigned) {
    return IntegerType::get(context, width, isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  };
  switch (element) {
  case wire::F64:
    return builder.getF64Type();
  case wire::F32:
    return builder.getF32Type();
  case wire::BF16:
    return builder.getBF16Type();
  case wire::F16:
    return builder.getF16Type();
  case wire::I64:
  case wire::UI64:
    return integer(64, element == wire::UI64);
  case wire::I32:
  case wire::UI32:
    return integer(32, element == wire::UI32);
  case wire::I16:
  case wire::UI16:
    return integer(16, element == wire::UI16);
  case wire::I8:
  case wire::UI8:
    return integer(8, element == wire::UI8);
  case wire::BOOL:
    return integer(1, false);
  default:
    refuse("unknown element type " + Twine(static_cast<int>(element)) + ", expected 1 to " + Twine(int(wire::Element_MAX)));
  }
}

void GraphReader::type(const wire::Type &type) {
  place = "type " + std::to_string(types.size()) + ": ";
  if (types.size() >= limits::kTypes)
    refuse("expected at most " + Twine(limits::kTypes) + " types, found more");
  if (type.sizes_size() > limits::kRank)
    refuse("rank " + Twine(type.sizes_size()) + ", expected at most " + Twine(limits::kRank));
  SmallVector<int64_t> shape;
  int64_t elements = 1, dynamic = 0;
  auto grow = [&](int64_t size) {
    if (size > limits::kElements / elements)
      refuse("expected at most " + Twine(limits::kElements) + " elements, found more");
    elements *= std::max<int64_t>(size, 1);
  };
  for (int64_t size : type.sizes()) {
    if (size < -1 || size > limits::kSize)
      refuse("a size is " + Twine(size) + ", expected 0 to " + Twine(limits::kSize) + ", or -1 for a dynamic size");
    dynamic += size == -1;
    shape.push_back(size == -1 ? ShapedType::kDynamic : size);
    grow(size); // a size of 0 counts as 1: what is beside it must be in range as well
  }
  if (dynamic != type.names_size())
    refuse("the number of names of sizes is " + Twine(type.names_size()) + ", expected " + Twine(dynamic));
  SmallVector<StringAttr> names;
  for (const std::string &text : type.names()) {
    if (text.size() > limits::kNameBytes)
      refuse("the name of a size has " + Twine(text.size()) + " bytes, expected at most " + Twine(limits::kNameBytes));
    std::optional<SizeExpr> size = SizeExpr::parse(text);
    if (!size || size->isConstant() || size->str() != text)
      refuse("a dynamic size is '" + printable(text) + "', expected " +
             (size && !size->isConstant() ? "'" + size->str() + "'" : "a polynomial of names"));
    if (size->terms().size() > limits::kSizeTerms)
      refuse("the size '" + text + "' has " + Twine(size->terms().size()) + " terms, expected at most " +
             Twine(limits::kSizeTerms));
    int64_t largest = 1;
    for (const auto &[monomial, coefficient] : size->terms()) {
      if (coefficient < -limits::kInteger || coefficient > limits::kInteger)
        refuse("the size '" + text + "' has the coefficient " + Twine(coefficient) + ", expected at most " +
               Twine(limits::kInteger) + " either way");
      largest = std::max(largest, std::abs(coefficient));
    }
    grow(largest);
    names.push_back(builder.getStringAttr(text));
  }
  Attribute encoding = names.empty() ? Attribute() : DimsAttr::get(builder.getContext(), names);
  types.push_back(RankedTensorType::get(shape, elementOf(type.element()), encoding));
}

RankedTensorType GraphReader::typeAt(uint32_t number) {
  if (number >= types.size())
    refuse("names type " + Twine(number) + ", expected one below " + Twine(types.size()));
  return types[number];
}

// ---- attributes

Attribute GraphReader::denseOf(const wire::Dense &dense) {
  RankedTensorType type = typeAt(dense.type());
  if (!type.hasStaticShape())
    refuse("a constant has type " + Twine(dense.type()) + " of dynamic sizes, expected none");
  uint64_t width = byteWidth(type.getElementType()), count = dense.splat() ? 1 : type.getNumElements();
  if (dense.splat() && type.getNumElements() == 0)
    refuse("one element stands for all of a constant of 0, expected at least 1");
  if (dense.elements().size() != count * width)
    refuse("a constant of " + Twine(count) + " elements has " + Twine(dense.elements().size()) + " bytes, expected " +
           Twine(count * width));
  if (count == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  if (!type.getElementType().isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, ArrayRef<char>(dense.elements().data(), dense.elements().size()));
  SmallVector<bool> bools;
  for (char byte : dense.elements()) {
    if (byte != 0 && byte != 1)
      refuse("a bool is " + Twine(byte & 0xff) + ", expected 0 or 1");
    bools.push_back(byte == 1);
  }
  return DenseElementsAttr::get(type, bools);
}

Attribute GraphReader::valueOf(const wire::Attribute &attribute) {
  switch (attribute.value_case()) {
  case wire::Attribute::kInteger: {
    uint32_t width = attribute.integer().width();
    int64_t value = attribute.integer().value();
    if (width == 1 && (value == 0 || value == 1))
      return builder.getBoolAttr(value == 1);
    if ((width == 8 || width == 16 || width == 32 || width == 64) && llvm::isIntN(width, value))
      return builder.getIntegerAttr(builder.getIntegerType(width), value);
    refuse("attribute '" + attribute.name() + "' is " + Twine(value) + " of " + Twine(width) +
           " bits, expected an integer that fits 1, 8, 16, 32 or 64 bits");
  }
  case wire::Attribute::kReal:
    if (attribute.real().width() == 64)
      return builder.getFloatAttr(builder.getF64Type(), APFloat(APFloat::IEEEdouble(), APInt(64, attribute.real().bits())));
    if (attribute.real().width() == 32 && attribute.real().bits() <= UINT32_MAX)
      return builder.getFloatAttr(builder.getF32Type(), APFloat(APFloat::IEEEsingle(), APInt(32, attribute.real().bits())));
    refuse("attribute '" + attribute.name() + "' is 0x" + Twine::utohexstr(attribute.real().bits()) + " of " +
           Twine(attribute.real().width()) + " bits, expected a float of 32 or 64 bits");
  case wire::Attribute::kText:
    return builder.getStringAttr(attribute.text());
  case wire::Attribute::kIntegers: {
    const auto &list = attribute.integers().values();
    if (attribute.integers().width() == 64)
      return builder.getDenseI64ArrayAttr(SmallVector<int64_t>(list.begin(), list.end()));
    if (attribute.integers().width() == 32 && llvm::all_of(list, [](int64_t value) { return llvm::isInt<32>(value); }))
      return builder.getDenseI32ArrayAttr(SmallVector<int32_t>(list.begin(), list.end()));
    refuse("attribute '" + attribute.name() + "' is a list of " + Twine(attribute.integers().width()) +
           " bits, expected integers that fit 32 or 64 bits");
  }
  case wire::Attribute::kDense:
    return denseOf(attribute.dense());
  case wire::Attribute::kUnit:
    return builder.getUnitAttr();
  case wire::Attribute::VALUE_NOT_SET:
    break;
  }
  refuse("attribute '" + attribute.name() + "' has no value, expected one");
}

NamedAttrList GraphReader::attributesOf(const google::protobuf::RepeatedPtrField<wire::Attribute> &list,
                                        ArrayRef<StringAttr> known) {
  NamedAttrList attributes;
  for (const wire::Attribute &own : list) {
    name(own.name(), "an attribute's name");
    bool isKnown = llvm::any_of(known, [&](StringAttr field) { return field.getValue() == own.name(); });
    if (!isKnown && !StringRef(own.name()).starts_with("ember."))
      refuse("unknown attribute '" + own.name() + "', expected " +
             llvm::join(llvm::map_range(known, [](StringAttr field) { return "'" + field.str() + "', "; }), "") +
             (known.empty() ? "" : "or ") + "a name that begins with 'ember.'");
    if (attributes.set(own.name(), valueOf(own)))
      refuse("attribute '" + own.name() + "' stands twice, expected once");
  }
  return attributes;
}

// ---- functions

void GraphReader::header(const wire::Header &header) {
  if (hasHeader)
    refuse("a second header, expected one");
  place = "header: ";
  hasHeader = true;
  if (header.format() != limits::kFormat)
    refuse("format " + Twine(header.format()) + ", expected " + Twine(limits::kFormat));
  if (header.producer().size() > limits::kNameBytes)
    refuse("the producer has " + Twine(header.producer().size()) + " bytes, expected at most " + Twine(limits::kNameBytes));
  if (!llvm::all_of(header.producer(), llvm::isPrint))
    refuse("the producer is '" + printable(header.producer()) + "', expected printable text");
  graph.producer = header.producer();
  graph.module = ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToEnd(graph.module->getBody());
  for (NamedAttribute own : attributesOf(header.attributes(), {}))
    (*graph.module)->setAttr(own.getName(), own.getValue());
}

void GraphReader::function(const wire::Function &function) {
  if (inFunction)
    refuse("a function within function '" + functionName + "', expected that one's end first");
  if (++functionCount > limits::kFunctions)
    refuse("expected at most " + Twine(limits::kFunctions) + " functions, found more");
  inFunction = true;
  inBody = false;
  name(function.name(), "a function's name");
  place = "function '" + function.name() + "': ";
  if (graph.module->lookupSymbol(function.name()))
    refuse("a second function of this name, expected one");
  functionName = function.name();
  functionAttributes = attributesOf(function.attributes(), {});
  argumentTypes.clear();
  resultTypes.clear();
  argumentAttributes.clear();
  resultAttributes.clear();
}

static std::string described(Type type, uint64_t offset) {
  return "type " + debugString(type) + " at byte " + std::to_string(offset);
}

void GraphReader::argument(const wire::Argument &argument) {
  if (!inFunction || inBody || !resultTypes.empty())
    refuse("an argument stands apart, expected it after its function or another argument");
  place = "function '" + functionName + "', argument " + std::to_string(argumentTypes.size()) + ": ";
  name(argument.name(), "the name");
  RankedTensorType type = typeAt(argument.type());
  std::optional<Role> role = argument.role() >= 0 && argument.role() <= static_cast<int>(Role::Optimizer)
                                 ? std::optional(static_cast<Role>(argument.role()))
                                 : std::nullopt;
  if (!role)
    refuse("unknown role " + Twine(static_cast<int>(argument.role())) + ", expected 0 to " +
           Twine(static_cast<int>(Role::Optimizer)));
  NamedAttrList attributes = attributesOf(argument.attributes(), {});
  attributes.set("ember.name", builder.getStringAttr(argument.name()));
  attributes.set("ember.role", builder.getStringAttr(roleName(*role)));
  if (argument.trainable())
    attributes.set("ember.trainable", builder.getUnitAttr());
  if (*role == Role::Input && (argument.bytes() != 0 || argument.offset() != 0))
    refuse("an input has " + Twine(argument.bytes()) + " bytes of data at " + Twine(argument.offset()) + ", expected none");
  if (*role != Role::Input) {
    uint64_t wanted = type.hasStaticShape() ? type.getNumElements() * byteWidth(type.getElementType()) : UINT64_MAX;
    if (argument.bytes() != wanted)
      refuse("'" + argument.name() + "' has " + Twine(argument.bytes()) + " bytes of data, expected " +
             (type.hasStaticShape() ? Twine(wanted) : Twine("none of a dynamic size")));
    auto [own, isNew] = memory.try_emplace(argument.name(), Shared{type, {argument.offset(), argument.bytes()}});
    if (!isNew && (own->second.type != type || own->second.place.offset != argument.offset()))
      refuse("'" + argument.name() + "' has " + described(type, argument.offset()) + ", expected " +
             described(own->second.type, own->second.place.offset) + " as another argument of this name");
    if (isNew) { // pieces follow one another, each at the next multiple of 64
      if (argument.offset() != filledData || argument.bytes() > dataBytes - filledData)
        refuse("'" + argument.name() + "': bytes [" + Twine(argument.offset()) + ", + " + Twine(argument.bytes()) +
               ") of the data section, expected them at " + Twine(filledData) + " of " + Twine(dataBytes));
      filledData = alignedUp(filledData + argument.bytes(), kDataAlignment);
      if (filledData > dataBytes)
        refuse("'" + argument.name() + "' with its padding ends at byte " + Twine(filledData) +
               " of the data section, expected at most " + Twine(dataBytes));
    }
    if (functionName == "main")
      graph.weights.push_back(own->second.place);
  }
  argumentTypes.push_back(type);
  argumentAttributes.push_back(attributes.getDictionary(builder.getContext()));
}

void GraphReader::result(const wire::Result &result) {
  if (!inFunction || inBody)
    refuse("a result stands apart, expected it after the arguments");
  place = "function '" + functionName + "', result " + std::to_string(resultTypes.size()) + ": ";
  name(result.name(), "the name");
  RankedTensorType type = typeAt(result.type());
  if (result.updates() > argumentTypes.size() || (result.updates() > 0 && argumentTypes[result.updates() - 1] != type))
    refuse("'" + result.name() + "' updates argument " + Twine(result.updates() - 1) + ", expected one below " +
           Twine(argumentTypes.size()) + " of type " + debugString(type));
  NamedAttrList attributes = attributesOf(result.attributes(), {});
  attributes.set("ember.name", builder.getStringAttr(result.name()));
  if (result.updates() > 0)
    attributes.set("ember.updates", builder.getI64IntegerAttr(result.updates() - 1));
  resultTypes.push_back(type);
  resultAttributes.push_back(attributes.getDictionary(builder.getContext()));
}

// The signature is complete: the function and its block.
void GraphReader::beginBody() {
  inBody = true;
  builder.setInsertionPointToEnd(graph.module->getBody());
  current =
      func::FuncOp::create(builder, builder.getUnknownLoc(), functionName, builder.getFunctionType(argumentTypes, resultTypes),
                           functionAttributes.getAttrs(), argumentAttributes);
  current.setAllResultAttrs(resultAttributes);
  if (std::string fault = signatureFault(current); !fault.empty()) {
    place = "function '" + functionName + "': ";
    refuse(fault);
  }
  Block *body = current.addEntryBlock();
  values.assign(body->args_begin(), body->args_end());
  frames.push_back({current, 0, 0, 0, 0});
  builder.setInsertionPointToEnd(body);
}

void GraphReader::endFunction() {
  place = "function '" + functionName + "': ";
  frames.pop_back();
  Block &body = current.getBody().front();
  if (body.empty() || !isa<func::ReturnOp>(body.back()))
    refuse("it ends in " + lastOf(body) + ", expected 'func.return'");
  verify(current);
  inFunction = false;
  values.clear();
}

// ---- ops

void GraphReader::verify(Operation *op) {
  std::string message;
  ScopedDiagnosticHandler handler(builder.getContext(), [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  if (succeeded(mlir::verify(op, /*verifyRecursively=*/false)))
    return;
  message = printable(message);
  StringRef line = message;
  line.consume_front("'" + op->getName().getStringRef().str() + "' op ");
  refuse(line);
}

// No product of a size and an op's integer overflows.
void GraphReader::checkIntegers(const wire::Op &op) {
  for (const wire::Attribute &own : op.attributes()) {
    auto check = [&](int64_t value) {
      if (value <= -limits::kInteger || value >= limits::kInteger)
        refuse("attribute '" + own.name() + "' holds " + Twine(value) + ", expected less than " + Twine(limits::kInteger) +
               " either way");
    };
    check(own.integer().value());
    llvm::for_each(own.integers().values(), check);
  }
}

void GraphReader::op(const wire::Op &op) {
  if (++opCount > limits::kOps)
    refuse("expected at most " + Twine(limits::kOps) + " ops, found more");
  name(op.name(), "an op's name");
  if (!inBody)
    beginBody();
  place = "op " + std::to_string(opCount - 1) + " ('" + op.name() + "'): ";
  if (awaitedBlocks > 0)
    refuse("it stands outside of a block, expected the block of op " + Twine(frames.back().opNumber) + " first");
  std::optional<RegisteredOperationName> registered = RegisteredOperationName::lookup(op.name(), builder.getContext());
  bool known = registered && (isa<EmberDialect>(registered->getDialect()) || op.name() == func::ReturnOp::getOperationName());
  if (!known)
    refuse("unknown op, expected one of the ember dialect or 'func.return'");
  Block *block = builder.getInsertionBlock();
  if (!block->empty() && block->back().hasTrait<OpTrait::IsTerminator>())
    refuse("it stands after " + lastOf(*block) + ", expected the end of the block");
  OperationState state(builder.getUnknownLoc(), *registered);
  if (op.has_location()) {
    name(op.location().file(), "a location's file");
    state.location =
        FileLineColLoc::get(builder.getContext(), op.location().file(), op.location().line(), op.location().column());
  }
  for (uint32_t number : op.operands()) {
    if (number < frames.back().visibleFrom || number >= values.size())
      refuse("operand names value " + Twine(number) + ", expected one of [" + Twine(frames.back().visibleFrom) + ", " +
             Twine(values.size()) + ")");
    state.operands.push_back(values[number]);
  }
  for (uint32_t number : op.results())
    state.types.push_back(typeAt(number));
  state.attributes = attributesOf(op.attributes(), registered->getAttributeNames());
  checkIntegers(op);
  unsigned most = registered->hasTrait<OpTrait::IsIsolatedFromAbove>() ? 1 : 0;
  if (op.regions() > most)
    refuse("the number of regions is " + Twine(op.regions()) + ", expected at most " + Twine(most));
  if (op.regions() > 0 && frames.size() > limits::kRegionDepth)
    refuse("expected regions nested at most " + Twine(limits::kRegionDepth) + " deep, found more");
  for (uint32_t i = 0; i < op.regions(); ++i)
    state.addRegion();
  Operation *made = builder.create(state);
  if (op.regions() > 0) {
    frames.push_back({made, 0, values.size(), values.size(), opCount - 1});
    awaitedBlocks = 1;
    return;
  }
  verify(made);
  if (!isMemoryEffectFree(made))
    refuse("an op with effects has no place in a package");
  values.append(made->result_begin(), made->result_end());
}

void GraphReader::block(const wire::Block &block) {
  if (awaitedBlocks == 0)
    refuse("a block stands apart, expected it after an op that has a region");
  --awaitedBlocks;
  Block *made = builder.createBlock(&frames.back().owner->getRegion(0));
  for (uint32_t number : block.arguments())
    values.push_back(made->addArgument(typeAt(number), builder.getUnknownLoc()));
}

void GraphReader::end() {
  if (inFunction && !inBody)
    beginBody();
  if (frames.empty() || awaitedBlocks > 0)
    refuse("an end stands apart, expected it after a function's or a block's ops");
  if (frames.size() == 1)
    return endFunction();
  Frame frame = frames.pop_back_val();
  Operation *owner = frame.owner;
  place = "op " + std::to_string(frame.opNumber) + " ('" + owner->getName().getStringRef().str() + "'): ";
  Block &block = owner->getRegion(0).front();
  if (block.empty() || !block.back().hasTrait<OpTrait::IsTerminator>())
    refuse("its region ends in " + lastOf(block) + ", expected a terminator");
  verify(owner);
  values.truncate(frame.outerValues);
  values.append(owner->result_begin(), owner->result_end());
  builder.setInsertionPointToEnd(owner->getBlock());
}

// ---- the stream

void GraphReader::record(const wire::Record &record) {
  if (!hasHeader && record.kind_case() != wire::Record::kHeader)
    refuse("it is of kind " + Twine(int(record.kind_case())) + ", expected a header (1) first");
  switch (record.kind_case()) {
  case wire::Record::kHeader:
    return header(record.header());
  case wire::Record::kType:
    return type(record.type());
  case wire::Record::kFunction:
    return function(record.function());
  case wire::Record::kArgument:
    return argument(record.argument());
  case wire::Record::kResult:
    return result(record.result());
  case wire::Record::kOp:
    if (!inFunction)
      refuse("an op stands outside of a function, expected a function first");
    return op(record.op());
  case wire::Record::kBlock:
    return block(record.block());
  case wire::Record::kEnd:
    return end();
  case wire::Record::KIND_NOT_SET:
    break;
  }
  refuse("it is empty, expected a record of a kind");
}

void GraphReader::finish() {
  place = "graph: ";
  if (!hasHeader)
    refuse("it is empty, expected a header");
  if (inFunction)
    refuse("it ends within function '" + functionName + "', expected that one's end");
  auto main = graph.module->lookupSymbol<func::FuncOp>("main");
  if (!main)
    refuse("it has no function 'main', expected one");
  if (filledData != dataBytes)
    refuse("the data section has " + Twine(dataBytes) + " bytes, expected " + Twine(filledData));
}

Graph GraphReader::read(StringRef records) {
  for (uint64_t number = 0; !records.empty(); ++number) {
    place = "record " + std::to_string(number) + ": ";
    uint64_t size = 0;
    unsigned shift = 0;
    bool more = true;
    for (; more && !records.empty() && shift <= 21; shift += 7) {
      auto byte = static_cast<uint8_t>(records.front());
      records = records.drop_front();
      size |= uint64_t(byte & 0x7f) << shift;
      more = byte & 0x80;
    }
    if (more || size > limits::kRecordBytes || size > records.size())
      refuse("it takes " + Twine(size) + " bytes, expected at most " + Twine(limits::kRecordBytes) + " and the " +
             Twine(records.size()) + " left");
    wire::Record own;
    if (!own.ParseFromArray(records.data(), static_cast<int>(size)))
      refuse("its " + Twine(size) + " bytes are none of the known fields, expected a record");
    own.DiscardUnknownFields();
    if (own.ByteSizeLong() != size)
      refuse("it has " + Twine(size) + " bytes, expected the " + Twine(own.ByteSizeLong()) +
             " of the fields that this version knows");
    record(own);
    records = records.drop_front(size);
  }
  finish();
  return std::move(graph);
}

Graph readGraph(StringRef records, uint64_t dataBytes, MLIRContext &context) {
  return GraphReader(context, dataBytes).read(records);
}

Package readPackage(const std::string &path, MLIRContext &context) {
  Container container = openContainer(path);
  try {
    Graph graph = readGraph(container.graph, container.data.size(), context);
    Package package{graph.producer, std::move(graph.module), {}, container.file};
    for (const Graph::Place &place : graph.weights)
      package.weights.push_back({container.data.data() + place.offset, place.bytes});
    return package;
  } catch (const PackageError &error) {
    throw PackageError(path + ": " + error.what());
  }
}

} // namespace ember::ir
