include "ir/ops/OpBase.td"

class Ember_GatheringOp<string mnemonic> : Ember_Op<mnemonic, [Pure, InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<Ember_IndexedOp, ["access"]>, DeclareOpInterfaceMethods<Ember_ViewOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ReferenceOp>]> {
  let arguments = (ins Ember_Tensor:$input, RankedTensorOf<[I64]>:$indices, I64Attr:$axis);
  let results = (outs Ember_Tensor:$result);
  let assemblyFormat = "$input `,` $indices `axis` $axis attr-dict `:` type($input) `,` type($indices) `->` type($result)";
}

def Ember_TakeOp : Ember_GatheringOp<"take"> {
  let summary = "slices of a tensor by index along one axis (index_select, embedding)";
  let description = [{
    result[a…, i…, b…] = input[a…, indices[i…], b…].
    Shapes: input (A…, N, B…), indices (I…), result (A…, I…, B…). Errors: an axis not below the rank; at run time an index outside
    [0, N) is a fault.
    Example: `%y = ember.take %x, %i axis 0 : tensor<10x4xf32>, tensor<3xi64> -> tensor<3x4xf32>`
  }];
}

def Ember_GatherOp : Ember_GatheringOp<"gather"> {
  let summary = "elements of a tensor by index along one axis";
  let description = [{
    result[a…, i, b…] = input[a…, indices[a…, i, b…], b…].
    Shapes: indices and result of one shape, of the input's rank and no larger but along the axis. Errors: as take.
    Example: `%y = ember.gather %x, %i axis 1 : tensor<4x8xf32>, tensor<4x2xi64> -> tensor<4x2xf32>`
  }];
}

class Ember_ScatteringOp<string mnemonic, list<Trait> traits = []> : Ember_Op<mnemonic, [Pure, AllTypesMatch<["base", "result"]>,
    DeclareOpInterfaceMethods<Ember_OpaqueOp, ["inPlaceOperand"]>, DeclareOpInterfaceMethods<Ember_ScatterOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>, DeclareOpInterfaceMethods<Ember_ReferenceOp>] # traits> {
  let arguments = (ins Ember_Tensor:$base, RankedTensorOf<[I64]>:$indices, Ember_Tensor:$updates, I64Attr:$axis);
  let results = (outs Ember_Tensor:$result);
  let assemblyFormat = "$base `,` $indices `,` $updates `axis` $axis attr-dict `:` type($base) `,` type($indices) `,` type($updates)";
  let hasVerifier = 1;
}

// Each addition is rounded: an element that gets several updates is a chain of them. Of bools it is "or".
class Ember_AddingOp<string mnemonic> : Ember_ScatteringOp<mnemonic, [DeclareOpInterfaceMethods<Ember_ToleranceOp, ["relativeToMagnitude"]>]>;

def Ember_ScatterAddOp : Ember_AddingOp<"scatter_add"> {
  let summary = "a tensor with elements added by index along one axis, in rising order of the updates";
  let description = [{
    result = base; result[a…, indices[a…, i, b…], b…] += updates[a…, i, b…].
    Shapes: as gather. Errors: as gather.
    Example: `%y = ember.scatter_add %x, %i, %u axis 1 : tensor<4x8xf32>, tensor<4x2xi64>, tensor<4x2xf32>`
  }];
}

def Ember_IndexAddOp : Ember_AddingOp<"index_add"> {
  let summary = "a tensor with slices added by index along one axis, in rising order of the updates";
  let description = [{
    result = base; result[a…, indices[i…], b…] += updates[a…, i…, b…].
    Shapes: as take, updates where its result is. Errors: as take.
    Example: `%y = ember.index_add %x, %i, %u axis 0 : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>`
  }];
}

def Ember_UpdateScatterOp : Ember_ScatteringOp<"update_scatter"> {
  let summary = "a tensor with elements replaced by index along one axis; the last update wins";
  let description = [{
    result = base; result[a…, indices[a…, i, b…], b…] = updates[a…, i, b…]. Each update has the gradient of the element it went
    to, as in PyTorch: where several went to one, those that lost have it too.
    Shapes: as gather. Errors: as gather.
    Example: `%y = ember.update_scatter %x, %i, %u axis 1 : tensor<4x8xf32>, tensor<4x2xi64>, tensor<4x2xf32>`
  }];
}
