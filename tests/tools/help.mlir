// Every command says what it is for, its options and an example.
// RUN: ember --help | FileCheck %s
// CHECK: Usage: ember
// CHECK: compile
// CHECK: run
// CHECK: bench
// CHECK: inspect
// RUN: ember compile --help | FileCheck %s --check-prefix=COMPILE
// COMPILE: --emit STAGE
// COMPILE-SAME: recorded, graph, grad, kernels, planned, vector, llvm, asm
// COMPILE: ember compile mlp.mlir --emit=kernels | ember compile - --from=kernels --emit=asm
// COMPILE: Stages, in the order of compilation:
// COMPILE-NEXT: {{^}}  recorded  the program as it was recorded or read
// COMPILE: {{^}}  asm       machine code as text
// RUN: ember run --help | grep -q 'Example: ember run mlp.mlir'
// RUN: ember bench --help | grep -q 'Example: ember bench mlp.mlir'
// RUN: ember inspect --help | grep -q 'Example: ember inspect mlp.mlir'
// RUN: ember verify --help | grep -q 'Example: ember verify mlp.mlir'
