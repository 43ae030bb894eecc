// The contraction generator.
//
// The result's loops fall into batch, m (only operand 0 has them) and n (only operand 1 has them, at the end). Operand 1 is
// packed, panel by panel of NR columns, through the walker: padding, strides and prologue ops are done there once a column.
// Operand 0 is read in place, one broadcast a row. The microkernel holds MR x NR accumulators over the whole of k: one fma
// chain per output in rising k, whatever the vector width. Finished tiles pass through the scratch to the epilogue.
#include "codegen/cpu/Contraction.h"

#include "codegen/cpu/KernelFunction.h"
#include "ir/EmberDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

namespace {

SmallVector<SizeExpr> sizesOf(Value value) { return dimSizes(cast<RankedTensorType>(value.getType())); }

SizeExpr productOf(ArrayRef<SizeExpr> sizes) {
  SizeExpr product(1);
  for (const SizeExpr &size : sizes)
    product = product * size;
  return product;
}

// Which result loops operand 0 and operand 1 are read at.
struct Roles {
  size_t mBegin = 0, nBegin = 0, rank = 0;
};

bool dependsOnLoop(Space &space, const Trace &found, const Expr &loop) {
  VariableId id = *loop.asVariable();
  return llvm::any_of(found.reads, [&](const Read &read) {
    return space.dependsOn(read.address, id) ||
           llvm::any_of(read.guards, [&](const Cond &cond) { return space.dependsOn(cond.value, id); });
  });
}

Roles rolesOf(const Group &group, Operation *op) {
  Space space;
  SmallVector<Expr> loops;
  for (const SizeExpr &size : sizesOf(op->getResult(0)))
    loops.push_back(space.loop(space.size(size)));
  Roles roles;
  roles.rank = loops.size();
  for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
    loops.push_back(space.loop(space.size(size)));
  Trace found[2];
  for (unsigned operand = 0; operand < 2; ++operand) {
    Access access = cast<IndexedOp>(op).access(operand, loops, space);
    SmallVector<Cond> guards;
    addGuards(space, access.inside, guards);
    trace(group, space, op->getOperand(operand), access.indices, guards, found[operand]);
  }
  auto only = [&](unsigned operand, size_t loop) {
    return dependsOnLoop(space, found[operand], loops[loop]) && !dependsOnLoop(space, found[1 - operand], loops[loop]);
  };
  // A loop of size 1 is on nobody's address and may join either side.
  SmallVector<SizeExpr> sizes = sizesOf(op->getResult(0));
  auto joins = [&](unsigned operand, size_t loop) { return only(operand, loop) || sizes[loop] == SizeExpr(1); };
  roles.nBegin = roles.rank;
  while (roles.nBegin > 0 && joins(1, roles.nBegin - 1) && !(sizes[roles.nBegin - 1] == SizeExpr(1) && roles.nBegin < roles.rank))
    --roles.nBegin;
  roles.mBegin = roles.nBegin;
  while (roles.mBegin > 0 && only(0, roles.mBegin - 1))
    --roles.mBegin;
  return roles;
}

Operation *contractionOf(const Group &group) {
  Operation *found = nullptr;
  for (Operation *op : group.ops)
    if (isa<ContractionOp>(op)) {
      if (found)
        return nullptr;
      found = op;
    }
  return found;
}

// k loops that operand 0 walks at one stride are one loop to it; each is a loop of its own here (addresses are linear anyway).
class ContractionEmission {
public:
  ContractionEmission(const Group &group, Operation *op, Space &space, KernelFunction &function)
      : group(group), op(op), indexed(cast<IndexedOp>(op)), space(space), f(function), e(function.emitter), w(function.walker) {
    roles = rolesOf(group, op);
    sizes = sizesOf(op->getResult(0));
    reduced = indexed.reducedSizes();
    compute = computeType(getElementTypeOrSelf(op->getResult(0).getType()));
    // 24 accumulators of 32 registers with 512 bits, 12 of 16 with 256. Few columns make narrow, tall tiles: what is not there is
    // neither packed nor multiplied.
    int64_t accumulators = e.lanes == 16 ? 24 : 12;
    vectorsPerTile = e.lanes == 16 ? 4 : 2;
    if (compute.isF64()) { // a vector of them is two registers
      vectorsPerTile /= 2;
      accumulators /= 2;
    }
    if (std::optional<int64_t> known = n().constant())
      vectorsPerTile = std::clamp<int64_t>((*known + e.lanes - 1) / e.lanes, 1, vectorsPerTile);
    rowsPerTile = std::min<int64_t>(accumulators / vectorsPerTile, 12);
    columns = vectorsPerTile * e.lanes;
  }

  SizeExpr batch() const { return productOf(ArrayRef(sizes).take_front(roles.mBegin)); }
  SizeExpr m() const { return productOf(ArrayRef(sizes).slice(roles.mBegin, roles.nBegin - roles.mBegin)); }
  SizeExpr n() const { return productOf(ArrayRef(sizes).drop_front(roles.nBegin)); }
  SizeExpr k() const { return productOf(reduced); }
  int64_t panelColumns() const { return columns; }
  int64_t tileRows() const { return rowsPerTile; }

  // Panels are counted in units of 64 columns, so that ranges do not depend on the vector width.
  void emit() {
    bLoop = space.loop(space.size(batch()));
    mLoop = space.loop(space.size(m()));
    nLoop = space.loop(space.size(n()));
    for (const SizeExpr &size : reduced)
      kLoops.push_back(space.loop(space.size(size)));
    point = delinearize(space, bLoop, ArrayRef(sizes).take_front(roles.mBegin));
    llvm::append_range(point, delinearize(space, mLoop, ArrayRef(sizes).slice(roles.mBegin, roles.nBegin - roles.mBegin)));
    llvm::append_range(point, delinearize(space, nLoop, ArrayRef(sizes).drop_front(roles.nBegin)));
    loops = point;
    llvm::append_range(loops, kLoops);

    nSize = w.scalarIndex(space.size(n()));
    mSize = w.scalarIndex(space.size(m()));
    kSize = w.scalarIndex(space.size(k()));
    Value batchSize = w.scalarIndex(space.size(batch()));
    // [begin, end) counts columns over all batches: each batch of n columns, cut into panels.
    e.loop(e.constant(0), batchSize, 1, [&](Value b) {
      Value first = e.mul(b, nSize);
      Value low = clampTo(e.sub(f.begin, first)), high = clampTo(e.sub(f.end, first));
      // A panel belongs to the range that holds its first column.
      Value start = roundUp(low), stop = roundUp(high);
      stop = arith::SelectOp::create(e.builder, e.loc, e.less(high, nSize), stop, nSize);
      w.bind(bLoop, b);
      e.loop(start, stop, columns, [&](Value column) { emitPanel(column); });
    });
  }

private:
  Value clampTo(Value value) {
    Value zero = e.constant(0);
    value = arith::MaxSIOp::create(e.builder, e.loc, value, zero);
    return e.minimum(value, nSize);
  }
  Value roundUp(Value value) {
    Value step = e.constant(columns);
    return e.mul(arith::DivUIOp::create(e.builder, e.loc, e.add(value, e.constant(columns - 1)), step), step);
  }

  void nest(size_t depth, function_ref<void()> body) {
    if (depth == kLoops.size())
      return body();
    e.loop(e.constant(0), w.scalarIndex(space.size(reduced[depth])), 1, [&](Value i) {
      w.bind(kLoops[depth], i);
      nest(depth + 1, body);
    });
  }

  Value flatK() {
    Expr flat;
    for (auto [loop, size] : llvm::zip_equal(kLoops, reduced))
      flat = flat * space.size(size) + loop;
    return w.scalarIndex(flat);
  }

  void emitPanel(Value column) {
    packPanel(column);
    Value step = e.constant(rowsPerTile);
    Value whole = e.mul(arith::DivUIOp::create(e.builder, e.loc, mSize, step), step);
    e.loop(e.constant(0), whole, rowsPerTile, [&](Value row) { emitTile(row, column, rowsPerTile); });
    std::optional<int64_t> known = m().constant();
    if (known && *known % rowsPerTile != 0)
      emitTile(whole, column, *known % rowsPerTile);
    else if (!known)
      e.loop(whole, mSize, 1, [&](Value row) { emitTile(row, column, 1); });
  }

  // scratch: the panel, k x columns, then the tile.
  void packPanel(Value column) {
    Value width = e.sub(nSize, column);
    auto pack = [&](bool masked) {
      nest(0, [&] {
        Value base = e.mul(flatK(), e.constant(columns));
        for (int64_t v = 0; v < vectorsPerTile; ++v) {
          Value start = e.add(column, e.constant(v * e.lanes)), active;
          if (masked)
            active = lanesBelow(start);
          w.beginLanes(nLoop, start, active);
          Value value = e.broadcast(w.operandAt(op, 1, loops));
          w.endLanes();
          e.storeVector(value, f.scratch, compute, e.add(base, e.constant(v * e.lanes)));
        }
      });
    };
    Value isWhole = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::sge, width, e.constant(columns));
    std::optional<int64_t> known = n().constant();
    if (!known || *known >= columns)
      e.branch(isWhole, [&] { pack(false); });
    if (!known || *known % columns != 0)
      e.branch(e.less(width, e.constant(columns)), [&] { pack(true); });
  }

  Value lanesBelow(Value start) {
    Value numbers = e.add(e.broadcast(start), e.laneNumbers());
    return arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::slt, numbers, e.broadcast(nSize));
  }

  SmallVector<Value> accumulate(size_t depth, Value row, int64_t rows, SmallVector<Value> state) {
    if (depth == kLoops.size())
      return multiply(row, rows, std::move(state));
    return e.loop(e.constant(0), w.scalarIndex(space.size(reduced[depth])), 1, state, [&](Value i, ValueRange carried) {
      w.bind(kLoops[depth], i);
      return accumulate(depth + 1, row, rows, SmallVector<Value>(carried));
    });
  }

  SmallVector<Value> multiply(Value row, int64_t rows, SmallVector<Value> state) {
    Value base = e.mul(flatK(), e.constant(columns));
    SmallVector<Value> panel;
    for (int64_t v = 0; v < vectorsPerTile; ++v)
      panel.push_back(e.loadVector(f.scratch, compute, e.add(base, e.constant(v * e.lanes))));
    for (int64_t r = 0; r < rows; ++r) {
      w.bind(mLoop, e.add(row, e.constant(r)));
      Value left = e.broadcast(w.operandAt(op, 0, loops));
      for (int64_t v = 0; v < vectorsPerTile; ++v) {
        Value &sum = state[r * vectorsPerTile + v];
        sum = math::FmaOp::create(e.builder, e.loc, left, panel[v], sum);
      }
    }
    return state;
  }

  void emitTile(Value row, Value column, int64_t rows) {
    Type vector = e.vectorOf(compute);
    Value zero = arith::ConstantOp::create(e.builder, e.loc, cast<TypedAttr>(e.builder.getZeroAttr(vector)));
    SmallVector<Value> state = accumulate(0, row, rows, SmallVector<Value>(rows * vectorsPerTile, zero));
    Value tile = e.mul(kSize, e.constant(columns));
    for (int64_t i = 0; i < rows * vectorsPerTile; ++i)
      e.storeVector(state[i], f.scratch, compute, e.add(tile, e.constant(i * e.lanes)));
    // The epilogue is one loop over the finished tile, not a copy for each of its vectors.
    e.loop(e.constant(0), e.constant(rows), 1, [&](Value r) {
      w.bind(mLoop, e.add(row, r));
      Value line = e.add(tile, e.mul(r, e.constant(columns)));
      e.loop(e.constant(0), e.constant(columns), e.lanes, [&](Value offset) {
        Value start = e.add(column, offset);
        Value remaining = e.sub(nSize, start);
        Value isWhole = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::sge, remaining, e.constant(e.lanes));
        std::optional<int64_t> known = n().constant();
        if (!known || *known >= static_cast<int64_t>(e.lanes))
          e.branch(isWhole, [&] { finishVector(start, e.add(line, offset), {}); });
        if (!known || *known % e.lanes != 0) {
          Value isPart =
              arith::AndIOp::create(e.builder, e.loc, e.less(remaining, e.constant(e.lanes)), e.less(e.constant(0), remaining));
          e.branch(isPart, [&] { finishVector(start, e.add(line, offset), lanesBelow(start)); });
        }
      });
    });
  }

  void finishVector(Value start, Value place, Value active) {
    Value sum = e.loadVector(f.scratch, compute, place);
    sum = e.roundTo(sum, getElementTypeOrSelf(op->getResult(0).getType()));
    w.beginLanes(nLoop, start, active);
    w.preset(op->getResult(0), point, sum);
    SmallVector<Value> emitted = w.atAll(group.outputs, point);
    for (unsigned number = 0; number < group.outputs.size(); ++number)
      w.store(emitted[number], f.outputBuffer(number), cast<RankedTensorType>(group.outputs[number].getType()), point);
    w.clearPresets();
    w.endLanes();
  }

  const Group &group;
  Operation *op;
  IndexedOp indexed;
  Space &space;
  KernelFunction &f;
  Emitter &e;
  Walker &w;
  Roles roles;
  SmallVector<SizeExpr> sizes, reduced;
  Type compute;
  int64_t rowsPerTile, vectorsPerTile, columns;
  Expr bLoop, mLoop, nLoop;
  SmallVector<Expr> kLoops, point, loops;
  Value nSize, mSize, kSize;
};

} // namespace

std::string Contraction::refuse(const Group &group) const {
  Operation *op = contractionOf(group);
  if (!op)
    return "it holds no contraction, or more than one";
  for (Operation *other : group.ops)
    if (isa<ReductionOp, OpaqueOp>(other) || (!isa<IndexedOp>(other) && !other->hasTrait<OpTrait::ConstantLike>()))
      return "it holds an op of another family";
  SmallVector<SizeExpr> sizes = sizesOf(op->getResult(0));
  for (Value output : group.outputs) {
    if (sizesOf(output) != sizes)
      return "an output has another shape than the contraction";
    Space space;
    SmallVector<Expr> loops;
    for (const SizeExpr &size : sizes)
      loops.push_back(space.loop(space.size(size)));
    Trace found;
    trace(group, space, output, loops, {}, found);
    if (found.heroes.empty() || llvm::any_of(found.heroes, [&](const auto &hero) { return hero.second != loops; }))
      return "an output reads the contraction at another place than its own";
  }
  // Prologue ops would be computed again for every panel or row: only views are.
  Space space;
  SmallVector<Expr> loops;
  for (const SizeExpr &size : sizes)
    loops.push_back(space.loop(space.size(size)));
  for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes())
    loops.push_back(space.loop(space.size(size)));
  for (unsigned operand = 0; operand < 2; ++operand) {
    Access access = cast<IndexedOp>(op).access(operand, loops, space);
    Trace found;
    trace(group, space, op->getOperand(operand), access.indices, access.inside, found);
    if (!found.heroes.empty())
      return "the contraction reads a reduction";
    if (found.elements > (operand == 0 ? 0u : 4u))
      return "what is read into the contraction would be computed again and again";
  }
  return "";
}

double panelElements(const Group &group) {
  Operation *op = contractionOf(group);
  if (!op)
    return 0;
  Roles roles = rolesOf(group, op);
  SmallVector<SizeExpr> sizes = sizesOf(op->getResult(0));
  sizes.erase(sizes.begin() + roles.mBegin, sizes.begin() + roles.nBegin);
  llvm::append_range(sizes, cast<IndexedOp>(op).reducedSizes());
  double count = 1;
  for (const SizeExpr &size : sizes)
    count *= size.constant().value_or(64);
  return count;
}

KernelCode Contraction::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  Operation *op = contractionOf(group);
  Space space;
  KernelFunction function(group, module, symbol, space, lanes);
  ContractionEmission emission(group, op, space, function);
  emission.emit();
  function.finish();
  KernelCode code;
  code.symbol = symbol.str();
  code.extent = emission.batch() * emission.n();
  code.grain = 1;
  double flops = 2.0 * emission.m().constant().value_or(64) * emission.k().constant().value_or(64);
  code.nanosecondsPerUnit = flops / 60;
  int64_t width = computeType(getElementTypeOrSelf(op->getResult(0).getType())).getIntOrFloatBitWidth() / 8;
  code.scratchBytes = (emission.k() + SizeExpr(emission.tileRows())) * SizeExpr(emission.panelColumns() * width);
  code.canFault = loadsIndices(group);
  return code;
}

} // namespace ember::cpu
