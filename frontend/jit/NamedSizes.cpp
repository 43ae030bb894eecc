#include "jit/NamedSizes.h"

#include "functions/Build.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Arithmetic.h"
#include "ir/ops/Comparison.h"
#include "ir/ops/Constant.h"
#include "ir/ops/Reduction.h"
#include "ir/ops/View.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace ember::ir;

namespace ember::jit {

namespace {

// `ember.pad, recorded at net.cpp:41:12`.
std::string nameOf(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return "argument " + std::to_string(cast<BlockArgument>(value).getArgNumber());
  std::string text = op->getName().getStringRef().str();
  if (auto place = dyn_cast<FileLineColLoc>(op->getLoc()))
    text += ", recorded at " + place.getFilename().str() + ":" + std::to_string(place.getLine()) + ":" +
            std::to_string(place.getColumn()) + ",";
  return text;
}

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

OperandRange resultsOf(func::FuncOp function) { return function.getBody().front().getTerminator()->getOperands(); }

// Memory that a recording reads, or a constant in it: what does not follow from the inputs.
class Source {
public:
  Source(Value value, ArrayRef<record::NodeRef> memory, unsigned inputCount) : value(value) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getArgNumber() >= inputCount)
      node = memory[argument.getArgNumber() - inputCount];
    constant = value.getDefiningOp<ConstantOp>();
  }
  explicit operator bool() const { return node || constant; }
  const record::Node *memory() const { return node.get(); }

  std::string bytes() const {
    RankedTensorType type = typeOf(value);
    size_t count = type.getNumElements() * byteWidth(type.getElementType());
    if (node) {
      const void *data = record::Recorder::get().materialize(node)->data;
      return std::string(static_cast<const char *>(data), count);
    }
    std::string own(count, '\0');
    writeBytes(referenceOf(cast<ElementsAttr>(ConstantOp(constant).getValue())), own.data());
    return own;
  }
  // Of rank 0.
  double number() const {
    ReferenceTensor one = referenceOf(typeOf(value), bytes().data());
    return one.isReal() ? one.at(0).real() : static_cast<double>(one.integers[0]);
  }
  // The bytes of its element, where all are the same.
  std::optional<std::string> fill() const {
    std::string all = bytes();
    size_t width = byteWidth(typeOf(value).getElementType());
    for (size_t at = width; at < all.size(); at += width)
      if (all.compare(at, width, all, 0, width) != 0)
        return std::nullopt;
    return all.empty() ? std::nullopt : std::optional(all.substr(0, width));
  }

private:
  Value value;
  record::NodeRef node;
  ConstantOp constant;
};

// Walks the first recording and each other one side by side, and keeps what was seen of every value of the first.
class Unifier {
public:
  Unifier(const std::vector<Recording> &recordings, unsigned inputCount, const SizeGrid &grid)
      : recordings(recordings), inputCount(inputCount), grid(grid), first(recordings[0].main()) {}

  NamedGraph run() {
    for (unsigned other = 0; other < recordings.size(); ++other)
      walk(other);
    return build();
  }

private:
  void walk(unsigned other) {
    func::FuncOp function = recordings[other].main();
    if (function.getNumResults() != first.getNumResults())
      throw Error("trace: another number of outputs, or of states that are written, at " + sizesText(recordings[other].sizes) +
                  " than at " + sizesText(recordings[0].sizes));
    llvm::DenseMap<Value, Value> partner;
    SmallVector<std::pair<Value, Value>> work;
    for (unsigned i = 0; i < inputCount; ++i)
      work.push_back({first.getArgument(i), function.getArgument(i)});
    for (auto [a, b] : llvm::zip_equal(resultsOf(first), resultsOf(function)))
      work.push_back({a, b});
    while (!work.empty()) {
      auto [a, b] = work.pop_back_val();
      auto [known, isNew] = partner.try_emplace(a, b);
      if (!isNew) {
        if (known->second != b)
          throw differs(a, other, "reads another value");
        continue;
      }
      compare(a, b, other);
      Operation *op = a.getDefiningOp(), *partnerOp = b.getDefiningOp();
      if (!op || isa<ConstantOp>(op))
        continue;
      for (auto [left, right] : llvm::zip_equal(op->getOperands(), partnerOp->getOperands()))
        work.push_back({left, right});
      for (auto [left, right] : llvm::zip_equal(op->getResults(), partnerOp->getResults())) // also those that nobody reads
        work.push_back({left, right});
    }
  }

  Error differs(Value value, unsigned other, const std::string &how) {
    return Error("trace: " + nameOf(value) + " " + how + " at " + sizesText(recordings[other].sizes) + " than at " +
                 sizesText(recordings[0].sizes));
  }

  void compare(Value a, Value b, unsigned other) {
    if (typeOf(a).getRank() != typeOf(b).getRank() || typeOf(a).getElementType() != typeOf(b).getElementType())
      throw differs(a, other, "has another rank or dtype");
    shapes[a].push_back(llvm::to_vector(typeOf(b).getShape()));
    Source left(a, recordings[0].memory, inputCount), right(b, recordings[other].memory, inputCount);
    if (left && right)
      return compareSources(a, left, right, other);
    Operation *op = a.getDefiningOp(), *partner = b.getDefiningOp();
    if (!op && !partner && a.getType() == b.getType() && !left && !right)
      return;
    if (!op != !partner || (!op && (left || right)))
      throw differs(a, other, "comes from somewhere else");
    if (!op)
      return;
    if (op->getName() != partner->getName() || op->getNumOperands() != partner->getNumOperands() ||
        cast<OpResult>(a).getResultNumber() != cast<OpResult>(b).getResultNumber())
      throw differs(a, other, "is another op (" + partner->getName().getStringRef().str() + ")");
    if (op->getAttrDictionary() != partner->getAttrDictionary())
      throw differs(a, other, "has other attributes");
  }

  void compareSources(Value a, const Source &left, const Source &right, unsigned other) {
    if (typeOf(a).getRank() == 0) {
      numbers[a].push_back(right.number());
      return;
    }
    if (left.memory() && left.memory() == right.memory())
      return;
    bool isSame = typeOf(a).getShape() == ArrayRef<int64_t>(shapes[a].back()) && left.bytes() == right.bytes();
    std::optional<std::string> fill = left.fill();
    if (fill && right.fill() == fill)
      fills[a] = *fill;
    else if (!isSame)
      throw differs(a, other, "is memory made from sizes: it holds other values");
  }

  // ---- what the values are for all sizes

  std::vector<SizeExpr> sizesOf(Value value) {
    std::vector<SizeExpr> sizes;
    ArrayRef<SmallVector<int64_t>> seen = shapes[value];
    for (int64_t dim = 0; dim < typeOf(value).getRank(); ++dim) {
      std::vector<int64_t> found;
      for (const auto &shape : seen)
        found.push_back(shape[dim]);
      std::optional<SizeExpr> size = grid.fit(found);
      if (!size)
        throw Error("trace: " + nameOf(value) + " has a dimension " + std::to_string(dim) +
                    " that is no polynomial of the sizes: " + std::to_string(found[0]) + " at " + sizesText(recordings[0].sizes) +
                    ", " + std::to_string(found[1]) + " at " + sizesText(recordings[1].sizes) + ", " + std::to_string(found[2]) +
                    " at " + sizesText(recordings[2].sizes));
      sizes.push_back(*size);
    }
    return sizes;
  }

  std::optional<SizeExpr> expressionOf(Value value) {
    auto found = numbers.find(value);
    if (found == numbers.end() || llvm::all_equal(found->second))
      return std::nullopt;
    std::vector<int64_t> whole;
    for (double number : found->second)
      if (number == std::floor(number) && std::abs(number) < 9e15)
        whole.push_back(static_cast<int64_t>(number));
    std::optional<SizeExpr> size;
    if (whole.size() == recordings.size())
      size = grid.fit(whole);
    if (!size)
      throw Error("trace: a number was computed from sizes (" + llvm::formatv("{0}", found->second[0]).str() + " at " +
                  sizesText(recordings[0].sizes) + ", " + llvm::formatv("{0}", found->second[1]).str() + " at " +
                  sizesText(recordings[1].sizes) + "), and no polynomial of them gives it" + readerOf(value));
    return size;
  }
  static std::string readerOf(Value value) {
    return value.use_empty() ? "" : ": see " + StringRef(nameOf(value.getUsers().begin()->getResult(0))).rtrim(',').str();
  }

  // ---- the graph

  NamedGraph build() {
    NamedGraph graph;
    MLIRContext *context = first.getContext();
    graph.module = ModuleOp::create(UnknownLoc::get(context));
    OpBuilder builder(graph.module->getBodyRegion());
    SmallVector<Type> argumentTypes;
    SmallVector<Value> arguments;
    for (BlockArgument argument : first.getArguments()) {
      unsigned number = argument.getArgNumber();
      if (number >= inputCount && (expressionOf(argument) || isResizedFill(argument)))
        continue;
      argumentTypes.push_back(tensorOf(sizesOf(argument), typeOf(argument).getElementType()));
      arguments.push_back(argument);
      if (number >= inputCount)
        graph.kept.push_back(number - inputCount);
    }
    auto function = func::FuncOp::create(builder, graph.module->getLoc(), "main", builder.getFunctionType(argumentTypes, {}));
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToStart(body);
    IRMapping mapping;
    mapping.map(arguments, body->getArguments());
    for (BlockArgument argument : first.getArguments())
      if (!mapping.contains(argument))
        mapSource(builder, argument, mapping, graph);
    for (Operation &op : first.getBody().front().without_terminator()) {
      Value result = op.getResult(0);
      if (isa<ConstantOp>(op) && (expressionOf(result) || isResizedFill(result))) {
        mapSource(builder, result, mapping, graph);
        continue;
      }
      Operation *own = builder.clone(op, mapping);
      for (auto [from, to] : llvm::zip_equal(op.getResults(), own->getResults()))
        to.setType(tensorOf(sizesOf(from), typeOf(from).getElementType()));
    }
    SmallVector<Value> results;
    for (Value result : resultsOf(first))
      results.push_back(mapping.lookup(result));
    func::ReturnOp::create(builder, graph.module->getLoc(), results);
    function.setType(builder.getFunctionType(argumentTypes, ValueRange(results).getTypes()));
    check(*graph.module);
    return graph;
  }

  bool isResizedFill(Value value) {
    return fills.count(value) && llvm::any_of(sizesOf(value), [](const SizeExpr &size) { return !size.isConstant(); });
  }

  // A number of sizes, or a tensor that one number fills.
  void mapSource(OpBuilder &builder, Value value, IRMapping &mapping, NamedGraph &graph) {
    Type element = typeOf(value).getElementType();
    Location loc = value.getLoc();
    auto scalar = RankedTensorType::get({}, element);
    if (std::optional<SizeExpr> size = expressionOf(value)) {
      mapping.map(value, number(builder, loc, *size, scalar));
      graph.numbers[mapping.lookup(value)] = *size;
      return;
    }
    auto attribute = DenseElementsAttr::getFromRawBuffer(scalar, ArrayRef<char>(fills[value].data(), fills[value].size()));
    Value one = ConstantOp::create(builder, loc, attribute);
    mapping.map(value, BroadcastOp::create(builder, loc, tensorOf(sizesOf(value), element), one));
    graph.fills[mapping.lookup(value)] = fills[value];
  }

  // Names are counted by adding ones; exact in double precision. All sizes are known at run time alone.
  Value number(OpBuilder &builder, Location loc, const SizeExpr &size, RankedTensorType type) {
    auto scalar = RankedTensorType::get({}, builder.getF64Type());
    auto constant = [&](double value) -> Value {
      return ConstantOp::create(builder, loc, DenseElementsAttr::get(scalar, value));
    };
    Value sum;
    for (const auto &[names, coefficient] : size.terms()) {
      Value product = constant(static_cast<double>(coefficient));
      for (const std::string &name : names) {
        Value ones = BroadcastOp::create(builder, loc, tensorOf({SizeExpr::name(name)}, builder.getF64Type()), constant(1));
        Value count = SumOp::create(builder, loc, ones, ArrayRef<int64_t>{0});
        product = MulOp::create(builder, loc, product, count);
      }
      sum = sum ? Value(AddOp::create(builder, loc, sum, product)) : product;
    }
    return CastOp::create(builder, loc, type, sum);
  }

  // The ops' own shape rules have the last word.
  void check(ModuleOp module) {
    std::string text;
    ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
      if (text.empty())
        text = diagnostic.str();
      return success();
    });
    if (failed(verify(module)))
      throw Error("trace: with sizes by name the graph is not valid: " + text);
  }

  const std::vector<Recording> &recordings;
  unsigned inputCount;
  const SizeGrid &grid;
  func::FuncOp first;
  llvm::DenseMap<Value, SmallVector<SmallVector<int64_t>>> shapes; // by recording
  llvm::DenseMap<Value, SmallVector<double>> numbers;              // of rank-0 sources, by recording
  llvm::DenseMap<Value, std::string> fills;                        // bytes of the element that fills a source
};

} // namespace

NamedGraph unify(const std::vector<Recording> &recordings, unsigned inputCount, const SizeGrid &grid) {
  return Unifier(recordings, inputCount, grid).run();
}

// ---- sizes 0 and 1

namespace {

class Agreement {
public:
  Agreement(const NamedGraph &graph, const std::vector<Recording> &recordings, unsigned inputCount, const Recording &special)
      : graph(graph), recordings(recordings), inputCount(inputCount), special(special) {}

  bool holds() {
    func::FuncOp main = *(*graph.module).getOps<func::FuncOp>().begin();
    if (main.getNumResults() != special.main().getNumResults())
      return false;
    for (auto [general, own] : llvm::zip_equal(resultsOf(main), resultsOf(special.main())))
      work.push_back({general, own});
    while (!work.empty()) {
      auto [general, own] = work.pop_back_val();
      auto [known, isNew] = partner.try_emplace(general, own);
      if (isNew ? !matches(general, own) : known->second != own)
        return false;
    }
    return true;
  }

private:
  SmallVector<int64_t> shapeOf(Value value) {
    SmallVector<int64_t> shape;
    for (const SizeExpr &size : dimSizes(typeOf(value)))
      shape.push_back(size.evaluate(special.sizes));
    return shape;
  }

  bool matches(Value general, Value own) {
    if (shapeOf(general) != typeOf(own).getShape() || typeOf(general).getElementType() != typeOf(own).getElementType())
      return false;
    Source source(own, special.memory, inputCount);
    if (auto number = graph.numbers.find(general); number != graph.numbers.end())
      return source && source.number() == static_cast<double>(number->second.evaluate(special.sizes));
    if (auto fill = graph.fills.find(general); fill != graph.fills.end())
      return source && (typeOf(own).getNumElements() == 0 || source.fill() == fill->second);
    auto argument = dyn_cast<BlockArgument>(general);
    if (argument && argument.getArgNumber() < inputCount)
      return isa<BlockArgument>(own) && cast<BlockArgument>(own).getArgNumber() == argument.getArgNumber();
    if (argument)
      return source && sameMemory(recordings[0].memory[graph.kept[argument.getArgNumber() - inputCount]], own, source);
    if (general.getDefiningOp<ConstantOp>() && source)
      return Source(general, {}, inputCount).bytes() == source.bytes();
    return matchOps(general, own);
  }

  bool sameMemory(const record::NodeRef &node, Value own, const Source &source) {
    if (source.memory() == node.get())
      return true;
    size_t count = typeOf(own).getNumElements() * byteWidth(typeOf(own).getElementType());
    return source.bytes().compare(0, count, static_cast<const char *>(node->buffer->data), count) == 0;
  }

  bool matchOps(Value general, Value own) {
    Operation *op = general.getDefiningOp(), *partner = own.getDefiningOp();
    bool sameOp = partner && op->getName() == partner->getName() && op->getAttrDictionary() == partner->getAttrDictionary() &&
                  op->getNumOperands() == partner->getNumOperands() &&
                  cast<OpResult>(general).getResultNumber() == cast<OpResult>(own).getResultNumber();
    // At size 1 there may be nothing to broadcast, and no op for it.
    if (isa<BroadcastOp, ReshapeOp>(op) && shapeOf(op->getOperand(0)) == shapeOf(general) &&
        (!sameOp || typeOf(partner->getOperand(0)).getShape() != ArrayRef<int64_t>(shapeOf(general)))) {
      work.push_back({op->getOperand(0), own});
      return true;
    }
    if (matchSums(general, own))
      return true;
    if (sameOp)
      for (auto [left, right] : llvm::zip_equal(op->getOperands(), partner->getOperands()))
        work.push_back({left, right});
    return sameOp;
  }

  // Sums that differ by axes of size 1 alone, which nothing is summed along: what a broadcast along such an axis has as gradient.
  bool matchSums(Value general, Value own) {
    auto sumOf = [](Value value) {
      while (auto reshape = value.getDefiningOp<ReshapeOp>())
        value = reshape.getInput();
      return value.getDefiningOp<SumOp>();
    };
    SumOp sum = sumOf(general), ownSum = sumOf(own);
    if (!sum || !ownSum)
      return false;
    SmallVector<int64_t> shape = shapeOf(sum.getInput());
    if (shape != typeOf(ownSum.getInput()).getShape())
      return false;
    for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
      if (shape[axis] != 1 && llvm::is_contained(sum.getAxes(), axis) != llvm::is_contained(ownSum.getAxes(), axis))
        return false;
    work.push_back({sum.getInput(), ownSum.getInput()});
    return true;
  }

  const NamedGraph &graph;
  const std::vector<Recording> &recordings;
  unsigned inputCount;
  const Recording &special;
  llvm::DenseMap<Value, Value> partner;
  SmallVector<std::pair<Value, Value>> work;
};

} // namespace

bool agrees(const NamedGraph &graph, const std::vector<Recording> &recordings, unsigned inputCount, const Recording &special) {
  return Agreement(graph, recordings, inputCount, special).holds();
}

} // namespace ember::jit
