func.func @main(%x: tensor<2x4xf32>, %w: tensor<4x4xf32> {ember.name = "a.weight", ember.role = "parameter", ember.trainable})
    -> tensor<2x4xf32> attributes {ember.state_names = "a.weight\0Ab.weight", ember.state_arguments = array<i64: 1, 1>} {
  %0 = ember.matmul %x, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %1 = ember.matmul %0, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
