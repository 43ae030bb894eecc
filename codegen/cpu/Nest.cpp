// The loop-nest generator: groups of elementwise ops, views and reductions that share their rows.
//
// Vector lanes run along the last row loop ("lanes on rows": maps, column reductions, windows, short rows) or, for reductions
// over the operand's last dimension, along the reduced positions, 64 interleaved partials a row ("lanes inside").
#include "codegen/cpu/Nest.h"

#include "codegen/cpu/NestEmission.h"
#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

std::string Nest::refuse(const Group &group) const {
  if (group.outputs.empty())
    return "it has no outputs";
  return makePlan(group).refusal;
}

// The row loops, from the outermost on.
static SmallVector<Run> makeRows(const Group &group, const Plan &plan, Space &space) {
  SmallVector<Run> rows;
  size_t dim = 0;
  for (const auto &sizes : partitionRows(group, plan)) {
    int64_t phases = plan.hasPhases() && sizes.size() == 1 ? plan.phases[dim] : 1;
    rows.push_back(phases > 1 ? makeSteppedRun(space, *sizes[0].constant(), phases) : makeRun(space, sizes));
    dim += sizes.size();
  }
  if (plan.rowSizes.empty() && !rows.empty()) // the dummy row of a rank-0 result has no dimensions to delinearize into
    rows.back().sizes.clear();
  return rows;
}

static SizeExpr extentOf(const Run &run) {
  SizeExpr size(1);
  for (const SizeExpr &own : run.sizes)
    size = size * own;
  return run.step > 1 ? SizeExpr((*size.constant() + run.step - 1) / run.step) : size;
}

KernelCode Nest::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  Plan plan = makePlan(group);
  assert(plan.refusal.empty() && "only accepted groups are emitted");
  chooseForm(group, plan);
  Space space;
  SmallVector<Run> rows = makeRows(group, plan, space);
  SmallVector<LanesOnRows::Transposed> reads;
  std::optional<size_t> along = LanesOnRows::transposedAlong(group, plan, space, rows, reads);
  KernelFunction function(group, module, symbol, space, lanes);
  if (plan.lanesInside)
    LanesInside(group, plan, space, function, rows).emit();
  else
    LanesOnRows(group, plan, space, function, rows).emit();
  function.reduceStrength();
  function.finish();

  KernelCode code;
  code.symbol = symbol.str();
  code.scratchBytes = SizeExpr(plan.lanesInside ? LanesInside::scratchBytes(plan) : LanesOnRows::scratchBytes(reads));
  bool splitsLanes = !plan.lanesInside && rows.size() == 1;
  double perUnit = 0.15 * group.ops.size();
  code.extent = SizeExpr(1);
  for (size_t i = 0; i < rows.size(); ++i) {
    bool isLane = !plan.lanesInside && i + 1 == rows.size();
    SizeExpr size = extentOf(rows[i]);
    if (along == i) { // a unit is a tile
      int64_t tile = LanesOnRows::tileOf(reads);
      perUnit *= tile;
      size = SizeExpr((*size.constant() + tile - 1) / tile);
    }
    if (!isLane || splitsLanes)
      code.extent = code.extent * size;
    else
      perUnit *= size.constant().value_or(256);
    perUnit *= rows[i].step;
  }
  bool isDeep = false;
  for (Operation *op : plan.reductions)
    for (const SizeExpr &size : cast<IndexedOp>(op).reducedSizes()) {
      perUnit *= std::max<int64_t>(1, size.constant().value_or(256));
      isDeep = true;
    }
  if (splitsLanes) // whole vectors; several at once where each is a column
    code.grain = isDeep ? 128 : 1024;
  code.nanosecondsPerUnit = perUnit;
  code.canFault = loadsIndices(group);
  return code;
}

} // namespace ember::cpu
