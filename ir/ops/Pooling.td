include "ir/ops/OpBase.td"

class Ember_PoolingOp<string mnemonic, list<Trait> traits = []> : Ember_Op<mnemonic, [Pure,
    DeclareOpInterfaceMethods<Ember_IndexedOp, ["reducedSizes", "access"]>, DeclareOpInterfaceMethods<Ember_ReferenceOp>] # traits>;

def Ember_MaxPool2dOp : Ember_PoolingOp<"max_pool2d", [InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<Ember_ReductionOp>, DeclareOpInterfaceMethods<Ember_DifferentiableOp>]> {
  let summary = "the largest value of each window";
  let description = [{
    result[n, c, y, x] = max over i, j of input[n, c, y s - p + i d, x s - p + j d], inside the input; NaN wins. d = dilation, 1
    where it is not stated.
    Shapes: input (N, C, H, W), result (N, C, OH, OW), OH = (H + 2p - d (k - 1) - 1) / s + 1.
    Errors: rank other than 4, a dilated kernel larger than the padded input, padding above half of it.
    Example: `%y = ember.max_pool2d %x kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32> -> tensor<1x3x4x4xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilation);
  let results = (outs Ember_FloatTensor:$result);
  let assemblyFormat = "$input `kernel` $kernel `stride` $stride `padding` $padding (`dilation` $dilation^)? attr-dict `:` type($input) `->` type($result)";
}

def Ember_MaxPool2dIndicesOp : Ember_PoolingOp<"max_pool2d_indices", [Ember_NoGradient,
    InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<Ember_ReductionOp, ["lift", "finish"]>]> {
  let summary = "where max_pool2d found its values: h * W + w of the first maximum, or the last NaN, in each window";
  let description = [{
    Shapes and errors: as max_pool2d, i64. `position` is (H, W) and holds h * W + w.
    Example: `%i = ember.max_pool2d_indices %x, %p kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32>, tensor<8x8xi64> -> tensor<1x3x4x4xi64>`
  }];
  let arguments = (ins Ember_FloatTensor:$input, RankedTensorOf<[I64]>:$position, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilation);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$input `,` $position `kernel` $kernel `stride` $stride `padding` $padding (`dilation` $dilation^)? attr-dict `:` type($input) `,` type($position) `->` type($result)";
}

def Ember_MaxPool2dGradOp : Ember_PoolingOp<"max_pool2d_grad", [
    DeclareOpInterfaceMethods<Ember_ReductionOp, ["lift"]>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ToleranceOp, ["relativeToMagnitude"]>]> {
  let summary = "the gradient of max_pool2d: each window's cotangent goes to its maximum";
  let description = [{
    result[n, c, h, w] = sum of cotangent over the windows whose index is h * W + w.
    Shapes: cotangent and indices (N, C, OH, OW), result (N, C, H, W) as stated; `position` is an iota of the input's h * W + w.
    Errors: shapes that max_pool2d does not relate.
    Example: `%g = ember.max_pool2d_grad %dy, %i, %p kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x4x4xf32>, tensor<1x3x4x4xi64>, tensor<8x8xi64> -> tensor<1x3x8x8xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$cotangent, RankedTensorOf<[I64]>:$indices, RankedTensorOf<[I64]>:$position,
                       DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding, DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilation);
  let results = (outs Ember_FloatTensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$cotangent `,` $indices `,` $position `kernel` $kernel `stride` $stride `padding` $padding (`dilation` $dilation^)? attr-dict `:` type($cotangent) `,` type($indices) `,` type($position) `->` type($result)";
}

def Ember_WindowSumOp : Ember_PoolingOp<"window_sum", [InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<Ember_ReductionOp>, DeclareOpInterfaceMethods<Ember_DifferentiableOp>,
    DeclareOpInterfaceMethods<Ember_ToleranceOp, ["relativeToMagnitude"]>]> {
  let summary = "the sum of each window; average pooling divides it";
  let description = [{
    result[n, c, y, x] = sum over i, j of input[n, c, y s - p + i, x s - p + j], outside 0.
    Shapes and errors: as max_pool2d.
    Example: `%y = ember.window_sum %x kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32> -> tensor<1x3x4x4xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding);
  let results = (outs Ember_FloatTensor:$result);
  let assemblyFormat = "$input `kernel` $kernel `stride` $stride `padding` $padding attr-dict `:` type($input) `->` type($result)";
}

def Ember_WindowSumGradOp : Ember_PoolingOp<"window_sum_grad", [DeclareOpInterfaceMethods<Ember_ReductionOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ToleranceOp, ["relativeToMagnitude"]>]> {
  let summary = "the gradient of window_sum: each input element gathers the cotangents of its windows";
  let description = [{
    Shapes: cotangent (N, C, OH, OW), result (N, C, H, W) as stated. Errors: shapes that window_sum does not relate.
    Example: `%g = ember.window_sum_grad %dy kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x4x4xf32> -> tensor<1x3x8x8xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$cotangent, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding);
  let results = (outs Ember_FloatTensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = "$cotangent `kernel` $kernel `stride` $stride `padding` $padding attr-dict `:` type($cotangent) `->` type($result)";
}
