include "ir/ops/OpBase.td"

class Ember_ConvolutionOp<string mnemonic, list<Trait> traits = []> : Ember_Op<mnemonic, [Pure,
    DeclareOpInterfaceMethods<Ember_IndexedOp, ["reducedSizes", "access"]>, DeclareOpInterfaceMethods<Ember_ContractionOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ReferenceOp>,
    DeclareOpInterfaceMethods<Ember_ToleranceOp, ["relativeToMagnitude"]>] # traits> {
  let results = (outs Ember_FloatTensor:$result);
  let hasVerifier = 1;
}

def Ember_Conv2dOp : Ember_ConvolutionOp<"conv2d", [InferTypeOpAdaptor]> {
  let summary = "2-D cross-correlation";
  let description = [{
    result[n, o, y, x] = sum over c, i, j of weight[o, c, i, j] input[n, c', y s - p + i d, x s - p + j d].
    What lies outside is no term: an infinite weight makes no NaN in the padding (PyTorch's oneDNN paths; its others multiply 0).
    Shapes: weight (O, C/groups, KH, KW), input (N, C, H, W), result (N, O, OH, OW), OH = (H + 2p - d(KH-1) - 1) / s + 1.
    Errors: ranks other than 4, channels that do not fit, a kernel larger than the padded input.
    Example: `%y = ember.conv2d %w, %x stride [1, 1] padding [1, 1] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x3x8x8xf32> -> tensor<2x8x8x8xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$weight, Ember_FloatTensor:$input, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let assemblyFormat = "$weight `,` $input `stride` $stride `padding` $padding `dilation` $dilation `groups` $groups attr-dict `:` type($weight) `,` type($input) `->` type($result)";
}

def Ember_Conv2dInputGradOp : Ember_ConvolutionOp<"conv2d_input_grad"> {
  let summary = "the gradient of conv2d with respect to its input: a transposed convolution";
  let description = [{
    result[n, c, h, w] = sum over o, i, j of weight[o, c, i, j] cotangent[n, o, (h + p - i d) / s, (w + p - j d) / s] where that
    is whole and inside.
    Shapes: weight (O, C/groups, KH, KW), cotangent (N, O, OH, OW), result (N, C, H, W) as stated. Errors: as conv2d.
    Example: `%g = ember.conv2d_input_grad %w, %dy stride [1, 1] padding [1, 1] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x8x8x8xf32> -> tensor<2x3x8x8xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$weight, Ember_FloatTensor:$cotangent, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let assemblyFormat = "$weight `,` $cotangent `stride` $stride `padding` $padding `dilation` $dilation `groups` $groups attr-dict `:` type($weight) `,` type($cotangent) `->` type($result)";
}

def Ember_Conv2dWeightGradOp : Ember_ConvolutionOp<"conv2d_weight_grad"> {
  let summary = "the gradient of conv2d with respect to its weight";
  let description = [{
    result[o, c, i, j] = sum over n, y, x of cotangent[n, o, y, x] input[n, c', y s - p + i d, x s - p + j d].
    Shapes: cotangent (N, O, OH, OW), input (N, C, H, W), result (O, C/groups, KH, KW) as stated. Errors: as conv2d.
    Example: `%g = ember.conv2d_weight_grad %dy, %x stride [1, 1] padding [1, 1] dilation [1, 1] groups 1 : tensor<2x8x8x8xf32>, tensor<2x3x8x8xf32> -> tensor<8x3x3x3xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$cotangent, Ember_FloatTensor:$input, DenseI64ArrayAttr:$stride,
                       DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, I64Attr:$groups);
  let assemblyFormat = "$cotangent `,` $input `stride` $stride `padding` $padding `dilation` $dilation `groups` $groups attr-dict `:` type($cotangent) `,` type($input) `->` type($result)";
}
