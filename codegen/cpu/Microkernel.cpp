#include "codegen/cpu/Microkernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <utility>

using namespace mlir;

namespace ember::cpu {

std::string Microkernel::nameWith(StringRef prefix) const {
  std::string step = rightStep ? std::to_string(*rightStep) : "x";
  return (prefix + "_multiply_" + std::to_string(rows) + (leftStep ? "at" + std::to_string(*leftStep) : "") + "_" +
          std::to_string(vectors) + "_" + step + "_" + std::to_string(sumsStep) + (mayContinue ? "_c" : "") +
          (asksAhead ? "_a" : "") + (isMasked ? "_m" : "") + (storesMasked ? "_s" : "") +
          (spares ? "_p" + std::to_string(spares) : "") + (nextStep ? "_n" + std::to_string(nextStep) : ""))
      .str();
}

void Microkernel::call(Emitter &e, ModuleOp module, StringRef prefix, const Arguments &a) const {
  std::string name = nameWith(prefix);
  if (!module.lookupSymbol(name))
    write(e, module, name);
  SmallVector<Value> values{a.left, a.right, a.rightStep, a.sums, a.depth, a.continues, a.columnCount, a.next};
  func::CallOp::create(e.builder, e.loc, name, TypeRange{}, values);
}

// Panels come from L2: the processor's own prefetching leaves a twentieth of the time to waiting.
void Microkernel::askAhead(Emitter &e, Value right, Value k) const {
  constexpr int64_t kRowsAhead = 8, kLineBits = 512;
  int64_t line = kLineBits / compute.getIntOrFloatBitWidth();
  Value ahead = e.mul(e.add(k, e.constant(kRowsAhead)), e.constant(*rightStep));
  for (int64_t element = 0; element < vectors * e.lanes + spares; element += line)
    e.prefetch(right, compute, e.add(ahead, e.constant(element)));
}

// As much of each row as there are turns, a piece of one row each time.
void Microkernel::askForNext(Emitter &e, Value next, Value k) const {
  Value piece = e.div(k, e.constant(rows)), row = e.sub(k, e.mul(piece, e.constant(rows)));
  e.prefetch(next, compute, e.add(e.mul(row, e.constant(nextStep)), e.mul(piece, e.constant(rows))));
}

// The sums of a spare column that it goes on from, down the rows.
Value Microkernel::spareSum(Emitter &e, Value sums, Value continues, int64_t spare) const {
  Value sum = e.zero(e.vectorOf(compute));
  for (int64_t r = 0; mayContinue && r < rows; ++r) {
    Value own = e.load(sums, compute, e.constant(r * sumsStep + spare));
    sum = vector::InsertOp::create(e.builder, e.loc, own, sum, r);
  }
  return mayContinue ? arith::SelectOp::create(e.builder, e.loc, continues, sum, e.zero(sum.getType())) : sum;
}

void Microkernel::write(Emitter &e, ModuleOp module, StringRef name) const {
  OpBuilder::InsertionGuard guard(e.builder);
  e.builder.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(e.builder.getContext()), number = e.builder.getI64Type();
  auto function = func::FuncOp::create(
      e.builder, e.loc, name,
      e.builder.getFunctionType({pointer, pointer, number, pointer, number, e.builder.getI1Type(), number, pointer}, {}));
  function.setPrivate();
  for (unsigned argument : {0, 1, 3})
    function.setArgAttr(argument, LLVM::LLVMDialect::getNoAliasAttrName(), e.builder.getUnitAttr());
  Block *block = function.addEntryBlock();
  e.builder.setInsertionPointToStart(block);
  Value left = block->getArgument(0), right = block->getArgument(1), sums = block->getArgument(3);
  Value ownRightStep = rightStep ? e.constant(*rightStep) : block->getArgument(2);
  auto place = [&](int64_t i) { return e.constant(i / vectors * sumsStep + i % vectors * e.lanes); };
  SmallVector<Value> state(rows * vectors, e.zero(e.vectorOf(compute))), masks(vectors);
  if (mayContinue) {
    Value continues = e.broadcast(block->getArgument(5));
    for (auto [i, sum] : llvm::enumerate(state))
      sum = e.loadVector(sums, compute, place(i), continues);
  }
  unsigned lanes = std::exchange(e.lanes, kSpareLanes);
  for (int64_t spare = 0; spare < spares; ++spare)
    state.push_back(spareSum(e, sums, block->getArgument(5), vectors * lanes + spare));
  e.lanes = lanes;
  auto maskOf = [&](int64_t v) { return e.firstLanes(e.sub(block->getArgument(6), e.constant(v * e.lanes))); };
  if (isMasked)
    for (auto [v, mask] : llvm::enumerate(masks))
      mask = maskOf(v);
  state = e.loop(e.constant(0), block->getArgument(4), 1, state, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried), panel;
    if (asksAhead)
      askAhead(e, right, k);
    if (nextStep > 0)
      askForNext(e, block->getArgument(7), k);
    Value line = e.mul(k, ownRightStep), factors = leftStep ? k : e.mul(k, e.constant(rows));
    for (int64_t v = 0; v < vectors; ++v)
      panel.push_back(e.loadVector(right, compute, e.add(line, e.constant(v * e.lanes)), masks[v]));
    for (int64_t r = 0; r < rows; ++r) {
      Value factor = e.broadcast(e.load(left, compute, e.add(factors, e.constant(leftStep ? r * *leftStep : r))));
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = next[r * vectors + v];
        sum = math::FmaOp::create(e.builder, e.loc, factor, panel[v], sum);
      }
    }
    for (int64_t spare = 0; spare < spares; ++spare) {
      Value factor = e.load(right, compute, e.add(line, e.constant(vectors * lanes + spare)));
      e.lanes = kSpareLanes;
      Value &sum = next[rows * vectors + spare], down = e.loadVector(left, compute, factors);
      sum = math::FmaOp::create(e.builder, e.loc, down, e.broadcast(factor), sum);
      e.lanes = lanes;
    }
    return next;
  });
  if (storesMasked)
    for (auto [v, mask] : llvm::enumerate(masks))
      mask = maskOf(v);
  for (auto [i, sum] : llvm::enumerate(ArrayRef(state).drop_back(spares)))
    e.storeVector(sum, sums, compute, place(i), storesMasked ? masks[i % vectors] : Value());
  for (int64_t spare = 0; spare < spares; ++spare)
    for (int64_t r = 0; r < rows; ++r)
      e.store(vector::ExtractOp::create(e.builder, e.loc, state[rows * vectors + spare], r), sums, compute,
              e.constant(r * sumsStep + vectors * lanes + spare));
  func::ReturnOp::create(e.builder, e.loc);
}

} // namespace ember::cpu
