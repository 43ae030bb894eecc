include "ir/ops/OpBase.td"

// An op that moves elements and computes none.
class Ember_MovingOp<string mnemonic, list<Trait> traits = [], list<string> viewMethods = []> : Ember_Op<mnemonic, [Pure,
    DeclareOpInterfaceMethods<Ember_IndexedOp, ["access"]>, DeclareOpInterfaceMethods<Ember_ViewOp, viewMethods>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ReferenceOp>] # traits> {
  let hasVerifier = 1;
}

def Ember_BroadcastOp : Ember_MovingOp<"broadcast"> {
  let summary = "repetition along new dimensions and dimensions of size 1";
  let description = [{
    Dimensions are aligned at the right; a missing one or one of size 1 is repeated. A named size is never 1.
    Shapes: as the result states. Errors: a dimension that is neither 1 nor the result's.
    Example: `%y = ember.broadcast %x : tensor<8xf32> -> tensor<4x8xf32>`
  }];
  let arguments = (ins Ember_Tensor:$input);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def Ember_ReshapeOp : Ember_MovingOp<"reshape"> {
  let summary = "the same elements, row-major, under other sizes";
  let description = [{
    Shapes: as the result states. Errors: another number of elements.
    Example: `%y = ember.reshape %x : tensor<4x6xf32> -> tensor<2x12xf32>`
  }];
  let arguments = (ins Ember_Tensor:$input);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def Ember_TransposeOp : Ember_MovingOp<"transpose", [InferTypeOpAdaptor]> {
  let summary = "dimensions in another order";
  let description = [{
    Dimension i of the result is dimension permutation[i] of the operand.
    Shapes: permuted. Errors: no permutation of the operand's dimensions.
    Example: `%y = ember.transpose %x [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>`
  }];
  let arguments = (ins Ember_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$input $permutation attr-dict `:` type($input) `->` type($result)";
}

def Ember_SliceOp : Ember_MovingOp<"slice"> {
  let summary = "every strides[i]-th element from starts[i] on";
  let description = [{
    result[l] = input[starts + l * strides]. Starts are rank-0 operands, one a dimension: they may vary from run to run.
    Shapes: as the result states. Errors: another number of starts or strides than dimensions; a stride below 1; at run time, a
    start from which the result does not fit is clamped and noted as a fault.
    Example: `%y = ember.slice %x [%a, %b] strides [1, 2] : tensor<4x8xf32> -> tensor<2x4xf32>`
  }];
  let arguments = (ins Ember_Tensor:$input, Variadic<Ember_IndexScalar>:$starts, DenseI64ArrayAttr:$strides);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$input `[` $starts `]` `strides` $strides attr-dict `:` type($input) `->` type($result)";
}

def Ember_PadOp : Ember_MovingOp<"pad", [], ["fill"]> {
  let summary = "a tensor with a border of one value";
  let description = [{
    result[l] = input[l - low] where that is inside, else `value`.
    Shapes: each size grows by low and high. Errors: negative borders, another number of them than dimensions.
    Example: `%y = ember.pad %x low [0, 1] high [0, 1] {value = 0.0 : f64} : tensor<4x8xf32> -> tensor<4x10xf32>`
  }];
  let arguments = (ins Ember_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, F64Attr:$value);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$input `low` $low `high` $high attr-dict `:` type($input) `->` type($result)";
}

def Ember_ConcatOp : Ember_MovingOp<"concat", [], ["movedOperands"]> {
  let summary = "tensors one after the other along an axis";
  let description = [{
    Shapes: equal but along `axis`, where sizes add up. Errors: differing sizes elsewhere.
    Example: `%z = ember.concat 0, %x, %y : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<6x3xf32>`
  }];
  let arguments = (ins I64Attr:$axis, Variadic<Ember_Tensor>:$inputs);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$axis `,` $inputs attr-dict `:` functional-type($inputs, $result)";
}

def Ember_UpdateSliceOp : Ember_Op<"update_slice", [Pure, AllTypesMatch<["base", "result"]>,
    DeclareOpInterfaceMethods<Ember_OpaqueOp, ["inPlaceOperand"]>, DeclareOpInterfaceMethods<Ember_ScatterOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ReferenceOp>]> {
  let summary = "a tensor with a slice replaced";
  let description = [{
    result = base, with update[l] at starts + l * strides. An in-place write of the frontend.
    Shapes: result and base have one type. Errors: as slice.
    Example: `%y = ember.update_slice %x, %u [%a, %b] strides [1, 1] : tensor<4x8xf32>, tensor<2x4xf32>`
  }];
  let arguments = (ins Ember_Tensor:$base, Ember_Tensor:$update, Variadic<Ember_IndexScalar>:$starts,
                       DenseI64ArrayAttr:$strides);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$base `,` $update `[` $starts `]` `strides` $strides attr-dict `:` type($base) `,` type($update)";
  let hasVerifier = 1;
}
