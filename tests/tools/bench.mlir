// The table's rows and its JSON; no time decides anything here.
// RUN: ember bench %S/Inputs/layer.mlir --repeat 2 --threads 2 | FileCheck %s
// CHECK: ms GFLOP/s % peak GB/s % copy ops of the kernel
// CHECK-NEXT: {{[0-9.]+}} {{[0-9.]+}} {{[0-9.]+}} {{[0-9.]+}} {{[0-9.]+}} matmul relu
// CHECK-NEXT: ms fused, 1 kernels
// CHECK-NEXT: ms unfused, 2 kernels: {{[0-9.]+}} times the fused
// CHECK-NEXT: peak: {{[0-9.]+}} GFLOP/s of multiply-adds in registers{{.*}}; 2 threads, best of 2 runs in turn
// RUN: ember bench %S/Inputs/layer.mlir --repeat 1 --json > %t.json
// RUN: python3 -c "import json; r = json.load(open('%t.json')); assert r['kernels'][0]['ops'] == 'matmul relu' and r['unfused_kernels'] == 2"
// RUN: ember bench %S/Inputs/named.mlir --repeat 1 --size B=100 | FileCheck %s --check-prefix=NAMED
// NAMED: {{[0-9.]+}} add compare
// RUN: not ember bench %S/Inputs/named.mlir 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: {{^}}ember: size 'B' is not known: give .npy files, or --size B=N

// A library that is compiled: its functions, called as from C.
// RUN: ember compile %S/Inputs/layer.mlir -o %t.layer.so && ember bench %t.layer.so --repeat 2 --threads 2 | FileCheck %s --check-prefix=LIBRARY
// LIBRARY: ms GFLOP/s % peak GB/s % copy function of the library
// LIBRARY-NEXT: {{[0-9.]+}} {{[0-9.]+}} {{[0-9.]+}} {{[0-9.]+}} {{[0-9.]+}} {{.*}}layer_run
// LIBRARY-NEXT: peak: {{[0-9.]+}} GFLOP/s of multiply-adds in registers; copy: a copy of a function's bytes; 2 threads, best of 2 runs in turn
// RUN: ember bench %t.layer.so --repeat 1 --json > %t.json
// RUN: python3 -c "import json; r = json.load(open('%t.json')); assert r['functions'][0]['function'].endswith('layer_run') and r['repeat'] == 1"
// RUN: ember compile %S/Inputs/named.mlir -o %t.named.so && ember bench %t.named.so --repeat 1 --size B=100 | FileCheck %s --check-prefix=NAMEDSO
// NAMEDSO: named_run
// RUN: not ember bench %t.named.so 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: mkdir -p %t.d && cd %t.d && cp %t.named.so bare.so && ember bench bare.so --repeat 1 --size B=3 | FileCheck %s --check-prefix=NAMEDSO
// RUN: python3 %S/write_npy.py %t.x.npy f4 2 1,2 && not ember bench %t.named.so %t.x.npy 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: {{^}}ember: {{.*}}named.so: expected 2 inputs, found 1
// RUN: not ember bench %t.named.so --unfused --size B=3 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: {{^}}ember: bench: {{.*}}named.so is compiled, found --unfused
// RUN: ember compile %S/Inputs/layer.mlir -o %t.d/program && not ember bench %t.d/program 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: {{^}}ember: {{.*}}program: expected a package, a graph as text or a shared library (.so) of one model, found other native code
// RUN: head -c 20000 %t.layer.so > %t.cut.so && not ember bench %t.cut.so 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: {{^}}ember: {{.*}}cut.so: damaged: {{.+$}}
// An index that the data has wrong is the library's own error.
// RUN: ember compile %S/Inputs/take.mlir -o %t.take.so && python3 %S/write_npy.py %t.t.npy f4 4 1,2,3,4
// RUN: python3 %S/write_npy.py %t.i.npy i8 2 0,9 && not ember bench %t.take.so %t.t.npy %t.i.npy 2>&1 | FileCheck %s --check-prefix=FAULT
// FAULT: {{^}}ember: {{.*}}take: {{.*}}index 9 is out of bounds for a dimension with size 4
