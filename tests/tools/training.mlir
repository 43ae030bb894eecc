// ember compile --train: what it asks for, one line for each mistake. tests/tools/training_test.cpp trains.
// RUN: ember compile %S/Inputs/layer.mlir -o %t.ember
// RUN: not ember compile %s --train -o %t.so 2>&1 | FileCheck %s --check-prefix=LOSS
// LOSS: {{^}}ember: compile: --train needs --loss: cross_entropy or mse
// RUN: not ember compile %s --train --loss mse -o %t.so 2>&1 | FileCheck %s --check-prefix=OPTIMIZER
// OPTIMIZER: {{^}}ember: compile: --train needs --optimizer: sgd, adam or adamw
// RUN: not ember compile %s --loss mse -o %t.so 2>&1 | FileCheck %s --check-prefix=ALONE
// ALONE: {{^}}ember: compile: --loss and --optimizer go with --train
// RUN: not ember compile %t.ember --train --loss mse --optimizer sgd -o %t.exe 2>&1 | FileCheck %s --check-prefix=ENDING
// ENDING: {{^}}ember: compile: {{.*}}.exe: --train writes a library: expected .so, .a or .o
// RUN: not ember compile %s --train --loss mse --optimizer sgd --emit=asm 2>&1 | FileCheck %s --check-prefix=EMIT
// EMIT: {{^}}ember: compile: --train writes a library, expected no --emit
// RUN: not ember compile %s --train --loss mse --optimizer sgd -o %t.so 2>&1 | FileCheck %s --check-prefix=TEXT
// TEXT: {{^}}ember: {{.*}}training.mlir: --train needs the model's weights: expected a package (.ember), found a graph as text
// RUN: not ember compile %t.ember --train --loss mse --optimizer sgd -o %t.so 2>&1 | FileCheck %s --check-prefix=INPUTS
// INPUTS: {{^}}ember: {{.*}}.ember: --train takes a model of one input and one output, found 2 and 1

// A model without parameters has nothing to train.
// RUN: ember compile %s -o %t.one.ember
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer sgd -o %t.so 2>&1 | FileCheck %s --check-prefix=EMPTY
// EMPTY: {{^}}ember: --optimizer: sgd: optimizer got an empty parameter list
// RUN: not ember compile %t.one.ember --train --loss hinge --optimizer sgd -o %t.so 2>&1 | FileCheck %s --check-prefix=HINGE
// HINGE: {{^}}ember: --loss: unknown loss 'hinge', expected cross_entropy or mse
// RUN: not ember compile %t.one.ember --train --loss mse:p=2 --optimizer sgd -o %t.so 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: {{^}}ember: --loss: mse has no 'p', expected target
// RUN: not ember compile %t.one.ember --train --loss cross_entropy:target=i32[4] --optimizer sgd -o %t.so 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: {{^}}ember: --loss: the target is i32[4], expected i64[4] for an output f32[4, 8]
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer lion -o %t.so 2>&1 | FileCheck %s --check-prefix=LION
// LION: {{^}}ember: --optimizer: unknown optimizer 'lion', expected sgd, adam or adamw
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer sgd:rate=1 -o %t.so 2>&1 | FileCheck %s --check-prefix=RATE
// RATE: {{^}}ember: --optimizer: sgd: unknown option 'rate', expected one of dampening, lr, maximize, momentum, nesterov, weight_decay
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer sgd:lr=fast -o %t.so 2>&1 | FileCheck %s --check-prefix=FAST
// FAST: {{^}}ember: --optimizer: lr is 'fast', expected a number, true or false
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer sgd:lr=-1 -o %t.so 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: {{^}}ember: --optimizer: sgd: Invalid learning rate: -1
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer adam:beta1=1 -o %t.so 2>&1 | FileCheck %s --check-prefix=BETA
// BETA: {{^}}ember: --optimizer: adam: Invalid beta parameter at index 0: 1
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer sgd:nesterov=true -o %t.so 2>&1 | FileCheck %s --check-prefix=NESTEROV
// NESTEROV: {{^}}ember: --optimizer: sgd: Nesterov momentum requires a momentum and zero dampening
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer sgd:lr -o %t.so 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: {{^}}ember: --optimizer: expected NAME:KEY=VALUE,KEY=VALUE, found 'sgd:lr'
// RUN: not ember compile %t.one.ember --train --loss mse --optimizer sgd:lr=1,lr=2 -o %t.so 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: {{^}}ember: --optimizer: 'lr' is given twice
// RUN: test ! -e %t.so
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = ember.tanh %x : tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
