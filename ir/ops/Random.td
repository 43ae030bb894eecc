include "ir/ops/OpBase.td"

// A generator's state: PyTorch's 5056 bytes (runtime/random/Generator.cpp).
def Ember_GeneratorState : Type<CPred<"$_self == ::mlir::RankedTensorType::get({5056}, ::mlir::IntegerType::get("
                                      "$_self.getContext(), 8, ::mlir::IntegerType::Unsigned))">,
                                "generator state tensor<5056xui8>", "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({5056}, $_builder.getIntegerType(8, /*isSigned=*/false))">;

class Ember_DrawingOp<string mnemonic> : Ember_Op<mnemonic, [Pure, Ember_NoGradient,
    DeclareOpInterfaceMethods<Ember_OpaqueOp, ["inPlaceOperand"]>, DeclareOpInterfaceMethods<Ember_RandomOp>,
    DeclareOpInterfaceMethods<Ember_ReferenceOp>]>;

def Ember_UniformOp : Ember_DrawingOp<"uniform"> {
  let summary = "numbers drawn evenly from [low, high)";
  let description = [{
    (values, next) = draws of MT19937 from `state`, in PyTorch's order and rounding; `next` is the state after them.
    Shapes: values as stated. Errors: none at run time.
    Example: `%v, %n = ember.uniform %state, %low, %high : tensor<4x8xf32>`
  }];
  let arguments = (ins Ember_GeneratorState:$state, Ember_RealScalar:$low, Ember_RealScalar:$high);
  let results = (outs Ember_FloatTensor:$values, Ember_GeneratorState:$next);
  let assemblyFormat = "$state `,` $low `,` $high attr-dict `:` type($values)";
}

def Ember_NormalOp : Ember_DrawingOp<"normal"> {
  let summary = "numbers drawn from the normal distribution";
  let description = [{
    As `uniform`, by Box and Muller in PyTorch's blocks: from 16 elements on another order than below. `singly`: the order of few
    elements for any number of them.
    Shapes: values as stated. Errors: none at run time.
    Example: `%v, %n = ember.normal %state, %mean, %deviation : tensor<4x8xf32>`
  }];
  let arguments = (ins Ember_GeneratorState:$state, Ember_RealScalar:$mean, Ember_RealScalar:$deviation, UnitAttr:$singly);
  let results = (outs Ember_FloatTensor:$values, Ember_GeneratorState:$next);
  let assemblyFormat = "$state `,` $mean `,` $deviation (`singly` $singly^)? attr-dict `:` type($values)";
}

def Ember_BernoulliOp : Ember_DrawingOp<"bernoulli"> {
  let summary = "1 with a probability, else 0";
  let description = [{
    As `uniform`; two words of the generator an element.
    Shapes: values as stated, any dtype. Errors: none at run time.
    Example: `%v, %n = ember.bernoulli %state, %p : tensor<4x8xf32>`
  }];
  let arguments = (ins Ember_GeneratorState:$state, Ember_RealScalar:$probability);
  let results = (outs Ember_Tensor:$values, Ember_GeneratorState:$next);
  let assemblyFormat = "$state `,` $probability attr-dict `:` type($values)";
}

def Ember_RandintOp : Ember_DrawingOp<"randint"> {
  let summary = "whole numbers drawn evenly from [low, high)";
  let description = [{
    As `uniform`; a word of the generator an element, two where high - low is 2^28 or more: word % (high - low) + low.
    Shapes: values as stated, any dtype; low and high rank-0 i64. Errors: none at run time; where low is not below high, zeros and
    the same state.
    Example: `%v, %n = ember.randint %state, %low, %high : tensor<4x8xi64>`
  }];
  let arguments = (ins Ember_GeneratorState:$state, Ember_IndexScalar:$low, Ember_IndexScalar:$high);
  let results = (outs Ember_Tensor:$values, Ember_GeneratorState:$next);
  let assemblyFormat = "$state `,` $low `,` $high attr-dict `:` type($values)";
}

def Ember_RandpermOp : Ember_DrawingOp<"randperm"> {
  let summary = "0 … n - 1 in random order";
  let description = [{
    As `uniform`; a Fisher-Yates shuffle in PyTorch's order.
    Shapes: values (n) i64. Errors: values of another rank or dtype.
    Example: `%v, %n = ember.randperm %state : tensor<10xi64>`
  }];
  let arguments = (ins Ember_GeneratorState:$state);
  let results = (outs 1DTensorOf<[I64]>:$values, Ember_GeneratorState:$next);
  let assemblyFormat = "$state attr-dict `:` type($values)";
}

def Ember_DropoutOp : Ember_Op<"dropout", [Pure, AllTypesMatch<["input", "result", "scale"]>,
    DeclareOpInterfaceMethods<Ember_DecomposableOp>, DeclareOpInterfaceMethods<Ember_DifferentiableOp>,
    DeclareOpInterfaceMethods<Ember_ModalOp, ["drawnWords"]>, DeclareOpInterfaceMethods<Ember_ReferenceOp>]> {
  let summary = "elements dropped at random while training";
  let description = [{
    Training: scale = bernoulli(1 - p) / (1 - p), of the state's draws, result = input * scale, next = the state after them.
    Else scale = 1 and next = state. p is the probability of dropping.
    Shapes: input, result and scale are alike; training is a rank-0 bool. Errors: none at run time.
    Source: Srivastava et al., "Dropout", JMLR 15 (2014).
    Example: `%y, %s, %n = ember.dropout %x, %p, %training, %state : tensor<4x8xf32>`
  }];
  let arguments = (ins Ember_FloatTensor:$input, Ember_RealScalar:$p, Ember_BoolScalar:$training, Ember_GeneratorState:$state);
  let results = (outs Ember_FloatTensor:$result, Ember_FloatTensor:$scale, Ember_GeneratorState:$next);
  let assemblyFormat = "$input `,` $p `,` $training `,` $state attr-dict `:` type($input)";
}
