// How an op reads its operands and what it computes of them: what kernel formation and the generators ask.
#ifndef EMBER_IR_INTERFACES_INDEXED_TD
#define EMBER_IR_INTERFACES_INDEXED_TD
include "mlir/IR/OpBase.td"

def Ember_IndexedOp : OpInterface<"IndexedOp"> {
  let cppNamespace = "::ember::ir";
  let description = [{
    An op whose single result is described by loops: one per result dimension, then one per reduced dimension. `access`
    maps loops to the indices at which an operand is read. It is a function on index expressions, so composition, gathers
    and reshapes need no other mechanism.
  }];
  let methods = [
    InterfaceMethod<"Sizes of the reduced loops, outermost first (none for elementwise and view ops).",
      "::llvm::SmallVector<::ember::ir::SizeExpr>", "reducedSizes", (ins), "", "return {};">,
    InterfaceMethod<[{
      Where operand `operand` is read at these loops (result loops, then reduced loops), and what must hold for it to be
      there. Default: the result's own loops (elementwise); a rank-0 operand is read at no index.
    }], "::ember::ir::Access", "access",
      (ins "unsigned":$operand, "::llvm::ArrayRef<::ember::ir::Expr>":$loops, "::ember::ir::Space &":$space), "",
      "return ::ember::ir::elementwiseAccess($_op, operand, loops);">,
  ];
}

def Ember_ScalarOp : OpInterface<"ScalarOp", [Ember_IndexedOp]> {
  let cppNamespace = "::ember::ir";
  let description = [{
    An op that computes each element of its result from one element of each operand. Both targets emit it from the same
    statement: on the CPU `args` are scalars or 1-D vectors, for CUDA the scalar ops are printed.
  }];
  let methods = [
    InterfaceMethod<[{
      The op on values of the compute types: f64 f32 as they are, bf16 and f16 as f32 (the caller rounds the result to the
      storage type), integers signless at their width (signedness is the operand's element type), bool i1. Scalars or
      vectors of one length; index arguments, as i64, follow the operands. Uses only arith and math ops.
    }], "::mlir::Value", "emitScalar",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$args)>,
    InterfaceMethod<"Index expressions handed to `emitScalar` after the operands (iota: its coordinate).",
      "::llvm::SmallVector<::ember::ir::Expr>", "indexArgs",
      (ins "::llvm::ArrayRef<::ember::ir::Expr>":$loops, "::ember::ir::Space &":$space), "", "return {};">,
    InterfaceMethod<"The meaning: exact on doubles, 64-bit integers and bools; the caller rounds or wraps once to the dtype.",
      "::ember::ir::Scalar", "evaluateScalar", (ins "::llvm::ArrayRef<::ember::ir::Scalar>":$args)>,
    InterfaceMethod<[{
      Whether every compiled element is the reference's, rounded once: then it may be computed when compiling. Default: the op
      states no tolerance.
    }], "bool", "foldsExactly", (ins), "", "return !::llvm::isa<::ember::ir::ToleranceOp>($_op.getOperation());">,
    InterfaceMethod<"Cost of one element in flops; what costs 8 or more is kept rather than computed again.",
      "unsigned", "cost", (ins), "", "return 1;">,
  ];
}

def Ember_ViewOp : OpInterface<"ViewOp", [Ember_IndexedOp]> {
  let cppNamespace = "::ember::ir";
  let description = [{
    An op that moves elements and computes none: the result is the first operand whose access is inside, else `fill()`.
    Free: cloned into every reader.
  }];
  let methods = [
    InterfaceMethod<"The value where no operand's access is inside (pad); nothing when some operand always is.",
      "::std::optional<::ember::ir::Scalar>", "fill", (ins), "", "return std::nullopt;">,
    InterfaceMethod<"How many operands, from the first on, have their elements moved; what follows are starts and indices.",
      "unsigned", "movedOperands", (ins), "", "return 1;">,
  ];
}

def Ember_ReductionOp : OpInterface<"ReductionOp", [Ember_IndexedOp]> {
  let cppNamespace = "::ember::ir";
  let description = [{
    An op that combines, over its reduced loops, what `lift` makes of its operands' elements. The state is one or more
    accumulators (argmax has two: value and position). A read that is not inside contributes nothing.

    The order of combination is part of the numeric contract: ir/index/ReductionOrder.h.
  }];
  let methods = [
    InterfaceMethod<"Types of the accumulators for scalars: the accumulator dtype (f32 for bf16 and f16).",
      "::llvm::SmallVector<::mlir::Type>", "accumulatorTypes", (ins)>,
    InterfaceMethod<"The neutral state, as scalars or vectors like `accumulatorTypes` with `lanes` elements (0: scalars).",
      "::llvm::SmallVector<::mlir::Value>", "identity",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "unsigned":$lanes)>,
    InterfaceMethod<[{
      The state of one position: `args` are the operands' elements in compute types, `position` the flattened reduced index
      (i64, scalar or vector) for those that need it (`needsPosition`). Default: the first operand's element.
    }], "::llvm::SmallVector<::mlir::Value>", "lift",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$args, "::mlir::Value":$position),
      "", "return {args.front()};">,
    InterfaceMethod<"Whether `lift` reads `position`.", "bool", "needsPosition", (ins), "", "return false;">,
    InterfaceMethod<"Combines two states; `left` holds the earlier positions.",
      "::llvm::SmallVector<::mlir::Value>", "combine",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$left, "::mlir::ValueRange":$right)>,
    InterfaceMethod<"The result's element, in its compute type, of the final state.", "::mlir::Value", "finish",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$state), "",
      "return state.front();">,
  ];
}

def Ember_ContractionOp : OpInterface<"ContractionOp", [Ember_IndexedOp]> {
  let cppNamespace = "::ember::ir";
  let description = [{
    Operands 0 and 1 are multiplied and summed over the reduced loops: result = sum of lhs * rhs, one fma chain per output in
    rising reduced index, in the accumulator type (f32 for bf16 and f16, the dtype else), from 0. Where a read is not inside there is
    no term.
  }];
  let methods = [];
}

// An op that generators take whole, by its kind, and that never joins a group of others.
def Ember_OpaqueOp : OpInterface<"OpaqueOp"> {
  let cppNamespace = "::ember::ir";
  let description = [{
    An op with loops of its own: scatters, random draws, sorts. `kernelKind` names the generator family that takes it
    ("scatter", "random", …); a family asks further interfaces of its own.
  }];
  let methods = [
    InterfaceMethod<"The generator family that takes this op.", "::llvm::StringRef", "kernelKind", (ins)>,
    InterfaceMethod<"The operand whose memory result `result` may reuse, or -1 (update ops: the base).", "int",
      "inPlaceOperand", (ins "unsigned":$result), "", "return -1;">,
  ];
}

// A random draw: operands (state, up to two f64 parameters), results (values, state').
def Ember_RandomOp : OpInterface<"RandomOp", [Ember_OpaqueOp]> {
  let cppNamespace = "::ember::ir";
  let methods = [
    InterfaceMethod<"The runtime's function that draws: one of ember_rt_draw_… in runtime/include/ember_rt.h.",
      "::llvm::StringRef", "runtimeKernel", (ins)>,
  ];
}

// Scatters: result = base with updates written or added at the positions that `target` gives, in rising update index.
def Ember_ScatterOp : OpInterface<"ScatterOp", [Ember_OpaqueOp]> {
  let cppNamespace = "::ember::ir";
  let description = [{
    operand 0 is the base, operand `updateOperand()` the updates. Update u at loops l goes to base index `target(l)`; indices out
    of range are faults. `accumulates`: added (in rising update order), else written (the last wins).
  }];
  let methods = [
    InterfaceMethod<"Number of the operand that holds the updates.", "unsigned", "updateOperand", (ins)>,
    InterfaceMethod<"Where the update at these loops goes in the base.", "::ember::ir::Access", "target",
      (ins "::llvm::ArrayRef<::ember::ir::Expr>":$loops, "::ember::ir::Space &":$space)>,
    InterfaceMethod<"Whether updates are added to the base.", "bool", "accumulates", (ins)>,
  ];
}

// An op that does something else in training than in evaluation. So a graph recorded in one mode can be recorded again in the other.
def Ember_ModalOp : OpInterface<"ModalOp"> {
  let cppNamespace = "::ember::ir";
  let methods = [
    InterfaceMethod<"Number of the operand that says whether the op trains: a rank-0 bool.", "unsigned", "trainingOperand", (ins)>,
    InterfaceMethod<"Pairs of an operand, a state, and of the result that is its next value in training.",
      "::llvm::SmallVector<std::pair<unsigned, unsigned>>", "nextStates", (ins)>,
    InterfaceMethod<"Words that it draws from a generator while it trains.", "int64_t", "drawnWords", (ins), "", "return 0;">,
  ];
}

// An op defined by a graph of others, built before kernels are formed.
def Ember_DecomposableOp : OpInterface<"DecomposableOp"> {
  let cppNamespace = "::ember::ir";
  let methods = [
    InterfaceMethod<"Builds the op out of primitives; one value a result, of the result's type.",
      "::llvm::SmallVector<::mlir::Value>", "decompose", (ins "::mlir::OpBuilder &":$builder)>,
  ];
}
#endif
