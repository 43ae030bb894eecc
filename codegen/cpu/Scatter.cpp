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
    e.laneLoop(e.constant(0), count, false, [&](Value from, Value active) {
      w.beginLanes(flat, from, active);
      w.store(w.at(base, basePoint), output, baseType, basePoint);
      w.endLanes();
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
  // Updates along the last loop go to neighbours: none meets another, so they may be made at once.
  std::optional<Expr> step = loops.empty() ? std::nullopt : space.coefficient(address, *loops.back().asVariable());
  bool isAlong = step && *step == Expr(1);
  Type element = baseType.getElementType();
  auto combined = [&](Value old, Value value) {
    value = isAlong ? e.broadcast(value) : value;
    if (element.isInteger(1))
      return Value(arith::OrIOp::create(e.builder, e.loc, old, value));
    if (!isa<FloatType>(getElementTypeOrSelf(old.getType())))
      return Value(arith::AddIOp::create(e.builder, e.loc, old, value));
    return e.roundTo(arith::AddFOp::create(e.builder, e.loc, old, value), element);
  };
  auto updateOne = [&] {
    Value place = w.scalarIndex(address), value = w.at(update, loops);
    if (scatter.accumulates())
      value = combined(e.load(output, element, place), value);
    e.store(value, output, element, place);
  };
  auto updateAlong = [&] {
    Value start = w.scalarIndex(address - loops.back());
    Value extent = w.scalarIndex(space.variable(*loops.back().asVariable()).extent);
    e.laneLoop(e.constant(0), extent, false, [&](Value from, Value active) {
      w.beginLanes(loops.back(), from, active);
      Value place = e.add(start, from), value = w.at(update, loops);
      if (scatter.accumulates())
        value = combined(e.loadVector(output, element, place, active), value);
      e.storeVector(value, output, element, place, active);
      w.endLanes();
    });
  };
  std::function<void(size_t)> nest = [&](size_t depth) {
    if (depth == loops.size())
      return updateOne();
    if (isAlong && depth + 1 == loops.size())
      return updateAlong();
    Value extent = w.scalarIndex(space.variable(*loops[depth].asVariable()).extent);
    e.loop(e.constant(0), extent, 1, [&](Value i) {
      w.bind(loops[depth], i);
      nest(depth + 1);
    });
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
