// From a sample to the text of a program, and what its arguments hold.
#include "ir/EmberDialect.h"
#include "mlir/IR/Builders.h"
#include "runtime/include/ember_rt.h"
#include "tests/ops/OpSamples.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace ember::ir;

namespace ember::tests {

namespace {

SizeExpr resolved(const SizeExpr &size, const Sizes &sizes) {
  return sizes.empty() || size.isConstant() ? size : SizeExpr(size.evaluate(sizes));
}

// What stands between < and >: `M,2*N:i64`.
SampleArgument parseType(StringRef text, const std::string &dtype, const Sizes &sizes) {
  SampleArgument parsed;
  auto [dims, own] = text.split(':');
  parsed.dtype = own.empty() ? dtype : own.str();
  SmallVector<StringRef> parts;
  dims.split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts)
    parsed.dims.push_back(resolved(*SizeExpr::parse(part), sizes));
  return parsed;
}

std::string textOf(const std::vector<SizeExpr> &dims, const std::string &dtype) {
  std::string text = "tensor<", names;
  for (const SizeExpr &size : dims) {
    text += (size.isConstant() ? size.str() : "?") + "x";
    if (!size.isConstant())
      names += (names.empty() ? "" : ", ") + size.str();
  }
  return text + dtype + (names.empty() ? ">" : ", #ember.dims<[" + names + "]>>");
}

// Every `<…>` but that of `dense<…>` becomes a tensor type.
std::string expand(StringRef text, const std::string &dtype, const Sizes &sizes) {
  std::string result;
  while (!text.empty()) {
    size_t open = text.find('<');
    result += text.substr(0, open);
    if (open == StringRef::npos)
      break;
    size_t close = text.find('>', open);
    StringRef inside = text.slice(open + 1, close);
    if (StringRef(result).ends_with("dense")) {
      result += "<" + inside.str() + ">";
    } else {
      SampleArgument type = parseType(inside, dtype, sizes);
      result += textOf(type.dims, type.dtype);
    }
    text = text.substr(close + 1);
  }
  return result;
}

// `%x: <M,N>, %i: <3:i64> below M`
std::vector<SampleArgument> parseList(StringRef list, const std::string &dtype, const Sizes &sizes) {
  std::vector<SampleArgument> parsed;
  while (!list.empty()) {
    size_t colon = list.find(':'), close = list.find('>');
    SampleArgument argument = parseType(list.slice(colon + 3, close), dtype, sizes);
    argument.name = list.substr(0, colon).ltrim(", ").str();
    list = list.substr(close + 1);
    if (list.consume_front(" below ")) {
      size_t end = list.find(',');
      argument.bound = resolved(*SizeExpr::parse(list.substr(0, end)), sizes);
      list = end == StringRef::npos ? "" : list.substr(end);
    }
    parsed.push_back(argument);
  }
  return parsed;
}

// The lines that make an argument of the sample out of a transposed one of which every second element is read.
std::string viewLines(SampleArgument &argument) {
  std::vector<SizeExpr> wanted = argument.dims, moved(wanted.rbegin(), wanted.rend());
  std::string name = argument.name, order, starts, strides;
  for (size_t i = 0; i < wanted.size(); ++i) {
    order += (i ? ", " : "") + std::to_string(wanted.size() - 1 - i);
    starts += i ? ", %first" : "%first";
    strides += i ? ", 1" : "2";
  }
  std::string inner = textOf(moved, argument.dtype);
  argument.name += "_viewed";
  argument.dims = moved;
  argument.dims[0] = argument.dims[0] + argument.dims[0];
  return name + "_cut = ember.slice " + argument.name + " [" + starts + "] strides [" + strides +
         "] : " + textOf(argument.dims, argument.dtype) + " -> " + inner + "\n" + name + " = ember.transpose " + name + "_cut [" +
         order + "] : " + inner + " -> " + textOf(wanted, argument.dtype) + "\n";
}

double specialOf(const llvm::fltSemantics &format, unsigned number) {
  using llvm::APFloat;
  const double values[] = {NAN,
                           INFINITY,
                           -INFINITY,
                           0,
                           -0.0,
                           1,
                           -1,
                           0.5,
                           2.5,
                           -1.5,
                           APFloat::getSmallest(format).convertToDouble(),
                           -APFloat::getSmallest(format).convertToDouble(),
                           APFloat::getSmallestNormalized(format).convertToDouble(),
                           APFloat::getLargest(format).convertToDouble(),
                           -APFloat::getLargest(format).convertToDouble()};
  return values[number % std::size(values)];
}

constexpr unsigned kSmallSpecials = 13; // those before the largest ones

Scalar drawReal(FloatType type, const Draw &draw, std::mt19937 &random) {
  std::uniform_real_distribution<double> plain(draw.low, draw.high);
  std::normal_distribution<double> normal(0, 2);
  if (draw.numbers == Numbers::Plain)
    return Scalar::real(plain(random));
  if (random() % (draw.rare ? 30 : 2))
    return Scalar::real(normal(random));
  return Scalar::real(specialOf(type.getFloatSemantics(), random() % (draw.rare ? kSmallSpecials : 15)));
}

Scalar drawInteger(const Draw &draw, std::mt19937 &random) {
  constexpr int64_t edges[] = {0,
                               1,
                               -1,
                               2,
                               127,
                               128,
                               255,
                               -128,
                               32767,
                               65535,
                               std::numeric_limits<int32_t>::min(),
                               std::numeric_limits<int32_t>::max(),
                               std::numeric_limits<int64_t>::min(),
                               std::numeric_limits<int64_t>::max()};
  if (draw.numbers == Numbers::Special && random() % 2)
    return Scalar::integer(edges[random() % std::size(edges)]);
  return Scalar::integer(static_cast<int64_t>(random() % 19) - 9);
}

void drawState(ReferenceTensor &state) {
  ember_generator generator = {};
  ember_rt_seed(&generator, 5);
  std::vector<uint8_t> bytes(state.size());
  ember_rt_get_state(&generator, bytes.data());
  state.integers.assign(bytes.begin(), bytes.end());
}

} // namespace

SampleProgram::SampleProgram(const OpSample &sample, const std::string &dtype, const Sizes &sizes, bool throughViews)
    : arguments(parseList(sample.arguments, dtype, sizes)), results(parseList(sample.results, dtype, sizes)) {
  std::string body = expand(sample.body, dtype, sizes), views, taken, values, types;
  for (SampleArgument &argument : arguments) {
    if (throughViews && !argument.dims.empty() && argument.name[1] != 's')
      views += viewLines(argument);
    taken += (taken.empty() ? "" : ", ") + argument.name + ": " + textOf(argument.dims, argument.dtype);
  }
  if (!views.empty())
    views = "%first = ember.constant dense<0> : tensor<i64>\n" + views;
  for (const SampleArgument &result : results) {
    values += (values.empty() ? "" : ", ") + result.name;
    types += (types.empty() ? "" : ", ") + textOf(result.dims, result.dtype);
  }
  text = "func.func @main(" + taken + ") -> (" + types + ") {\n" + views + body + "\nreturn " + values + " : " + types + "\n}\n";
}

bool SampleProgram::admits(const Sizes &sizes) const {
  for (const SampleArgument &argument : arguments) {
    bool isEmpty = false;
    for (const SizeExpr &size : argument.dims)
      isEmpty |= size.evaluate(sizes) == 0;
    if ((argument.name[1] == 'i' || argument.name[1] == 'j') && !isEmpty && argument.bound.evaluate(sizes) == 0)
      return false;
  }
  return true;
}

ReferenceTensor drawArgument(const SampleArgument &argument, RankedTensorType type, const Sizes &sizes, const Draw &draw,
                             std::mt19937 &random) {
  ReferenceTensor value = ReferenceTensor::zeros(type);
  bool anyEmpty = llvm::any_of(sizes, [](const auto &size) { return size.second == 0; });
  auto element = [&](int64_t flat) -> Scalar {
    switch (argument.name[1]) {
    case 'p':
      return Scalar::real(0.25);
    case 't':
      return Scalar::integer(draw.training);
    case 'c':
      return Scalar::integer(!anyEmpty);
    case 'i':
      return Scalar::integer(static_cast<int64_t>(random() % argument.bound.evaluate(sizes)));
    case 'j':
      return Scalar::integer(flat % argument.bound.evaluate(sizes));
    case 'v':
      return Scalar::real(0.5 + random() % 8);
    default:
      return value.isReal() ? drawReal(cast<FloatType>(type.getElementType()), draw, random) : drawInteger(draw, random);
    }
  };
  for (int64_t i = 0; i < value.size() && argument.name[1] != 's'; ++i)
    value.set(i, roundTo(type.getElementType(), element(i)));
  if (argument.name[1] == 's')
    drawState(value);
  return value;
}

} // namespace ember::tests
