#include "codegen/cpu/Microkernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace ember::cpu {

std::string Microkernel::nameWith(StringRef prefix) const {
  std::string step = rightStep ? std::to_string(*rightStep) : "x";
  return (prefix + "_multiply_" + std::to_string(rows) + (leftStep ? "at" + std::to_string(*leftStep) : "") + "_" +
          std::to_string(vectors) + "_" + step + "_" + std::to_string(sumsStep) + (mayContinue ? "_c" : "") +
          (asksAhead ? "_a" : "") + (isMasked ? "_m" : "") + (storesMasked ? "_s" : ""))
      .str();
}

void Microkernel::call(Emitter &e, ModuleOp module, StringRef prefix, const Arguments &a) const {
  std::string name = nameWith(prefix);
  if (!module.lookupSymbol(name))
    write(e, module, name);
  SmallVector<Value> values{a.left, a.right, a.rightStep, a.sums, a.depth, a.continues, a.columnCount};
  func::CallOp::create(e.builder, e.loc, name, TypeRange{}, values);
}

// Panels come from L2: the processor's own prefetching leaves a twentieth of the time to waiting.
void Microkernel::askAhead(Emitter &e, Value right, Value k) const {
  constexpr int64_t kRowsAhead = 8, kLineBits = 512;
  int64_t line = kLineBits / compute.getIntOrFloatBitWidth();
  Value ahead = e.mul(e.add(k, e.constant(kRowsAhead)), e.constant(*rightStep));
  for (int64_t element = 0; element < vectors * e.lanes; element += line)
    e.prefetch(right, compute, e.add(ahead, e.constant(element)));
}

void Microkernel::write(Emitter &e, ModuleOp module, StringRef name) const {
  OpBuilder::InsertionGuard guard(e.builder);
  e.builder.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(e.builder.getContext()), number = e.builder.getI64Type();
  auto function = func::FuncOp::create(
      e.builder, e.loc, name,
      e.builder.getFunctionType({pointer, pointer, number, pointer, number, e.builder.getI1Type(), number}, {}));
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
  auto maskOf = [&](int64_t v) { return e.firstLanes(e.sub(block->getArgument(6), e.constant(v * e.lanes))); };
  if (isMasked)
    for (auto [v, mask] : llvm::enumerate(masks))
      mask = maskOf(v);
  state = e.loop(e.constant(0), block->getArgument(4), 1, state, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried), panel;
    if (asksAhead)
      askAhead(e, right, k);
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
    return next;
  });
  if (storesMasked)
    for (auto [v, mask] : llvm::enumerate(masks))
      mask = maskOf(v);
  for (auto [i, sum] : llvm::enumerate(state))
    e.storeVector(sum, sums, compute, place(i), storesMasked ? masks[i % vectors] : Value());
  func::ReturnOp::create(e.builder, e.loc);
}

} // namespace ember::cpu
