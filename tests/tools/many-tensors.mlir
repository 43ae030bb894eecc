// More inputs and outputs than anyone would write by hand: executables and libraries have no limit of their own.
// RUN: rm -rf %t.d && mkdir %t.d
// RUN: python3 %S/Inputs/many_tensors.py > %t.mlir
// RUN: python3 %S/write_npy.py %t.d/x.npy f4 2 1.5,2
// RUN: ember compile %t.mlir -o %t.d/many && cd %t.d && ./many $(yes x.npy | head -n 70) && cmp output0.npy output99.npy
// RUN: ls %t.d | FileCheck %s
// CHECK: output99.npy
// RUN: cd %t.d && not ./many $(yes x.npy | head -n 71) 2>&1 | FileCheck %s --check-prefix=INPUTS
// INPUTS: {{^}}many: expected 70 input files, found 71 (--help shows the signature)
// RUN: cd %t.d && not ./many $(yes x.npy | head -n 70) $(yes -- "-o y.npy" | head -n 101) 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: {{^}}many: expected at most 100 -o, found 101
// RUN: ember compile %t.mlir -o %t.d/libmany.so && ember bench %t.d/libmany.so --repeat 1 | FileCheck %s --check-prefix=BENCH
// BENCH: many_run
