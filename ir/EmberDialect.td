// The ember dialect: pure ops on builtin ranked tensors. The ops stand in ops/, a pair of files a family.
#ifndef EMBER_IR_EMBERDIALECT_TD
#define EMBER_IR_EMBERDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Ember_Dialect : Dialect {
  let name = "ember";
  let cppNamespace = "::ember::ir";
  let summary = "machine-learning graphs: what frontends record, passes rewrite and generators compile";
  let description = [{
    Values are builtin ranked tensors of f64 f32 f16 bf16, signless i64…i8, unsigned ui8…ui64 and i1 (bool: one byte 0/1 in
    memory). A dynamic size is named by the type's encoding, `tensor<?x8xf32, #ember.dims<[B]>>`: equal names are equal
    sizes. Ops are pure and take operands of equal shape (broadcasting is an op of its own); state is passed as values.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// Lets an op family add its ops: `addOperations` is protected, and each family stands in its own file.
    template <typename... Ops> void addFamily() { addOperations<Ops...>(); }
    void registerAttributes();
  }];
}

class Ember_Attr<string name, string attrMnemonic, list<Trait> traits = []> : AttrDef<Ember_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Ember_DimsAttr : Ember_Attr<"Dims", "dims"> {
  let summary = "names of a tensor type's dynamic sizes, in the order of its `?`";
  let description = [{
    One size expression for each dynamic dimension, as canonical text: a polynomial with integer coefficients over names,
    such as `B`, `2*S`, `B*S + 1`. Equal text means equal sizes.
    Example: `tensor<?x8x?xf32, #ember.dims<[B, 2*S]>>`
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$names);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

// The base of every op. `summary`, formula, shapes, errors and source stand in each op's description.
class Ember_Op<string mnemonic, list<Trait> traits = []> : Op<Ember_Dialect, mnemonic, traits>;

#endif
