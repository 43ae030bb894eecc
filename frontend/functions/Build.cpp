#include "functions/Build.h"

#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/View.h"

using namespace mlir;
using namespace ember::ir;
using ember::record::Recorder;

namespace ember::functions {

static void requireSize(RankedTensorType type) {
  int64_t bytes = 8;
  for (int64_t size : type.getShape())
    if (size > 1 && __builtin_mul_overflow(bytes, size, &bytes))
      throw Error("Storage size calculation overflowed with sizes=" +
                  shapeText(Shape(type.getShape().begin(), type.getShape().end())));
}

Tensor made(Value value, const char *function) {
  requireSize(cast<RankedTensorType>(value.getType()));
  record::NodeRef node = Recorder::get().nodeOf(value);
  node->function = function;
  return record::tensorOf(node);
}

Tensor named(Tensor tensor, const char *function) {
  record::nodeOf(tensor)->function = function;
  return tensor;
}

static int category(ScalarType dtype) { return dtype == kBool ? 0 : is_floating(dtype) ? 2 : 1; }

ScalarType promoteTypes(ScalarType a, ScalarType b) {
  if (a == b)
    return a;
  if (category(a) != category(b))
    return category(a) > category(b) ? a : b;
  if (category(a) == 2) {
    if (a == kFloat64 || b == kFloat64)
      return kFloat64;
    return kFloat32; // also bf16 with f16
  }
  if (a == kUInt8 || b == kUInt8) {
    ScalarType other = a == kUInt8 ? b : a;
    return other == kInt8 ? kInt16 : other;
  }
  return a < b ? a : b; // integers are numbered from the widest on
}

// 2: has dimensions; 1: rank-0 tensor; 0: number.
static int priority(const Operand &operand) {
  if (!operand.tensor.defined())
    return 0;
  return operand.tensor.dim() > 0 ? 2 : 1;
}
static ScalarType dtypeOf(const Operand &operand) {
  if (operand.tensor.defined())
    return operand.tensor.dtype();
  return operand.isReal ? kFloat32 : operand.isBool ? kBool : kInt64;
}

ScalarType promote(const Operand &a, const Operand &b) {
  ScalarType left = dtypeOf(a), right = dtypeOf(b);
  if (category(left) != category(right))
    return category(left) > category(right) ? left : right;
  if (priority(a) != priority(b))
    return priority(a) > priority(b) ? left : right;
  return promoteTypes(left, right);
}

RankedTensorType typeOf(const Shape &shape, ScalarType dtype) {
  return RankedTensorType::get(shape, Recorder::get().elementType(dtype));
}

Value number(double value, ScalarType dtype) {
  bool isPart = value == 0 || value == 1 || value == -1 || value == 2 || value == 0.5;
  return isPart ? Recorder::get().constant(value, dtype) : Recorder::get().number(value, dtype);
}

Value broadcastTo(Value value, const Shape &shape) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == ArrayRef<int64_t>(shape))
    return value;
  return Recorder::get().emit<BroadcastOp>(RankedTensorType::get(shape, type.getElementType()), value);
}

Value value(const Tensor &tensor, ScalarType dtype) {
  Value own = record::read(tensor);
  if (tensor.dtype() == dtype)
    return own;
  return Recorder::get().emit<CastOp>(typeOf(tensor.sizes(), dtype), own);
}

Value value(const Operand &operand, ScalarType dtype, const Shape &shape) {
  return broadcastTo(operand.tensor.defined() ? value(operand.tensor, dtype) : number(operand.number, dtype), shape);
}

Shape shapeOf(const Operand &operand) { return operand.tensor.defined() ? Shape(operand.tensor.sizes()) : Shape{}; }

Shape broadcastShapes(const Shape &a, const Shape &b) {
  size_t rank = std::max(a.size(), b.size());
  Shape shape(rank);
  for (size_t i = 0; i < rank; ++i) {
    int64_t left = i + a.size() < rank ? 1 : a[i + a.size() - rank], right = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    if (left != right && left != 1 && right != 1)
      throw Error("The size of tensor a (" + std::to_string(left) + ") must match the size of tensor b (" +
                  std::to_string(right) + ") at non-singleton dimension " + std::to_string(i));
    shape[i] = left == 1 ? right : left;
  }
  return shape;
}

std::string scalarTypeName(ScalarType dtype) {
  constexpr const char *names[] = {"Double", "Float", "BFloat16", "Half", "Long", "Int", "Short", "Char", "Byte", "Bool"};
  return names[static_cast<int>(dtype)];
}

std::string cppTypeName(ScalarType dtype) {
  constexpr const char *names[] = {"double", "float",     "c10::BFloat16", "c10::Half",     "long int",
                                   "int",    "short int", "signed char",   "unsigned char", "bool"};
  return names[static_cast<int>(dtype)];
}

} // namespace ember::functions
