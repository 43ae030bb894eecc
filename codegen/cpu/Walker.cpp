#include "codegen/cpu/Walker.h"

#include "ir/EmberDialect.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ember::ir;
using ember::kernel::addGuards;
using ember::kernel::addressOf;

namespace ember::cpu {

void Walker::beginLanes(const Expr &variable, Value base, Value mask) {
  laneVariable = *variable.asVariable();
  laneBase = base;
  active = mask;
}

void Walker::endLanes() {
  laneVariable = std::nullopt;
  laneBase = active = {};
}

void Walker::preset(Value value, ArrayRef<Expr> point, Value emitted) {
  presets.push_back({value, SmallVector<Expr>(point), {}, emitted});
}

Value Walker::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  if (isa<VectorType>(a.getType()) != isa<VectorType>(b.getType())) {
    a = e.broadcast(a);
    b = e.broadcast(b);
  }
  return arith::AndIOp::create(e.builder, e.loc, a, b);
}

Value Walker::scalarIndex(const Expr &expr) { return index(expr, false); }
Value Walker::vectorIndex(const Expr &expr) { return index(expr, true); }

Value Walker::index(const Expr &expr, bool asVector) {
  Value sum;
  for (const Expr::Term &term : expr.terms()) {
    Value product;
    for (VariableId id : term.variables) {
      Value factor = variableValue(id, asVector);
      product = product ? e.mul(product, factor) : factor;
    }
    Value coefficient = e.constant(term.coefficient);
    if (asVector)
      coefficient = e.broadcast(coefficient);
    if (!product)
      product = coefficient;
    else if (term.coefficient != 1)
      product = e.mul(product, coefficient);
    sum = sum ? e.add(sum, product) : product;
  }
  if (!sum)
    sum = e.constant(0);
  return asVector ? e.broadcast(sum) : sum;
}

// Toward -infinity; the dividend is known not to be negative in nearly all cases.
static Value quotient(Emitter &e, Value dividend, Value divisor, bool mayBeNegative) {
  OpBuilder &b = e.builder;
  if (!mayBeNegative)
    return arith::DivUIOp::create(b, e.loc, dividend, divisor);
  Value zero = arith::ConstantOp::create(b, e.loc, cast<TypedAttr>(b.getZeroAttr(dividend.getType())));
  Value one = isa<VectorType>(dividend.getType()) ? e.broadcast(e.constant(1)) : e.constant(1);
  Value negative = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::slt, dividend, zero);
  // floor(x / n) = -1 - (-1 - x) / n below 0.
  Value mirrored = e.sub(e.sub(zero, one), dividend);
  Value magnitude = arith::SelectOp::create(b, e.loc, negative, mirrored, dividend);
  Value whole = arith::DivUIOp::create(b, e.loc, magnitude, divisor);
  return arith::SelectOp::create(b, e.loc, negative, e.sub(e.sub(zero, one), whole), whole);
}

Value Walker::variableValue(VariableId id, bool asVector) {
  const Space::Variable &variable = e.space.variable(id);
  Value value;
  if (laneVariable && id == *laneVariable) {
    assert(asVector && "the lane variable is a vector");
    return e.add(e.broadcast(laneBase), e.laneNumbers());
  }
  bool dependsOnLane = asVector && onLanes(Expr::variable(id));
  switch (variable.kind) {
  case Space::Variable::Kind::Loop:
    value = bound.lookup(id);
    assert(value && "a loop is bound before it is used");
    break;
  case Space::Variable::Kind::Size:
    value = sizes.at(variable.name);
    break;
  case Space::Variable::Kind::Element:
    value = element(id);
    break;
  case Space::Variable::Kind::Quotient: {
    IndexRange range = e.space.range(variable.operands[0]);
    value = quotient(e, index(variable.operands[0], dependsOnLane), index(variable.operands[1], dependsOnLane),
                     !range.low || *range.low < 0);
    break;
  }
  }
  return asVector ? e.broadcast(value) : value;
}

// By its place in the kernel's body, which is part of the kernel's key, not in the program: equal kernels share their code.
static int32_t numberInKernel(Operation *op) {
  return static_cast<int32_t>(std::distance(op->getBlock()->begin(), op->getIterator()));
}

// A loaded index: clamped into its range, one outside noted as a fault of the op that reads by it.
Value Walker::element(VariableId id) {
  const Space::Variable variable = e.space.variable(id);
  OpBuilder &b = e.builder;
  Value loaded = at(variable.tensor, variable.operands);
  bool isVector = isa<VectorType>(loaded.getType());
  Value bound = index(variable.extent, isVector);
  Value zero = arith::ConstantOp::create(b, e.loc, cast<TypedAttr>(b.getZeroAttr(loaded.getType())));
  Value outside = arith::CmpIOp::create(b, e.loc, arith::CmpIPredicate::uge, loaded, bound);
  Value counts = both(guard, isVector ? active : Value());
  Value faulty = counts && isa<VectorType>(counts.getType()) && !isVector ? outside : both(outside, counts);
  Value any = faulty;
  if (isa<VectorType>(faulty.getType()))
    any = vector::ReductionOp::create(b, e.loc, vector::CombiningKind::OR, faulty);
  e.branch(any, [&] {
    // The worst lane tells: the largest as an unsigned number is out of range.
    Value shown = loaded;
    if (isVector) {
      Value masked = arith::SelectOp::create(b, e.loc, e.broadcast(faulty), loaded, zero);
      shown = vector::ReductionOp::create(b, e.loc, vector::CombiningKind::MAXUI, masked);
    }
    Value scalarBound = isVector ? index(variable.extent, false) : bound;
    Value op = arith::ConstantOp::create(b, e.loc, b.getI32IntegerAttr(numberInKernel(variable.reader)));
    LLVM::CallOp::create(b, e.loc, TypeRange{}, "ember_rt_note_fault", ValueRange{e.fault, op, shown, scalarBound});
  });
  return arith::SelectOp::create(b, e.loc, outside, zero, loaded);
}

Value Walker::condition(ArrayRef<Cond> conds) {
  Value all;
  for (const Cond &cond : conds) {
    bool asVector = onLanes(cond.value) || onLanes(cond.bound);
    if (asVector && !onLanes(cond.bound)) {
      // base + stride * lane against a bound that 31 bits hold: half the width, a quarter of the instructions.
      std::optional<Expr> stride = e.space.coefficient(cond.value, *laneVariable);
      IndexRange range = e.space.range(cond.value), bound = e.space.range(cond.bound);
      constexpr int64_t most = 1 << 30;
      bool isShort = range.low && range.high && *range.low > -most && *range.high < most && bound.high && *bound.high < most;
      if (stride && stride->isConstant() && std::abs(stride->constant()) < most / 64 && isShort) {
        Expr rest = cond.value - *stride * Expr::variable(*laneVariable);
        Value first = e.add(index(rest, false), e.mul(laneBase, e.constant(stride->constant())));
        all = both(all, e.lanesInside(first, index(cond.bound, false), stride->constant()));
        continue;
      }
    }
    // 0 <= value < bound in one unsigned comparison.
    Value holds = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::ult, index(cond.value, asVector),
                                        index(cond.bound, asVector));
    all = both(all, holds);
  }
  return all;
}

Value Walker::read(Value input, const Expr &address) {
  for (const Copy &copy : copies)
    if (copy.value == input && copy.source == address)
      return readAt(copy.buffer, cast<RankedTensorType>(input.getType()).getElementType(), copy.place);
  Value pointer = buffers.lookup(input);
  assert(pointer && "every input has its buffer");
  return readAt(pointer, cast<RankedTensorType>(input.getType()).getElementType(), address);
}

Value Walker::readAt(Value pointer, Type element, const Expr &address) {
  if (!onLanes(address)) {
    Value mask = guard;
    if (mask && isa<VectorType>(mask.getType())) // read if any lane needs it
      mask = vector::ReductionOp::create(e.builder, e.loc, vector::CombiningKind::OR, both(mask, active));
    return e.load(pointer, element, scalarIndex(address), mask);
  }
  Value mask = both(guard, active);
  if (mask)
    mask = e.broadcast(mask);
  std::optional<Expr> stride = e.space.coefficient(address, *laneVariable);
  if (stride && stride->isConstant() && stride->constant() >= 1 && stride->constant() <= kMostStride) {
    int64_t step = stride->constant();
    Expr rest = address - *stride * Expr::variable(*laneVariable);
    Value start = e.add(scalarIndex(rest), step == 1 ? laneBase : e.mul(laneBase, e.constant(step)));
    if (step > 1)
      return e.loadStrided(pointer, element, start, step, mask);
    if (std::optional<Expr> ahead = aheadLoop ? e.space.coefficient(address, *aheadLoop) : std::nullopt;
        ahead && *ahead != Expr(0) && !mask)
      e.prefetch(pointer, element, e.add(start, scalarIndex(*ahead * Expr(aheadTurns))));
    return e.loadVector(pointer, element, start, mask);
  }
  return e.gather(pointer, element, vectorIndex(address), mask);
}

// Null where the value is not kept, or is asked for at another row.
Value Walker::readKept(Value value, ArrayRef<Expr> point) {
  for (const Kept &own : kept) {
    if (own.value != value)
      continue;
    SmallVector<Expr> indices;
    SmallVector<SizeExpr> sizes;
    bool isSameRow = true;
    auto type = cast<RankedTensorType>(value.getType());
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (!llvm::is_contained(own.reduced, dim)) {
        isSameRow &= own.point[dim] == point[dim];
        continue;
      }
      indices.push_back(point[dim]);
      sizes.push_back(dimSize(type, dim));
    }
    if (isSameRow)
      return readAt(own.buffer, computeType(type.getElementType()), flatIndex(e.space, indices, sizes));
  }
  return {};
}

Value Walker::filled(Type compute, Scalar number) {
  TypedAttr attribute = isa<FloatType>(compute) ? TypedAttr(e.builder.getFloatAttr(compute, number.real()))
                                                : TypedAttr(e.builder.getIntegerAttr(compute, number.integer()));
  return arith::ConstantOp::create(e.builder, e.loc, attribute);
}

Value Walker::viewAt(ViewOp view, ArrayRef<Expr> point) {
  Operation *op = view;
  auto indexed = cast<IndexedOp>(op);
  Value result;
  if (std::optional<Scalar> fill = view.fill())
    result = filled(computeType(getElementTypeOrSelf(op->getResult(0).getType())), *fill);
  for (unsigned operand = view.movedOperands(); operand-- > 0;) {
    Access access = indexed.access(operand, point, e.space);
    SmallVector<Cond> guards;
    addGuards(e.space, access.inside, guards);
    Value inside = condition(guards), outer = guard;
    guard = both(guard, inside);
    Value moved = at(op->getOperand(operand), access.indices);
    guard = outer;
    if (!result || !inside) {
      result = moved;
      continue;
    }
    if (isa<VectorType>(moved.getType()) || isa<VectorType>(result.getType()) || isa<VectorType>(inside.getType())) {
      moved = e.broadcast(moved);
      result = e.broadcast(result);
    }
    result = arith::SelectOp::create(e.builder, e.loc, inside, moved, result);
  }
  return result;
}

Value Walker::constantOf(Operation *op, ArrayRef<Expr> point) {
  DenseElementsAttr attribute;
  bool isConstant = matchPattern(op, m_Constant(&attribute));
  assert(isConstant && attribute.isSplat() && "only splat constants are cloned into kernels");
  Type element = attribute.getElementType(), compute = computeType(element);
  if (isa<FloatType>(element)) {
    APFloat value = attribute.getSplatValue<APFloat>();
    bool losesInfo;
    value.convert(cast<FloatType>(compute).getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return arith::ConstantOp::create(e.builder, e.loc, FloatAttr::get(compute, value));
  }
  return arith::ConstantOp::create(e.builder, e.loc, IntegerAttr::get(compute, attribute.getSplatValue<APInt>()));
}

Value Walker::at(Value value, ArrayRef<Expr> point) {
  Operation *op = value.getDefiningOp();
  if (group.contains(op) && op->hasTrait<OpTrait::ConstantLike>())
    return constantOf(op, point);
  for (const Known &known : presets)
    if (known.value == value && known.point == point)
      return known.emitted;
  if (depth == 0)
    memo.clear();
  for (const Known &known : memo)
    if (known.value == value && known.guard == guard && known.point == point)
      return known.emitted;
  ++depth;
  Value result = readKept(value, point);
  if (result) {
    // from the row's buffer
  } else if (!group.contains(op)) {
    result = read(value, addressOf(e.space, cast<RankedTensorType>(value.getType()), point));
  } else if (auto view = dyn_cast<ViewOp>(op)) {
    result = viewAt(view, point);
  } else {
    auto scalar = cast<ScalarOp>(op);
    SmallVector<Value> args;
    bool anyVector = false;
    for (unsigned operand = 0; operand < op->getNumOperands(); ++operand) {
      args.push_back(at(op->getOperand(operand), cast<IndexedOp>(op).access(operand, point, e.space).indices));
      anyVector |= isa<VectorType>(args.back().getType());
    }
    for (const Expr &expr : scalar.indexArgs(point, e.space)) {
      args.push_back(index(expr, onLanes(expr)));
      anyVector |= isa<VectorType>(args.back().getType());
    }
    if (anyVector)
      for (Value &arg : args)
        arg = e.broadcast(arg);
    result = scalar.emitScalar(e.builder, e.loc, args);
    result = e.roundTo(result, getElementTypeOrSelf(value.getType()));
  }
  --depth;
  memo.push_back({value, SmallVector<Expr>(point), guard, result});
  return result;
}

SmallVector<Value> Walker::atAll(ValueRange values, ArrayRef<Expr> point) {
  Memo shared(*this);
  SmallVector<Value> results;
  for (Value value : values)
    results.push_back(at(value, point));
  return results;
}

Value Walker::operandAt(Operation *op, unsigned operand, ArrayRef<Expr> loops, Value *insideOut) {
  return insideAt(op->getOperand(operand), cast<IndexedOp>(op).access(operand, loops, e.space), insideOut);
}

Value Walker::insideAt(Value source, const Access &access, Value *insideOut) {
  SmallVector<Cond> guards;
  addGuards(e.space, access.inside, guards);
  Value inside = condition(guards), outer = guard;
  guard = both(guard, inside);
  Value value = at(source, access.indices);
  guard = outer;
  if (insideOut)
    *insideOut = inside;
  if (!inside)
    return value;
  // What prologue ops make of a read that is not there is no zero: mask their result too.
  if (isa<VectorType>(inside.getType()))
    value = e.broadcast(value);
  if (isa<VectorType>(value.getType()))
    inside = e.broadcast(inside);
  Value zero = arith::ConstantOp::create(e.builder, e.loc, cast<TypedAttr>(e.builder.getZeroAttr(value.getType())));
  return arith::SelectOp::create(e.builder, e.loc, inside, value, zero);
}

void Walker::store(Value value, Value pointer, RankedTensorType type, ArrayRef<Expr> point) {
  Expr address = addressOf(e.space, type, point);
  if (!onLanes(address)) { // the lane loop has one turn: its first lane is the value
    if (isa<VectorType>(value.getType()))
      value = vector::ExtractOp::create(e.builder, e.loc, value, ArrayRef<int64_t>{0});
    e.store(value, pointer, type.getElementType(), scalarIndex(address));
    return;
  }
  Expr rest = address - Expr::variable(*laneVariable);
  if (!onLanes(rest))
    e.storeVector(value, pointer, type.getElementType(), e.add(scalarIndex(rest), laneBase), active);
  else
    e.scatter(value, pointer, type.getElementType(), vectorIndex(address), active);
}

void Walker::askFor(Value pointer, RankedTensorType type, ArrayRef<Expr> point) {
  Expr address = addressOf(e.space, type, point), rest = address - Expr::variable(*laneVariable);
  if (!onLanes(rest))
    e.prefetch(pointer, type.getElementType(), e.add(scalarIndex(rest), laneBase), /*toWrite=*/true);
}

} // namespace ember::cpu
