// Where there is not enough memory: one line and exit code 1, from the tool and from an executable.
// RUN: python3 %S/write_npy.py %t.x.npy f4 1,1 1
// RUN: (ulimit -v 1500000; not ember run %S/Inputs/large.mlir %t.x.npy 2>&1) | FileCheck %s --check-prefix=ARENA
// RUN: (ulimit -v 1500000; not ember verify %S/Inputs/large.mlir %t.x.npy 2>&1) | FileCheck %s --check-prefix=ANY
// RUN: (ulimit -v 1500000; not ember bench %S/Inputs/large.mlir %t.x.npy 2>&1) | FileCheck %s --check-prefix=ANY
// RUN: (ulimit -v 1500000; not ember run %S/Inputs/large.mlir %t.x.npy --interpret 2>&1) | FileCheck %s --check-prefix=ANY
// ANY: {{^}}ember: out of memory
// ARENA: {{^}}ember: out of memory: {{[0-9]+}} bytes asked for, {{[0-9]+}} in use
// RUN: (ulimit -v 1500000; not ember run %s 2>&1) | FileCheck %s --check-prefix=RESULT
// RESULT: {{^}}ember: out of memory: f32[2097152, 2097152] takes 17592186044416 bytes
// RUN: mkdir -p %t.d && ember compile %S/Inputs/large.mlir -o %t.d/large && (ulimit -v 1500000; not %t.d/large %t.x.npy -o %t.y.npy 2>&1) | FileCheck %s --check-prefix=MAIN
// MAIN: out of memory
// RUN: test ! -e %t.y.npy

// Threads that cannot be started are done without.
// RUN: python3 %S/write_npy.py %t.a.npy f4 2,3 1,2,3,-4,5,-6 && python3 %S/write_npy.py %t.b.npy f4 3,2 1,-1,0.5,2,0,1
// RUN: ember compile %S/Inputs/layer.mlir -o %t.d/layer && %t.d/layer %t.a.npy %t.b.npy --threads 1 -o %t.one.npy
// RUN: (ulimit -v 40000; %t.d/layer %t.a.npy %t.b.npy --threads 64 -o %t.some.npy) && cmp %t.one.npy %t.some.npy
// RUN: (ulimit -v 900000; ember run %S/Inputs/layer.mlir %t.a.npy %t.b.npy --threads 1024 -o %t.some.npy) && cmp %t.one.npy %t.some.npy
func.func @main() -> tensor<2097152x2097152xf32> {
  %0 = ember.constant dense<1.0> : tensor<f32>
  %1 = ember.broadcast %0 : tensor<f32> -> tensor<2097152x2097152xf32>
  return %1 : tensor<2097152x2097152xf32>
}
