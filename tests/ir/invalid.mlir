// RUN: ember-opt %s --split-input-file --verify-diagnostics

func.func @reshape(%x: tensor<4x8xf32>) -> tensor<30xf32> {
  // expected-error @below {{reshape: the operand has 32 elements, the result 30}}
  %0 = ember.reshape %x : tensor<4x8xf32> -> tensor<30xf32>
  return %0 : tensor<30xf32>
}

// -----

func.func @broadcast(%x: tensor<3xf32>) -> tensor<4x8xf32> {
  // expected-error @below {{broadcast: operand dimension 0 is 3, expected 1 or 8}}
  %0 = ember.broadcast %x : tensor<3xf32> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

func.func @predicate(%x: tensor<3xf32>) -> tensor<3xi1> {
  // expected-error @below {{compare: predicate is 'less', expected eq ne lt le gt or ge}}
  %0 = ember.compare "less" %x, %x : tensor<3xf32>
  return %0 : tensor<3xi1>
}

// -----

func.func @matmul(%x: tensor<4x8xf32>, %y: tensor<16x3xf32>) -> tensor<4x3xf32> {
  // expected-error @below {{matmul: lhs dimension 1 is 8 but rhs dimension 0 is 16}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.matmul %x, %y : tensor<4x8xf32>, tensor<16x3xf32> -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

func.func @conv_channels(%w: tensor<8x3x3x3xf32>, %x: tensor<2x4x9x9xf32>) -> tensor<2x8x7x7xf32> {
  // expected-error @below {{the weight is for 3 input channels, the input has 4}}
  %0 = ember.conv2d %w, %x stride [1, 1] padding [0, 0] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x4x9x9xf32> -> tensor<2x8x7x7xf32>
  return %0 : tensor<2x8x7x7xf32>
}

// -----

func.func @concat(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) -> tensor<4x3xf32> {
  // expected-error @below {{concat: dimension 1 of operand 1 is 4, expected 3}}
  %0 = ember.concat 0, %x, %y : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

func.func @axes(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @below {{sum: expected rising axes below the rank 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.sum %x [2] : tensor<2x3xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
