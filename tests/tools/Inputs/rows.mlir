func.func @main(%x: tensor<?x4xf32, #ember.dims<[B]>>, %w: tensor<4x4xf32>) -> tensor<?xf32, #ember.dims<[B]>> {
  %0 = ember.matmul %x, %w : tensor<?x4xf32, #ember.dims<[B]>>, tensor<4x4xf32> -> tensor<?x4xf32, #ember.dims<[B]>>
  %1 = ember.sum %0 [1] : tensor<?x4xf32, #ember.dims<[B]>> -> tensor<?xf32, #ember.dims<[B]>>
  return %1 : tensor<?xf32, #ember.dims<[B]>>
}
