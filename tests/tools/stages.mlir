// Every stage prints what the next ones read: the machine code is the same whichever stage the way starts from.
// RUN: ember compile %s --emit=asm -o %t.s --target x86-64-v3
// RUN: ember compile %s --emit=recorded | ember compile - --from=recorded --emit=asm --target x86-64-v3 | cmp - %t.s
// RUN: ember compile %s --emit=graph | ember compile - --from=graph --emit=asm --target x86-64-v3 | cmp - %t.s
// RUN: ember compile %s --emit=grad | ember compile - --from=grad --emit=asm --target x86-64-v3 | cmp - %t.s
// RUN: ember compile %s --emit=kernels | ember compile - --from=kernels --emit=asm --target x86-64-v3 | cmp - %t.s
// RUN: ember compile %s --emit=planned | ember compile - --from=planned --emit=asm --target x86-64-v3 | cmp - %t.s
// RUN: ember compile %s --emit=vector --target x86-64-v3 | ember compile - --from=vector --emit=asm --target x86-64-v3 | cmp - %t.s
// RUN: ember compile %s --emit=llvm --target x86-64-v3 | ember compile - --from=llvm --emit=asm --target x86-64-v3 | cmp - %t.s

// RUN: ember compile %s --emit=recorded | FileCheck %s --check-prefix=RECORDED
// RECORDED: ember.matmul
// RECORDED-NOT: ember.kernel
// RUN: ember compile %s --emit=kernels | FileCheck %s --check-prefix=KERNELS
// KERNELS: ember.kernel "matmul_relu"
// KERNELS: ember.kernel "sum"
// RUN: ember compile %s --emit=kernels --unfused | FileCheck %s --check-prefix=UNFUSED
// UNFUSED: ember.kernel "matmul"
// UNFUSED: ember.kernel "relu"
// RUN: ember compile %s --emit=planned | FileCheck %s --check-prefix=PLANNED
// PLANNED: // kernel 0 "matmul_relu":{{.*}}
// PLANNED: // arena: 320 bytes; the largest set of live bytes: 320
// RUN: ember compile %s --emit=vector | FileCheck %s --check-prefix=VECTOR
// VECTOR: func.func @kernel_0
// VECTOR: vector.
// RUN: ember compile %s --emit=llvm --target x86-64-v4 | FileCheck %s --check-prefix=LLVM
// LLVM: <16 x float>
// RUN: ember compile %s --emit=asm --target x86-64-v4 | FileCheck %s --check-prefix=ASM
// ASM: kernel_0:
// ASM: zmm
// RUN: ember compile %s --emit=asm --target x86-64-v3 | FileCheck %s --check-prefix=NARROW
// NARROW-NOT: zmm
func.func @main(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> tensor<4xf32> {
  %0 = ember.matmul %x, %w : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  %1 = ember.relu %0 : tensor<4x16xf32>
  %2 = ember.sum %1 [1] : tensor<4x16xf32> -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
