#include "tests/graphs/Grower.h"

#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/Reduction.h"
#include "ir/ops/View.h"
#include "passes/Autodiff.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::tests {

Grower::Grower(MLIRContext &context, uint32_t seed, GraphShape shape)
    : random(seed), builder(&context), loc(UnknownLoc::get(&context)), shape(shape), namesSizes(seed % 4 == 3),
      holdsEmpty(seed % 5 == 2) {
  graph.module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(graph.module->getBody());
  function = func::FuncOp::create(builder, loc, "main", builder.getFunctionType({}, {}));
  block = function.addEntryBlock();
  builder.setInsertionPointToStart(block);
  Type floats[] = {builder.getF32Type(), builder.getF32Type(),  builder.getF32Type(),
                   builder.getF64Type(), builder.getBF16Type(), builder.getF16Type()};
  dtype = floats[pick(6)];
  if (namesSizes)
    graph.sizes = {{"B", 2 + static_cast<int64_t>(pick(6))}, {"S", holdsEmpty ? 0 : 2 + static_cast<int64_t>(pick(17))}};
}

RandomGraph Grower::grow() {
  keep(argument(someSizes(), dtype));
  keep(argument(someSizes(), dtype));
  keep(argument(someSizes(), someDtype()));
  for (int i = 0; i < shape.length; ++i)
    step();
  finish();
  return std::move(graph);
}

Grower::Sizes Grower::someSizes() {
  constexpr int64_t numbers[] = {1, 2, 3, 5, 8, 17, 33};
  Sizes sizes;
  for (size_t rank = pick(5); sizes.size() < rank;) {
    sizes.push_back(holdsEmpty && !pick(8) ? 0 : numbers[pick(7)]);
    if (namesSizes && !pick(3))
      sizes.back() = SizeExpr::name(pick(2) ? "B" : "S");
    if (elementsOf(sizes) > shape.mostElements)
      sizes.back() = 1;
  }
  return sizes;
}

Type Grower::someDtype() {
  auto integer = [&](unsigned width, IntegerType::SignednessSemantics sign) {
    return IntegerType::get(builder.getContext(), width, sign);
  };
  constexpr auto kSignless = IntegerType::Signless, kUnsigned = IntegerType::Unsigned;
  Type all[] = {builder.getF64Type(),   builder.getF32Type(),   builder.getBF16Type(),  builder.getF16Type(),
                integer(64, kSignless), integer(32, kSignless), integer(16, kSignless), integer(8, kSignless),
                integer(64, kUnsigned), integer(32, kUnsigned), integer(16, kUnsigned), integer(8, kUnsigned),
                integer(1, kSignless)};
  return all[pick(std::size(all))];
}

Value Grower::any() { return values[values.size() - 1 - pick(std::min<size_t>(values.size(), 6))]; }

Value Grower::image() {
  for (int i = 0; i < 4; ++i) {
    Value value = any();
    Sizes sizes = sizesOf(value);
    if (sizes.size() == 4 && llvm::all_of(ArrayRef(sizes).drop_front(), [](SizeExpr s) { return s.constant().value_or(0) > 0; }))
      return asFloat(value);
  }
  SizeExpr batch = namesSizes ? SizeExpr::name("B") : SizeExpr(1 + static_cast<int64_t>(pick(2)));
  return argument({batch, 2, 5 + static_cast<int64_t>(pick(4)), 6}, dtype);
}

int64_t Grower::elementsOf(ArrayRef<SizeExpr> sizes) const {
  int64_t elements = 1;
  for (const SizeExpr &size : sizes)
    elements *= sizeOf(size);
  return elements;
}

Value Grower::argument(ArrayRef<SizeExpr> sizes, Type element, Holds holds, SizeExpr bound) {
  graph.arguments.push_back({holds, bound});
  return block->addArgument(tensorOf(sizes, element), loc);
}

void Grower::keep(Value value) {
  if (elementsOf(sizesOf(value)) <= shape.mostElements)
    values.push_back(value);
}

Value Grower::op(StringRef name, ValueRange operands, TypeRange results, ArrayRef<NamedAttribute> attributes) {
  OperationState state(loc, ("ember." + name).str(), operands, results, attributes);
  return builder.create(state)->getResult(0);
}

Value Grower::like(Value value) {
  Value other = castTo(builder, loc, any(), dtypeOf(value));
  Sizes from = sizesOf(other), to = sizesOf(value);
  if (from == to)
    return other;
  bool fits = from.size() <= to.size();
  for (size_t i = 0; fits && i < from.size(); ++i) {
    const SizeExpr &own = from[from.size() - 1 - i];
    fits = own == SizeExpr(1) || own == to[to.size() - 1 - i];
  }
  return fits ? BroadcastOp::create(builder, loc, typeOf(value), other).getResult() : argument(to, dtypeOf(value));
}

Value Grower::asFloat(Value value) { return isFloat(value) ? value : castTo(builder, loc, value, dtype); }
Value Grower::number(Value like, double value) { return fullLike(builder, loc, typeOf(like), value); }
Value Grower::constantIndex(int64_t value) {
  return ConstantOp::create(builder, loc, DenseElementsAttr::get(RankedTensorType::get({}, builder.getI64Type()), value));
}
Value Grower::atLeastHalf(Value value) { return op("add", {op("abs", value), number(value, 0.5)}); }
Value Grower::small(Value value) { return op("tanh", value); }

// A step that does not fit what was picked does nothing.
void Grower::step() {
  using Step = Value (Grower::*)(Value);
  constexpr Step steps[] = {&Grower::unary,        &Grower::unary,       &Grower::unary,
                            &Grower::binary,       &Grower::binary,      &Grower::binary,
                            &Grower::selected,     &Grower::withNeutral, &Grower::throughOtherDtype,
                            &Grower::counted,      &Grower::reshaped,    &Grower::transposed,
                            &Grower::sliced,       &Grower::updated,     &Grower::padded,
                            &Grower::concatenated, &Grower::taken,       &Grower::gathered,
                            &Grower::reduced,      &Grower::reduced,     &Grower::multiplied,
                            &Grower::normalized,   &Grower::drawn};
  constexpr Step windowed[] = {&Grower::convolved, &Grower::pooled};
  size_t number = pick(std::size(steps) + 3);
  Value made = number < std::size(steps) ? (this->*steps[number])(any()) : (this->*windowed[number % 2])(image());
  if (made)
    keep(made);
}

// The loss is the sum of every float that nobody reads; the function gives it, the last value, integers that nobody reads, the
// generator's state and the gradients.
void Grower::finish() {
  Value loss;
  SmallVector<Value> results{values.back()};
  for (Value value : values) {
    if (!value.use_empty() && value != values.back())
      continue;
    if (!isFloat(value)) {
      results.push_back(value);
      continue;
    }
    Value part = castTo(builder, loc, small(value), dtype);
    part = SumOp::create(builder, loc, part, llvm::to_vector(llvm::seq<int64_t>(0, typeOf(value).getRank())));
    loss = loss ? AddOp::create(builder, loc, loss, part).getResult() : part;
  }
  if (state)
    results.push_back(state);
  if (loss) {
    results.push_back(loss);
    passes::GradientRequest request;
    request.outputs = {loss};
    request.cotangents = {number(loss, 1)};
    for (auto [argument, holds] : llvm::zip_equal(block->getArguments(), graph.arguments))
      if (isFloat(argument) && holds.holds == Holds::Numbers)
        request.inputs.push_back(argument);
    auto everywhere = [](Value) { return true; };
    request.flowsThrough = everywhere;
    for (Value gradient : passes::buildGradients(builder, request))
      if (gradient)
        results.push_back(gradient);
  }
  func::ReturnOp::create(builder, loc, results);
  function.setType(
      builder.getFunctionType(llvm::to_vector(block->getArgumentTypes()), llvm::to_vector(ValueRange(results).getTypes())));
}

RandomGraph randomGraph(MLIRContext &context, uint32_t seed, GraphShape shape) { return Grower(context, seed, shape).grow(); }

} // namespace ember::tests
