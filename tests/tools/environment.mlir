// EMBER_DUMP: each stage and each kernel as a file.
// RUN: rm -rf %t.dump %t.cache
// RUN: python3 %S/write_npy.py %t.x.npy f4 2,3 1,2,3,4,5,6
// RUN: python3 %S/write_npy.py %t.w.npy f4 3,2 1,2,3,4,5,6
// RUN: env EMBER_DUMP=%t.dump ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy
// RUN: ls %t.dump/program-0 | FileCheck %s --check-prefix=DUMP
// DUMP: 00-recorded.mlir
// DUMP: 03-kernels.mlir
// DUMP: 04-planned.mlir
// DUMP: 05-vector.vector.mlir
// DUMP: 06-llvm.ll
// DUMP: 07-asm.s
// DUMP: kernel-0-matmul_relu.ll
// DUMP: kernel-0-matmul_relu.mlir
// DUMP: kernel-0-matmul_relu.s
// DUMP: kernel-0-matmul_relu.vector.mlir
// RUN: ember compile %t.dump/program-0/kernel-0-matmul_relu.mlir --from=planned --emit=asm | cmp - %t.dump/program-0/kernel-0-matmul_relu.s
// RUN: not env EMBER_DUMP=/dev/null/x ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=NODUMP
// NODUMP: {{^}}ember: EMBER_DUMP: /dev/null/x/program-0: Not a directory

// EMBER_TIMING: passes and kernels at exit.
// RUN: env EMBER_TIMING=1 ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=TIMING
// TIMING-DAG: ms 1 times pass graph
// TIMING-DAG: ms 1 times pass kernels
// TIMING-DAG: ms 1 times pass planned
// TIMING-DAG: ms 1 times pass vector
// TIMING-DAG: ms 1 times pass lower
// TIMING-DAG: ms 1 times pass llvm
// TIMING-DAG: ms 1 times pass asm
// TIMING-DAG: ms 1 times pass load
// TIMING-DAG: ms 1 runs kernel matmul_relu

// EMBER_CACHE_DIR: the second process compiles nothing.
// RUN: env EMBER_CACHE_DIR=%t.cache ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy
// RUN: env EMBER_CACHE_DIR=%t.cache EMBER_TIMING=1 ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=CACHED
// CACHED-NOT: pass asm
// CACHED: kernel matmul_relu
// CACHED-NOT: pass asm
// RUN: env EMBER_CACHE_DIR=/dev/null/x ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy

// What cannot be used: one line, once, and the default holds.
// RUN: env EMBER_CACHE_DIR=/dev/null/x ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=NOCACHE
// NOCACHE: {{^}}ember: EMBER_CACHE_DIR is '/dev/null/x', expected a folder that its owner alone, who runs this, may write to: kernels are kept in memory alone
// NOCACHE-NOT: EMBER_CACHE_DIR
// RUN: env EMBER_NUM_THREADS=abc EMBER_INTERPRET=yes EMBER_SYNC=2 EMBER_TIMING=on ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=UNUSABLE
// UNUSABLE-DAG: {{^}}ember: EMBER_NUM_THREADS is 'abc', expected a number from 1 to 1024: there are as many threads as processors
// UNUSABLE-DAG: {{^}}ember: EMBER_INTERPRET is 'yes', expected 1 or 0: it is off
// UNUSABLE-DAG: {{^}}ember: EMBER_TIMING is 'on', expected 1 or 0: it is off
// RUN: env EMBER_NUM_THREADS=8x ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=THREADS
// RUN: env EMBER_NUM_THREADS=+8 ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=THREADS
// RUN: env EMBER_NUM_THREADS=0 ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=THREADS
// RUN: env EMBER_NUM_THREADS=99999999999999999999 ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=THREADS
// THREADS: {{^}}ember: EMBER_NUM_THREADS is '{{.*}}', expected a number from 1 to 1024
// THREADS-NOT: EMBER_NUM_THREADS
// RUN: mkdir -p %t.out
// RUN: ember compile %S/Inputs/layer.mlir -o %t.out/layer
// RUN: env EMBER_LEVEL=avx2 %t.out/layer %t.x.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=LEVEL
// LEVEL: {{^}}ember: EMBER_LEVEL is 'avx2', expected x86-64-v3 or x86-64-v4: the processor's own is taken
// LEVEL-NOT: EMBER_LEVEL
// RUN: env EMBER_NUM_THREADS= EMBER_INTERPRET=0 EMBER_SYNC= EMBER_LEVEL=x86-64-v3 %t.out/layer %t.x.npy %t.w.npy 2>&1 | FileCheck %s --allow-empty --check-prefix=QUIET
// RUN: env EMBER_NUM_THREADS= EMBER_INTERPRET=0 EMBER_SYNC=0 EMBER_TIMING=0 EMBER_CACHE_DIR= ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy 2>&1 | FileCheck %s --allow-empty --check-prefix=QUIET
// QUIET-NOT: EMBER_
