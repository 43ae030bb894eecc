// RUN: ember-opt %s --ember-split-sums | FileCheck %s

// CHECK-LABEL: @whole
//       CHECK: ember.reshape {{.*}} -> tensor<1x2097152x1xf32>
//       CHECK: ember.reshape {{.*}} -> tensor<1x2x16384x64xf32>
//       CHECK: ember.sum %{{.*}} [2] {{.*}} -> tensor<1x2x64xf32>
//       CHECK: ember.sum %{{.*}} [1] {{.*}} -> tensor<1x64xf32>
//       CHECK: ember.sum %{{.*}} [1] {{.*}} -> tensor<1xf32>
//       CHECK: ember.reshape {{.*}} -> tensor<f32>
func.func @whole(%x: tensor<1024x2048xf32>) -> tensor<f32> {
  %0 = ember.sum %x [0, 1] : tensor<1024x2048xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// Columns have one partial; what is missing of the last block is 0; bf16 is added in f32.
// CHECK-LABEL: @columns
//       CHECK: ember.cast {{.*}} -> tensor<20000x3xf32>
//       CHECK: ember.pad {{.*}} -> tensor<1x32768x3xf32>
//       CHECK: ember.sum %{{.*}} [2] {{.*}} -> tensor<1x2x3xf32>
//       CHECK: ember.sum %{{.*}} [1] {{.*}} -> tensor<1x3xf32>
//       CHECK: ember.cast {{.*}} -> tensor<3xbf16>
func.func @columns(%x: tensor<20000x3xbf16>) -> tensor<3xbf16> {
  %0 = ember.sum %x [0] : tensor<20000x3xbf16> -> tensor<3xbf16>
  return %0 : tensor<3xbf16>
}

// CHECK-LABEL: @short
//       CHECK: ember.sum %{{.*}} [0, 1] : tensor<1024x1024xf32>
func.func @short(%x: tensor<1024x1024xf32>) -> tensor<f32> {
  %0 = ember.sum %x [0, 1] : tensor<1024x1024xf32> -> tensor<f32>
  return %0 : tensor<f32>
}

// CHECK-LABEL: @many_results
//       CHECK: ember.sum %{{.*}} [0] : tensor<20000x3072xf32>
func.func @many_results(%x: tensor<20000x3072xf32>) -> tensor<3072xf32> {
  %0 = ember.sum %x [0] : tensor<20000x3072xf32> -> tensor<3072xf32>
  return %0 : tensor<3072xf32>
}

// CHECK-LABEL: @named_size
//       CHECK: ember.sum %{{.*}} [0] : tensor<?x3xf32
func.func @named_size(%x: tensor<?x3xf32, #ember.dims<[B]>>) -> tensor<3xf32> {
  %0 = ember.sum %x [0] : tensor<?x3xf32, #ember.dims<[B]>> -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// CHECK-LABEL: @two_runs
//       CHECK: ember.sum %{{.*}} [0, 2] : tensor<64x2x65536xf32>
func.func @two_runs(%x: tensor<64x2x65536xf32>) -> tensor<2xf32> {
  %0 = ember.sum %x [0, 2] : tensor<64x2x65536xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: @through_a_view
//       CHECK: ember.sum %{{.*}} [0] : tensor<40000x3xf32>
func.func @through_a_view(%x: tensor<3x40000xf32>) -> tensor<3xf32> {
  %0 = ember.transpose %x [1, 0] : tensor<3x40000xf32> -> tensor<40000x3xf32>
  %1 = ember.sum %0 [0] : tensor<40000x3xf32> -> tensor<3xf32>
  return %1 : tensor<3xf32>
}
