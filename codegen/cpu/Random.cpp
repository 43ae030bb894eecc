// The generator of random draws: a call into the runtime, whose order of draws is PyTorch's.
#include "codegen/cpu/Random.h"

#include "codegen/cpu/KernelFunction.h"
#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

// The one draw of a group whose other ops compute its parameters from numbers at hand.
static Operation *drawOf(const Group &group) {
  Operation *draw = nullptr;
  for (Operation *op : group.ops) {
    if (isa<RandomOp>(op) && !draw)
      draw = op;
    else if (!op->hasTrait<OpTrait::ConstantLike>() && (!isa<IndexedOp>(op) || isa<ReductionOp, ContractionOp>(op)))
      return nullptr;
  }
  bool isWhole = draw && group.isInput(draw->getOperand(0)) &&
                 llvm::all_of(group.outputs, [&](Value output) { return output.getDefiningOp() == draw; });
  return isWhole ? draw : nullptr;
}

std::string Random::refuse(const Group &group) const { return drawOf(group) ? "" : "it does not end in one random draw"; }

static void declare(OpBuilder &builder, ModuleOp module, StringRef symbol, TypeRange types) {
  if (module.lookupSymbol(symbol))
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(module.getBody());
  auto nothing = LLVM::LLVMVoidType::get(builder.getContext());
  LLVM::LLVMFuncOp::create(builder, module.getLoc(), symbol,
                           LLVM::LLVMFunctionType::get(nothing, llvm::to_vector(types), /*isVarArg=*/false));
}

KernelCode Random::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  Operation *draw = drawOf(group);
  auto type = cast<RankedTensorType>(draw->getResult(0).getType());
  Space space;
  KernelFunction f(group, module, symbol, space, lanes);
  Emitter &e = f.emitter;
  // Numbers that nobody reads are drawn into the scratch; a state that nobody reads is not written.
  Value values = f.scratch, next = LLVM::ZeroOp::create(e.builder, e.loc, LLVM::LLVMPointerType::get(module.getContext()));
  bool keepsValues = false;
  for (auto [number, output] : llvm::enumerate(group.outputs)) {
    bool isValues = output == draw->getResult(0);
    keepsValues |= isValues;
    (isValues ? values : next) = f.outputBuffer(number);
  }
  Value dtype = arith::ConstantOp::create(e.builder, e.loc,
                                          e.builder.getI32IntegerAttr(static_cast<int32_t>(dtypeNumber(type.getElementType()))));
  SmallVector<Value> arguments{f.walker.buffer(draw->getOperand(0)), next, dtype, values,
                               f.walker.scalarIndex(space.size(elementCount(type)))};
  for (Value parameter : draw->getOperands().drop_front()) {
    Value own = f.walker.at(parameter, {});
    if (own.getType().isInteger(64)) // as its bits
      own = arith::BitcastOp::create(e.builder, e.loc, e.builder.getF64Type(), own);
    arguments.push_back(own);
  }
  while (arguments.size() < 7)
    arguments.push_back(arith::ConstantOp::create(e.builder, e.loc, e.builder.getF64FloatAttr(0)));
  StringRef function = cast<RandomOp>(draw).runtimeKernel();
  declare(e.builder, module, function, ValueRange(arguments).getTypes());
  LLVM::CallOp::create(e.builder, e.loc, TypeRange{}, function, arguments);
  f.finish();

  KernelCode code;
  code.symbol = symbol.str();
  code.extent = SizeExpr(1);
  if (!keepsValues)
    code.scratchBytes = elementCount(type) * SizeExpr(byteWidth(type.getElementType()));
  return code;
}

} // namespace ember::cpu
