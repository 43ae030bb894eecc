// What every op definition includes.
#ifndef EMBER_IR_OPS_OPBASE_TD
#define EMBER_IR_OPS_OPBASE_TD

include "ir/EmberDialect.td"
include "ir/interfaces/Differentiable.td"
include "ir/interfaces/Indexed.td"
include "ir/interfaces/Reference.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// Element types. Bool is i1; unsigned integers are ui8…ui64, signed ones signless.
def Ember_Bool : TypeAlias<I1, "bool">;
def Ember_Float : AnyTypeOf<[F64, F32, BF16, F16]>;
def Ember_Integer : AnyTypeOf<[I64, I32, I16, I8, UI64, UI32, UI16, UI8]>;
def Ember_Number : AnyTypeOf<[F64, F32, BF16, F16, I64, I32, I16, I8, UI64, UI32, UI16, UI8]>;
def Ember_Element : AnyTypeOf<[F64, F32, BF16, F16, I64, I32, I16, I8, UI64, UI32, UI16, UI8, I1]>;

def Ember_FloatTensor : RankedTensorOf<[Ember_Float]>;
def Ember_IntegerTensor : RankedTensorOf<[Ember_Integer]>;
def Ember_NumberTensor : RankedTensorOf<[Ember_Number]>;
def Ember_BoolTensor : RankedTensorOf<[I1]>;
def Ember_Tensor : RankedTensorOf<[Ember_Element]>;
// Rank 0: slice starts and other indices known only at run time.
def Ember_IndexScalar : Type<CPred<"$_self == ::mlir::RankedTensorType::get({}, ::mlir::IntegerType::get($_self.getContext(), 64))">,
                             "rank-0 i64 tensor", "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI64Type())">;
// Rank 0: what a formula is given at run time.
def Ember_RealScalar : Type<CPred<"$_self == ::mlir::RankedTensorType::get({}, ::mlir::Float64Type::get($_self.getContext()))">,
                            "rank-0 f64 tensor", "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getF64Type())">;
def Ember_BoolScalar : Type<CPred<"$_self == ::mlir::RankedTensorType::get({}, ::mlir::IntegerType::get($_self.getContext(), 1))">,
                            "rank-0 bool tensor", "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI1Type())">;

#endif
