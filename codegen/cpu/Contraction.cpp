// The contraction generator.
//
// result(row, column) = sum over depth: a block of the right operand is packed in panels of columns that stay in L2, and tiles of
// rows pass by, one after the other: a tile of the left operand stays in L1, where it lies or packed. The microkernel holds rows
// x vectors accumulators: one fma chain per output in rising depth, whatever the vector width. Where depth is cut into blocks,
// sums wait in the scratch between them. Finished tiles pass through the scratch to the epilogue.
#include "codegen/cpu/Contraction.h"

#include "codegen/cpu/AbsentTerms.h"
#include "codegen/cpu/ContractionTiling.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/Microkernel.h"
#include "codegen/cpu/Staging.h"
#include "ir/EmberDialect.h"
#include <numeric>

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

namespace {

constexpr int64_t kFewRows = 16;      // so few rows do not pay for packing a right operand that can be read where it lies
constexpr int64_t kRowGrain = 24;     // rows a thread takes at least where their number is not known: whole tiles of any height
constexpr int64_t kPackedRows = 32;   // of a panel, before the next one's: what they are packed from stays in L1
constexpr int64_t kSmallPanel = 8192; // elements that stay in L1
constexpr int64_t kLeftTiles = 4;     // that are packed at a time where their rows are runs of memory
constexpr int64_t kMostStaged = 1 << 21; // elements of a staged operand

int64_t roundedUp(int64_t count, int64_t to) { return (count + to - 1) / to * to; }

SmallVector<SizeExpr> sizesOf(Value value) { return dimSizes(cast<RankedTensorType>(value.getType())); }

SizeExpr elementsOf(Value value) {
  SizeExpr count(1);
  for (const SizeExpr &size : sizesOf(value))
    count = count * size;
  return count;
}

class ContractionEmission {
public:
  ContractionEmission(const Group &group, const ContractionShape &shape, Space &space, KernelFunction &function)
      : group(group), shape(shape), op(shape.op), space(space), f(function), e(function.emitter), w(function.walker),
        compute(computeType(getElementTypeOrSelf(op->getResult(0).getType()))),
        tiling(shape, compute, e.lanes, /*packsLeft=*/false) {
    plan();
  }

  // Units of work a batch: (block of columns, rows), a tile of rows each where their number is known.
  SizeExpr units() const {
    int64_t unit = tiling.rowUnit();
    return SizeExpr(tiling.columnBlocks) * (tiling.m ? SizeExpr((*tiling.m + unit - 1) / unit) : sizeOf(shape.rows));
  }
  int64_t grain() const { return tiling.m ? 1 : kRowGrain; }
  double nanoseconds() const {
    double columns = tiling.n ? std::min<int64_t>(*tiling.n, tiling.blockColumns) : kMostColumns;
    double height = tiling.m ? std::min<int64_t>(*tiling.m, tiling.rows) : 1;
    return height * columns * sizeOf(shape.depth).constant().value_or(kMostDepth) / 80;
  }
  int64_t scratchElements() const { return tileAt + tileElements; }

  /// Does the share of [begin, end) of all batches' units; the function's own range counts `whole` units a batch.
  void emit(const SizeExpr &whole) {
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

private:
  // ---- what is read in place, staged and packed, and where it lies in the scratch

  // Positions of the first dimension that a block of `positions` touches; `starts`: blocks begin at multiples of it.
  static int64_t splitCount(ArrayRef<Dim> dims, int64_t positions, int64_t starts) {
    if (dims.empty())
      return 1;
    std::optional<int64_t> inner = sizeOf(dims.drop_front()).constant(), own = dims[0].size.constant();
    int64_t each = std::max<int64_t>(1, inner.value_or(1)),
            within = each - std::gcd(each, starts); // where a block may begin in one
    int64_t count = (within + positions - 1) / each + 1;
    return own ? std::min(*own, count) : count;
  }

  void plan() {
    isEmpty = sizeOf(shape.depth) == SizeExpr(0);
    auto variable = [&](ArrayRef<Dim> dims, size_t split) {
      return dims.empty() ? Expr(0) : space.loop(space.size(dims[split].size));
    };
    depth = {shape.depth, tiling.depthSplit, tiling.depthCount, variable(shape.depth, tiling.depthSplit)};
    rowBlock = tiling.rowsOfBlock(kMostPacked, tiling.mostDepth());
    if (tiling.keepsSums)
      rowBlock = std::min(rowBlock, tiling.rowsOfBlock(kMostSums, tiling.blockColumns));
    rows = {shape.rows, 0, splitCount(shape.rows, rowBlock, tiling.rowUnit()), variable(shape.rows, 0)};
    columns = {shape.columns, 0, splitCount(shape.columns, tiling.blockColumns, tiling.blockColumns), variable(shape.columns, 0)};
    stageElements = 0;
    for (unsigned operand = 0; operand < 2 && !isEmpty; ++operand)
      planOperand(operand);
    Packer right(e, w, shape, shape.right, sources[shape.right]);
    bool isNarrow = tiling.m && *tiling.m <= kFewRows;
    std::optional<Expr> fromDepth = right.commonStep(depth.walked());
    // A copy without taps has its columns side by side already: its rows serve where each begins at a vector.
    bool isCopied = stages[shape.right] && fromDepth && fromDepth->isConstant() && fromDepth->constant() % e.lanes == 0;
    packsRight = !((isCopied || (isNarrow && readsPlainly(shape.right))) && !shape.columns.empty() &&
                   right.adjacentDims(columns.dims) == columns.dims.size() && fromDepth);
    rightStep = fromDepth.value_or(Expr(0));
    Packer left(e, w, shape, shape.left, sources[shape.left]);
    std::optional<Expr> fromRow = left.commonStep(shape.rows);
    bool liesInRows = readsPlainly(shape.left) && fromRow && fromRow->isConstant() &&
                      left.adjacentDims(depth.walked()) == depth.walked().size();
    packsLeft = !(tiling.hasWholeTiles() && tiling.spares == 0 && liesInRows);
    rowStep = liesInRows ? std::optional(fromRow->constant()) : std::nullopt;
    if (packsLeft && !isTiledForPacking) {
      isTiledForPacking = true;
      tiling = Tiling(shape, compute, e.lanes, packsLeft);
      return plan();
    }
    isDirect = storesDirectly();
    panelDepth = roundedUp(tiling.mostDepth(), e.lanes);
    panelAt = stageElements;
    leftAt = panelAt + (packsRight ? (tiling.mostPanels() * panelDepth + 1) * tiling.widest() : 0);
    leftTiles = left.copiesRuns(depthWalk(), rowWalk()) ? kLeftTiles : 1;
    leftPitch = roundedUp(tiling.rows * panelDepth + e.lanes * (tiling.rows + 1), 16);
    tileAt = leftAt + (packsLeft ? leftTiles * leftPitch : 0);
    tileStride = tiling.keepsSums ? tiling.mostPanels() * tiling.widest() + e.lanes : tiling.widest(); // no power of two
    tileElements = (tiling.keepsSums ? rowBlock : tiling.rows) * tileStride + e.lanes;
  }

  // Whole tiles of finished sums that are the kernel's result as they are. One of several shapes writes between the others'.
  bool storesDirectly() const {
    auto isPlain = [&](const Dim &dim) { return llvm::is_contained(shape.point(), dim.loop); };
    bool isWhole = shape.batchSize * sizeOf(shape.rows) * sizeOf(shape.columns) == elementsOf(op->getResult(0));
    return isWhole && !AbsentTerms(e, w, shape).arePossible() && tiling.isOneBlock && tiling.hasWholeTiles() &&
           !shape.isSwapped() && group.outputs.size() == 1 && group.outputs[0] == op->getResult(0) &&
           getElementTypeOrSelf(group.outputs[0].getType()) == compute && llvm::all_of(shape.rows, isPlain) &&
           llvm::all_of(shape.columns, isPlain);
  }

  bool readsPlainly(unsigned operand) const {
    return sources[operand].pointer && !stages[operand] && sources[operand].element == compute;
  }

  void planOperand(unsigned operand) {
    stages[operand].reset();
    Access access = cast<IndexedOp>(op).access(operand, shape.loops, space);
    SmallVector<Cond> guards;
    addGuards(space, access.inside, guards);
    Trace found;
    trace(group, space, op->getOperand(operand), access.indices, guards, found);
    bool isPlain = found.reads.size() == 1 && found.reads[0].guards.empty() && found.elements == 0 && found.heroes.empty();
    if (isPlain)
      sources[operand] = {w.buffer(found.reads[0].input), getElementTypeOrSelf(found.reads[0].input.getType()),
                          found.reads[0].address};
    const BlockedSide &side = operand == shape.left ? rows : columns;
    if (isPlain) {
      Packer packer(e, w, shape, operand, sources[operand]);
      if (packer.adjacentDims(side.walked()) > 0 || packer.adjacentDims(depth.walked()) > 0 || packer.hasWindow(depthWalk()))
        return;
    }
    stages[operand] = Stage::plan(shape, operand, {&side, &depth}, space, e.lanes, kMostStaged);
    if (!stages[operand])
      return;
    stageAt[operand] = stageElements;
    stageElements += roundedUp(stages[operand]->elements() + std::max<int64_t>(2 * e.lanes, tiling.widest()), 16);
    sources[operand] = stages[operand]->source(scratch(stageAt[operand]));
  }

  Value scratch(int64_t element) { return e.elementPointer(f.scratch, compute, e.constant(element)); }

  // ---- blocks

  void bindFirst(BlockedSide &side, Value begin, Value end) {
    if (side.dims.empty())
      return;
    Value inner = w.scalarIndex(space.size(sizeOf(side.walked().drop_front())));
    Value first = e.div(begin, inner);
    side.positions = e.sub(e.add(e.div(e.sub(end, e.constant(1)), inner), e.constant(1)), first);
    w.bind(side.first, first);
  }

  // Where one block holds all of the depth, panels are packed once for all rows.
  void emitBlock(Value rowBegin, Value rowEnd, Value columnBegin, Value columnEnd) {
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

  void forDepth(function_ref<void()> body) {
    if (!isEmpty && !shape.depth.empty())
      return forOuterDepth(0, e.constant(1), e.constant(1), body);
    depthFirst = e.constant(0);
    depthLength = e.constant(isEmpty ? 0 : 1);
    body();
  }

  // A dynamic depth may be 0 at run time: one empty block then.
  Value atLeastOne(const SizeExpr &size) {
    Value own = w.scalarIndex(space.size(size));
    return size.isConstant() ? own : e.maximum(own, e.constant(1));
  }

  // isFirst and isLast tell whether this is the first and the last block of the whole depth.
  void forOuterDepth(size_t number, Value isFirst, Value isLast, function_ref<void()> body) {
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

  Walk depthWalk() const { return {depth.walked(), depthFirst, static_cast<int64_t>(e.lanes)}; }
  Walk rowWalk() const { return {rows.dims, {}, tiling.m ? std::gcd<int64_t>(tiling.rows, e.lanes) : 1}; }
  Walk columnWalk() const { return {columns.dims, {}, static_cast<int64_t>(e.lanes)}; }

  void stage(unsigned operand) {
    if (stages[operand])
      stages[operand]->emit(e, w, scratch(stageAt[operand]));
  }

  // ---- panels, numbered from a block's first column on, wide ones first

  bool isMixed() const { return tiling.usesWide && tiling.usesNarrow; }
  Value widthOf(int64_t vectors) { return e.constant(vectors * e.lanes); }
  Value either(Value condition, Value a, Value b) { return arith::SelectOp::create(e.builder, e.loc, condition, a, b); }
  Value panelAtNumber(Value number) { return at(panelAt, e.mul(number, e.constant(panelDepth * tiling.widest()))); }

  // body(number, first column, columns, whether it is a wide one)
  void forPanels(function_ref<void(Value, Value, Value, Value)> body) {
    int64_t most = tiling.panelVectors;
    Value vectors = e.div(e.add(e.sub(blockColumnEnd, blockColumn), e.constant(e.lanes - 1)), e.constant(e.lanes));
    Value panels = e.div(e.add(vectors, e.constant(most - 1)), e.constant(most));
    Value wide = e.maximum(e.sub(vectors, e.mul(panels, e.constant(most - 1))), e.constant(0));
    e.loop(e.constant(0), panels, 1, [&](Value number) {
      Value isWide = e.less(number, wide), width = widthOf(tiling.usesWide ? most : most - 1), column = e.mul(number, width);
      if (isMixed()) {
        column = e.sub(column, e.mul(e.maximum(e.sub(number, wide), e.constant(0)), e.constant(e.lanes)));
        width = either(isWide, width, widthOf(most - 1));
      }
      column = e.add(blockColumn, column);
      body(number, column, e.minimum(width, e.sub(blockColumnEnd, column)), isWide);
    });
  }

  void packColumns() {
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

  void packPanel(const Walk &depthPart, Value length, Value column, Value width, Value to) {
    Packer packer(e, w, shape, shape.right, sources[shape.right]);
    packer.pack(depthPart, length, columnWalk(), column, width, to, tiling.widest());
  }

  Value at(int64_t begin, Value offset) { return e.elementPointer(scratch(begin), compute, offset); }

  // ---- tiles

  void bindDepthStart() {
    for (auto [number, dim] : llvm::enumerate(depth.walked()))
      w.bind(dim.loop, number == 0 ? depthFirst : e.constant(0));
  }

  static std::optional<int64_t> known(const Expr &step) {
    return step.isConstant() ? std::optional(step.constant()) : std::nullopt;
  }

  void emitTiles() {
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
  Value leftTile(Value row, Value first) {
    if (!packsLeft)
      return inPlace(shape.left, rowWalk(), row);
    Value number = e.div(e.sub(row, first), e.constant(tiling.rows));
    return at(leftAt, e.mul(number, e.constant(leftPitch)));
  }

  // A panel that stays in L1 while all tiles pass by.
  void emitPanelByPanel() {
    forPanels([&](Value, Value column, Value width, Value isWide) {
      Value panel = scratch(panelAt);
      packPanel(depthWalk(), depthLength, column, width, panel);
      e.loop(blockRow, blockRowEnd, tiling.rows,
             [&](Value row) { emitTile(inPlace(shape.left, rowWalk(), row), row, panel, column, width, isWide); });
    });
  }

  void emitTile(Value left, Value row, Value panel, Value column, Value width, Value isWide) {
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
  Value inPlace(unsigned operand, const Walk &walk, Value position) {
    bindDepthStart();
    Packer packer(e, w, shape, operand, sources[operand]);
    packer.bind(walk, position);
    return e.elementPointer(sources[operand].pointer, compute, w.scalarIndex(sources[operand].address));
  }

  void multiply(int64_t vectors, Value left, Value row, Value panel, Value column, Value width, Value corner) {
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
      kernel.isMasked =
          !stages[shape.right] && tiling.spares == 0 && (tiling.overreaches || *tiling.n % tiling.blockColumns != 0);
    }
    kernel.call(e, f.module, f.symbol, arguments);
  }

  Value resultAt(Value row, Value column) {
    Packer packer(e, w, shape, shape.left, sources[shape.left]);
    packer.bind(rowWalk(), row);
    packer.bind(columnWalk(), column);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    return e.elementPointer(f.outputBuffer(0), compute, w.scalarIndex(addressOf(space, type, shape.point())));
  }

  Value negated(Value flag) {
    Value isTrue = arith::ConstantOp::create(e.builder, e.loc, e.builder.getBoolAttr(true));
    return arith::XOrIOp::create(e.builder, e.loc, flag, isTrue);
  }

  Value goesOn() {
    if (!tiling.isOneBlock)
      return negated(firstBlock);
    return arith::ConstantOp::create(e.builder, e.loc, e.builder.getBoolAttr(true));
  }

  // ---- the epilogue: one loop over finished sums, not a copy for each of their vectors

  // Stores `length` results (or fewer, masked, at the columns' end) along the result's last dimensions.
  void finishVector(const Dim &lane, Value start, Value sum, Value active) {
    sum = e.roundTo(sum, getElementTypeOrSelf(op->getResult(0).getType()));
    w.beginLanes(lane.loop, start, active);
    w.preset(op->getResult(0), finishPoint, sum);
    SmallVector<Value> emitted = w.atAll(group.outputs, finishPoint);
    for (unsigned number = 0; number < group.outputs.size(); ++number)
      w.store(emitted[number], f.outputBuffer(number), cast<RankedTensorType>(group.outputs[number].getType()), finishPoint);
    w.clearPresets();
    w.endLanes();
  }

  // The result's point for the epilogue. Lanes run along all of its last side where one loop over it has plain addresses, else
  // along the innermost dimension, run by run.
  struct Lanes {
    Dim lane;
    ArrayRef<Dim> outer;
  };
  Lanes lanesOfResult() {
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
  void forVectors(const Lanes &own, Value begin, Value end, function_ref<void(Value, Value, Value)> body) {
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

  void leaveOutAbsent(Value row, Value count, Value column, Value width, Value corner) {
    AbsentTerms(e, w, shape)
        .leaveOut({scratch(tileAt), compute, corner, tileStride, row, count, column, width, rowWalk(), columnWalk()});
  }

  void finishTile(Value row, Value count, Value column, Value corner, Value width) {
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
  void finishAcross() {
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

  const Group &group;
  const ContractionShape &shape;
  Operation *op;
  Space &space;
  KernelFunction &f;
  Emitter &e;
  Walker &w;
  Type compute;
  Tiling tiling;
  BlockedSide rows, columns, depth;
  Source sources[2];
  std::optional<Stage> stages[2];
  int64_t stageAt[2] = {0, 0}, stageElements = 0;
  bool isTiledForPacking = false, isEmpty = false, isDirect = false, packsLeft = false, packsRight = false;
  int64_t rowBlock = 1, leftTiles = 1, leftPitch = 0, panelDepth = 0, panelAt = 0, leftAt = 0, tileAt = 0, tileStride = 0,
          tileElements = 0;
  SmallVector<Expr> finishPoint;
  std::optional<int64_t> rowStep; // of a left operand that may be read where it lies
  Expr rightStep;
  Value rowCount, columnCount, blockRow, blockRowEnd, blockColumn, blockColumnEnd, depthFirst, depthLength, firstBlock, lastBlock;
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
  Space space;
  double count = 0;
  for (const ContractionShape &shape : contractionShapes(group, op, space, /*lanes=*/16)) {
    double own = 1;
    for (const SizeExpr &size : {shape.batchSize, sizeOf(shape.columns), sizeOf(shape.depth)})
      own *= static_cast<double>(size.constant().value_or(64));
    count += own;
  }
  return count;
}

KernelCode Contraction::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  Operation *op = contractionOf(group);
  Space space;
  KernelFunction function(group, module, symbol, space, lanes);
  std::vector<ContractionShape> shapes = contractionShapes(group, op, space, lanes);
  KernelCode code;
  code.symbol = symbol.str();
  code.nanosecondsPerUnit = 0;
  std::vector<std::unique_ptr<ContractionEmission>> emissions;
  SizeExpr units(0);
  for (const ContractionShape &shape : shapes) {
    emissions.push_back(std::make_unique<ContractionEmission>(group, shape, space, function));
    SizeExpr own = emissions.back()->units();
    if (units == SizeExpr(0) || (own.isConstant() && units.isConstant() && *own.constant() > *units.constant()))
      units = own;
  }
  int64_t scratch = 0;
  for (auto &emission : emissions) {
    emission->emit(units);
    scratch = std::max(scratch, emission->scratchElements());
    code.grain = emission->grain();
    code.nanosecondsPerUnit += emission->nanoseconds();
  }
  code.extent = shapes[0].batchSize * units;
  function.finish();
  int64_t width = computeType(getElementTypeOrSelf(op->getResult(0).getType())).getIntOrFloatBitWidth() / 8;
  code.scratchBytes = SizeExpr(scratch * width);
  code.canFault = loadsIndices(group);
  return code;
}

} // namespace ember::cpu
