// Artifacts of graphs with named sizes: the executable takes files of any size, packages and artifacts say what they take.
// RUN: rm -rf %t && mkdir %t
// RUN: python3 %S/write_npy.py %t/x.npy f4 3,2 1,2,3,4,5,6
// RUN: python3 %S/write_npy.py %t/z.npy i8 2 7,8
// RUN: python3 %S/write_npy.py %t/x5.npy f4 5,1 1,2,3,4,5
// RUN: python3 %S/write_npy.py %t/z1.npy i8 1 7
// RUN: python3 %S/write_npy.py %t/even.npy f4 4,2 1,2,3,4,5,6,7,8
// RUN: python3 %S/write_npy.py %t/small.npy f4 1,2 1,2
// RUN: ember compile %S/Inputs/pairs.mlir -o %t/pairs
// RUN: ember compile %S/Inputs/pairs.mlir -o %t/pairs.ember

// RUN: %t/pairs --help | FileCheck %s --check-prefix=HELP
// HELP: input 0  net.x*/: f32[2*B + 1, S]
// HELP-NEXT: input 1  int: f32[2*B + 1, S]
// HELP-NEXT: input 2  net_x__: i64[S]
// HELP-NEXT: output 0  y: f32[2*B + 1, S]
// HELP-NEXT: output 1  1st: i64[S]
// HELP-NEXT: output 2  total: f32[]
// HELP-NEXT: size B: at least 1, at most 8
// HELP-NEXT: size S: at least 0
// HELP-NEXT: Outputs

// RUN: %t/pairs %t/x.npy %t/x.npy %t/z.npy -o %t/a.npy -o %t/b.npy -o %t/c.npy
// RUN: ember run %t/pairs.ember %t/x.npy %t/x.npy %t/z.npy -o %t/a2.npy -o %t/b2.npy -o %t/c2.npy
// RUN: cmp %t/a.npy %t/a2.npy && cmp %t/b.npy %t/b2.npy && cmp %t/c.npy %t/c2.npy
// RUN: %t/pairs %t/x5.npy %t/x5.npy %t/z1.npy -o %t/a.npy -o %t/b.npy -o %t/c.npy --repeat 2 --threads 2
// RUN: ember run %S/Inputs/pairs.mlir %t/x5.npy %t/x5.npy %t/z1.npy -o %t/a2.npy -o %t/b2.npy -o %t/c2.npy
// RUN: cmp %t/a.npy %t/a2.npy && cmp %t/b.npy %t/b2.npy && cmp %t/c.npy %t/c2.npy
// RUN: ember run %S/Inputs/pairs.mlir %t/x5.npy %t/x5.npy %t/z1.npy | FileCheck %s --check-prefix=VALUES
// VALUES: 1st: tensor([14])
// VALUES: total: tensor(30.)

// RUN: ember inspect %t/pairs.ember --size B=2 --size S=3 | FileCheck %s --check-prefix=INSPECT
// INSPECT: input int: f32[2*B + 1, S]
// RUN: ember verify %t/pairs.ember --size B=2 --size S=9 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified: 3 ops
// RUN: ember bench %t/pairs.ember --size B=2 --size S=9 --repeat 1 | FileCheck %s --check-prefix=BENCH
// BENCH: ms fused

// Mistakes: by the executable, by the tool.
// RUN: not %t/pairs %t/even.npy %t/even.npy %t/z.npy 2>&1 | FileCheck %s --check-prefix=EVEN
// EVEN: {{^}}pairs: input 0 'net.x*/' is f32[4, 2], expected f32[2*B + 1, S]: dimension 0 is 4, expected 2*B + 1{{$}}
// RUN: not %t/pairs %t/x.npy %t/x.npy %t/z1.npy 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: {{^}}pairs: input 2 'net_x__' is i64[1], expected i64[S]: dimension 0 is 1, expected S = 2{{$}}
// RUN: not %t/pairs %t/small.npy %t/small.npy %t/z.npy 2>&1 | FileCheck %s --check-prefix=SMALL
// SMALL: {{^}}pairs: the size B is 0, expected at least 1{{$}}
// RUN: not ember run %t/pairs.ember %t/even.npy %t/even.npy %t/z.npy 2>&1 | FileCheck %s --check-prefix=TOOLEVEN
// TOOLEVEN: {{^}}ember: {{.*}}even.npy: input 'net.x*/' is f32[4, 2], expected f32[2*B + 1, S]{{$}}
// RUN: not ember run %t/pairs.ember %t/small.npy %t/small.npy %t/z.npy 2>&1 | FileCheck %s --check-prefix=TOOLSMALL
// RUN: not ember bench %t/pairs.ember --size B=0 --size S=1 2>&1 | FileCheck %s --check-prefix=TOOLSMALL
// TOOLSMALL: {{^}}ember: {{.*}}pairs.ember: the size B is 0, expected at least 1{{$}}
// RUN: not ember verify %t/pairs.ember --size B=8 --size S=4611686018427387904 2>&1 | FileCheck %s --check-prefix=HUGE
// RUN: not ember inspect %S/Inputs/rows.mlir --size B=4611686018427387904 2>&1 | FileCheck %s --check-prefix=HUGE
// HUGE: {{^}}ember: out of memory

// Sizes that the inputs do not tell.
// RUN: not ember compile %s -o %t/product.o 2>&1 | FileCheck %s --check-prefix=PRODUCT
// PRODUCT: {{^}}ember: artifact: the size B follows from no dimension alone{{$}}
// RUN: test ! -e %t/product.o && test ! -e %t/product.h
// RUN: not ember compile %S/Inputs/stranger.mlir -o %t/stranger.o 2>&1 | FileCheck %s --check-prefix=STRANGER
// RUN: not ember run %S/Inputs/stranger.mlir %t/x.npy 2>&1 | FileCheck %s --check-prefix=STRANGER
// STRANGER: {{^}}ember: {{.*}}stranger.mlir:3:8: the size 'Q' of tensor<?xf32, #ember.dims<[Q]>> is no size of an argument{{$}}
func.func @main(%x: tensor<?xf32, #ember.dims<[B*S]>>) -> tensor<?xf32, #ember.dims<[B*S]>> {
  %0 = ember.exp %x : tensor<?xf32, #ember.dims<[B*S]>>
  return %0 : tensor<?xf32, #ember.dims<[B*S]>>
}
