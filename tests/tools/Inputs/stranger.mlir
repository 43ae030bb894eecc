// A size that no argument has.
func.func @main(%x: tensor<f32>) -> tensor<?xf32, #ember.dims<[Q]>> {
  %0 = ember.broadcast %x : tensor<f32> -> tensor<?xf32, #ember.dims<[Q]>>
  return %0 : tensor<?xf32, #ember.dims<[Q]>>
}
