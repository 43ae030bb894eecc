func.func @main(%x: tensor<?xf32, #ember.dims<[B]>>, %y: tensor<?xf32, #ember.dims<[B]>>)
    -> (tensor<?xf32, #ember.dims<[B]>>, tensor<?xi1, #ember.dims<[B]>>) {
  %0 = ember.add %x, %y : tensor<?xf32, #ember.dims<[B]>>
  %1 = ember.compare "lt" %x, %y : tensor<?xf32, #ember.dims<[B]>>
  return %0, %1 : tensor<?xf32, #ember.dims<[B]>>, tensor<?xi1, #ember.dims<[B]>>
}
