// Pending ops in canonical order, and as a module.
#include "record/Cut.h"

#include "ir/ops/CustomFunction.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::record {

namespace {

// The program's text in numbers. Attributes and element types are unique in the context, so their addresses stand for them.
class FormWriter {
public:
  void number(uint64_t value) { form.text.append(reinterpret_cast<const char *>(&value), sizeof value); }
  void address(const void *pointer) { number(reinterpret_cast<uintptr_t>(pointer)); }
  void type(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    address(tensor.getElementType().getAsOpaquePointer());
    number(tensor.getRank());
  }
  void op(Operation *op) {
    address(op->getName().getAsOpaquePointer());
    if (int size = op->getPropertiesStorageSize())
      form.text.append(op->getPropertiesStorage().as<const char *>(), size);
    for (Type result : op->getResultTypes())
      type(result);
  }
  void sizes(TypeRange types) {
    for (Type type : types)
      llvm::append_range(form.sizes, cast<RankedTensorType>(type).getShape());
  }
  ProgramForm form;
};

} // namespace

Value outputBehind(Value result) {
  auto function = result.getDefiningOp<CustomFunctionOp>();
  return function ? function.getOutputs()[cast<OpResult>(result).getResultNumber()] : Value();
}

Recorder::Cut Recorder::cut(ArrayRef<Recorded *> roots, ArrayRef<char> donated) {
  Cut cut;
  auto computedAs = [&](Value value) {
    while (isPending(recordOf(value)) && outputBehind(value))
      value = outputBehind(value);
    return value;
  };
  FormWriter form;
  llvm::DenseMap<Value, uint64_t> numbers;
  // Depth first from the roots, without recursion.
  SmallVector<std::pair<Operation *, unsigned>> path;
  auto enter = [&](Value value) {
    value = computedAs(value);
    if (numbers.count(value))
      return;
    if (!isPending(recordOf(value))) {
      numbers[value] = numbers.size();
      cut.arguments.push_back(value);
      form.number(~0ull);
      form.type(value.getType());
      return;
    }
    path.push_back({value.getDefiningOp(), 0});
  };
  for (Recorded *root : roots) {
    enter(root->value);
    while (!path.empty()) {
      auto &[op, next] = path.back();
      if (next < op->getNumOperands()) {
        enter(op->getOperand(next++));
        continue;
      }
      Operation *done = op;
      path.pop_back();
      form.op(done);
      for (Value operand : done->getOperands())
        form.number(numbers.lookup(computedAs(operand)));
      for (Value result : done->getResults())
        numbers.try_emplace(result, numbers.size()); // one that is in memory may be an argument already
      cut.ops.push_back(done);
    }
    cut.results.push_back(computedAs(root->value));
  }
  form.number(~1ull);
  for (Value result : cut.results)
    form.number(numbers.lookup(result));
  for (Value argument : cut.arguments) {
    cut.donated.push_back(donated[recordOf(argument).slot]);
    form.number(cut.donated.back());
  }
  form.sizes(ValueRange(cut.arguments).getTypes());
  form.form.argumentSizes = form.form.sizes.size();
  for (Operation *op : cut.ops)
    form.sizes(op->getResultTypes());
  cut.form = std::move(form.form);
  return cut;
}

OwningOpRef<ModuleOp> outline(ArrayRef<Operation *> ops, ArrayRef<Value> arguments, ArrayRef<Value> results,
                              ArrayRef<bool> donated) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(Recorder::get().builder().getUnknownLoc());
  OpBuilder builder(module->getBodyRegion());
  SmallVector<Type> from = llvm::to_vector(ValueRange(arguments).getTypes()),
                    to = llvm::to_vector(ValueRange(results).getTypes());
  auto function = func::FuncOp::create(builder, module->getLoc(), "main", builder.getFunctionType(from, to));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  IRMapping mapping;
  for (auto [argument, own] : llvm::zip_equal(arguments, body->getArguments()))
    mapping.map(argument, own);
  for (auto [number, isDonated] : llvm::enumerate(donated))
    if (isDonated)
      function.setArgAttr(number, "ember.donated", builder.getI64IntegerAttr(-1));
  llvm::DenseMap<Value, Value> given; // results of an op that is computed once more for its other results, not for these
  for (auto [argument, own] : llvm::zip_equal(arguments, body->getArguments()))
    given[argument] = own;
  auto mapped = [&](Value value) {
    while (!mapping.contains(value))
      value = outputBehind(value);
    return mapping.lookup(value);
  };
  for (Operation *op : ops) {
    for (Value operand : op->getOperands())
      mapping.map(operand, mapped(operand));
    builder.clone(*op, mapping);
    for (Value result : op->getResults())
      if (Value own = given.lookup(result))
        mapping.map(result, own);
  }
  SmallVector<Value> returned;
  for (Value result : results)
    returned.push_back(mapped(result));
  func::ReturnOp::create(builder, module->getLoc(), returned);
  return module;
}

// Gives the values of a program their dimensions, one after the other.
static void setDims(func::FuncOp function, ArrayRef<SizeExpr> dims) {
  auto rename = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    value.setType(ir::tensorOf(dims.take_front(type.getRank()), type.getElementType()));
    dims = dims.drop_front(type.getRank());
  };
  Block &body = function.getBody().front();
  for (Value argument : body.getArguments())
    rename(argument);
  for (Operation &op : body.without_terminator())
    for (Value result : op.getResults())
      rename(result);
  function.setType(FunctionType::get(function.getContext(), body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
}

OwningOpRef<ModuleOp> Recorder::Cut::outline(ArrayRef<SizeExpr> dims) const {
  OwningOpRef<ModuleOp> module = record::outline(ops, arguments, results, donated);
  if (dims.empty())
    return module;
  setDims(*module->getOps<func::FuncOp>().begin(), dims);
  ScopedDiagnosticHandler quiet(module->getContext(), [](Diagnostic &) { return success(); });
  return succeeded(verify(*module)) ? std::move(module) : nullptr;
}

} // namespace ember::record
