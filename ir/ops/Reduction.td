include "ir/ops/OpBase.td"

class Ember_AxesReductionOp<string mnemonic, list<Trait> traits = []> : Ember_Op<mnemonic, [Pure,
    InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<Ember_IndexedOp, ["reducedSizes", "access"]>,
    DeclareOpInterfaceMethods<Ember_ReferenceOp>] # traits> {
  let assemblyFormat = "$input $axes attr-dict `:` type($input) `->` type($result)";
}

def Ember_SumOp : Ember_AxesReductionOp<"sum", [DeclareOpInterfaceMethods<Ember_ReductionOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>,
    DeclareOpInterfaceMethods<Ember_ToleranceOp, ["relativeToMagnitude"]>]> {
  let summary = "sum over axes";
  let description = [{
    Shapes: the operand's without the axes. Integers wrap. bf16 and f16 accumulate in f32.
    Errors: axes that are not rising or not below the rank.
    Example: `%s = ember.sum %x [1] : tensor<4x8xf32> -> tensor<4xf32>`
  }];
  let arguments = (ins Ember_NumberTensor:$input, DenseI64ArrayAttr:$axes);
  let results = (outs Ember_NumberTensor:$result);
}

def Ember_MaxOp : Ember_AxesReductionOp<"max", [DeclareOpInterfaceMethods<Ember_ReductionOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>]> {
  let summary = "maximum over axes; NaN if any is NaN";
  let description = [{
    Shapes: the operand's without the axes. The gradient is split evenly among equal maxima.
    Errors: axes that are not rising or not below the rank. The maximum of nothing is the dtype's lowest value.
    Example: `%m = ember.max %x [1] : tensor<4x8xf32> -> tensor<4xf32>`
  }];
  let arguments = (ins Ember_NumberTensor:$input, DenseI64ArrayAttr:$axes);
  let results = (outs Ember_NumberTensor:$result);
}

def Ember_ArgmaxOp : Ember_AxesReductionOp<"argmax", [Ember_NoGradient,
    DeclareOpInterfaceMethods<Ember_ReductionOp, ["lift", "needsPosition", "finish"]>]> {
  let summary = "position of the first maximum over axes; the first NaN where there is one";
  let description = [{
    Shapes: the operand's without the axes; i64 positions in the flattened reduced axes.
    Errors: axes that are not rising or not below the rank.
    Example: `%i = ember.argmax %x [1] : tensor<4x8xf32> -> tensor<4xi64>`
  }];
  let arguments = (ins Ember_NumberTensor:$input, DenseI64ArrayAttr:$axes);
  let results = (outs RankedTensorOf<[I64]>:$result);
}
