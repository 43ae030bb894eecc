include "ir/ops/OpBase.td"

def Ember_CompareOp : Ember_Op<"compare", [Pure, Ember_NoGradient, SameTypeOperands,
    InferTypeOpAdaptor, DeclareOpInterfaceMethods<Ember_IndexedOp>,
    DeclareOpInterfaceMethods<Ember_ScalarOp>]> {
  let summary = "comparison, element by element";
  let description = [{
    compare "lt" x, y = x < y; predicates eq ne lt le gt ge. NaN is unequal to everything and unordered.
    Shapes: operands have one type, the result its shape. Errors: an unknown predicate.
    Example: `%m = ember.compare "lt" %x, %y : tensor<4xf32>`
  }];
  let arguments = (ins StrAttr:$predicate, Ember_Tensor:$lhs, Ember_Tensor:$rhs);
  let results = (outs Ember_BoolTensor:$result);
  let assemblyFormat = "$predicate $lhs `,` $rhs attr-dict `:` type($lhs)";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$predicate, "::mlir::Value":$lhs, "::mlir::Value":$rhs)>];
}

def Ember_SelectOp : Ember_Op<"select", [Pure, AllTypesMatch<["yes", "no", "result"]>,
    DeclareOpInterfaceMethods<Ember_IndexedOp>, DeclareOpInterfaceMethods<Ember_ScalarOp>,
    DeclareOpInterfaceMethods<Ember_DifferentiableOp>]> {
  let summary = "one of two elements, by a condition";
  let description = [{
    select(c, x, y) = c ? x : y. The gradient of the side not taken is 0.
    Shapes: the condition has the operands' shape. Errors: differing shapes.
    Example: `%z = ember.select %c, %x, %y : tensor<4xf32>`
  }];
  let arguments = (ins Ember_BoolTensor:$condition, Ember_Tensor:$yes, Ember_Tensor:$no);
  let results = (outs Ember_Tensor:$result);
  let assemblyFormat = "$condition `,` $yes `,` $no attr-dict `:` type($condition) `,` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

class Ember_LogicalOp<string mnemonic, list<Trait> traits = []> : Ember_Op<mnemonic, [Pure, SameOperandsAndResultType,
    Ember_NoGradient, DeclareOpInterfaceMethods<Ember_IndexedOp>, DeclareOpInterfaceMethods<Ember_ScalarOp>] # traits> {
  let results = (outs RankedTensorOf<[I1, Ember_Integer]>:$result);
}

def Ember_LogicalAndOp : Ember_LogicalOp<"and", [Commutative, Idempotent]> {
  let summary = "and, bit by bit";
  let description = [{ and(x, y) = x & y. Shapes: one type. Errors: none. Example: `%z = ember.and %x, %y : tensor<4xi1>` }];
  let arguments = (ins RankedTensorOf<[I1, Ember_Integer]>:$lhs, RankedTensorOf<[I1, Ember_Integer]>:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}
def Ember_LogicalOrOp : Ember_LogicalOp<"or", [Commutative, Idempotent]> {
  let summary = "or, bit by bit";
  let description = [{ or(x, y) = x | y. Shapes: one type. Errors: none. Example: `%z = ember.or %x, %y : tensor<4xi1>` }];
  let arguments = (ins RankedTensorOf<[I1, Ember_Integer]>:$lhs, RankedTensorOf<[I1, Ember_Integer]>:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}
def Ember_LogicalXorOp : Ember_LogicalOp<"xor", [Commutative]> {
  let summary = "exclusive or, bit by bit";
  let description = [{ xor(x, y) = x ^ y. Shapes: one type. Errors: none. Example: `%z = ember.xor %x, %y : tensor<4xi1>` }];
  let arguments = (ins RankedTensorOf<[I1, Ember_Integer]>:$lhs, RankedTensorOf<[I1, Ember_Integer]>:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}
def Ember_LogicalNotOp : Ember_LogicalOp<"not", [Involution]> {
  let summary = "not, bit by bit";
  let description = [{ not(x) = ~x. Shapes: one type. Errors: none. Example: `%z = ember.not %x : tensor<4xi1>` }];
  let arguments = (ins RankedTensorOf<[I1, Ember_Integer]>:$input);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def Ember_CastOp : Ember_Op<"cast", [Pure, DeclareOpInterfaceMethods<Ember_IndexedOp>,
    DeclareOpInterfaceMethods<Ember_ScalarOp>, DeclareOpInterfaceMethods<Ember_DifferentiableOp>]> {
  let summary = "conversion to another dtype";
  let description = [{
    Float to integer truncates; NaN and what does not fit gives the smallest integer (i64, i32) or its low bits; integers wrap;
    to bool is `!= 0`; to a narrower float rounds to nearest even. The gradient is cast back.
    Shapes: operand and result have one shape. Errors: differing shapes.
    Example: `%y = ember.cast %x : tensor<4xf32> -> tensor<4xi64>`
  }];
  let arguments = (ins Ember_Tensor:$input);
  let results = (outs Ember_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
