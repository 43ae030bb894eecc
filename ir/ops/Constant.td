include "ir/ops/OpBase.td"

def Ember_ConstantOp : Ember_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>,
    DeclareOpInterfaceMethods<Ember_ReferenceOp>, Ember_NoGradient]> {
  let summary = "a tensor known when the program is compiled";
  let description = [{
    Shapes: the attribute's. Errors: none at run time.
    Example: `%c = ember.constant dense<[1.0, 2.0]> : tensor<2xf32>`
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Ember_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Ember_IotaOp : Ember_Op<"iota", [Pure, Ember_NoGradient, DeclareOpInterfaceMethods<Ember_IndexedOp>,
    DeclareOpInterfaceMethods<Ember_ScalarOp, ["indexArgs"]>, DeclareOpInterfaceMethods<Ember_ReferenceOp>]> {
  let summary = "the coordinate along one axis";
  let description = [{
    result[…, i, …] = i, with i at `axis`.
    Shapes: the result's. Errors: an axis outside the result's rank.
    Example: `%i = ember.iota 1 : tensor<4x8xi64>`
  }];
  let arguments = (ins I64Attr:$axis);
  let results = (outs Ember_NumberTensor:$result);
  let assemblyFormat = "$axis attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Ember_LeafOp : Ember_Op<"leaf", [Ember_NoGradient]> {
  let summary = "memory that a recorded program reads; becomes an argument when the program is cut";
  let description = [{
    Stands for a tensor in memory while a program is recorded: an op without operands can come and go at any place, a block
    argument cannot. Never in a finished program.
    Example: `%x = ember.leaf : tensor<4xf32>`
  }];
  let results = (outs Ember_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

class Ember_IdentityOp<string mnemonic, list<Trait> traits = []>
    : Ember_Op<mnemonic, [Pure, SameOperandsAndResultType, DeclareOpInterfaceMethods<Ember_IndexedOp>,
                          DeclareOpInterfaceMethods<Ember_ScalarOp>] # traits> {
  let arguments = (ins Ember_Tensor:$input);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def Ember_CopyOp : Ember_IdentityOp<"copy", [DeclareOpInterfaceMethods<Ember_DifferentiableOp>]> {
  let summary = "the operand's value under an identity of its own";
  let description = [{
    copy(x) = x. Gives a value an autograd identity of its own (clone, a write of a whole tensor).
    Shapes: operand and result have one type. Errors: none.
    Example: `%y = ember.copy %x : tensor<4xf32>`
  }];
}

def Ember_WithHistoryOp
    : Ember_Op<"with_history", [Pure, SameOperandsAndResultType, DeclareOpInterfaceMethods<Ember_IndexedOp>,
                                DeclareOpInterfaceMethods<Ember_ScalarOp>, DeclareOpInterfaceMethods<Ember_DifferentiableOp>]> {
  let summary = "one tensor's value, whose gradient goes to another";
  let description = [{
    with_history(x, h) = x; the gradient goes to h, none to x. A write without gradients changes what a tensor holds, not what it
    is the gradient of.
    Shapes: operands and result have one type. Errors: none.
    Example: `%y = ember.with_history %x, %h : tensor<4xf32>`
  }];
  let arguments = (ins Ember_Tensor:$input, Ember_Tensor:$history);
  let results = (outs Ember_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "$input `,` $history attr-dict `:` type($result)";
}

def Ember_DetachOp : Ember_IdentityOp<"detach", [Ember_NoGradient]> {
  let summary = "the operand's value, without gradient";
  let description = [{
    detach(x) = x; its gradient is stated to be none.
    Shapes: operand and result have one type. Errors: none.
    Example: `%y = ember.detach %x : tensor<4xf32>`
  }];
}
