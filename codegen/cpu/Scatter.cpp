// The scatter generator: serial, so that the order of the updates is the op's own.
#include "codegen/cpu/Scatter.h"

#include "codegen/cpu/KernelFunction.h"
#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

// The one scatter of a group whose other ops are views and elementwise ops that it reads through.
static Operation *scatterOf(const Group &group) {
  Operation *found = nullptr;
  for (Operation *op : group.ops) {
    bool isReadThrough = op->hasTrait<OpTrait::ConstantLike>() || (isa<IndexedOp>(op) && !isa<ReductionOp, ContractionOp>(op));
    if (isReadThrough)
      continue;
    if (found || !isa<ScatterOp>(op))
      return nullptr;
    found = op;
  }
  bool isOnlyOutput = found && group.outputs.size() == 1 && group.outputs[0] == found->getResult(0);
  return isOnlyOutput ? found : nullptr;
}

std::string Scatter::refuse(const Group &group) const { return scatterOf(group) ? "" : "it does not end in one scatter"; }

KernelCode Scatter::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  Operation *op = scatterOf(group);
  auto scatter = cast<ScatterOp>(op);
  Space space;
  KernelFunction f(group, module, symbol, space, lanes);
  Emitter &e = f.emitter;
  Walker &w = f.walker;
  Value base = op->getOperand(0), update = op->getOperand(scatter.updateOperand());
  auto baseType = cast<RankedTensorType>(base.getType());
  Value output = f.outputBuffer(0);

  Expr flat = space.loop(space.size(elementCount(baseType)));
  SmallVector<Expr> basePoint = delinearize(space, flat, dimSizes(baseType));
  Value count = w.scalarIndex(space.size(elementCount(baseType)));
  // A base that was made in the kernel (a splat) has no buffer; one in place has the output's: the copy is skipped then.
  Value source = w.buffer(base);
  auto copy = [&] {
    e.loop(e.constant(0), count, 1, [&](Value i) {
      w.bind(flat, i);
      e.store(w.at(base, basePoint), output, baseType.getElementType(), i);
    });
  };
  if (!source) {
    copy();
  } else {
    Type number = e.builder.getI64Type();
    Value from = LLVM::PtrToIntOp::create(e.builder, e.loc, number, source),
          to = LLVM::PtrToIntOp::create(e.builder, e.loc, number, output);
    e.branch(arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::ne, from, to), copy);
  }

  SmallVector<Expr> loops;
  auto updateType = cast<RankedTensorType>(update.getType());
  for (const SizeExpr &size : dimSizes(updateType))
    loops.push_back(space.loop(space.size(size)));
  Access target = scatter.target(loops, space);
  Expr address = addressOf(space, baseType, target.indices);
  std::function<void(size_t)> nest = [&](size_t depth) {
    if (depth < loops.size()) {
      Value extent = w.scalarIndex(space.variable(*loops[depth].asVariable()).extent);
      e.loop(e.constant(0), extent, 1, [&](Value i) {
        w.bind(loops[depth], i);
        nest(depth + 1);
      });
      return;
    }
    Value place = w.scalarIndex(address), value = w.at(update, loops);
    Type element = baseType.getElementType();
    if (scatter.accumulates()) {
      Value old = e.load(output, element, place);
      if (isa<FloatType>(old.getType()))
        value = e.roundTo(arith::AddFOp::create(e.builder, e.loc, old, value), element);
      else
        value = arith::AddIOp::create(e.builder, e.loc, old, value);
    }
    e.store(value, output, element, place);
  };
  nest(0);
  f.finish();

  KernelCode code;
  code.symbol = symbol.str();
  code.extent = SizeExpr(1);
  code.canFault = true;
  return code;
}

} // namespace ember::cpu
