// RUN: python3 %S/write_npy.py %t.x.npy f4 2,3 1,2,3,-4,5,-6
// RUN: python3 %S/write_npy.py %t.w.npy f4 3,2 1,-1,0.5,2,0,1

// Printed as PyTorch prints tensors; compiled, unfused, interpreted and on any number of threads the same.
// RUN: ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy | FileCheck %s
// RUN: ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy --unfused | FileCheck %s
// RUN: ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy --interpret | FileCheck %s
// RUN: ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy --threads 3 --target x86-64-v3 | FileCheck %s
// RUN: env EMBER_INTERPRET=1 ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy | FileCheck %s
// RUN: ember run - %t.x.npy %t.w.npy < %S/Inputs/layer.mlir | FileCheck %s
// CHECK: tensor({{\[}}[2., 6.],
// CHECK-NEXT: [0., 8.{{\]\]}})

// A result in a file is the next program's input.
// RUN: ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy -o %t.y.npy
// RUN: not ember run %S/Inputs/named.mlir %t.none.npy %t.x.npy 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: ember: {{.*}}none.npy: No such file or directory

// Named sizes come from the files; several results have their names.
// RUN: python3 %S/write_npy.py %t.a.npy f4 3 1,2,3
// RUN: python3 %S/write_npy.py %t.b.npy f4 3 2,2,2
// RUN: ember run %S/Inputs/named.mlir %t.a.npy %t.b.npy | FileCheck %s --check-prefix=NAMED
// NAMED: output0: tensor([3., 4., 5.])
// NAMED: output1: tensor([ True, False, False])
// RUN: ember run %S/Inputs/named.mlir %t.a.npy %t.b.npy -o %t.sum.npy -o %t.less.npy
// RUN: cmp -n 9 %t.sum.npy %t.a.npy

// An artifact gives the same bytes as running in process; so does a package.
// RUN: mkdir -p %t.d
// RUN: ember compile %S/Inputs/layer.mlir -o %t.d/layer
// RUN: %t.d/layer %t.x.npy %t.w.npy -o %t.z.npy
// RUN: cmp %t.y.npy %t.z.npy
// RUN: ember compile %S/Inputs/layer.mlir -o %t.layer.ember
// RUN: ember run %t.layer.ember %t.x.npy %t.w.npy -o %t.p.npy
// RUN: cmp %t.y.npy %t.p.npy
// RUN: ember inspect %t.layer.ember | FileCheck %s --check-prefix=PACKAGE
// PACKAGE: package by ember
// PACKAGE: input x: f32[2, 3]
// RUN: ember compile %S/Inputs/layer.mlir -o %t.so --name layer
// RUN: FileCheck %s --check-prefix=HEADER < %t.h
// HEADER: layer_run(
