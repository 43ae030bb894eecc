// What a contraction reads in place, stages and packs, and where it lies in the scratch.
#include "codegen/cpu/ContractionEmission.h"

#include "codegen/cpu/AbsentTerms.h"
#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

constexpr int64_t kFewRows = 16;         // so few rows do not pay for packing a right operand that can be read where it lies
constexpr int64_t kLeftTiles = 4;        // that are packed at a time where their rows are runs of memory
constexpr int64_t kMostStaged = 1 << 21; // elements of a staged operand

static int64_t roundedUp(int64_t count, int64_t to) { return (count + to - 1) / to * to; }

static SizeExpr elementsOf(Value value) {
  SizeExpr count(1);
  for (const SizeExpr &size : dimSizes(cast<RankedTensorType>(value.getType())))
    count = count * size;
  return count;
}

ContractionEmission::ContractionEmission(const Group &group, const ContractionShape &shape, Space &space,
                                         KernelFunction &function)
    : group(group), shape(shape), op(shape.op), space(space), f(function), e(function.emitter), w(function.walker),
      compute(computeType(getElementTypeOrSelf(op->getResult(0).getType()))),
      tiling(shape, compute, e.lanes, /*packsLeft=*/false) {
  plan();
}

SizeExpr ContractionEmission::units() const {
  int64_t unit = tiling.rowUnit();
  return shape.batchSize * SizeExpr(tiling.columnBlocks) *
         (tiling.m ? SizeExpr((*tiling.m + unit - 1) / unit) : sizeOf(shape.rows));
}

double ContractionEmission::nanoseconds() const {
  double columns = tiling.n ? std::min<int64_t>(*tiling.n, tiling.blockColumns) : kMostColumns;
  double height = tiling.m ? std::min<int64_t>(*tiling.m, tiling.rows) : 1;
  return height * columns * sizeOf(shape.depth).constant().value_or(kMostDepth) / 80;
}

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

void ContractionEmission::plan() {
  isEmpty = sizeOf(shape.depth) == SizeExpr(0);
  planBlocks();
  stageElements = 0;
  for (unsigned operand = 0; operand < 2 && !isEmpty; ++operand)
    planOperand(operand);
  planPacking();
  if (packsLeft && !isTiledForPacking) {
    isTiledForPacking = true;
    tiling = Tiling(shape, compute, e.lanes, packsLeft);
    return plan();
  }
  isDirect = storesDirectly();
  placeScratch();
}

void ContractionEmission::planBlocks() {
  auto variable = [&](ArrayRef<Dim> dims, size_t split) {
    return dims.empty() ? Expr(0) : space.loop(space.size(dims[split].size));
  };
  depth = {shape.depth, tiling.depthSplit, tiling.depthCount, variable(shape.depth, tiling.depthSplit)};
  rowBlock = tiling.rowsOfBlock(kMostPacked, tiling.mostDepth());
  if (tiling.keepsSums)
    rowBlock = std::min(rowBlock, tiling.rowsOfBlock(kMostSums, tiling.blockColumns));
  rows = {shape.rows, 0, splitCount(shape.rows, rowBlock, tiling.rowUnit()), variable(shape.rows, 0)};
  columns = {shape.columns, 0, splitCount(shape.columns, tiling.blockColumns, tiling.blockColumns), variable(shape.columns, 0)};
}

void ContractionEmission::planPacking() {
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
  bool liesInRows =
      readsPlainly(shape.left) && fromRow && fromRow->isConstant() && left.adjacentDims(depth.walked()) == depth.walked().size();
  packsLeft = !(tiling.hasWholeTiles() && tiling.spares == 0 && liesInRows);
  rowStep = liesInRows ? std::optional(fromRow->constant()) : std::nullopt;
}

void ContractionEmission::placeScratch() {
  panelDepth = roundedUp(tiling.mostDepth(), e.lanes);
  panelAt = stageElements;
  leftAt = panelAt + (packsRight ? (tiling.mostPanels() * panelDepth + 1) * tiling.widest() : 0);
  Packer left(e, w, shape, shape.left, sources[shape.left]);
  leftTiles = left.copiesRuns(depthWalk(), rowWalk()) ? kLeftTiles : 1;
  leftPitch = roundedUp(tiling.rows * panelDepth + e.lanes * (tiling.rows + 1), 16);
  tileAt = leftAt + (packsLeft ? leftTiles * leftPitch : 0);
  tileStride = tiling.keepsSums ? tiling.mostPanels() * tiling.widest() + e.lanes : tiling.widest(); // no power of two
  tileElements = (tiling.keepsSums ? rowBlock : tiling.rows) * tileStride + e.lanes;
}

// Whole tiles of finished sums that are the kernel's result as they are. One of several shapes writes between the others'.
bool ContractionEmission::storesDirectly() const {
  auto isPlain = [&](const Dim &dim) { return llvm::is_contained(shape.point(), dim.loop); };
  bool isWhole = shape.batchSize * sizeOf(shape.rows) * sizeOf(shape.columns) == elementsOf(op->getResult(0));
  return isWhole && !AbsentTerms(e, w, shape).arePossible() && tiling.isOneBlock && tiling.hasWholeTiles() &&
         !shape.isSwapped() && group.outputs.size() == 1 && group.outputs[0] == op->getResult(0) &&
         getElementTypeOrSelf(group.outputs[0].getType()) == compute && llvm::all_of(shape.rows, isPlain) &&
         llvm::all_of(shape.columns, isPlain);
}

bool ContractionEmission::readsPlainly(unsigned operand) const {
  return sources[operand].pointer && !stages[operand] && sources[operand].element == compute;
}

void ContractionEmission::planOperand(unsigned operand) {
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

} // namespace ember::cpu
