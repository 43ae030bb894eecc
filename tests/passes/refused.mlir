// What no pass takes: declarations, several blocks, values that are no tensors; of some, more. Nothing crashes.
// RUN: for pass in autodiff decompose fold-constants form-kernels plan-memory rematerialize simplify split-sums; do ember-opt %s --split-input-file --verify-diagnostics --ember-$pass -o /dev/null || exit 1; done
// RUN: echo 'func.func @main() { return }' | not ember-opt --ember-autodiff 2>&1 | FileCheck %s --check-prefix=RESULTS
// RESULTS: <stdin>:1:1: error: autodiff: there are no results, expected a float tensor of rank 0 as the first
// RUN: echo 'func.func @main() { return }' | not ember-opt --ember-plan-memory=sizes=B:x 2>&1 | FileCheck %s --check-prefix=SIZES
// SIZES: <stdin>:1:1: error: sizes: expected NAME:NUMBER, found 'B:x'
// RUN: echo 'func.func @main(%%x: tensor<2xf32>) -> tensor<2xf32> { return %%x : tensor<2xf32> }' | ember-opt --ember-form-kernels | FileCheck %s --check-prefix=COPY
// COPY: ember.copy

// expected-error @below {{expected one block of ops on ranked tensors}}
func.func private @declared(tensor<2xf32>) -> tensor<2xf32>

// -----

// expected-error @below {{expected one block of ops on ranked tensors}}
func.func @blocks(%x: tensor<f32>) -> tensor<f32> {
  cf.br ^end
^end:
  return %x : tensor<f32>
}

// -----

// expected-error @below {{expected one block of ops on ranked tensors}}
func.func @numbers(%x: f32, %y: tensor<f32>) -> tensor<f32> {
  return %y : tensor<f32>
}

// -----

// expected-error @below {{expected one block of ops on ranked tensors}}
func.func @inside(%y: tensor<f32>) -> tensor<f32> {
  %x = arith.constant 1.0 : f32
  return %y : tensor<f32>
}
