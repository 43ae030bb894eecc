#include "codegen/cpu/ContractionShape.h"

#include "codegen/cpu/ContractionTiling.h"
#include "codegen/cpu/Emitter.h"
#include "ir/EmberDialect.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

SizeExpr sizeOf(ArrayRef<Dim> dims) {
  SizeExpr product(1);
  for (const Dim &dim : dims)
    product = product * dim.size;
  return product;
}

ArrayRef<Expr> ContractionShape::point() const {
  return ArrayRef(loops).take_front(cast<RankedTensorType>(op->getResult(0).getType()).getRank());
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

namespace {

// `value` must be a multiple of `divisor` for the operand to be inside; it holds one loop of the result and one reduced loop.
struct Remainder {
  size_t resultLoop, reducedLoop;
  int64_t resultFactor, reducedFactor, constant, divisor;
};

struct Part { // the turns first, first + step, … of a loop
  int64_t first = 0, step = 1;
  SizeExpr count;
};

class Analysis {
public:
  Analysis(const Group &group, Operation *op, unsigned lanes) : op(op), lanes(lanes) {
    sizes = dimSizes(cast<RankedTensorType>(op->getResult(0).getType()));
    rank = sizes.size();
    llvm::append_range(sizes, cast<IndexedOp>(op).reducedSizes());
    for (const SizeExpr &size : sizes)
      loops.push_back(space.loop(space.size(size)));
    for (unsigned operand = 0; operand < 2; ++operand) {
      Access access = cast<IndexedOp>(op).access(operand, loops, space);
      SmallVector<Cond> guards;
      addGuards(space, access.inside, guards);
      trace(group, space, op->getOperand(operand), access.indices, guards, found[operand]);
      findRemainders(guards);
    }
    splitRoles();
  }

  std::vector<ContractionShape> shapes(Space &out) const {
    std::vector<ContractionShape> result;
    SmallVector<Part> parts;
    for (const SizeExpr &size : sizes)
      parts.push_back({0, 1, size});
    forEachRemainder(0, parts, [&] { result.push_back(shapeOf(parts, out)); });
    return result;
  }

private:
  static constexpr int64_t kMostShapes = 16;

  // Written e - s * (e div s) in [0, 1).
  void findRemainders(ArrayRef<Cond> guards) {
    for (const Cond &guard : guards) {
      if (guard.bound != Expr(1))
        continue;
      for (const Expr::Term &term : guard.value.terms()) {
        if (term.variables.size() != 1)
          continue;
        const Space::Variable &variable = space.variable(term.variables[0]);
        if (variable.kind != Space::Variable::Kind::Quotient || variable.operands[1] != Expr(-term.coefficient) ||
            guard.value != variable.operands[0] - variable.operands[1] * Expr::variable(term.variables[0]))
          continue;
        addRemainder(variable.operands[0], -term.coefficient);
        break;
      }
    }
  }

  void addRemainder(const Expr &value, int64_t divisor) {
    std::optional<size_t> ofResult, reduced;
    Remainder remainder{0, 0, 0, 0, value.constant(), divisor};
    for (auto [number, loop] : llvm::enumerate(loops)) {
      std::optional<Expr> factor = space.coefficient(value, *loop.asVariable());
      if (!factor || !factor->isConstant())
        return;
      if (*factor == Expr(0))
        continue;
      auto &place = number < rank ? ofResult : reduced;
      if (place || !sizes[number].isConstant())
        return;
      place = number;
      (number < rank ? remainder.resultFactor : remainder.reducedFactor) = factor->constant();
    }
    auto isTaken = [&](const Remainder &other) { return other.resultLoop == *ofResult || other.reducedLoop == *reduced; };
    if (!ofResult || !reduced || shapeCount * divisor > kMostShapes || llvm::any_of(remainders, isTaken))
      return;
    shapeCount *= divisor;
    remainder.resultLoop = *ofResult;
    remainder.reducedLoop = *reduced;
    remainders.push_back(remainder);
  }

  // Which turns of a loop of `size` make factor * turn + constant a multiple of divisor.
  static Part partOf(int64_t size, int64_t factor, int64_t constant, int64_t divisor) {
    SmallVector<int64_t> turns;
    for (int64_t turn = 0; turn < size; ++turn)
      if ((factor * turn + constant) % divisor == 0)
        turns.push_back(turn);
    Part part{0, 1, static_cast<int64_t>(turns.size())};
    if (!turns.empty())
      part.first = turns[0];
    if (turns.size() > 1)
      part.step = turns[1] - turns[0];
    return part;
  }

  void forEachRemainder(size_t number, SmallVector<Part> &parts, function_ref<void()> body) const {
    if (number == remainders.size())
      return body();
    const Remainder &r = remainders[number];
    int64_t size = *sizes[r.resultLoop].constant();
    for (int64_t first = 0; first < std::min(r.divisor, size); ++first) {
      parts[r.resultLoop] = {first, r.divisor, (size - first + r.divisor - 1) / r.divisor};
      parts[r.reducedLoop] =
          partOf(*sizes[r.reducedLoop].constant(), r.reducedFactor, r.resultFactor * first + r.constant, r.divisor);
      forEachRemainder(number + 1, parts, body);
    }
  }

  bool dependsOn(unsigned operand, size_t loop) const {
    VariableId id = *loops[loop].asVariable();
    return llvm::any_of(found[operand].reads, [&](const Read &read) {
      return space.dependsOn(read.address, id) ||
             llvm::any_of(read.guards, [&](const Cond &cond) { return space.dependsOn(cond.value, id); });
    });
  }
  bool onlyOn(unsigned operand, size_t loop) const { return dependsOn(operand, loop) && !dependsOn(1 - operand, loop); }
  bool isOne(size_t loop) const { return sizes[loop] == SizeExpr(1); }

  // Columns: the last loops that operand 1 alone is read at; rows: those before them that operand 0 alone is read at.
  void splitRoles() {
    columnsBegin = rank;
    while (columnsBegin > 0 && (isOne(columnsBegin - 1) || onlyOn(1, columnsBegin - 1)))
      --columnsBegin;
    rowsBegin = columnsBegin;
    while (rowsBegin > 0 && (isOne(rowsBegin - 1) || onlyOn(0, rowsBegin - 1)))
      --rowsBegin;
  }

  ContractionShape shapeOf(ArrayRef<Part> parts, Space &out) const {
    ContractionShape shape;
    shape.op = op;
    SmallVector<SizeExpr> batchSizes;
    for (size_t loop = 0; loop < rowsBegin; ++loop) {
      batchSizes.push_back(parts[loop].count);
      shape.batchSize = shape.batchSize * parts[loop].count;
    }
    shape.batch = out.loop(out.size(shape.batchSize));
    auto turn = [&](const Expr &number, size_t loop) { return number * Expr(parts[loop].step) + Expr(parts[loop].first); };
    for (auto [loop, number] : llvm::enumerate(delinearize(out, shape.batch, batchSizes)))
      shape.loops.push_back(turn(number, loop));
    for (size_t loop = rowsBegin; loop < sizes.size(); ++loop) {
      Expr own(0);
      if (parts[loop].count != SizeExpr(1)) {
        own = out.loop(out.size(parts[loop].count));
        SmallVector<Dim> &side = loop < columnsBegin ? shape.rows : loop < rank ? shape.columns : shape.depth;
        side.push_back({own, parts[loop].count});
      }
      shape.loops.push_back(turn(own, loop));
    }
    if (swapIsCheaper(shape)) {
      std::swap(shape.rows, shape.columns);
      std::swap(shape.left, shape.right);
    }
    return shape;
  }

  // Counts multiplications of vectors for one position of depth, and what packing costs in them: mostly, operand 0 lies along the
  // depth and has to be transposed, or is left where it is in whole tiles. A swap must win by a twentieth: its sums are gathered
  // at the end.
  bool swapIsCheaper(const ContractionShape &shape) const {
    std::optional<int64_t> m = sizeOf(shape.rows).constant(), n = sizeOf(shape.columns).constant();
    if (!m || !n || *m == 0 || *n == 0)
      return false;
    Type compute = computeType(getElementTypeOrSelf(op->getResult(0).getType()));
    auto height = [&](int64_t rows, int64_t columns) { return tileOf(rows, columns, compute, lanes).rows; };
    auto multiplications = [&](int64_t rows, int64_t columns) {
      int64_t own = height(rows, columns);
      return static_cast<double>((rows + own - 1) / own * own * ((columns + lanes - 1) / lanes));
    };
    double transposed = 0.8 * *m, inPlace = *m % height(*m, *n) == 0 ? 0 : transposed;
    return multiplications(*n, *m) + transposed < 0.95 * (multiplications(*m, *n) + inPlace);
  }

  Operation *op;
  unsigned lanes;
  Space space;
  SmallVector<SizeExpr> sizes; // of the result's loops, then of the reduced ones
  SmallVector<Expr> loops;
  size_t rank, rowsBegin = 0, columnsBegin = 0;
  Trace found[2];
  std::vector<Remainder> remainders;
  int64_t shapeCount = 1;
};

} // namespace

std::vector<ContractionShape> contractionShapes(const Group &group, Operation *op, Space &space, unsigned lanes) {
  return Analysis(group, op, lanes).shapes(space);
}

} // namespace ember::cpu
