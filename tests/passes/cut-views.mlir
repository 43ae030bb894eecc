// RUN: ember-opt %s --ember-cut-views | FileCheck %s

// Each step reads the one before it twice: a few of them in a row are read as they are.
// CHECK-LABEL: @few
//   CHECK-NOT: ember.copy
func.func @few(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ember.concat 0, %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  %1 = ember.concat 0, %0, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<16xf32>
  %2 = ember.concat 0, %1, %1 : (tensor<16xf32>, tensor<16xf32>) -> tensor<32xf32>
  %3 = ember.reshape %2 : tensor<32xf32> -> tensor<8x4xf32>
  %4 = ember.sum %3 [0] : tensor<8x4xf32> -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// The fifth has 32 ways to its 10 reads, and so has the eighth behind the copy.
// CHECK-LABEL: @many
//       CHECK: %[[FIFTH:.*]] = ember.concat {{.*}} -> tensor<128xf32>
//       CHECK: %[[COPY:.*]] = ember.copy %[[FIFTH]]
//       CHECK: ember.concat 0, %[[COPY]], %[[COPY]]
//   CHECK-NOT: ember.copy
//       CHECK: return
func.func @many(%x: tensor<4xf32>) -> tensor<512xf32> {
  %0 = ember.concat 0, %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  %1 = ember.concat 0, %0, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<16xf32>
  %2 = ember.concat 0, %1, %1 : (tensor<16xf32>, tensor<16xf32>) -> tensor<32xf32>
  %3 = ember.concat 0, %2, %2 : (tensor<32xf32>, tensor<32xf32>) -> tensor<64xf32>
  %4 = ember.concat 0, %3, %3 : (tensor<64xf32>, tensor<64xf32>) -> tensor<128xf32>
  %5 = ember.concat 0, %4, %4 : (tensor<128xf32>, tensor<128xf32>) -> tensor<256xf32>
  %6 = ember.concat 0, %5, %5 : (tensor<256xf32>, tensor<256xf32>) -> tensor<512xf32>
  return %6 : tensor<512xf32>
}

// Many operands are no reason: each is read once.
// CHECK-LABEL: @wide
//   CHECK-NOT: ember.copy
func.func @wide(%x: tensor<1xf32>, %y: tensor<1xf32>) -> tensor<20xf32> {
  %0 = ember.concat 0, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y, %x, %y : (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<20xf32>
  return %0 : tensor<20xf32>
}
