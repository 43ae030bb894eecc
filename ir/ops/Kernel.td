include "ir/ops/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Ember_KernelOp : Ember_Op<"kernel", [Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "a group of ops that one generator compiles as one kernel";
  let description = [{
    The region holds ordinary ember ops on tensors; its arguments are the operands, its yield gives the results. Everything a
    generator needs is derived from it. Constants and views are cloned in, never operands.
    `generator` names who takes it; `in_place` lists pairs [result, operand] that share memory (memory planning).
    Example:
    ```mlir
    %y = ember.kernel "mul_add"(%x, %w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
    ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
      %0 = ember.mul %a, %b : tensor<4xf32>
      %1 = ember.add %0, %b : tensor<4xf32>
      ember.yield %1 : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$label, Variadic<Ember_Tensor>:$inputs, OptionalAttr<StrAttr>:$generator,
                       OptionalAttr<DenseI64ArrayAttr>:$in_place);
  let results = (outs Variadic<Ember_Tensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$label `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs) $body";
  let hasVerifier = 1;
}

def Ember_YieldOp : Ember_Op<"yield", [Pure, Terminator, ParentOneOf<["KernelOp"]>]> {
  let summary = "the results of a kernel";
  let arguments = (ins Variadic<Ember_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}
