// RUN: ember-opt %s --ember-simplify | FileCheck %s

// CHECK-LABEL: func.func @neutral(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[I:.*]]: tensor<4xi32>)
// CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[I]] :
func.func @neutral(%x: tensor<4xf32>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>) {
  %one = ember.constant dense<1.0> : tensor<f32>
  %ones = ember.broadcast %one : tensor<f32> -> tensor<4xf32>
  %minus = ember.constant dense<-0.0> : tensor<4xf32>
  %zero = ember.constant dense<0.0> : tensor<4xf32>
  %none = ember.constant dense<0> : tensor<4xi32>
  %0 = ember.mul %ones, %x : tensor<4xf32>
  %1 = ember.add %x, %minus : tensor<4xf32>
  %2 = ember.sub %x, %zero : tensor<4xf32>
  %3 = ember.div %x, %ones : tensor<4xf32>
  %4 = ember.add %i, %none : tensor<4xi32>
  return %0, %1, %2, %3, %4 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi32>
}

// x + 0 is 0 for -0, x - -0 too; x * 0 is NaN for infinities.
// CHECK-LABEL: func.func @other_bits
// CHECK: ember.add
// CHECK: ember.sub
// CHECK: ember.mul
// CHECK: return
func.func @other_bits(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = ember.constant dense<0.0> : tensor<4xf32>
  %minus = ember.constant dense<-0.0> : tensor<4xf32>
  %0 = ember.add %x, %zero : tensor<4xf32>
  %1 = ember.sub %x, %minus : tensor<4xf32>
  %2 = ember.mul %x, %zero : tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @repeated(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[C:.*]]: tensor<4xi1>)
// CHECK-NEXT: %[[R:.*]] = ember.relu %[[X]]
// CHECK-NEXT: return %[[X]], %[[R]], %[[C]], %[[X]], %[[X]]
func.func @repeated(%x: tensor<4xf32>, %c: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) {
  %0 = ember.neg %x : tensor<4xf32>
  %1 = ember.neg %0 : tensor<4xf32>
  %2 = ember.relu %x : tensor<4xf32>
  %3 = ember.relu %2 : tensor<4xf32>
  %4 = ember.not %c : tensor<4xi1>
  %5 = ember.not %4 : tensor<4xi1>
  %6 = ember.copy %x : tensor<4xf32>
  %7 = ember.detach %6 : tensor<4xf32>
  %9 = ember.with_history %7, %1 : tensor<4xf32>
  %8 = ember.select %c, %9, %x : tensor<4xi1>, tensor<4xf32>
  return %1, %3, %5, %7, %8 : tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>
}

// Equal ops are one, also with operands in another order; what nobody reads is gone, a chain of it too.
// CHECK-LABEL: func.func @equal
// CHECK-NEXT: %[[S:.*]] = ember.add
// CHECK-NEXT: ember.mul %[[S]], %[[S]]
// CHECK-NEXT: return
func.func @equal(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ember.add %x, %y : tensor<4xf32>
  %1 = ember.add %y, %x : tensor<4xf32>
  %2 = ember.mul %0, %1 : tensor<4xf32>
  %3 = ember.exp %2 : tensor<4xf32>
  %4 = ember.log %3 : tensor<4xf32>
  return %2 : tensor<4xf32>
}

// x - y is not y - x; sums over other axes are other sums.
// CHECK-LABEL: func.func @unequal
// CHECK-COUNT-2: ember.sub
// CHECK-COUNT-2: ember.sum
// CHECK: return
func.func @unequal(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = ember.sub %x, %y : tensor<4x4xf32>
  %1 = ember.sub %y, %x : tensor<4x4xf32>
  %2 = ember.sum %x [0] : tensor<4x4xf32> -> tensor<4xf32>
  %3 = ember.sum %x [1] : tensor<4x4xf32> -> tensor<4xf32>
  return %0, %1, %2, %3 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @views(
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>, %[[B:.*]]: tensor<4xf32>)
// CHECK-DAG: %[[T:.*]] = ember.transpose %[[X]] [2, 0, 1]
// CHECK-DAG: %[[R:.*]] = ember.reshape %[[X]] : tensor<2x3x4xf32> -> tensor<12x2xf32>
// CHECK-DAG: %[[W:.*]] = ember.broadcast %[[B]] : tensor<4xf32> -> tensor<2x3x4xf32>
// CHECK: return %[[X]], %[[T]], %[[X]], %[[R]], %[[W]]
func.func @views(%x: tensor<2x3x4xf32>, %b: tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<4x2x3xf32>, tensor<2x3x4xf32>, tensor<12x2xf32>, tensor<2x3x4xf32>) {
  %0 = ember.transpose %x [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %1 = ember.transpose %0 [2, 0, 1] : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
  %2 = ember.transpose %0 [1, 2, 0] : tensor<3x4x2xf32> -> tensor<4x2x3xf32>
  %3 = ember.reshape %x : tensor<2x3x4xf32> -> tensor<24xf32>
  %4 = ember.reshape %3 : tensor<24xf32> -> tensor<2x3x4xf32>
  %5 = ember.reshape %3 : tensor<24xf32> -> tensor<12x2xf32>
  %6 = ember.reshape %b : tensor<4xf32> -> tensor<1x4xf32>
  %7 = ember.broadcast %6 : tensor<1x4xf32> -> tensor<3x4xf32>
  %8 = ember.broadcast %7 : tensor<3x4xf32> -> tensor<2x3x4xf32>
  return %1, %2, %4, %5, %8 : tensor<2x3x4xf32>, tensor<4x2x3xf32>, tensor<2x3x4xf32>, tensor<12x2xf32>, tensor<2x3x4xf32>
}

// A reshape that moves a dimension to the left of where a broadcast aligns it stays.
// CHECK-LABEL: func.func @aligned
// CHECK: ember.reshape
// CHECK: ember.broadcast
func.func @aligned(%b: tensor<4xf32>) -> tensor<4x3xf32> {
  %0 = ember.reshape %b : tensor<4xf32> -> tensor<4x1xf32>
  %1 = ember.broadcast %0 : tensor<4x1xf32> -> tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @slices(
// CHECK-SAME: %[[X:.*]]: tensor<4x4xf32>, %[[U:.*]]: tensor<4x4xf32>
// CHECK-NEXT: return %[[X]], %[[X]], %[[U]], %[[X]], %[[X]]
func.func @slices(%x: tensor<4x4xf32>, %u: tensor<4x4xf32>, %big: tensor<8x8xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %zero = ember.constant dense<0> : tensor<i64>
  %two = ember.constant dense<2> : tensor<i64>
  %0 = ember.slice %x [%zero, %zero] strides [1, 1] : tensor<4x4xf32> -> tensor<4x4xf32>
  %1 = ember.pad %x low [0, 2] high [1, 3] {value = 0.0 : f64} : tensor<4x4xf32> -> tensor<5x9xf32>
  %2 = ember.slice %1 [%zero, %two] strides [1, 1] : tensor<5x9xf32> -> tensor<4x4xf32>
  %3 = ember.update_slice %big, %u [%two, %two] strides [1, 1] : tensor<8x8xf32>, tensor<4x4xf32>
  %4 = ember.slice %3 [%two, %two] strides [1, 1] : tensor<8x8xf32> -> tensor<4x4xf32>
  %5 = ember.pad %x low [0, 0] high [0, 0] {value = 0.0 : f64} : tensor<4x4xf32> -> tensor<4x4xf32>
  %6 = ember.concat 0, %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0, %2, %4, %5, %6 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// Starts known only when running may be out of range, and other starts are other places.
// CHECK-LABEL: func.func @slices_kept
// CHECK: ember.slice
// CHECK: ember.update_slice
// CHECK: ember.slice
// CHECK: ember.slice
func.func @slices_kept(%x: tensor<4xf32>, %u: tensor<2xf32>, %s: tensor<i64>) -> (tensor<4xf32>, tensor<2xf32>, tensor<2xf32>) {
  %zero = ember.constant dense<0> : tensor<i64>
  %0 = ember.slice %x [%s] strides [1] : tensor<4xf32> -> tensor<4xf32>
  %1 = ember.update_slice %x, %u [%s] strides [1] : tensor<4xf32>, tensor<2xf32>
  %2 = ember.slice %1 [%s] strides [1] : tensor<4xf32> -> tensor<2xf32>
  %3 = ember.slice %1 [%zero] strides [1] : tensor<4xf32> -> tensor<2xf32>
  return %0, %2, %3 : tensor<4xf32>, tensor<2xf32>, tensor<2xf32>
}

// A widening that is undone is nothing; one before another is not done.
// CHECK-LABEL: func.func @casts(
// CHECK-SAME: %[[X:.*]]: tensor<4xbf16>, %[[B:.*]]: tensor<4xi1>
// CHECK-NEXT: %[[W:.*]] = ember.cast %[[X]] : tensor<4xbf16> -> tensor<4xf64>
// CHECK-NEXT: return %[[X]], %[[W]], %[[B]]
func.func @casts(%x: tensor<4xbf16>, %b: tensor<4xi1>) -> (tensor<4xbf16>, tensor<4xf64>, tensor<4xi1>) {
  %0 = ember.cast %x : tensor<4xbf16> -> tensor<4xf32>
  %1 = ember.cast %0 : tensor<4xf32> -> tensor<4xbf16>
  %2 = ember.cast %0 : tensor<4xf32> -> tensor<4xf64>
  %3 = ember.cast %b : tensor<4xi1> -> tensor<4xi64>
  %4 = ember.cast %3 : tensor<4xi64> -> tensor<4xi1>
  return %1, %2, %4 : tensor<4xbf16>, tensor<4xf64>, tensor<4xi1>
}

// A narrowing loses bits; an integer by way of a float, or a signed one by way of an unsigned, is another number.
// CHECK-LABEL: func.func @casts_kept
// CHECK-COUNT-6: ember.cast
func.func @casts_kept(%x: tensor<4xf32>, %i: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xi32>, tensor<4xi64>) {
  %0 = ember.cast %x : tensor<4xf32> -> tensor<4xbf16>
  %1 = ember.cast %0 : tensor<4xbf16> -> tensor<4xf32>
  %2 = ember.cast %i : tensor<4xi32> -> tensor<4xf32>
  %3 = ember.cast %2 : tensor<4xf32> -> tensor<4xi32>
  %4 = ember.cast %i : tensor<4xi32> -> tensor<4xui64>
  %5 = ember.cast %4 : tensor<4xui64> -> tensor<4xi64>
  return %1, %3, %5 : tensor<4xf32>, tensor<4xi32>, tensor<4xi64>
}

// The sum of a broadcast rounds at each step: it is not the operand times the count.
// CHECK-LABEL: func.func @sum_of_broadcast
// CHECK: ember.broadcast
// CHECK: ember.sum
func.func @sum_of_broadcast(%x: tensor<f32>) -> tensor<f32> {
  %0 = ember.broadcast %x : tensor<f32> -> tensor<10xf32>
  %1 = ember.sum %0 [0] : tensor<10xf32> -> tensor<f32>
  return %1 : tensor<f32>
}
