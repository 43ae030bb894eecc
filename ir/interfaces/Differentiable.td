#ifndef EMBER_IR_INTERFACES_DIFFERENTIABLE_TD
#define EMBER_IR_INTERFACES_DIFFERENTIABLE_TD
include "mlir/IR/OpBase.td"

def Ember_DifferentiableOp : OpInterface<"DifferentiableOp"> {
  let cppNamespace = "::ember::ir";
  let description = [{
    An op that states its vector-Jacobian product. The same rule serves recording (`backward()`) and the autodiff pass.
    Every op has this interface or the `NoGradient` trait: a test holds them to it.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the gradients of the operands that `needs` marks, given one cotangent a result (null: that result has none; at
      least one is not null). Returns one value an operand, null where not needed or zero. A gradient has its operand's type.
      Every op is built through `builder`, with this op's location.
    }], "::llvm::SmallVector<::mlir::Value>", "buildVjp",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$cotangents, "::llvm::ArrayRef<bool>":$needs)>,
    InterfaceMethod<[{
      Appends the operands and results of this op that `buildVjp` reads for these needs (shapes alone are no read).
    }], "void", "vjpReads", (ins "::llvm::ArrayRef<bool>":$needs, "::llvm::SmallVectorImpl<::mlir::Value> &":$reads)>,
  ];
}

// The stated word that an op has no gradient: integer and bool results, random states, comparisons.
def Ember_NoGradient : NativeOpTrait<"NoGradient"> { let cppNamespace = "::ember::ir"; }

#endif
