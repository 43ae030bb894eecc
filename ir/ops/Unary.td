include "ir/ops/OpBase.td"

// An elementwise op on one float tensor.
class Ember_UnaryOp<string mnemonic, Type tensor, list<Trait> traits = [], list<string> scalarMethods = ["cost"]>
    : Ember_Op<mnemonic, [Pure, SameOperandsAndResultType,
                          DeclareOpInterfaceMethods<Ember_IndexedOp>,
                          DeclareOpInterfaceMethods<Ember_ScalarOp, scalarMethods>,
                          DeclareOpInterfaceMethods<Ember_DifferentiableOp>] # traits> {
  let arguments = (ins tensor:$input);
  let results = (outs tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

class Ember_ApproximateOp<string mnemonic> : Ember_UnaryOp<mnemonic, Ember_FloatTensor,
    [DeclareOpInterfaceMethods<Ember_ToleranceOp>]>;

def Ember_NegOp : Ember_UnaryOp<"neg", Ember_NumberTensor, [Involution]> {
  let summary = "negation";
  let description = [{
    neg(x) = -x. Integers wrap.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.neg %x : tensor<4x8xf32>`
  }];
}

def Ember_AbsOp : Ember_UnaryOp<"abs", Ember_NumberTensor, [Idempotent]> {
  let summary = "absolute value";
  let description = [{
    abs(x) = |x|; gradient 0 at 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.abs %x : tensor<4x8xf32>`
  }];
}

def Ember_SignOp : Ember_UnaryOp<"sign", Ember_NumberTensor, [Idempotent]> {
  let summary = "sign: -1, 0 or 1";
  let description = [{
    sign(x); sign(NaN) = 0; gradient 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.sign %x : tensor<4x8xf32>`
  }];
}

def Ember_FloorOp : Ember_UnaryOp<"floor", Ember_FloatTensor, [Idempotent]> {
  let summary = "largest integer not above";
  let description = [{
    floor(x); gradient 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.floor %x : tensor<4x8xf32>`
  }];
}

def Ember_CeilOp : Ember_UnaryOp<"ceil", Ember_FloatTensor, [Idempotent]> {
  let summary = "smallest integer not below";
  let description = [{
    ceil(x); gradient 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.ceil %x : tensor<4x8xf32>`
  }];
}

def Ember_RoundOp : Ember_UnaryOp<"round", Ember_FloatTensor, [Idempotent]> {
  let summary = "nearest integer, ties to even";
  let description = [{
    round(x); gradient 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.round %x : tensor<4x8xf32>`
  }];
}

def Ember_TruncOp : Ember_UnaryOp<"trunc", Ember_FloatTensor, [Idempotent]> {
  let summary = "integer part";
  let description = [{
    trunc(x); gradient 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.trunc %x : tensor<4x8xf32>`
  }];
}

def Ember_ReluOp : Ember_UnaryOp<"relu", Ember_FloatTensor, [Idempotent]> {
  let summary = "max(x, 0)";
  let description = [{
    relu(x) = max(x, 0); NaN and -0 stay themselves; the gradient is zeroed where the result is not above 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.relu %x : tensor<4x8xf32>`
  }];
}

def Ember_SqrtOp : Ember_UnaryOp<"sqrt", Ember_FloatTensor> {
  let summary = "square root";
  let description = [{
    sqrt(x); NaN below 0; gradient infinite at 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.sqrt %x : tensor<4x8xf32>`
  }];
}

def Ember_RsqrtOp : Ember_UnaryOp<"rsqrt", Ember_FloatTensor, [DeclareOpInterfaceMethods<Ember_ToleranceOp>], ["cost", "foldsExactly"]> {
  let summary = "reciprocal square root";
  let description = [{
    rsqrt(x) = 1 / sqrt(x), each step rounded.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.rsqrt %x : tensor<4x8xf32>`
  }];
}

def Ember_ReciprocalOp : Ember_UnaryOp<"reciprocal", Ember_FloatTensor> {
  let summary = "reciprocal";
  let description = [{
    reciprocal(x) = 1 / x.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.reciprocal %x : tensor<4x8xf32>`
  }];
}

def Ember_ExpOp : Ember_ApproximateOp<"exp"> {
  let summary = "exponential";
  let description = [{
    exp(x).
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.exp %x : tensor<4x8xf32>`
  }];
}

def Ember_Expm1Op : Ember_ApproximateOp<"expm1"> {
  let summary = "exp(x) - 1, accurate near 0";
  let description = [{
    expm1(x) = exp(x) - 1.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.expm1 %x : tensor<4x8xf32>`
  }];
}

def Ember_LogOp : Ember_ApproximateOp<"log"> {
  let summary = "natural logarithm";
  let description = [{
    log(x); NaN below 0, -infinity at 0.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.log %x : tensor<4x8xf32>`
  }];
}

def Ember_Log1pOp : Ember_ApproximateOp<"log1p"> {
  let summary = "log(1 + x), accurate near 0";
  let description = [{
    log1p(x) = log(1 + x).
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.log1p %x : tensor<4x8xf32>`
  }];
}

def Ember_SinOp : Ember_ApproximateOp<"sin"> {
  let summary = "sine";
  let description = [{
    sin(x), x in radians.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.sin %x : tensor<4x8xf32>`
  }];
}

def Ember_CosOp : Ember_ApproximateOp<"cos"> {
  let summary = "cosine";
  let description = [{
    cos(x), x in radians.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.cos %x : tensor<4x8xf32>`
  }];
}

def Ember_TanhOp : Ember_ApproximateOp<"tanh"> {
  let summary = "hyperbolic tangent";
  let description = [{
    tanh(x).
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.tanh %x : tensor<4x8xf32>`
  }];
}

def Ember_ErfOp : Ember_ApproximateOp<"erf"> {
  let summary = "error function";
  let description = [{
    erf(x) = 2/√π ∫₀ˣ exp(-t²) dt.
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.erf %x : tensor<4x8xf32>`
  }];
}

def Ember_SigmoidOp : Ember_ApproximateOp<"sigmoid"> {
  let summary = "logistic function";
  let description = [{
    sigmoid(x) = 1 / (1 + exp(-x)).
    Shapes: operand and result have one type. Errors: none at run time.
    Example: `%y = ember.sigmoid %x : tensor<4x8xf32>`
  }];
}
