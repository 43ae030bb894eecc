// RUN: ember-opt %s --ember-decompose | FileCheck %s

// Not training: the running statistics, and none of the batch's.
// CHECK-LABEL: func.func @batch_norm_eval
// CHECK-NOT: ember.sum
// CHECK-NOT: ember.select
// CHECK: ember.rsqrt
// CHECK-NOT: ember.batch_norm
// CHECK: return %{{.*}}, %arg3, %arg4, %arg7
func.func @batch_norm_eval(%x: tensor<4x3x2x2xf32>, %w: tensor<3xf32>, %b: tensor<3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>, %f: tensor<f64>, %e: tensor<f64>, %n: tensor<i64>)
    -> (tensor<4x3x2x2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<i64>) {
  %t = ember.constant dense<false> : tensor<i1>
  %y, %nm, %nv, %own, %i, %nn = ember.batch_norm %x, %w, %b, %m, %v, %t, %f, %e, %n : tensor<4x3x2x2xf32>, tensor<3xf32>
  return %y, %nm, %nv, %nn : tensor<4x3x2x2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<i64>
}

// Training: the batch's own, without a choice.
// CHECK-LABEL: func.func @batch_norm_training
// CHECK: ember.sum %{{.*}} [0, 2, 3]
// CHECK: ember.sum %{{.*}} [0, 2, 3]
// CHECK-NOT: ember.select
// CHECK: %[[MORE:.*]] = ember.add %arg7, %{{.*}} : tensor<i64>
// CHECK-NOT: ember.select
// CHECK: return {{.*}}, %[[MORE]]
func.func @batch_norm_training(%x: tensor<4x3x2x2xf32>, %w: tensor<3xf32>, %b: tensor<3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>, %f: tensor<f64>, %e: tensor<f64>, %n: tensor<i64>)
    -> (tensor<4x3x2x2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<i64>) {
  %t = ember.constant dense<true> : tensor<i1>
  %y, %nm, %nv, %own, %i, %nn = ember.batch_norm %x, %w, %b, %m, %v, %t, %f, %e, %n : tensor<4x3x2x2xf32>, tensor<3xf32>
  return %y, %nm, %nv, %nn : tensor<4x3x2x2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<i64>
}

// Known at run time alone: both, and a choice.
// CHECK-LABEL: func.func @dropout
// CHECK: %[[KEPT:.*]], %[[NEXT:.*]] = ember.bernoulli %arg3, %{{.*}} : tensor<4x8xi1>
// CHECK: ember.select
// CHECK: ember.select %{{.*}}, %[[NEXT]], %arg3
// CHECK: return
func.func @dropout(%x: tensor<4x8xf32>, %p: tensor<f64>, %t: tensor<i1>, %s: tensor<5056xui8>) -> (tensor<4x8xf32>, tensor<5056xui8>) {
  %y, %scale, %n = ember.dropout %x, %p, %t, %s : tensor<4x8xf32>
  return %y, %n : tensor<4x8xf32>, tensor<5056xui8>
}

// Not training: the input itself, and no draw.
// CHECK-LABEL: func.func @dropout_eval
// CHECK-NOT: ember.bernoulli
// CHECK: return %arg0, %arg2
func.func @dropout_eval(%x: tensor<4x8xf32>, %p: tensor<f64>, %s: tensor<5056xui8>) -> (tensor<4x8xf32>, tensor<5056xui8>) {
  %t = ember.constant dense<false> : tensor<i1>
  %y, %scale, %n = ember.dropout %x, %p, %t, %s : tensor<4x8xf32>
  return %y, %n : tensor<4x8xf32>, tensor<5056xui8>
}
