// RUN: ember-opt %s --ember-autodiff --split-input-file --verify-diagnostics | FileCheck %s

// The product rule; one gradient a float argument.
// CHECK-LABEL: func.func @product
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>, tensor<4xf32>)
// CHECK: %[[SUM:.*]] = ember.sum
// CHECK: %[[G:.*]] = ember.broadcast
// CHECK: %[[DX:.*]] = ember.mul %[[G]], %[[Y]]
// CHECK: %[[DY:.*]] = ember.mul %[[G]], %[[X]]
// CHECK: return %[[SUM]], %[[DX]], %[[DY]]
func.func @product(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<f32> {
  %0 = ember.mul %x, %y : tensor<4xf32>
  %1 = ember.sum %0 [0] : tensor<4xf32> -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// A value used twice gathers both contributions; an argument that is not used gets zeros.
// CHECK-LABEL: func.func @twice
// CHECK: ember.add %{{.*}}, %{{.*}} : tensor<4xf32>
// CHECK: return %{{.*}}, %{{.*}}, %{{.*}} : tensor<f32>, tensor<4xf32>, tensor<4xf32>
func.func @twice(%x: tensor<4xf32>, %unused: tensor<4xf32>) -> tensor<f32> {
  %0 = ember.mul %x, %x : tensor<4xf32>
  %1 = ember.sum %0 [0] : tensor<4xf32> -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// The gradient goes to the history.
// CHECK-LABEL: func.func @with_history
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[H:.*]]: tensor<4xf32>)
// CHECK: %[[ZERO:.*]] = ember.broadcast
// CHECK: return
func.func @with_history(%x: tensor<4xf32>, %h: tensor<4xf32>) -> tensor<f32> {
  %0 = ember.with_history %x, %h : tensor<4xf32>
  %1 = ember.sum %0 [0] : tensor<4xf32> -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// Where no rule is known, the gradient is that of what was computed: none goes to the arguments as such.
// CHECK-LABEL: func.func @custom_function
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>)
// CHECK: %[[Y:.*]] = ember.exp %[[X]]
// CHECK: %[[SLOPE:.*]] = ember.mul %{{.*}}, %[[Y]]
// CHECK: return %{{.*}}, %[[SLOPE]]
func.func @custom_function(%x: tensor<4xf32>) -> tensor<f32> {
  %0 = ember.exp %x : tensor<4xf32>
  %1 = ember.custom_function (%0 : tensor<4xf32>) of (%x : tensor<4xf32>) saving (%x : tensor<4xf32>) -> tensor<4xf32>
  %2 = ember.sum %1 [0] : tensor<4xf32> -> tensor<f32>
  return %2 : tensor<f32>
}

// -----

// detach ends the flow.
// CHECK-LABEL: func.func @detached
// CHECK-NOT: ember.mul
// CHECK: return
func.func @detached(%x: tensor<4xf32>) -> tensor<f32> {
  %0 = ember.detach %x : tensor<4xf32>
  %1 = ember.sum %0 [0] : tensor<4xf32> -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// expected-error @below {{autodiff: the first result is 'tensor<4xf32>', expected a float tensor of rank 0}}
func.func @not_scalar(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ember.exp %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Where an operand of a concat begins may be a size with a name: as many ones, summed.
// CHECK-LABEL: func.func @concatenated
// CHECK: %[[ONES:.*]] = ember.broadcast %{{.*}} : tensor<f64> -> tensor<?xf64, #ember.dims<[B]>>
// CHECK: %[[COUNT:.*]] = ember.sum %[[ONES]] [0]
// CHECK: %[[START:.*]] = ember.cast %[[COUNT]] : tensor<f64> -> tensor<i64>
// CHECK: ember.slice %{{.*}}[%[[START]]] strides [1] : tensor<?xf32, #ember.dims<[2*B + 3]>> -> tensor<3xf32>
// CHECK: %[[NEXT:.*]] = ember.add %[[START]], %{{.*}} : tensor<i64>
// CHECK: ember.slice %{{.*}}[%[[NEXT]]] strides [1] : tensor<?xf32, #ember.dims<[2*B + 3]>> -> tensor<?xf32, #ember.dims<[B]>>
func.func @concatenated(%x: tensor<?xf32, #ember.dims<[B]>>, %y: tensor<3xf32>) -> tensor<f32> {
  %0 = ember.concat 0, %x, %y, %x : (tensor<?xf32, #ember.dims<[B]>>, tensor<3xf32>, tensor<?xf32, #ember.dims<[B]>>) -> tensor<?xf32, #ember.dims<[2*B + 3]>>
  %1 = ember.mul %0, %0 : tensor<?xf32, #ember.dims<[2*B + 3]>>
  %2 = ember.sum %1 [0] : tensor<?xf32, #ember.dims<[2*B + 3]>> -> tensor<f32>
  return %2 : tensor<f32>
}
