// RUN: ember-opt %s --ember-fold-constants --ember-simplify | FileCheck %s

// One number stays one, broadcast to the result's type, also where sizes are dynamic.
// CHECK-LABEL: func.func @numbers
// CHECK-DAG: ember.constant dense<6.000000e+00> : tensor<f32>
// CHECK-DAG: ember.broadcast %{{.*}} : tensor<f32> -> tensor<?x4xf32, #ember.dims<[B]>>
// CHECK-NOT: ember.mul
// CHECK: return
func.func @numbers(%x: tensor<?x4xf32, #ember.dims<[B]>>) -> tensor<?x4xf32, #ember.dims<[B]>> {
  %2 = ember.constant dense<2.0> : tensor<f32>
  %3 = ember.constant dense<3.0> : tensor<f32>
  %a = ember.broadcast %2 : tensor<f32> -> tensor<?x4xf32, #ember.dims<[B]>>
  %b = ember.broadcast %3 : tensor<f32> -> tensor<?x4xf32, #ember.dims<[B]>>
  %c = ember.mul %a, %b : tensor<?x4xf32, #ember.dims<[B]>>
  %d = ember.add %x, %c : tensor<?x4xf32, #ember.dims<[B]>>
  return %d : tensor<?x4xf32, #ember.dims<[B]>>
}

// A product with what turns out to be 1 goes.
// CHECK-LABEL: func.func @one(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>)
// CHECK-NEXT: return %[[X]]
func.func @one(%x: tensor<4xf32>) -> tensor<4xf32> {
  %i = ember.constant dense<1> : tensor<4xi64>
  %f = ember.cast %i : tensor<4xi64> -> tensor<4xf32>
  %y = ember.mul %x, %f : tensor<4xf32>
  return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @tables
// CHECK-DAG: dense<[4, 8]> : tensor<2xi64>
// CHECK-DAG: dense<{{\[\[}}1, 4], [-2, 5], [3, 6]]> : tensor<3x2xi32>
// CHECK-DAG: dense<[3, 6]> : tensor<2xi32>
// CHECK-NOT: ember.transpose
// CHECK: return
func.func @tables() -> (tensor<2xi64>, tensor<3x2xi32>, tensor<2xi32>) {
  %a = ember.constant dense<[2, 4]> : tensor<2xi64>
  %b = ember.constant dense<[[1, -2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %0 = ember.add %a, %a : tensor<2xi64>
  %1 = ember.transpose %b [1, 0] : tensor<2x3xi32> -> tensor<3x2xi32>
  %2 = ember.max %b [1] : tensor<2x3xi32> -> tensor<2xi32>
  return %0, %1, %2 : tensor<2xi64>, tensor<3x2xi32>, tensor<2xi32>
}

// Not folded: what has a tolerance, what sums in an order of its own, a NaN, what grows beyond a table, what reads no constant.
// CHECK-LABEL: func.func @kept
// CHECK-DAG: ember.exp
// CHECK-DAG: ember.sum
// CHECK-DAG: ember.div
// CHECK-DAG: ember.broadcast %{{.*}} : tensor<2xf32> -> tensor<2000x2xf32>
// CHECK-DAG: ember.iota
// CHECK: return
func.func @kept() -> (tensor<2xf32>, tensor<f32>, tensor<f32>, tensor<2000x2xf32>, tensor<4xi64>) {
  %t = ember.constant dense<[1.5, 2.5]> : tensor<2xf32>
  %z = ember.constant dense<0.0> : tensor<f32>
  %0 = ember.exp %t : tensor<2xf32>
  %1 = ember.sum %t [0] : tensor<2xf32> -> tensor<f32>
  %2 = ember.div %z, %z : tensor<f32>
  %3 = ember.broadcast %t : tensor<2xf32> -> tensor<2000x2xf32>
  %4 = ember.iota 0 : tensor<4xi64>
  return %0, %1, %2, %3, %4 : tensor<2xf32>, tensor<f32>, tensor<f32>, tensor<2000x2xf32>, tensor<4xi64>
}
