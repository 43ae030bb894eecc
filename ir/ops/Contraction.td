include "ir/ops/OpBase.td"

def Ember_MatmulOp : Ember_Op<"matmul", [Pure, InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<Ember_IndexedOp, ["reducedSizes", "access"]>, DeclareOpInterfaceMethods<Ember_ContractionOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ReferenceOp>,
    DeclareOpInterfaceMethods<Ember_ToleranceOp, ["relativeToMagnitude"]>]> {
  let summary = "matrix product, batched";
  let description = [{
    result[…, i, j] = sum over k of lhs[…, i, k] rhs[…, k, j]; bf16 and f16 accumulate in f32.
    Shapes: lhs (B…, m, k), rhs (B…, k, n), result (B…, m, n); batch dimensions equal, of size 1, or missing at the left.
    Errors: rank below 2, differing dtypes, inner or batch sizes that do not fit.
    Example: `%y = ember.matmul %a, %b : tensor<4x8xf32>, tensor<8x3xf32> -> tensor<4x3xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$lhs, Ember_FloatTensor:$rhs);
  let results = (outs Ember_FloatTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)";
}
