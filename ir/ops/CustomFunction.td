include "ir/ops/OpBase.td"

def Ember_CustomFunctionOp
    : Ember_Op<"custom_function", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<Ember_DifferentiableOp>]> {
  let summary = "what a function of the user's returned, whose gradient is the user's code";
  let description = [{
    The results are `outputs`, under identities of their own. The recorder knows the rule by which their gradients become those of
    `inputs`; it reads `saved`. Where none is known, the gradient is that of `outputs`.
    Stands where a program is recorded: what is cut has the outputs in its place. Never in a finished program.
    Shapes: results have the types of `outputs`. Errors: other types.
    Example: `%y = ember.custom_function (%0 : tensor<4xf32>) of (%x : tensor<4xf32>) saving (%x : tensor<4xf32>) -> tensor<4xf32>`
  }];
  let arguments = (ins Variadic<Ember_Tensor>:$outputs, Variadic<Ember_Tensor>:$inputs, Variadic<Ember_Tensor>:$saved);
  let results = (outs Variadic<Ember_Tensor>:$results);
  let assemblyFormat = [{
    `(` $outputs `:` type($outputs) `)` `of` `(` $inputs `:` type($inputs) `)` (`saving` `(` $saved^ `:` type($saved) `)`)? attr-dict
    `->` type($results)
  }];
  let hasVerifier = 1;
}
