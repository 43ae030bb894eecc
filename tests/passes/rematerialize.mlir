// RUN: ember-opt %s --ember-rematerialize | FileCheck %s

// Three values for backward out of one argument: they are computed again, before the first op that reads them.
// CHECK-LABEL: func.func @recomputed(
// CHECK-SAME: %[[X:.*]]: tensor<100xf32>)
// CHECK: %[[S:.*]] = ember.sum
// CHECK: %[[B:.*]] = ember.broadcast %[[S]]
// CHECK: %[[N:.*]] = ember.neg %[[X]]
// CHECK: %[[A:.*]] = ember.abs %[[N]]
// CHECK: %[[R:.*]] = ember.relu %[[A]]
// CHECK: ember.mul %[[B]], %[[R]]
// CHECK: ember.mul %{{.*}}, %[[A]]
func.func @recomputed(%x: tensor<100xf32>) -> tensor<f32> {
  %0 = ember.neg %x : tensor<100xf32>
  %1 = ember.abs %0 : tensor<100xf32>
  %2 = ember.relu %1 : tensor<100xf32>
  %3 = ember.sum %2 [0] : tensor<100xf32> -> tensor<f32>
  %4 = ember.broadcast %3 : tensor<f32> -> tensor<100xf32>
  %5 = ember.mul %4, %2 : tensor<100xf32>
  %6 = ember.mul %5, %1 : tensor<100xf32>
  %7 = ember.mul %6, %0 : tensor<100xf32>
  %8 = ember.sum %7 [0] : tensor<100xf32> -> tensor<f32>
  return %8 : tensor<f32>
}

// The product is not computed again. Nothing it leads to is smaller, so what is kept is as near to the readers as can be.
// CHECK-LABEL: func.func @product
// CHECK: ember.matmul
// CHECK: %[[N:.*]] = ember.neg
// CHECK: ember.sum
// CHECK: %[[A:.*]] = ember.abs %[[N]]
// CHECK: ember.mul %{{.*}}, %[[A]]
// CHECK: ember.mul %{{.*}}, %[[N]]
// CHECK-NOT: ember.matmul
func.func @product(%x: tensor<10x10xf32>) -> tensor<f32> {
  %0 = ember.matmul %x, %x : tensor<10x10xf32>, tensor<10x10xf32> -> tensor<10x10xf32>
  %1 = ember.neg %0 : tensor<10x10xf32>
  %2 = ember.abs %1 : tensor<10x10xf32>
  %3 = ember.sum %2 [0, 1] : tensor<10x10xf32> -> tensor<f32>
  %4 = ember.broadcast %3 : tensor<f32> -> tensor<10x10xf32>
  %5 = ember.mul %4, %2 : tensor<10x10xf32>
  %6 = ember.mul %5, %1 : tensor<10x10xf32>
  %7 = ember.sum %6 [0, 1] : tensor<10x10xf32> -> tensor<f32>
  return %7 : tensor<f32>
}

// One value for backward out of a product: as many bytes either way, nothing changes.
// CHECK-LABEL: func.func @as_many
// CHECK: ember.matmul
// CHECK-NEXT: ember.neg
// CHECK-NEXT: ember.sum
// CHECK-NEXT: ember.broadcast
// CHECK-NEXT: ember.mul
func.func @as_many(%x: tensor<10x10xf32>) -> tensor<f32> {
  %0 = ember.matmul %x, %x : tensor<10x10xf32>, tensor<10x10xf32> -> tensor<10x10xf32>
  %1 = ember.neg %0 : tensor<10x10xf32>
  %3 = ember.sum %1 [0, 1] : tensor<10x10xf32> -> tensor<f32>
  %4 = ember.broadcast %3 : tensor<f32> -> tensor<10x10xf32>
  %5 = ember.mul %4, %1 : tensor<10x10xf32>
  %7 = ember.sum %5 [0, 1] : tensor<10x10xf32> -> tensor<f32>
  return %7 : tensor<f32>
}

// Small sums are kept, what was summed is not.
// CHECK-LABEL: func.func @sums(
// CHECK-SAME: %[[X:.*]]: tensor<100x10xf32>)
// CHECK-COUNT-2: ember.sum
// CHECK: %[[E:.*]] = ember.exp %[[X]]
// CHECK: ember.div %[[E]]
// CHECK-NOT: ember.sum
// CHECK: return
func.func @sums(%x: tensor<100x10xf32>) -> tensor<100x10xf32> {
  %0 = ember.exp %x : tensor<100x10xf32>
  %1 = ember.sum %0 [0] : tensor<100x10xf32> -> tensor<10xf32>
  %2 = ember.sum %0 [0, 1] : tensor<100x10xf32> -> tensor<f32>
  %3 = ember.broadcast %1 : tensor<10xf32> -> tensor<100x10xf32>
  %4 = ember.broadcast %2 : tensor<f32> -> tensor<100x10xf32>
  %5 = ember.div %0, %3 : tensor<100x10xf32>
  %6 = ember.div %5, %4 : tensor<100x10xf32>
  return %6 : tensor<100x10xf32>
}
