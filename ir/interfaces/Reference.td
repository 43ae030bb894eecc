#ifndef EMBER_IR_INTERFACES_REFERENCE_TD
#define EMBER_IR_INTERFACES_REFERENCE_TD
include "mlir/IR/OpBase.td"

def Ember_ReferenceOp : OpInterface<"ReferenceOp"> {
  let cppNamespace = "::ember::ir";
  let description = [{
    The meaning of an op on whole tensors of doubles and 64-bit integers: what the interpreter computes and every backend is
    tested against. Elementwise ops need not implement it: `ScalarOp::evaluateScalar` serves them.
  }];
  let methods = [
    InterfaceMethod<[{
      Computes the results. `results` have their types and memory (dynamic sizes resolved to numbers) and hold zeros. Values
      are stored unrounded: the interpreter rounds each result once to its dtype. An index out of range returns failure
      after emitting an error at the op.
    }], "::llvm::LogicalResult", "evaluate",
      (ins "::llvm::ArrayRef<const ::ember::ir::ReferenceTensor *>":$operands,
           "::llvm::MutableArrayRef<::ember::ir::ReferenceTensor>":$results)>,
  ];
}

def Ember_ToleranceOp : OpInterface<"ToleranceOp"> {
  let cppNamespace = "::ember::ir";
  let description = [{ How far a compiled result may be from the reference. Ops without it must be exact (0 ulp beyond the one rounding). }];
  let methods = [
    InterfaceMethod<[{
      Allowed error in units in the last place of the result's dtype. For sums and contractions the unit is that of the
      sum of absolute values of the terms (`relativeToMagnitude`).
    }], "double", "allowedUlps", (ins)>,
    InterfaceMethod<"Whether ulps are those of the sum of absolute terms.", "bool", "relativeToMagnitude", (ins), "", "return false;">,
  ];
}
#endif
