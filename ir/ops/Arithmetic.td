include "ir/ops/OpBase.td"

// An elementwise op on two tensors of one type.
class Ember_BinaryOp<string mnemonic, Type tensor, list<Trait> traits = []>
    : Ember_Op<mnemonic, [Pure, SameOperandsAndResultType,
                          DeclareOpInterfaceMethods<Ember_IndexedOp>, DeclareOpInterfaceMethods<Ember_ScalarOp>,
                          DeclareOpInterfaceMethods<Ember_DifferentiableOp>] # traits> {
  let arguments = (ins tensor:$lhs, tensor:$rhs);
  let results = (outs tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Ember_AddOp : Ember_BinaryOp<"add", Ember_NumberTensor, [Commutative]> {
  let summary = "sum, element by element";
  let description = [{
    add(x, y) = x + y. Integers wrap.
    Shapes: operands and result have one type.
    Errors: none at run time.
    Example: `%z = ember.add %x, %y : tensor<4x8xf32>`
  }];
}

def Ember_MulOp : Ember_BinaryOp<"mul", Ember_NumberTensor, [Commutative]> {
  let summary = "product, element by element";
  let description = [{
    mul(x, y) = x * y. Integers wrap.
    Shapes: operands and result have one type.
    Errors: none at run time.
    Example: `%z = ember.mul %x, %y : tensor<4x8xf32>`
  }];
}
