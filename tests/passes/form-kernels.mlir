// RUN: ember-opt %s --ember-form-kernels | FileCheck %s

// Two ops that follow each other join; the third starts a kernel of its own (the test target takes two).
// CHECK-LABEL: func.func @chain
// CHECK: %[[K:.*]] = ember.kernel "exp_neg"
// CHECK: ember.exp
// CHECK: ember.neg
// CHECK: %[[L:.*]] = ember.kernel "abs"(%[[K]])
// CHECK: return %[[L]]
func.func @chain(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ember.exp %x : tensor<4xf32>
  %1 = ember.neg %0 : tensor<4xf32>
  %2 = ember.abs %1 : tensor<4xf32>
  return %2 : tensor<4xf32>
}

// Constants are cloned in and never operands.
// CHECK-LABEL: func.func @constant
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK: ember.kernel "add"(%[[X]]) {generator = "pair"} : (tensor<4xf32>) -> tensor<4xf32>
// CHECK: ember.constant
func.func @constant(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = ember.constant dense<1.0> : tensor<4xf32>
  %0 = ember.add %x, %c : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// An argument that is returned, and a value that is returned twice, are copied: results are distinct.
// CHECK-LABEL: func.func @returned
// CHECK: ember.copy
// CHECK: ember.copy
// CHECK: return %{{.*}}, %{{.*}}, %{{.*}} :
func.func @returned(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = ember.exp %x : tensor<4xf32>
  return %x, %0, %0 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// What nobody reads is gone.
// CHECK-LABEL: func.func @dead
// CHECK-NOT: ember.log
// CHECK: return
func.func @dead(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ember.log %x : tensor<4xf32>
  %1 = ember.exp %x : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// So is a chain that nobody reads: all of it, not its last op alone.
// CHECK-LABEL: func.func @dead_chain
// CHECK-NOT: ember.log
// CHECK-NOT: ember.sum
// CHECK: ember.kernel "exp"
// CHECK-NOT: ember.kernel
// CHECK: return
func.func @dead_chain(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ember.log %x : tensor<4xf32>
  %1 = ember.sum %0 [0] : tensor<4xf32> -> tensor<f32>
  %2 = ember.exp %1 : tensor<f32>
  %3 = ember.exp %x : tensor<4xf32>
  return %3 : tensor<4xf32>
}
