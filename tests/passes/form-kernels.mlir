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

// Two readers of one value join: it is read once.
// CHECK-LABEL: func.func @siblings
// CHECK: ember.kernel "exp_neg"(%{{.*}}) {generator = "pair"} : (tensor<400xf32>) -> (tensor<400xf32>, tensor<400xf32>)
// CHECK-NOT: ember.kernel
func.func @siblings(%x: tensor<400xf32>) -> (tensor<400xf32>, tensor<400xf32>) {
  %0 = ember.exp %x : tensor<400xf32>
  %1 = ember.neg %x : tensor<400xf32>
  return %0, %1 : tensor<400xf32>, tensor<400xf32>
}

// exp and select share the most, but the sum stands between them.
// CHECK-LABEL: func.func @between
// CHECK: ember.kernel "exp_sum"
// CHECK: ember.kernel "compare_select"
// CHECK-NOT: ember.kernel
func.func @between(%x: tensor<400xf32>) -> tensor<400xf32> {
  %0 = ember.exp %x : tensor<400xf32>
  %1 = ember.sum %0 [0] : tensor<400xf32> -> tensor<f32>
  %2 = ember.broadcast %1 : tensor<f32> -> tensor<400xf32>
  %3 = ember.compare "lt" %0, %2 : tensor<400xf32>
  %4 = ember.select %3, %0, %x : tensor<400xi1>, tensor<400xf32>
  return %4 : tensor<400xf32>
}

// Dearer together than alone (the test target's word on log): two kernels.
// CHECK-LABEL: func.func @dearer
// CHECK: ember.kernel "log"
// CHECK: ember.kernel "neg"
func.func @dearer(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ember.log %x : tensor<4xf32>
  %1 = ember.neg %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Last writes that share nothing go in as few launches as the target takes.
// CHECK-LABEL: func.func @last_writes
// CHECK: ember.kernel "neg_exp"(%{{.*}}, %{{.*}}) {generator = "pair"} : (tensor<4xf32>, tensor<8xf32>) -> (tensor<4xf32>, tensor<8xf32>)
// CHECK: ember.kernel "abs"
// CHECK-NOT: ember.kernel
func.func @last_writes(%x: tensor<4xf32>, %y: tensor<8xf32>, %z: tensor<2xf32>) -> (tensor<4xf32>, tensor<8xf32>, tensor<2xf32>) {
  %0 = ember.neg %x : tensor<4xf32>
  %1 = ember.exp %y : tensor<8xf32>
  %2 = ember.abs %z : tensor<2xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<8xf32>, tensor<2xf32>
}

// A view that is returned is written by the kernel it comes from; others that read it read what it comes from.
// CHECK-LABEL: func.func @returned_view
// CHECK: %[[K:.*]]:2 = ember.kernel "exp_neg_transpose"(%{{.*}}) {{.*}} -> (tensor<2x3xf32>, tensor<3x2xf32>)
// CHECK: ember.kernel "sum"(%[[K]]#0)
func.func @returned_view(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<3xf32>) {
  %0 = ember.exp %x : tensor<2x3xf32>
  %1 = ember.neg %0 : tensor<2x3xf32>
  %2 = ember.transpose %1 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %3 = ember.sum %2 [1] : tensor<3x2xf32> -> tensor<3xf32>
  return %2, %3 : tensor<3x2xf32>, tensor<3xf32>
}
