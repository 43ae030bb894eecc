#include "codegen/cpu/AbsentTerms.h"

#include "ir/EmberDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

AbsentTerms::AbsentTerms(Emitter &emitter, Walker &walker, const ContractionShape &shape) : e(emitter), w(walker), shape(shape) {
  if (sizeOf(shape.depth) == SizeExpr(0))
    return;
  for (unsigned operand = 0; operand < 2; ++operand) {
    SmallVector<Cond> guards;
    kernel::addGuards(e.space, cast<IndexedOp>(shape.op).access(operand, shape.loops, e.space).inside, guards);
    possible |= !guards.empty();
  }
}

static Value isNan(Emitter &e, Value value) {
  return arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::UNO, value, value);
}

// A row's vectors are looked at two in a comparison; the last one again where there are no more.
void AbsentTerms::leaveOut(const Sums &sums) const {
  if (!possible)
    return;
  int64_t lanes = e.lanes, vectors = std::min<int64_t>(4, sums.stride / lanes);
  Value last = e.mul(e.div(e.sub(sums.columns, e.constant(1)), e.constant(lanes)), e.constant(lanes));
  e.loop(e.constant(0), sums.columns, vectors * lanes, [&](Value first) {
    SmallVector<Value> offsets;
    for (int64_t v = 0; v < vectors; ++v)
      offsets.push_back(e.add(sums.offset, e.minimum(e.add(first, e.constant(v * lanes)), last)));
    e.loop(e.constant(0), sums.rows, 1, [&](Value row) {
      Value line = e.mul(row, e.constant(sums.stride)), found;
      auto load = [&](int64_t v) { return e.loadVector(sums.memory, sums.type, e.add(line, offsets[v])); };
      for (int64_t v = 0; v < vectors; v += 2) {
        Value left = load(v), right = v + 1 < vectors ? load(v + 1) : left;
        Value own = arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::UNO, left, right);
        found = found ? Value(arith::OrIOp::create(e.builder, e.loc, found, own)) : own;
      }
      e.branch(vector::ReductionOp::create(e.builder, e.loc, vector::CombiningKind::OR, found), [&] {
        Value end = e.minimum(e.add(first, e.constant(vectors * lanes)), sums.columns);
        e.loop(first, end, 1, [&](Value column) {
          correct(sums, e.add(sums.row, row), e.add(sums.column, column), e.add(e.add(line, sums.offset), column));
        });
      });
    });
  });
}

void AbsentTerms::correct(const Sums &sums, Value row, Value column, Value place) const {
  e.branch(isNan(e, e.load(sums.memory, sums.type, place)), [&] {
    Walker own = w; // the loops of depth are bound to others outside
    Packer(e, own, shape, shape.left, {}).bind(sums.rowWalk, row);
    Packer(e, own, shape, shape.right, {}).bind(sums.columnWalk, column);
    e.store(sumOfTerms(own, sums.type), sums.memory, sums.type, place);
  });
}

// One fma chain in rising depth. A sum that has become NaN stays it.
Value AbsentTerms::sumOfTerms(Walker &own, Type type) const {
  OpBuilder &b = e.builder;
  Value length = own.scalarIndex(e.space.size(sizeOf(shape.depth)));
  auto condition = [&](OpBuilder &, Location loc, ValueRange state) {
    Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, state[1], state[1]);
    scf::ConditionOp::create(b, loc, arith::AndIOp::create(b, loc, e.less(state[0], length), isNumber), state);
  };
  auto addTerm = [&](OpBuilder &, Location loc, ValueRange state) {
    Packer(e, own, shape, shape.left, {}).bind({shape.depth, {}}, state[0]);
    Value factors[2], sum = state[1], isThere;
    for (unsigned operand = 0; operand < 2; ++operand) {
      Value inside;
      factors[operand] = own.operandAt(shape.op, operand, shape.loops, &inside);
      if (inside)
        isThere = isThere ? Value(arith::AndIOp::create(b, loc, isThere, inside)) : inside;
    }
    Value longer = math::FmaOp::create(b, loc, factors[0], factors[1], sum);
    if (isThere)
      longer = arith::SelectOp::create(b, loc, isThere, longer, sum);
    scf::YieldOp::create(b, loc, ValueRange{e.add(state[0], e.constant(1)), longer});
  };
  auto loop = scf::WhileOp::create(b, e.loc, TypeRange{b.getI64Type(), type}, ValueRange{e.constant(0), e.zero(type)}, condition,
                                   addTerm);
  return loop.getResult(1);
}

} // namespace ember::cpu
