include "ir/ops/OpBase.td"

// An elementwise op on two tensors of one type.
class Ember_BinaryOp<string mnemonic, Type tensor, list<Trait> traits = [], list<string> scalarMethods = []>
    : Ember_Op<mnemonic, [Pure, SameOperandsAndResultType,
                          DeclareOpInterfaceMethods<Ember_IndexedOp>, DeclareOpInterfaceMethods<Ember_ScalarOp, scalarMethods>,
                          DeclareOpInterfaceMethods<Ember_DifferentiableOp>] # traits> {
  let arguments = (ins tensor:$lhs, tensor:$rhs);
  let results = (outs tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Ember_AddOp : Ember_BinaryOp<"add", Ember_NumberTensor, [Commutative]> {
  let summary = "sum, element by element";
  let description = [{
    add(x, y) = x + y. Integers wrap.
    Shapes: operands and result have one type. Errors: none at run time.
    Example: `%z = ember.add %x, %y : tensor<4x8xf32>`
  }];
  let hasFolder = 1;
}

def Ember_SubOp : Ember_BinaryOp<"sub", Ember_NumberTensor> {
  let summary = "difference, element by element";
  let description = [{
    sub(x, y) = x - y. Integers wrap.
    Shapes: operands and result have one type. Errors: none at run time.
    Example: `%z = ember.sub %x, %y : tensor<4x8xf32>`
  }];
  let hasFolder = 1;
}

def Ember_MulOp : Ember_BinaryOp<"mul", Ember_NumberTensor, [Commutative]> {
  let summary = "product, element by element";
  let description = [{
    mul(x, y) = x * y. Integers wrap.
    Shapes: operands and result have one type. Errors: none at run time.
    Example: `%z = ember.mul %x, %y : tensor<4x8xf32>`
  }];
  let hasFolder = 1;
}

def Ember_DivOp : Ember_BinaryOp<"div", Ember_FloatTensor> {
  let summary = "quotient, element by element";
  let description = [{
    div(x, y) = x / y. x / 0 is an infinity or NaN.
    Shapes: operands and result have one type. Errors: none at run time.
    Example: `%z = ember.div %x, %y : tensor<4x8xf32>`
  }];
  let hasFolder = 1;
}

def Ember_FloorDivideOp : Ember_BinaryOp<"floor_divide", Ember_NumberTensor, [DeclareOpInterfaceMethods<Ember_ToleranceOp>],
                                         ["foldsExactly"]> {
  let summary = "quotient rounded toward -infinity";
  let description = [{
    floor_divide(x, y) = floor(x / y) of the unrounded quotient: 1 / 0.1 gives 9 in f32 and f64, whose 0.1 is above a tenth.
    An infinite x gives NaN, as in PyTorch.
    Shapes: operands and result have one type. Errors: integer division by 0 gives 0 here: frontends refuse it where they see the data.
    Example: `%z = ember.floor_divide %x, %y : tensor<4x8xf32>`
  }];
}

def Ember_RemainderOp : Ember_BinaryOp<"remainder", Ember_NumberTensor> {
  let summary = "remainder with the sign of the divisor";
  let description = [{
    remainder(x, y) = x - y * floor(x / y).
    Shapes: operands and result have one type. Errors: integer remainder by 0 gives 0 here: frontends refuse it where they see the data.
    Example: `%z = ember.remainder %x, %y : tensor<4x8xf32>`
  }];
}

def Ember_MaximumOp : Ember_BinaryOp<"maximum", Ember_NumberTensor, [Commutative]> {
  let summary = "the larger element; NaN if either is NaN";
  let description = [{
    maximum(x, y). The gradient is halved where x = y.
    Shapes: operands and result have one type. Errors: none at run time.
    Example: `%z = ember.maximum %x, %y : tensor<4x8xf32>`
  }];
}

def Ember_MinimumOp : Ember_BinaryOp<"minimum", Ember_NumberTensor, [Commutative]> {
  let summary = "the smaller element; NaN if either is NaN";
  let description = [{
    minimum(x, y). The gradient is halved where x = y.
    Shapes: operands and result have one type. Errors: none at run time.
    Example: `%z = ember.minimum %x, %y : tensor<4x8xf32>`
  }];
}

def Ember_PowOp : Ember_BinaryOp<"pow", Ember_FloatTensor, [DeclareOpInterfaceMethods<Ember_ToleranceOp>]> {
  let summary = "power, element by element";
  let description = [{
    pow(x, y) = x^y, with the special values of C's pow.
    Shapes: operands and result have one type. Errors: none at run time.
    Example: `%z = ember.pow %x, %y : tensor<4x8xf32>`
  }];
}
