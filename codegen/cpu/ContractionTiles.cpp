// Tiles of a contraction: packing of their rows, the microkernel's calls, and what follows on finished sums.
#include "codegen/cpu/ContractionEmission.h"

#include "codegen/cpu/AbsentTerms.h"
#include "codegen/cpu/Microkernel.h"
#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

static std::optional<int64_t> known(const Expr &step) {
  return step.isConstant() ? std::optional(step.constant()) : std::nullopt;
}

void ContractionEmission::bindDepthStart() {
  for (auto [number, dim] : llvm::enumerate(depth.walked()))
    w.bind(dim.loop, number == 0 ? depthFirst : e.constant(0));
}

void ContractionEmission::emitTiles() {
  stage(shape.left);
  e.loop(blockRow, blockRowEnd, tiling.rows * leftTiles, [&](Value first) {
    Value end = e.minimum(e.add(first, e.constant(tiling.rows * leftTiles)), blockRowEnd);
    if (!isEmpty && packsLeft) {
      Packer packer(e, w, shape, shape.left, sources[shape.left]);
      packer.packTiles(depthWalk(), depthLength, rowWalk(), first, end, scratch(leftAt), tiling.rows, leftPitch);
    }
    e.loop(first, end, tiling.rows, [&](Value row) {
      Value left = leftTile(row, first);
      forPanels([&](Value number, Value column, Value width, Value isWide) {
        emitTile(left, row, panelAtNumber(number), column, width, isWide);
      });
    });
  });
}

// Of the tiles that were packed from row `first` on, or where it lies.
Value ContractionEmission::leftTile(Value row, Value first) {
  if (!packsLeft)
    return inPlace(shape.left, rowWalk(), row);
  Value number = e.div(e.sub(row, first), e.constant(tiling.rows));
  return at(leftAt, e.mul(number, e.constant(leftPitch)));
}

// A panel that stays in L1 while all tiles pass by.
void ContractionEmission::emitPanelByPanel() {
  forPanels([&](Value, Value column, Value width, Value isWide) {
    Value panel = scratch(panelAt);
    packPanel(depthWalk(), depthLength, column, width, panel);
    e.loop(blockRow, blockRowEnd, tiling.rows,
           [&](Value row) { emitTile(inPlace(shape.left, rowWalk(), row), row, panel, column, width, isWide); });
  });
}

void ContractionEmission::emitTile(Value left, Value row, Value panel, Value column, Value width, Value isWide) {
  Value count = e.minimum(e.constant(tiling.rows), e.sub(blockRowEnd, row));
  Value corner = e.constant(0); // where the tile stands in the scratch
  if (tiling.keepsSums)
    corner = e.add(e.mul(e.sub(row, blockRow), e.constant(tileStride)), e.sub(column, blockColumn));
  auto multiplyBy = [&](int64_t vectors) { multiply(vectors, left, row, panel, column, width, corner); };
  if (isMixed()) {
    e.branch(isWide, [&] { multiplyBy(tiling.panelVectors); });
    e.branch(negated(isWide), [&] { multiplyBy(tiling.panelVectors - 1); });
  } else {
    multiplyBy(tiling.usesWide ? tiling.panelVectors : tiling.panelVectors - 1);
  }
  if (shape.isSwapped() || isDirect)
    return;
  auto finish = [&] { finishTile(row, count, column, corner, width); };
  if (tiling.isOneBlock)
    finish();
  else
    e.branch(lastBlock, finish);
}

// Where an operand's element at a position of its side and the first of depth lies.
Value ContractionEmission::inPlace(unsigned operand, const Walk &walk, Value position) {
  bindDepthStart();
  Packer packer(e, w, shape, operand, sources[operand]);
  packer.bind(walk, position);
  return e.elementPointer(sources[operand].pointer, compute, w.scalarIndex(sources[operand].address));
}

void ContractionEmission::multiply(int64_t vectors, Value left, Value row, Value panel, Value column, Value width, Value corner) {
  Value none = e.constant(0);
  int64_t sumsStep = isDirect ? *tiling.n : tileStride;
  bool asksAhead = tiling.widest() * panelDepth > kSmallPanel,
       storesMasked = isDirect && tiling.spares == 0 && (tiling.overreaches || *tiling.n % e.lanes != 0);
  if (tiling.spares > 0)
    --vectors;
  Microkernel kernel{.compute = compute,
                     .rows = tiling.rows,
                     .vectors = vectors,
                     .sumsStep = sumsStep,
                     .leftStep = packsLeft ? std::nullopt : rowStep,
                     .rightStep = tiling.widest(),
                     .mayContinue = !tiling.isOneBlock,
                     .asksAhead = asksAhead,
                     .isMasked = false,
                     .storesMasked = storesMasked,
                     .spares = tiling.spares,
                     .nextStep = tiling.spares > 0 ? rowStep.value_or(0) : 0};
  Microkernel::Arguments arguments{.left = left,
                                   .right = panel,
                                   .rightStep = none,
                                   .sums = isDirect ? resultAt(row, column) : at(tileAt, corner),
                                   .depth = isEmpty ? none : depthLength,
                                   .continues = goesOn(),
                                   .columnCount = width,
                                   .next = left};
  if (kernel.nextStep > 0) {
    Value nextRow = e.minimum(e.add(row, e.constant(tiling.rows)), e.sub(rowCount, e.constant(1)));
    arguments.next = inPlace(shape.left, rowWalk(), nextRow);
  }
  if (!packsRight) {
    kernel.rightStep = known(rightStep);
    kernel.asksAhead = false;
    arguments.rightStep = w.scalarIndex(rightStep);
    arguments.right = inPlace(shape.right, columnWalk(), column);
    kernel.isMasked = !stages[shape.right] && tiling.spares == 0 && (tiling.overreaches || *tiling.n % tiling.blockColumns != 0);
  }
  kernel.call(e, f.module, f.symbol, arguments);
}

Value ContractionEmission::resultAt(Value row, Value column) {
  Packer packer(e, w, shape, shape.left, sources[shape.left]);
  packer.bind(rowWalk(), row);
  packer.bind(columnWalk(), column);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  return e.elementPointer(f.outputBuffer(0), compute, w.scalarIndex(addressOf(space, type, shape.point())));
}

Value ContractionEmission::negated(Value flag) {
  Value isTrue = arith::ConstantOp::create(e.builder, e.loc, e.builder.getBoolAttr(true));
  return arith::XOrIOp::create(e.builder, e.loc, flag, isTrue);
}

Value ContractionEmission::goesOn() {
  if (!tiling.isOneBlock)
    return negated(firstBlock);
  return arith::ConstantOp::create(e.builder, e.loc, e.builder.getBoolAttr(true));
}

// ---- the epilogue: one loop over finished sums, not a copy for each of their vectors

// Stores `length` results (or fewer, masked, at the columns' end) along the result's last dimensions.
void ContractionEmission::finishVector(const Dim &lane, Value start, Value sum, Value active) {
  sum = e.roundTo(sum, getElementTypeOrSelf(op->getResult(0).getType()));
  w.beginLanes(lane.loop, start, active);
  w.preset(op->getResult(0), finishPoint, sum);
  SmallVector<Value> emitted = w.atAll(group.outputs, finishPoint);
  for (unsigned number = 0; number < group.outputs.size(); ++number)
    w.store(emitted[number], f.outputBuffer(number), cast<RankedTensorType>(group.outputs[number].getType()), finishPoint);
  w.clearPresets();
  w.endLanes();
}

ContractionEmission::Lanes ContractionEmission::lanesOfResult() {
  ArrayRef<Dim> own = shape.isSwapped() ? shape.rows : shape.columns;
  finishPoint.assign(shape.point().begin(), shape.point().end());
  bool isWhole = own.size() < 2 || llvm::all_of(own, [&](const Dim &dim) { return llvm::is_contained(finishPoint, dim.loop); });
  if (!isWhole)
    return {own.back(), own.drop_back()};
  SmallVector<SizeExpr> sizes;
  for (const Dim &dim : own)
    sizes.push_back(dim.size);
  if (own.empty())
    return {{space.loop(1), SizeExpr(1)}, {}};
  Dim flat{space.loop(space.size(sizeOf(own))), sizeOf(own)};
  if (own.size() == 1)
    flat = own[0];
  else
    for (auto [dim, index] : llvm::zip_equal(own, delinearize(space, flat.loop, sizes)))
      std::replace(finishPoint.begin(), finishPoint.end(), dim.loop, index);
  return {flat, {}};
}

// body(start on the lane dimension, position counted from `begin`, lanes or null) for vectors that cover [begin, end).
void ContractionEmission::forVectors(const Lanes &own, Value begin, Value end, function_ref<void(Value, Value, Value)> body) {
  auto vectors = [&](Value low, Value high, Value shift) {
    Value step = e.constant(e.lanes), whole = e.add(low, e.mul(e.div(e.sub(high, low), step), step));
    e.loop(low, whole, e.lanes, [&](Value at) { body(e.sub(at, shift), e.sub(at, begin), {}); });
    e.branch(e.less(whole, high), [&] { body(e.sub(whole, shift), e.sub(whole, begin), e.firstLanes(e.sub(high, whole))); });
  };
  if (own.outer.empty())
    return vectors(begin, end, e.constant(0));
  Value size = w.scalarIndex(space.size(own.lane.size));
  Value first = e.div(begin, size), last = e.div(e.add(end, e.sub(size, e.constant(1))), size);
  Packer packer(e, w, shape, shape.right, sources[shape.right]);
  e.loop(first, last, 1, [&](Value run) {
    packer.bind({own.outer, {}}, run);
    Value start = e.mul(run, size);
    vectors(e.maximum(begin, start), e.minimum(end, e.add(start, size)), start);
  });
}

void ContractionEmission::leaveOutAbsent(Value row, Value count, Value column, Value width, Value corner) {
  AbsentTerms(e, w, shape)
      .leaveOut({scratch(tileAt), compute, corner, tileStride, row, count, column, width, rowWalk(), columnWalk()});
}

void ContractionEmission::finishTile(Value row, Value count, Value column, Value corner, Value width) {
  leaveOutAbsent(row, count, column, width, corner);
  Lanes own = lanesOfResult();
  Packer packer(e, w, shape, shape.left, sources[shape.left]);
  Value end = e.add(column, width), tile = scratch(tileAt);
  e.loop(e.constant(0), count, 1, [&](Value r) {
    packer.bind(rowWalk(), e.add(row, r));
    Value line = e.add(corner, e.mul(r, e.constant(tileStride)));
    forVectors(own, column, end, [&](Value start, Value position, Value active) {
      finishVector(own.lane, start, e.loadVector(tile, compute, e.add(line, position), active), active);
    });
  });
}

// The result lies across the block of sums: lanes gather down its rows.
void ContractionEmission::finishAcross() {
  leaveOutAbsent(blockRow, e.sub(blockRowEnd, blockRow), blockColumn, e.sub(blockColumnEnd, blockColumn), e.constant(0));
  Lanes own = lanesOfResult();
  Packer packer(e, w, shape, shape.right, sources[shape.right]);
  Value tile = scratch(tileAt);
  Value apart = arith::MulIOp::create(e.builder, e.loc, e.laneNumbers(), e.broadcast(e.constant(tileStride)));
  e.loop(blockColumn, blockColumnEnd, 1, [&](Value column) {
    packer.bind(columnWalk(), column);
    forVectors(own, blockRow, blockRowEnd, [&](Value start, Value position, Value active) {
      Value first = e.add(e.mul(position, e.constant(tileStride)), e.sub(column, blockColumn));
      Value places = e.add(e.broadcast(first), apart);
      finishVector(own.lane, start, e.gather(tile, compute, places, active), active);
    });
  });
}

} // namespace ember::cpu
