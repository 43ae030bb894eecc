#include "codegen/cpu/KernelFunction.h"

#include "codegen/cpu/Backend.h"
#include "ir/EmberDialect.h"
#include <set>

using namespace mlir;

namespace ember::kernel {

std::vector<std::string> sizeNames(const Group &group) {
  std::set<std::string> names;
  auto collect = [&](Value value) {
    for (const ir::SizeExpr &size : ir::dimSizes(cast<RankedTensorType>(value.getType())))
      for (const auto &[monomial, coefficient] : size.terms())
        names.insert(monomial.begin(), monomial.end());
  };
  llvm::for_each(group.inputs, collect);
  for (Operation *op : group.ops)
    llvm::for_each(op->getResults(), collect);
  return {names.begin(), names.end()};
}

bool loadsIndices(const Group &group) {
  return llvm::any_of(group.ops, [&](Operation *op) {
    auto view = dyn_cast<ir::ViewOp>(op);
    return view &&
           llvm::any_of(op->getOperands().drop_front(std::min(view.movedOperands(), op->getNumOperands())), [](Value index) {
             Operation *source = index.getDefiningOp();
             return !source || !source->hasTrait<OpTrait::ConstantLike>();
           });
  });
}

} // namespace ember::kernel

namespace ember::cpu {

// The entry: loads every pointer and size and calls the body.
static void writeEntry(OpBuilder &builder, Location loc, StringRef symbol, func::FuncOp body, size_t buffers, size_t sizes) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext()), number = builder.getI64Type();
  auto entry = func::FuncOp::create(builder, loc, symbol,
                                    builder.getFunctionType({pointer, pointer, pointer, pointer, number, number}, {}));
  OpBuilder::InsertionGuard guard(builder);
  Block *block = entry.addEntryBlock();
  builder.setInsertionPointToStart(block);
  SmallVector<Value> arguments;
  auto loadFrom = [&](Value array, Type type, size_t i) {
    Value address = LLVM::GEPOp::create(builder, loc, pointer, type, array, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    arguments.push_back(LLVM::LoadOp::create(builder, loc, type, address));
  };
  for (size_t i = 0; i < buffers; ++i)
    loadFrom(block->getArgument(0), pointer, i);
  for (size_t i = 0; i < sizes; ++i)
    loadFrom(block->getArgument(1), number, i);
  for (unsigned i = 2; i < 6; ++i)
    arguments.push_back(block->getArgument(i));
  func::CallOp::create(builder, loc, body, arguments);
  func::ReturnOp::create(builder, loc);
}

static func::FuncOp openBody(OpBuilder &builder, const kernel::Group &group, ModuleOp module, StringRef symbol) {
  builder.setInsertionPointToEnd(module.getBody());
  Location loc = UnknownLoc::get(builder.getContext());
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext()), number = builder.getI64Type();
  size_t buffers = group.inputs.size() + group.outputs.size(), sizes = kernel::sizeNames(group).size();
  SmallVector<Type> types(buffers, pointer);
  types.append(sizes, number);
  types.append({pointer, pointer, number, number});
  auto body = func::FuncOp::create(builder, loc, (symbol + "_body").str(), builder.getFunctionType(types, {}));
  body.setPrivate();
  // A result in an operand's memory is the same pointer: then nothing may be said of any.
  if (!group.sharesMemory)
    for (size_t i = 0; i < buffers; ++i)
      body.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
  body.setArgAttr(buffers + sizes, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr()); // the scratch
  writeEntry(builder, loc, symbol, body, buffers, sizes);
  builder.setInsertionPointToStart(body.addEntryBlock());
  return body;
}

KernelFunction::KernelFunction(const kernel::Group &group, ModuleOp module, StringRef symbol, ir::Space &space, unsigned lanes)
    : module(module), symbol(symbol.str()), builder(module.getContext()),
      emitter(builder, UnknownLoc::get(module.getContext()), space, lanes), walker(group, emitter) {
  body = openBody(builder, group, module, symbol);
  unsigned next = 0;
  for (Value input : group.inputs)
    walker.bindBuffer(input, body.getArgument(next++));
  for (size_t i = 0; i < group.outputs.size(); ++i)
    outputs.push_back(body.getArgument(next++));
  for (const std::string &name : kernel::sizeNames(group))
    walker.bindSize(name, body.getArgument(next++));
  scratch = body.getArgument(next++);
  emitter.fault = body.getArgument(next++);
  begin = body.getArgument(next++);
  end = body.getArgument(next++);
}

void KernelFunction::reduceStrength() {
  body->setAttr("passthrough", builder.getStrArrayAttr({kReduceStrength})); // becomes an attribute of LLVM's function
}

void KernelFunction::finish() { func::ReturnOp::create(builder, emitter.loc); }

} // namespace ember::cpu
