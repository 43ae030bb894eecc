// Text and bytecode keep every op and the names of dynamic sizes.
// RUN: ember-opt %s | ember-opt | FileCheck %s
// RUN: ember-opt %s --emit-bytecode | ember-opt | FileCheck %s

// CHECK-LABEL: func.func @elementwise
// CHECK: ember.add %{{.*}}, %{{.*}} : tensor<4x8xf32>
// CHECK: ember.exp
// CHECK: ember.compare "lt"
// CHECK: ember.select
// CHECK: ember.cast %{{.*}} : tensor<4x8xf32> -> tensor<4x8xi64>
func.func @elementwise(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xi64> {
  %0 = ember.add %x, %y : tensor<4x8xf32>
  %1 = ember.exp %0 : tensor<4x8xf32>
  %2 = ember.compare "lt" %1, %x : tensor<4x8xf32>
  %3 = ember.select %2, %1, %x : tensor<4x8xi1>, tensor<4x8xf32>
  %4 = ember.cast %3 : tensor<4x8xf32> -> tensor<4x8xi64>
  return %4 : tensor<4x8xi64>
}

// CHECK-LABEL: func.func @named_sizes
// CHECK-SAME: tensor<?x8xf32, #ember.dims<[B]>>
// CHECK: tensor<?xf32, #ember.dims<[8*B]>>
func.func @named_sizes(%x: tensor<?x8xf32, #ember.dims<[B]>>) -> tensor<?xf32, #ember.dims<[8*B]>> {
  %0 = ember.reshape %x : tensor<?x8xf32, #ember.dims<[B]>> -> tensor<?xf32, #ember.dims<[8*B]>>
  return %0 : tensor<?xf32, #ember.dims<[8*B]>>
}

// CHECK-LABEL: func.func @kernel
// CHECK: ember.kernel "mul_add"
// CHECK: ember.yield
func.func @kernel(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %y = ember.kernel "mul_add"(%x, %w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %0 = ember.mul %a, %b : tensor<4xf32>
    %1 = ember.add %0, %b : tensor<4xf32>
    ember.yield %1 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
