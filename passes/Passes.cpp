#include "passes/Passes.h"

#include "ir/EmberDialect.h"
#include "ir/interfaces/Interfaces.h"
#include "ir/ops/GatherScatter.h"
#include "ir/ops/Gradient.h"
#include "ir/ops/Kernel.h"
#include "ir/ops/Unary.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/Autodiff.h"
#include "passes/CutViews.h"
#include "passes/Decompose.h"
#include "passes/FoldConstants.h"
#include "passes/FormKernels.h"
#include "passes/OpGroup.h"
#include "passes/PlanMemory.h"
#include "passes/Rematerialize.h"
#include "passes/Simplify.h"
#include "passes/SplitSums.h"

using namespace mlir;

namespace ember::passes {

namespace {

// A target for tests of the passes alone: takes any two ops that compute; log costs three times as much in company.
class PairTarget : public ir::TargetModel {
public:
  StringRef name() const override { return "pair"; }
  ir::Verdict consider(ArrayRef<Operation *> group, ArrayRef<Value>) const override {
    size_t computing = llvm::count_if(group, [](Operation *op) { return !isFree(op); });
    ir::Verdict verdict;
    if (computing <= 2)
      verdict = {"pair", computing > 1 && llvm::any_of(group, [](auto *op) { return isa<ir::LogOp>(op); }) ? 3.0 : 1.0, 0, ""};
    else
      verdict.reason = "it holds more than two ops";
    return verdict;
  }
  // Every result over every operand of its type, where a kernel does nothing but map elements.
  SmallVector<std::pair<unsigned, unsigned>> inPlacePairs(Operation *op) const override {
    SmallVector<std::pair<unsigned, unsigned>> pairs;
    auto kernel = cast<ir::KernelOp>(op);
    if (!llvm::all_of(kernel.getBody().front().without_terminator(), [](Operation &own) { return isa<ir::ScalarOp>(own); }))
      return pairs;
    for (auto [result, output] : llvm::enumerate(kernel.getOutputs()))
      for (auto [operand, input] : llvm::enumerate(kernel.getInputs()))
        if (output.getType() == input.getType())
          pairs.push_back({static_cast<unsigned>(result), static_cast<unsigned>(operand)});
    return pairs;
  }
  bool mayFault(Operation *op) const override { return !cast<ir::KernelOp>(op).getBody().front().getOps<ir::GatherOp>().empty(); }
};

// On a function of the text: one block of ops on ranked tensors. It may have none of ember's ops, and get some.
template <typename Own> struct FunctionPass : PassWrapper<Own, OperationPass<func::FuncOp>> {
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<ir::EmberDialect>(); }
  virtual LogicalResult transform(func::FuncOp function) = 0;

  void runOnOperation() final {
    func::FuncOp function = this->getOperation();
    auto areTensors = [](TypeRange types) { return llvm::all_of(types, llvm::IsaPred<RankedTensorType>); };
    bool isOneBlock = !function.isExternal() && function.getBody().hasOneBlock() && areTensors(function.getArgumentTypes());
    WalkResult walked = function.walk(
        [&](Operation *op) { return areTensors(op->getResultTypes()) ? WalkResult::advance() : WalkResult::interrupt(); });
    if (!isOneBlock || walked.wasInterrupted()) {
      function.emitError("expected one block of ops on ranked tensors");
      return this->signalPassFailure();
    }
    if (failed(transform(function)))
      this->signalPassFailure();
  }
};

struct FormKernelsPass : FunctionPass<FormKernelsPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormKernelsPass)
  StringRef getArgument() const override { return "ember-form-kernels"; }
  StringRef getDescription() const override { return "groups ops into kernels, for a target that takes two at a time"; }
  LogicalResult transform(func::FuncOp function) override { return formKernels(function, PairTarget()); }
};

struct SimplifyPass : FunctionPass<SimplifyPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SimplifyPass)
  StringRef getArgument() const override { return "ember-simplify"; }
  StringRef getDescription() const override { return "applies the ops' folds, merges equal ops, drops dead ones"; }
  LogicalResult transform(func::FuncOp function) override {
    simplify(function);
    return success();
  }
};

struct SplitSumsPass : FunctionPass<SplitSumsPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitSumsPass)
  StringRef getArgument() const override { return "ember-split-sums"; }
  StringRef getDescription() const override { return "cuts long sums of few results into sums of sums"; }
  LogicalResult transform(func::FuncOp function) override {
    splitSums(function);
    return success();
  }
};

struct CutViewsPass : FunctionPass<CutViewsPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CutViewsPass)
  StringRef getArgument() const override { return "ember-cut-views"; }
  StringRef getDescription() const override { return "copies views that readers would follow too often"; }
  LogicalResult transform(func::FuncOp function) override {
    cutViews(function);
    return success();
  }
};

struct FoldConstantsPass : FunctionPass<FoldConstantsPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldConstantsPass)
  StringRef getArgument() const override { return "ember-fold-constants"; }
  StringRef getDescription() const override { return "computes what depends on constants alone"; }
  LogicalResult transform(func::FuncOp function) override {
    foldConstants(function);
    return success();
  }
};

struct PlanMemoryPass : FunctionPass<PlanMemoryPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanMemoryPass)
  PlanMemoryPass() = default;
  PlanMemoryPass(const PlanMemoryPass &other) : FunctionPass(other) {}
  StringRef getArgument() const override { return "ember-plan-memory"; }
  StringRef getDescription() const override { return "groups ops into kernels, plans their memory and prints the plan"; }
  ListOption<std::string> sizes{*this, "sizes", llvm::cl::desc("NAME:NUMBER, …: for which the plan is printed")};
  LogicalResult transform(func::FuncOp function) override {
    PairTarget target;
    std::map<std::string, int64_t> numbers;
    for (StringRef size : sizes) {
      auto [name, number] = size.split(':');
      if (number.getAsInteger(10, numbers[name.str()]))
        return function.emitError("sizes: expected NAME:NUMBER, found '") << size << "'";
    }
    if (failed(formKernels(function, target)))
      return failure();
    MemoryPlan plan = planMemory(function, target);
    llvm::outs() << "// plan of " << function.getName() << "\n" << describePlan(function, plan, numbers);
    return success();
  }
};

struct DecomposePass : FunctionPass<DecomposePass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DecomposePass)
  StringRef getArgument() const override { return "ember-decompose"; }
  StringRef getDescription() const override { return "replaces ops that are defined by a graph of others by that graph"; }
  LogicalResult transform(func::FuncOp function) override {
    decompose(function);
    return success();
  }
};

struct RematerializePass : FunctionPass<RematerializePass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RematerializePass)
  StringRef getArgument() const override { return "ember-rematerialize"; }
  StringRef getDescription() const override { return "recomputes, after the op at the peak, what costs more to keep"; }
  LogicalResult transform(func::FuncOp function) override {
    if (Operation *peak = opAtPeak(function))
      rematerialize(function, peak);
    return success();
  }
};

// main(x…) -> y becomes main(x…) -> (y, dy/dx…), where y is a float scalar and every float argument gets a gradient.
struct AutodiffPass : FunctionPass<AutodiffPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AutodiffPass)
  StringRef getArgument() const override { return "ember-autodiff"; }
  StringRef getDescription() const override { return "appends the gradients of the first result to a function's results"; }
  LogicalResult transform(func::FuncOp function) override {
    Operation *terminator = function.getBody().front().getTerminator();
    if (terminator->getNumOperands() == 0)
      return function.emitError("autodiff: there are no results, expected a float tensor of rank 0 as the first");
    Value output = terminator->getOperand(0);
    auto type = cast<RankedTensorType>(output.getType());
    if (type.getRank() != 0 || !isa<FloatType>(type.getElementType()))
      return function.emitError("autodiff: the first result is ") << type << ", expected a float tensor of rank 0";
    OpBuilder builder(terminator);
    GradientRequest request;
    request.outputs = {output};
    request.cotangents = {ir::fullLike(builder, function.getLoc(), type, 1)};
    for (Value argument : function.getArguments())
      if (isa<FloatType>(getElementTypeOrSelf(argument.getType())))
        request.inputs.push_back(argument);
    auto everywhere = [](Value) { return true; };
    request.flowsThrough = everywhere;
    SmallVector<Value> gradients = buildGradients(builder, request);
    SmallVector<Value> results(terminator->getOperands());
    for (auto [input, gradient] : llvm::zip_equal(request.inputs, gradients))
      results.push_back(gradient ? gradient
                                 : ir::fullLike(builder, function.getLoc(), cast<RankedTensorType>(input.getType()), 0));
    terminator->setOperands(results);
    function.setType(builder.getFunctionType(function.getArgumentTypes(), llvm::to_vector(ValueRange(results).getTypes())));
    return success();
  }
};

} // namespace

void registerPasses() {
  PassRegistration<DecomposePass>();
  PassRegistration<FormKernelsPass>();
  PassRegistration<PlanMemoryPass>();
  PassRegistration<AutodiffPass>();
  PassRegistration<SimplifyPass>();
  PassRegistration<SplitSumsPass>();
  PassRegistration<CutViewsPass>();
  PassRegistration<FoldConstantsPass>();
  PassRegistration<RematerializePass>();
}

} // namespace ember::passes
