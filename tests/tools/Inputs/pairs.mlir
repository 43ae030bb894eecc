// Sizes that follow from 2*B + 1 and S; names that are no C identifiers.
func.func @main(%x: tensor<?x?xf32, #ember.dims<[2*B + 1, S]>> {ember.name = "net.x*/"},
                %y: tensor<?x?xf32, #ember.dims<[2*B + 1, S]>> {ember.name = "int"},
                %z: tensor<?xi64, #ember.dims<[S]>> {ember.name = "net_x__"})
    -> (tensor<?x?xf32, #ember.dims<[2*B + 1, S]>> {ember.name = "y"},
        tensor<?xi64, #ember.dims<[S]>> {ember.name = "1st"}, tensor<f32> {ember.name = "total"})
    attributes {ember.size.B = array<i64: 1, 8>} {
  %0 = ember.add %x, %y : tensor<?x?xf32, #ember.dims<[2*B + 1, S]>>
  %1 = ember.add %z, %z : tensor<?xi64, #ember.dims<[S]>>
  %2 = ember.sum %0 [0, 1] : tensor<?x?xf32, #ember.dims<[2*B + 1, S]>> -> tensor<f32>
  return %0, %1, %2 : tensor<?x?xf32, #ember.dims<[2*B + 1, S]>>, tensor<?xi64, #ember.dims<[S]>>, tensor<f32>
}
