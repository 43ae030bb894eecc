#include "codegen/CheckProgram.h"

#include "codegen/Compiler.h"
#include "ir/EmberDialect.h"
#include "ir/Signature.h"
#include "ir/SizeBinding.h"
#include "ir/ops/Kernel.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace ember::ir;

namespace ember {

namespace {

std::string placeOf(Location loc) {
  if (auto place = loc->findInstanceOf<FileLineColLoc>())
    return (place.getFilename().getValue() + ":" + llvm::Twine(place.getLine()) + ":" + llvm::Twine(place.getColumn()) + ": ")
        .str();
  return "";
}

std::string textOf(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

[[noreturn]] void refuse(Location loc, const std::string &text) { throw CompileError(placeOf(loc) + text); }

bool isElement(Type type) {
  return type.isF64() || type.isF32() || type.isBF16() || type.isF16() || type.isInteger(1) || type.isSignlessInteger(8) ||
         type.isSignlessInteger(16) || type.isSignlessInteger(32) || type.isSignlessInteger(64) || type.isUnsignedInteger(8) ||
         type.isUnsignedInteger(16) || type.isUnsignedInteger(32) || type.isUnsignedInteger(64);
}

// Sizes that fit in 63 bits together, so that bytes and offsets can be counted.
bool isCountable(RankedTensorType type) {
  int64_t bytes = 8;
  for (int64_t size : type.getShape())
    if (size != 0 && !ShapedType::isDynamic(size) && __builtin_mul_overflow(bytes, size, &bytes))
      return false;
  return true;
}

void checkType(Location loc, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isElement(tensor.getElementType()))
    refuse(loc, "expected a ranked tensor of floats, integers or bools, found " + textOf(type));
  auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding());
  if ((dims ? dims.getNames().size() : 0) != static_cast<size_t>(tensor.getNumDynamicDims()))
    refuse(loc, "expected a name for each dynamic size (#ember.dims), found " + textOf(type));
  if (tensor.getEncoding() && !dims)
    refuse(loc, "expected no encoding but #ember.dims, found " + textOf(type));
  for (const SizeExpr &size : dimSizes(tensor))
    if (size.constant().value_or(0) < 0)
      refuse(loc, "expected sizes of at least 0, found " + textOf(type));
  if (!isCountable(tensor))
    refuse(loc, "the sizes of " + textOf(type) + " overflow");
}

// Sizes by name are told by the arguments.
void checkNames(Location loc, Type type, const llvm::StringSet<> &known) {
  for (const std::string &name : sizeNamesOf(type))
    if (!known.contains(name))
      refuse(loc, "the size '" + name + "' of " + textOf(type) + " is no size of an argument");
}

void checkBlock(Block &block, const llvm::StringSet<> &known) {
  for (BlockArgument argument : block.getArguments()) {
    checkType(argument.getLoc(), argument.getType());
    checkNames(argument.getLoc(), argument.getType(), known);
  }
  for (Operation &op : block.without_terminator()) {
    if (op.getName().getDialectNamespace() != EmberDialect::getDialectNamespace())
      refuse(op.getLoc(), "expected an op of the ember dialect, found '" + op.getName().getStringRef().str() + "'");
    for (Type type : op.getResultTypes()) {
      checkType(op.getLoc(), type);
      checkNames(op.getLoc(), type, known);
    }
    if (auto kernel = dyn_cast<KernelOp>(op))
      checkBlock(kernel.getBody().front(), known);
  }
}

} // namespace

void checkProgram(func::FuncOp function) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    refuse(function.getLoc(), "expected a function 'main' of one block");
  llvm::StringSet<> known;
  for (BlockArgument argument : function.getArguments()) {
    checkType(argument.getLoc(), argument.getType());
    for (const std::string &name : sizeNamesOf(argument.getType()))
      known.insert(name);
  }
  if (std::string fault = signatureFault(function); !fault.empty())
    refuse(function.getLoc(), fault);
  if (std::string fault = rangesFault(function); !fault.empty())
    refuse(function.getLoc(), fault);
  checkBlock(function.getBody().front(), known);
}

void checkKernels(func::FuncOp function, const TargetModel &target) {
  checkProgram(function);
  Block &block = function.getBody().front();
  for (Operation &op : block.without_terminator()) {
    auto kernel = dyn_cast<KernelOp>(op);
    if (!kernel)
      refuse(op.getLoc(), "expected kernels alone (stage kernels), found '" + op.getName().getStringRef().str() + "'");
    Block &body = kernel.getBody().front();
    SmallVector<Operation *> ops;
    for (Operation &inner : body.without_terminator())
      ops.push_back(&inner);
    if (llvm::any_of(ops, [](Operation *inner) { return isa<KernelOp>(inner); }))
      refuse(op.getLoc(), "kernel '" + kernel.getLabel().str() + "' holds a kernel");
    for (Value yielded : body.getTerminator()->getOperands())
      if (!yielded.getDefiningOp())
        refuse(op.getLoc(), "kernel '" + kernel.getLabel().str() + "' yields an operand: expected a value that it computes");
    Verdict verdict = target.consider(ops, llvm::to_vector(body.getTerminator()->getOperands()));
    if (!verdict.accepted())
      refuse(op.getLoc(),
             "no kernel of target " + target.name().str() + " takes kernel '" + kernel.getLabel().str() + "': " + verdict.reason);
    if (auto pairs = kernel.getInPlace(); pairs && pairs->size() % 2)
      refuse(op.getLoc(), "kernel '" + kernel.getLabel().str() + "': in_place is a list of pairs");
  }
  llvm::SmallDenseSet<Value> returned;
  for (Value value : block.getTerminator()->getOperands())
    if (!value.getDefiningOp() || !returned.insert(value).second)
      refuse(block.getTerminator()->getLoc(), "expected results that are distinct values of kernels (stage kernels)");
}

} // namespace ember
