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
