include "ir/ops/OpBase.td"

def Ember_BatchNormOp : Ember_Op<"batch_norm", [Pure, AllTypesMatch<["input", "result"]>,
    AllTypesMatch<["weight", "bias", "running_mean", "running_var", "next_mean", "next_var", "mean", "inverse"]>,
    DeclareOpInterfaceMethods<Ember_DecomposableOp>, DeclareOpInterfaceMethods<Ember_DifferentiableOp>,
    DeclareOpInterfaceMethods<Ember_ModalOp>, DeclareOpInterfaceMethods<Ember_ReferenceOp>,
    DeclareOpInterfaceMethods<Ember_ToleranceOp>]> {
  let summary = "batch normalization with running statistics";
  let description = [{
    result = (input - mean) * inverse * weight + bias for each channel, inverse = 1 / sqrt(var + eps).
    Training: mean and var (of n elements, divided by n) are the batch's, next_mean = (1 - momentum) running_mean + momentum mean,
    next_var = (1 - momentum) running_var + momentum var n / (n - 1), next_batches = batches + 1, the number of batches so far.
    Else mean and var are the running ones, which stay, as `batches` does; so are those of a batch without elements, which is counted.
    The gradient flows to input, weight, bias and, out of training, the running statistics; through `mean` and `inverse` too, so
    that gradients of gradients are right; not through the next statistics, momentum and eps.
    Shapes: input (N, C, …); weight, bias and statistics (C); training a rank-0 bool; momentum and eps rank-0 f64; batches
    rank-0 i64.
    Errors: a rank below 2; another number of channels.
    Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015.
    Example: `%y, %nm, %nv, %m, %i, %nb = ember.batch_norm %x, %w, %b, %rm, %rv, %training, %momentum, %eps, %batches :
    tensor<2x3x4x4xf32>, tensor<3xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$input, Ember_FloatTensor:$weight, Ember_FloatTensor:$bias,
                       Ember_FloatTensor:$running_mean, Ember_FloatTensor:$running_var, Ember_BoolScalar:$training,
                       Ember_RealScalar:$momentum, Ember_RealScalar:$eps, Ember_IndexScalar:$batches);
  let results = (outs Ember_FloatTensor:$result, Ember_FloatTensor:$next_mean, Ember_FloatTensor:$next_var,
                      Ember_FloatTensor:$mean, Ember_FloatTensor:$inverse, Ember_IndexScalar:$next_batches);
  let assemblyFormat = "operands attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}
