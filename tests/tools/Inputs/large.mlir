// Needs 3.2 GB between its kernels.
func.func @main(%x: tensor<1x1xf32>) -> tensor<20000xf32> {
  %0 = ember.broadcast %x : tensor<1x1xf32> -> tensor<20000x20000xf32>
  %1 = ember.matmul %0, %0 : tensor<20000x20000xf32>, tensor<20000x20000xf32> -> tensor<20000x20000xf32>
  %2 = ember.matmul %1, %0 : tensor<20000x20000xf32>, tensor<20000x20000xf32> -> tensor<20000x20000xf32>
  %3 = ember.sum %2 [1] : tensor<20000x20000xf32> -> tensor<20000xf32>
  return %3 : tensor<20000xf32>
}
