// RUN: ember verify %s | FileCheck %s
// RUN: ember verify %s --seed 7 --target x86-64-v3 | FileCheck %s
// CHECK: verified: 4 ops, worst {{[0-9.]+}} ulps at ember.{{matmul|tanh|sum}}
// RUN: ember verify %S/Inputs/named.mlir --size B=33 | FileCheck %s --check-prefix=EXACT
// EXACT: verified: 2 ops, worst 0 ulps

// An op that differs by more is named, with its place and numbers, and the exit code is 1.
// RUN: not ember verify %s --ulps 0 2>&1 | FileCheck %s --check-prefix=DIFFERS
// DIFFERS: {{^}}ember: {{.*}}verify.mlir:25:8: 'ember.matmul' result 0 element [{{[0-9]+, [0-9]+}}] is {{.*}}, expected {{.*}} within 0 ulps, found {{[0-9.]+$}}
// DIFFERS-NOT: {{.}}
// RUN: ember verify %s --ulps 0 > /dev/null 2>&1 || test $? -eq 1
// RUN: ember verify %s --ulps 100 | FileCheck %s
// RUN: not ember verify %s --ulps -1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: {{^}}ember: --ulps: expected a number of at least 0, found '-1'

// Discrete choices are the run's own; given files instead of random inputs.
// RUN: python3 %S/write_npy.py %t.x.npy f4 4 1,2,3,4
// RUN: python3 %S/write_npy.py %t.i.npy i8 2 1,3
// RUN: python3 %S/write_npy.py %t.wrong.npy i8 2 1,4
// RUN: ember verify %S/Inputs/take.mlir %t.x.npy %t.i.npy | FileCheck %s --check-prefix=TAKE
// TAKE: verified: 1 ops, worst 0 ulps
// RUN: not ember verify %S/Inputs/take.mlir %t.x.npy %t.wrong.npy 2>&1 | FileCheck %s --check-prefix=FAULT
// FAULT: {{^}}ember: {{.*}}take.mlir: take.mlir:2:8: take: index 4 is out of bounds for a dimension with size 4
func.func @main(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> tensor<4xf32> {
  %0 = ember.matmul %x, %w : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  %1 = ember.relu %0 : tensor<4x16xf32>
  %2 = ember.tanh %1 : tensor<4x16xf32>
  %3 = ember.sum %2 [1] : tensor<4x16xf32> -> tensor<4xf32>
  return %3 : tensor<4xf32>
}
