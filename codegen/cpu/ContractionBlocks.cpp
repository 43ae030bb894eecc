// Blocks of columns, rows and depth of a contraction, and their panels.
#include "codegen/cpu/ContractionEmission.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

constexpr int64_t kPackedRows = 32; // of a panel, before the next one's: what they are packed from stays in L1

void ContractionEmission::emit(const SizeExpr &whole) {
  Value begin = f.begin, end = f.end;
  if (whole != units()) { // of several shapes, this one has other units
    Value from = w.scalarIndex(space.size(whole)), own = w.scalarIndex(space.size(units()));
    begin = e.div(e.mul(begin, own), from);
    end = e.div(e.mul(end, own), from);
  }
  rowCount = w.scalarIndex(space.size(sizeOf(shape.rows)));
  columnCount = w.scalarIndex(space.size(sizeOf(shape.columns)));
  int64_t unit = tiling.rowUnit();
  Value perBlock = e.div(e.add(rowCount, e.constant(unit - 1)), e.constant(unit));
  Value first = e.div(begin, perBlock), last = e.div(e.add(end, e.sub(perBlock, e.constant(1))), perBlock);
  e.loop(first, last, 1, [&](Value block) {
    Value start = e.mul(block, perBlock), batch = e.div(block, e.constant(tiling.columnBlocks));
    Value low = e.maximum(e.sub(begin, start), e.constant(0)), high = e.minimum(e.sub(end, start), perBlock);
    low = e.mul(low, e.constant(unit));
    high = e.minimum(e.mul(high, e.constant(unit)), rowCount);
    w.bind(shape.batch, batch);
    Value column = e.mul(e.sub(block, e.mul(batch, e.constant(tiling.columnBlocks))), e.constant(tiling.blockColumns));
    Value columnEnd = tiling.n ? e.minimum(e.add(column, e.constant(tiling.blockColumns)), columnCount) : columnCount;
    e.loop(column, columnEnd, tiling.blockColumns,
           [&](Value from) { emitBlock(low, high, from, e.minimum(e.add(from, e.constant(tiling.blockColumns)), columnEnd)); });
  });
}

void ContractionEmission::bindFirst(BlockedSide &side, Value begin, Value end) {
  if (side.dims.empty())
    return;
  Value inner = w.scalarIndex(space.size(sizeOf(side.walked().drop_front())));
  Value first = e.div(begin, inner);
  side.positions = e.sub(e.add(e.div(e.sub(end, e.constant(1)), inner), e.constant(1)), first);
  w.bind(side.first, first);
}

// Where one block holds all of the depth, panels are packed once for all rows.
void ContractionEmission::emitBlock(Value rowBegin, Value rowEnd, Value columnBegin, Value columnEnd) {
  blockColumn = columnBegin;
  blockColumnEnd = columnEnd;
  bindFirst(columns, columnBegin, columnEnd);
  auto forRows = [&](function_ref<void()> body) {
    e.loop(rowBegin, rowEnd, rowBlock, [&](Value row) {
      blockRow = row;
      blockRowEnd = e.minimum(e.add(row, e.constant(rowBlock)), rowEnd);
      bindFirst(rows, blockRow, blockRowEnd);
      body();
      if (shape.isSwapped())
        finishAcross();
    });
  };
  if (tiling.isOneBlock)
    return forDepth([&] {
      if (packsRight && !packsLeft && !isEmpty && tiling.widest() * panelDepth <= kSmallPanel) {
        stage(shape.right);
        return forRows([&] { emitPanelByPanel(); });
      }
      packColumns();
      forRows([&] { emitTiles(); });
    });
  forRows([&] {
    forDepth([&] {
      packColumns();
      emitTiles();
    });
  });
}

void ContractionEmission::forDepth(function_ref<void()> body) {
  if (!isEmpty && !shape.depth.empty())
    return forOuterDepth(0, e.constant(1), e.constant(1), body);
  depthFirst = e.constant(0);
  depthLength = e.constant(isEmpty ? 0 : 1);
  body();
}

// A dynamic depth may be 0 at run time: one empty block then.
Value ContractionEmission::atLeastOne(const SizeExpr &size) {
  Value own = w.scalarIndex(space.size(size));
  return size.isConstant() ? own : e.maximum(own, e.constant(1));
}

// isFirst and isLast tell whether this is the first and the last block of the whole depth.
void ContractionEmission::forOuterDepth(size_t number, Value isFirst, Value isLast, function_ref<void()> body) {
  Value size = w.scalarIndex(space.size(shape.depth[number].size));
  auto equal = [&](Value a, Value b) {
    Value same = arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::eq, a, b);
    return Value(arith::ExtUIOp::create(e.builder, e.loc, e.builder.getI64Type(), same));
  };
  auto both = [&](Value a, Value b) { return Value(arith::AndIOp::create(e.builder, e.loc, a, b)); };
  Value turns = atLeastOne(shape.depth[number].size);
  if (number < tiling.depthSplit) {
    e.loop(e.constant(0), turns, 1, [&](Value i) {
      w.bind(shape.depth[number].loop, i);
      Value isLastTurn = equal(i, e.sub(turns, e.constant(1)));
      forOuterDepth(number + 1, both(isFirst, equal(i, e.constant(0))), both(isLast, isLastTurn), body);
    });
    return;
  }
  e.loop(e.constant(0), turns, tiling.depthCount, [&](Value i) {
    Value count = e.minimum(e.constant(tiling.depthCount), e.sub(size, i)), next = e.add(i, count);
    SizeExpr outer = sizeOf(ArrayRef(shape.depth).take_front(number));
    if (!outer.isConstant())
      count = e.mul(count, e.minimum(w.scalarIndex(space.size(outer)), e.constant(1)));
    w.bind(depth.first, i);
    depth.positions = count;
    depthFirst = i;
    depthLength = e.mul(count, e.constant(tiling.depthInner));
    auto truth = [&](Value flag) {
      return Value(arith::CmpIOp::create(e.builder, e.loc, arith::CmpIPredicate::ne, flag, e.constant(0)));
    };
    firstBlock = truth(both(isFirst, equal(i, e.constant(0))));
    lastBlock = truth(both(isLast, equal(next, size)));
    body();
  });
}

void ContractionEmission::stage(unsigned operand) {
  if (stages[operand])
    stages[operand]->emit(e, w, scratch(stageAt[operand]));
}

// body(number, first column, columns, whether it is a wide one)
void ContractionEmission::forPanels(function_ref<void(Value, Value, Value, Value)> body) {
  int64_t most = tiling.panelVectors;
  Value vectors = e.div(e.add(e.sub(blockColumnEnd, blockColumn), e.constant(e.lanes - 1)), e.constant(e.lanes));
  Value panels = e.div(e.add(vectors, e.constant(most - 1)), e.constant(most));
  Value wide = e.maximum(e.sub(vectors, e.mul(panels, e.constant(most - 1))), e.constant(0));
  e.loop(e.constant(0), panels, 1, [&](Value number) {
    Value isWide = e.less(number, wide), width = widthOf(tiling.usesWide ? most : most - 1), column = e.mul(number, width);
    if (isMixed()) {
      column = e.sub(column, e.mul(e.maximum(e.sub(number, wide), e.constant(0)), e.constant(e.lanes)));
      width = arith::SelectOp::create(e.builder, e.loc, isWide, width, widthOf(most - 1));
    }
    column = e.add(blockColumn, column);
    body(number, column, e.minimum(width, e.sub(blockColumnEnd, column)), isWide);
  });
}

void ContractionEmission::packColumns() {
  stage(shape.right);
  if (isEmpty || !packsRight)
    return;
  Walk all = depthWalk();
  Packer packer(e, w, shape, shape.right, sources[shape.right]);
  if (all.dims.empty() || !packer.copies(all, columnWalk()))
    return forPanels([&](Value number, Value column, Value width, Value) {
      packPanel(all, depthLength, column, width, panelAtNumber(number));
    });
  int64_t step = std::max<int64_t>(1, kPackedRows / tiling.depthInner);
  e.loop(e.constant(0), depth.positions, step, [&](Value position) {
    Walk part{all.dims, e.add(depthFirst, position), all.alignment};
    Value rowsHere = e.mul(e.minimum(e.constant(step), e.sub(depth.positions, position)), e.constant(tiling.depthInner));
    forPanels([&](Value number, Value column, Value width, Value) {
      Value row = e.mul(position, e.constant(tiling.depthInner * tiling.widest()));
      packPanel(part, rowsHere, column, width, e.elementPointer(panelAtNumber(number), compute, row));
    });
  });
}

void ContractionEmission::packPanel(const Walk &depthPart, Value length, Value column, Value width, Value to) {
  Packer packer(e, w, shape, shape.right, sources[shape.right]);
  packer.pack(depthPart, length, columnWalk(), column, width, to, tiling.widest());
}

} // namespace ember::cpu
