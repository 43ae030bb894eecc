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
