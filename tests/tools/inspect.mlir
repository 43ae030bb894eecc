// RUN: ember inspect %s | FileCheck %s
// CHECK: input x: f32[4, 8]
// CHECK-NEXT: parameter w: f32[8, 16], trainable
// CHECK-NEXT: output y: f32[4]
// CHECK-NEXT: kernel 0 contraction: matmul relu
// CHECK-NEXT: (f32[4, 8], f32[8, 16]) -> (f32[4, 16])
// CHECK-NEXT: 1088 flops, 896 bytes
// CHECK-NEXT: kernel 1 nest: sum
// CHECK-NEXT: (f32[4, 16]) -> (f32[4])
// CHECK-NEXT: 64 flops, 272 bytes
// CHECK-NEXT: arena 320 bytes, largest live set 320 bytes: the least there can be

// RUN: not ember inspect %s --max-memory 64 2>&1 | FileCheck %s --check-prefix=BUDGET
// BUDGET: {{^}}ember: the program needs 320 bytes beside its arguments and results, expected at most 64

// Named sizes stay names.
// RUN: ember inspect %S/Inputs/named.mlir | FileCheck %s --check-prefix=NAMED
// NAMED: input input0: f32[B]
// NAMED: output output1: bool[B]
// NAMED: 2*B flops, 13*B bytes
// RUN: ember inspect %S/Inputs/rows.mlir | FileCheck %s --check-prefix=ENTRY
// ENTRY: 32*B flops, 32*B + 64 bytes
// ENTRY: arena laid out at entry: --size NAME=N says how large it is for these sizes
// RUN: ember inspect %S/Inputs/rows.mlir --size B=100 | FileCheck %s --check-prefix=SIZED
// SIZED: arena 1664 bytes, largest live set 1664 bytes: the least there can be
// RUN: not ember inspect %S/Inputs/rows.mlir --size C=100 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: {{^}}ember: --size: the model has no size 'C', expected B
// RUN: sed 's/, %%w:/, %%v: tensor<?xf32, #ember.dims<[C]>>, %%w:/' %S/Inputs/rows.mlir > %t.two.mlir
// RUN: not ember inspect %t.two.mlir --size B=100 2>&1 | FileCheck %s --check-prefix=OPEN
// OPEN: {{^}}ember: size 'C' is not known: --size C=N

// A gather reads what it takes, not the whole table.
// RUN: ember inspect %S/Inputs/take.mlir | FileCheck %s --check-prefix=TAKE
// TAKE: 0 flops, 32 bytes

// A tied weight has all its names.
// RUN: ember inspect %S/Inputs/tied.mlir | FileCheck %s --check-prefix=TIED
// TIED: parameter a.weight: f32[4, 4], trainable, also b.weight{{$}}
func.func @main(%x: tensor<4x8xf32> {ember.name = "x"},
                %w: tensor<8x16xf32> {ember.name = "w", ember.role = "parameter", ember.trainable})
    -> (tensor<4xf32> {ember.name = "y"}) {
  %0 = ember.matmul %x, %w : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  %1 = ember.relu %0 : tensor<4x16xf32>
  %2 = ember.sum %1 [1] : tensor<4x16xf32> -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
