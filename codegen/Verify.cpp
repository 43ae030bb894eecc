#include "codegen/Verify.h"

#include "codegen/Pipeline.h"
#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "ir/interpret/Interpreter.h"
#include "passes/Decompose.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace mlir;
using namespace ember::ir;

namespace ember {

namespace {

// The distance of two numbers near `magnitude` that are representable in a float dtype; for integers 1.
double unitInTheLastPlace(Type dtype, double magnitude) {
  auto type = dyn_cast<FloatType>(dtype);
  if (!type)
    return 1;
  const llvm::fltSemantics &format = type.getFloatSemantics();
  int digits = static_cast<int>(llvm::APFloat::semanticsPrecision(format));
  int smallest = llvm::APFloat::semanticsMinExponent(format);
  int exponent = magnitude > 0 ? std::max(std::ilogb(magnitude), smallest) : smallest;
  return std::ldexp(1.0, exponent - digits + 1);
}

double ulpsBetween(Type dtype, Scalar found, Scalar expected, double magnitude) {
  if (!expected.isReal())
    return found.integer() == expected.integer() ? 0 : INFINITY;
  double a = found.real(), b = expected.real();
  if (std::isnan(a) && std::isnan(b))
    return 0;
  if (a == b)
    return std::signbit(a) == std::signbit(b) ? 0 : 1; // -0 and 0
  if (!std::isfinite(a) || !std::isfinite(b))
    return INFINITY;
  return std::abs(a - b) / unitInTheLastPlace(dtype, magnitude);
}

ReferenceTensor absolute(ReferenceTensor tensor) {
  for (double &value : tensor.reals)
    value = std::abs(value);
  return tensor;
}

class Checker {
public:
  Checker(ModuleOp program, const std::map<std::string, int64_t> &sizes, std::optional<double> ulps)
      : module(program.clone()), sizes(sizes), ulps(ulps) {
    function = mainOf(*module);
    passes::decompose(function); // what is computed is what they are made of
    Block &block = function.getBody().front();
    for (Operation &op : block.without_terminator())
      if (!op.hasTrait<OpTrait::ConstantLike>())
        llvm::append_range(computed, op.getResults());
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.removeArgAttr(i, "ember.donated");
    block.getTerminator()->setOperands(computed);
    function.setType(
        FunctionType::get(module->getContext(), function.getArgumentTypes(), llvm::to_vector(ValueRange(computed).getTypes())));
  }

  Verification run(const std::vector<void *> &arguments, CompileOptions options) {
    options.fuse = false;
    execute(arguments, options);
    for (Operation &op : function.getBody().front().without_terminator()) {
      check(op);
      if (!verification.difference.empty())
        break;
    }
    return verification;
  }

private:
  RankedTensorType resolved(Type type) const {
    SmallVector<int64_t> shape;
    for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(type)))
      shape.push_back(size.evaluate(sizes));
    return RankedTensorType::get(shape, cast<RankedTensorType>(type).getElementType());
  }

  void execute(const std::vector<void *> &arguments, const CompileOptions &options) {
    auto executable = compileProgram(*module, options);
    std::vector<std::vector<char>> memory;
    std::vector<void *> results;
    for (Value value : computed) {
      RankedTensorType type = resolved(value.getType());
      memory.emplace_back(type.getNumElements() * byteWidth(type.getElementType()) + 64);
    }
    for (std::vector<char> &bytes : memory)
      results.push_back(bytes.data());
    RunFault fault = executable->run(arguments, results, sizes);
    if (fault.happened)
      throw CompileError(fault.text());
    for (auto [argument, bytes] : llvm::zip_equal(function.getArguments(), arguments))
      values[argument] = referenceOf(resolved(argument.getType()), bytes);
    for (auto [value, bytes] : llvm::zip_equal(computed, memory))
      values[value] = referenceOf(resolved(value.getType()), bytes.data());
  }

  std::vector<ReferenceTensor> reference(Operation &op, ArrayRef<const ReferenceTensor *> operands) const {
    SmallVector<RankedTensorType> types;
    for (Type type : op.getResultTypes())
      types.push_back(resolved(type));
    auto results = evaluateOp(&op, operands, types);
    if (failed(results))
      throw CompileError("'" + op.getName().getStringRef().str() + "' has no reference value on these inputs");
    return std::move(*results);
  }

  void check(Operation &op) {
    SmallVector<const ReferenceTensor *> operands;
    for (Value operand : op.getOperands())
      operands.push_back(&values.find(operand)->second);
    std::vector<ReferenceTensor> expected = reference(op, operands);
    if (op.hasTrait<OpTrait::ConstantLike>()) {
      values[op.getResult(0)] = expected[0];
      return;
    }
    auto tolerance = dyn_cast<ToleranceOp>(op);
    double allowed = ulps.value_or(tolerance ? tolerance.allowedUlps() : 0);
    std::vector<ReferenceTensor> magnitudes =
        tolerance && tolerance.relativeToMagnitude() ? magnitudesOf(op, operands) : expected;
    for (auto [number, result] : llvm::enumerate(op.getResults()))
      compare(op, number, values.find(result)->second, expected[number], magnitudes[number], allowed);
    ++verification.opsChecked;
  }

  // The sum of the absolute values of the terms: the op on absolute operands.
  std::vector<ReferenceTensor> magnitudesOf(Operation &op, ArrayRef<const ReferenceTensor *> operands) const {
    std::vector<ReferenceTensor> copies;
    for (const ReferenceTensor *operand : operands)
      copies.push_back(absolute(*operand));
    SmallVector<const ReferenceTensor *> pointers;
    for (const ReferenceTensor &copy : copies)
      pointers.push_back(&copy);
    return reference(op, pointers);
  }

  void compare(Operation &op, unsigned number, const ReferenceTensor &found, const ReferenceTensor &expected,
               const ReferenceTensor &magnitudes, double allowed) {
    for (int64_t i = 0; i < found.size(); ++i) {
      double magnitude = expected.isReal() ? std::abs(magnitudes.at(i).real()) : 0;
      double ulps = ulpsBetween(found.type.getElementType(), found.at(i), expected.at(i), magnitude);
      if (ulps > allowed) {
        if (verification.difference.empty())
          verification.difference = describe(op, number, found, i, expected.at(i), ulps, allowed);
        return;
      }
      if (ulps > verification.worstUlps) {
        verification.worstUlps = ulps;
        verification.worstOp = op.getName().getStringRef().str();
      }
    }
  }

  static std::string describe(Operation &op, unsigned number, const ReferenceTensor &found, int64_t flat, Scalar expected,
                              double ulps, double allowed) {
    std::string text;
    llvm::raw_string_ostream out(text);
    if (auto place = op.getLoc()->findInstanceOf<FileLineColLoc>())
      out << place.getFilename().getValue() << ":" << place.getLine() << ":" << place.getColumn() << ": ";
    out << "'" << op.getName().getStringRef() << "' result " << number << " element [";
    llvm::interleaveComma(found.unflatten(flat), out);
    out << "] is ";
    auto print = [&](Scalar value) {
      if (value.isReal())
        out << llvm::format("%.9g", value.real());
      else
        out << value.integer();
    };
    print(found.at(flat));
    out << ", expected ";
    print(expected);
    out << " within " << llvm::format("%g", allowed) << " ulps, found " << llvm::format("%g", ulps);
    return text;
  }

  OwningOpRef<ModuleOp> module;
  const std::map<std::string, int64_t> &sizes;
  std::optional<double> ulps;
  func::FuncOp function;
  SmallVector<Value> computed;
  llvm::DenseMap<Value, ReferenceTensor> values;
  Verification verification;
};

} // namespace

Verification verifyOps(ModuleOp program, const std::vector<void *> &arguments, const std::map<std::string, int64_t> &sizes,
                       const CompileOptions &options, std::optional<double> ulps) {
  return Checker(program, sizes, ulps).run(arguments, options);
}

} // namespace ember
