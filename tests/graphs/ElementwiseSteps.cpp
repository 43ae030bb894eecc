// Steps of a random graph that compute element by element.
#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Gradient.h"
#include "tests/graphs/Grower.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::tests {

namespace {

enum class Guard { None, Small, AtLeastHalf, NotNegative };

struct Function {
  const char *name;
  Guard guard = Guard::None;
};

constexpr Function kOfFloats[] = {{"neg"},
                                  {"abs"},
                                  {"sign"},
                                  {"floor"},
                                  {"ceil"},
                                  {"round"},
                                  {"trunc"},
                                  {"relu"},
                                  {"sigmoid"},
                                  {"tanh"},
                                  {"erf"},
                                  {"copy"},
                                  {"detach"},
                                  {"sin", Guard::Small},
                                  {"cos", Guard::Small},
                                  {"exp", Guard::Small},
                                  {"expm1", Guard::Small},
                                  {"log", Guard::AtLeastHalf},
                                  {"sqrt", Guard::AtLeastHalf},
                                  {"rsqrt", Guard::AtLeastHalf},
                                  {"reciprocal", Guard::AtLeastHalf},
                                  {"log1p", Guard::NotNegative}};
constexpr const char *kOfIntegers[] = {"neg", "abs", "sign", "not", "copy", "detach"};
constexpr const char *kOfBools[] = {"not", "copy", "detach"};

} // namespace

Value Grower::unary(Value x) {
  if (isBool(x))
    return op(kOfBools[pick(std::size(kOfBools))], x);
  if (!isFloat(x))
    return op(kOfIntegers[pick(std::size(kOfIntegers))], x);
  const Function &function = kOfFloats[pick(std::size(kOfFloats))];
  switch (function.guard) {
  case Guard::Small:
    return op(function.name, small(x));
  case Guard::AtLeastHalf:
    return op(function.name, atLeastHalf(x));
  case Guard::NotNegative:
    return op(function.name, op("abs", x));
  case Guard::None:
    return op(function.name, x);
  }
  llvm_unreachable("a guard");
}

Value Grower::binary(Value x) {
  Value y = like(x);
  if (!pick(20))
    return op("with_history", {x, y});
  constexpr const char *ofBools[] = {"and", "or", "xor"};
  if (isBool(x))
    return op(ofBools[pick(3)], {x, y});
  constexpr const char *ofNumbers[] = {"add", "sub", "mul", "maximum", "minimum", "add", "mul"};
  if (isFloat(x)) {
    constexpr const char *quotients[] = {"div", "div", "floor_divide", "remainder"};
    switch (pick(12)) {
    case 0:
      return op("pow", {atLeastHalf(small(x)), small(y)});
    case 1:
    case 2:
    case 3:
      return op(quotients[pick(4)], {x, atLeastHalf(y)});
    default:
      return bounded(op(ofNumbers[pick(7)], {x, y}));
    }
  }
  constexpr const char *ofIntegers[] = {"floor_divide", "remainder", "and", "or", "xor"};
  return op(pick(2) ? ofIntegers[pick(5)] : ofNumbers[pick(7)], {x, y});
}

// With numbers that do nothing: what simplification looks for.
Value Grower::withNeutral(Value x) {
  if (isBool(x))
    return op("and", {x, number(x, 1)});
  constexpr double numbers[] = {0, -0.0, 1, 2};
  constexpr const char *names[] = {"add", "sub", "mul", "maximum"};
  Value constant = number(x, numbers[pick(4)]);
  if (isFloat(x) && !pick(4))
    return op("div", {x, number(x, 1 + static_cast<double>(pick(2)))});
  if (pick(2))
    return op(names[pick(4)], {x, constant});
  return op(names[pick(4)], {constant, x});
}

Value Grower::selected(Value x) {
  constexpr const char *predicates[] = {"lt", "le", "gt", "ge", "eq", "ne"};
  Value y = like(x);
  Value flags = CompareOp::create(builder, loc, predicates[pick(6)], x, y);
  keep(flags);
  return op("select", {flags, x, y}, x.getType());
}

Value Grower::throughOtherDtype(Value x) {
  Value narrow = castTo(builder, loc, x, someDtype());
  keep(narrow);
  return castTo(builder, loc, narrow, dtypeOf(x));
}

Value Grower::counted(Value x) {
  if (isBool(x) || typeOf(x).getRank() == 0)
    return {};
  auto axis = builder.getNamedAttr("axis", builder.getI64IntegerAttr(static_cast<int64_t>(pick(typeOf(x).getRank()))));
  return op("maximum", {x, op("iota", {}, x.getType(), axis)});
}

} // namespace ember::tests
