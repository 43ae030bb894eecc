#include "ir/EmberDialect.h"

#include "ir/Families.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include <set>

#include "ir/EmberDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/EmberAttrs.cpp.inc"

using namespace mlir;

namespace ember::ir {

void EmberDialect::initialize() {
  registerAttributes();
  registerAllFamilies(*this);
}

void EmberDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/EmberAttrs.cpp.inc"
      >();
}

// One size expression: integers and names joined by `*` and `+`.
static FailureOr<StringAttr> parseSize(AsmParser &parser) {
  std::string text;
  while (true) {
    int64_t number;
    StringRef keyword;
    OptionalParseResult isNumber = parser.parseOptionalInteger(number);
    if (isNumber.has_value()) {
      if (failed(*isNumber))
        return failure();
      text += std::to_string(number);
    } else if (succeeded(parser.parseOptionalKeyword(&keyword))) {
      text += keyword;
    } else {
      return parser.emitError(parser.getCurrentLocation(), "dims: expected a number or the name of a size"), failure();
    }
    if (succeeded(parser.parseOptionalStar()))
      text += "*";
    else if (succeeded(parser.parseOptionalPlus()))
      text += "+";
    else
      break;
  }
  std::optional<SizeExpr> size = SizeExpr::parse(text);
  if (!size)
    return parser.emitError(parser.getCurrentLocation(), "dims: '") << text << "' is no polynomial of sizes", failure();
  return StringAttr::get(parser.getContext(), size->str());
}

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  auto parseOne = [&]() -> ParseResult {
    FailureOr<StringAttr> size = parseSize(parser);
    if (failed(size))
      return failure();
    names.push_back(*size);
    return success();
  };
  if (parser.parseLess() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne) || parser.parseGreater())
    return {};
  return parser.getChecked<DimsAttr>(parser.getCurrentLocation(), parser.getContext(), names);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getNames(), printer.getStream(), [&](StringAttr name) { printer << name.getValue(); });
  printer << "]>";
}

LogicalResult DimsAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<StringAttr> names) {
  for (StringAttr name : names) {
    std::optional<SizeExpr> size = SizeExpr::parse(name.getValue());
    if (!size || size->str() != name.getValue())
      return emitError() << "dims: '" << name.getValue() << "' is not the canonical text of a size";
  }
  return success();
}

SizeExpr dimSize(RankedTensorType type, int64_t dim) {
  if (!type.isDynamicDim(dim))
    return SizeExpr(type.getDimSize(dim));
  auto dims = dyn_cast_if_present<DimsAttr>(type.getEncoding());
  unsigned position = llvm::count_if(type.getShape().take_front(dim), ShapedType::isDynamic);
  if (!dims || position >= dims.getNames().size())
    return SizeExpr::name("unnamed_" + std::to_string(dim));
  return *SizeExpr::parse(dims.getNames()[position].getValue());
}

RankedTensorType tensorOf(ArrayRef<SizeExpr> sizes, Type elementType) {
  SmallVector<int64_t> shape;
  SmallVector<StringAttr> names;
  for (const SizeExpr &size : sizes) {
    std::optional<int64_t> number = size.constant();
    shape.push_back(number.value_or(ShapedType::kDynamic));
    if (!number)
      names.push_back(StringAttr::get(elementType.getContext(), size.str()));
  }
  Attribute encoding = names.empty() ? Attribute() : Attribute(DimsAttr::get(elementType.getContext(), names));
  return RankedTensorType::get(shape, elementType, encoding);
}

SmallVector<SizeExpr> dimSizes(RankedTensorType type) {
  SmallVector<SizeExpr> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    sizes.push_back(dimSize(type, dim));
  return sizes;
}

SizeExpr elementCount(RankedTensorType type) {
  SizeExpr count(1);
  for (const SizeExpr &size : dimSizes(type))
    count = count * size;
  return count;
}

std::vector<std::string> sizeNamesOf(TypeRange types) {
  std::set<std::string> names;
  for (Type type : types)
    for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(type)))
      for (const auto &[factors, coefficient] : size.terms())
        names.insert(factors.begin(), factors.end());
  return {names.begin(), names.end()};
}

} // namespace ember::ir
