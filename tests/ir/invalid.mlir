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

func.func @negative_axis(%x: tensor<2x3xf32>) -> tensor<4x3xf32> {
  // expected-error @below {{concat: axis is -1, expected one below the rank 2}}
  %0 = ember.concat -1, %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

func.func @iota_axis() -> tensor<2x3xi64> {
  // expected-error @below {{iota: axis is -1, expected one below the rank 2}}
  %0 = ember.iota -1 : tensor<2x3xi64>
  return %0 : tensor<2x3xi64>
}

// -----

func.func @axes(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  // expected-error @below {{sum: expected rising axes below the rank 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.sum %x [2] : tensor<2x3xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @pool_arrays(%x: tensor<1x3x8x8xf32>) -> tensor<1x3x4x4xf32> {
  // expected-error @below {{max_pool2d: expected two kernel sizes, strides, paddings and dilations}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.max_pool2d %x kernel [2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32> -> tensor<1x3x4x4xf32>
  return %0 : tensor<1x3x4x4xf32>
}

// -----

func.func @pool_gradient(%x: tensor<1x2x4x4xf32>) -> tensor<1x3x8x8xf32> {
  // expected-error @below {{expected an operand of type 'tensor<1x3x4x4xf32>', found 'tensor<1x2x4x4xf32>'}}
  %0 = ember.window_sum_grad %x kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x2x4x4xf32> -> tensor<1x3x8x8xf32>
  return %0 : tensor<1x3x8x8xf32>
}

// -----

func.func @pool_position(%x: tensor<1x3x8x8xf32>, %p: tensor<8x7xi64>) -> tensor<1x3x4x4xi64> {
  // expected-error @below {{expected a position of the input's height and width (it is 'tensor<8x7xi64>'}}
  %0 = ember.max_pool2d_indices %x, %p kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32>, tensor<8x7xi64> -> tensor<1x3x4x4xi64>
  return %0 : tensor<1x3x4x4xi64>
}

// -----

func.func @conv_gradient(%dy: tensor<2x8x9x9xf32>, %x: tensor<2x3x8x8xf32>) -> tensor<8x3x3x3xf32> {
  // expected-error @below {{dimension 2: a kernel of 3 on an input of 8 gives no output of 9}}
  %0 = ember.conv2d_weight_grad %dy, %x stride [1, 1] padding [0, 0] dilation [1, 1] groups 1 : tensor<2x8x9x9xf32>, tensor<2x3x8x8xf32> -> tensor<8x3x3x3xf32>
  return %0 : tensor<8x3x3x3xf32>
}

// -----

func.func @conv_dtypes(%w: tensor<8x3x3x3xf64>, %x: tensor<2x3x9x9xf32>) -> tensor<2x8x7x7xf32> {
  // expected-error @below {{expected one dtype (the weight is 'tensor<8x3x3x3xf64>'}}
  %0 = ember.conv2d %w, %x stride [1, 1] padding [0, 0] dilation [1, 1] groups 1 : tensor<8x3x3x3xf64>, tensor<2x3x9x9xf32> -> tensor<2x8x7x7xf32>
  return %0 : tensor<2x8x7x7xf32>
}

// -----

func.func @broadcast_dtype(%x: tensor<8xf32>) -> tensor<4x8xf64> {
  // expected-error @below {{broadcast: the operand is 'tensor<8xf32>', the result 'tensor<4x8xf64>', expected one dtype}}
  %0 = ember.broadcast %x : tensor<8xf32> -> tensor<4x8xf64>
  return %0 : tensor<4x8xf64>
}

// -----

func.func @scatter_dtype(%x: tensor<10x4xf32>, %i: tensor<10x2xi64>, %u: tensor<10x2xf64>) -> tensor<10x4xf32> {
  // expected-error @below {{scatter_add: the updates are 'tensor<10x2xf64>', expected the dtype of 'tensor<10x4xf32>'}}
  %0 = ember.scatter_add %x, %i, %u axis 1 : tensor<10x4xf32>, tensor<10x2xi64>, tensor<10x2xf64>
  return %0 : tensor<10x4xf32>
}

// -----

func.func @gather_names(%x: tensor<?x4xf32, #ember.dims<[B]>>, %i: tensor<8x2xi64>) -> tensor<8x2xf32> {
  // expected-error @below {{gather: dimension 0 of the indices is 8, expected at most B}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.gather %x, %i axis 1 : tensor<?x4xf32, #ember.dims<[B]>>, tensor<8x2xi64> -> tensor<8x2xf32>
  return %0 : tensor<8x2xf32>
}

// -----

func.func @in_place(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{kernel 'k': in_place must list pairs of a result and an operand of one type}}
  %y = ember.kernel "k"(%x) {in_place = array<i64: 0, 1>} : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %0 = ember.neg %a : tensor<4xf32>
    ember.yield %0 : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// -----

// expected-error @below {{'9999999999*9999999999*B' is no polynomial of sizes}}
func.func @size(%x: tensor<?xf32, #ember.dims<[9999999999*9999999999*B]>>) {
  return
}

// -----

func.func @channels(%x: tensor<4x3x2x2xf32>, %w: tensor<2xf32>, %t: tensor<i1>, %m: tensor<f64>, %n: tensor<i64>) -> tensor<4x3x2x2xf32> {
  // expected-error @below {{batch_norm: weight, bias and statistics are 'tensor<2xf32>', expected one number of the input's dtype for each of 3 channels}}
  %y, %nm, %nv, %own, %i, %nn = ember.batch_norm %x, %w, %w, %w, %w, %t, %m, %m, %n : tensor<4x3x2x2xf32>, tensor<2xf32>
  return %y : tensor<4x3x2x2xf32>
}

// -----

func.func @no_channels(%x: tensor<4xf32>, %w: tensor<4xf32>, %t: tensor<i1>, %m: tensor<f64>, %n: tensor<i64>) -> tensor<4xf32> {
  // expected-error @below {{batch_norm: the input is 'tensor<4xf32>', expected a rank of at least 2}}
  %y, %nm, %nv, %own, %i, %nn = ember.batch_norm %x, %w, %w, %w, %w, %t, %m, %m, %n : tensor<4xf32>, tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @broadcast_rank(%x: tensor<2x3xf32>) {
  // expected-error @below {{broadcast: the operand has rank 2, expected at most 1}}
  %0 = ember.broadcast %x : tensor<2x3xf32> -> tensor<3xf32>
  return
}

// -----

func.func @broadcast_dtype(%x: tensor<3xf32>) {
  // expected-error @below {{broadcast: the operand is 'tensor<3xf32>', the result 'tensor<3xf64>', expected one dtype}}
  %0 = ember.broadcast %x : tensor<3xf32> -> tensor<3xf64>
  return
}

// -----

func.func @reshape_dtype(%x: tensor<4xf32>) {
  // expected-error @below {{reshape: the operand is 'tensor<4xf32>', the result 'tensor<4xf64>', expected one dtype}}
  %0 = ember.reshape %x : tensor<4xf32> -> tensor<4xf64>
  return
}

// -----

func.func @slice_starts(%x: tensor<4x8xf32>, %i: tensor<i64>) {
  // expected-error @below {{expected one start, stride and size for each of the 2 dimensions}}
  %0 = ember.slice %x [%i] strides [1] : tensor<4x8xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @slice_dtype(%x: tensor<4xf32>, %i: tensor<i64>) {
  // expected-error @below {{the slice is of 'f64', expected 'f32'}}
  %0 = ember.slice %x [%i] strides [1] : tensor<4xf32> -> tensor<2xf64>
  return
}

// -----

func.func @slice_fits(%x: tensor<4xf32>, %i: tensor<i64>) {
  // expected-error @below {{dimension 0: 3 elements 3 apart do not fit into 4}}
  %0 = ember.slice %x [%i] strides [3] : tensor<4xf32> -> tensor<3xf32>
  return
}

// -----

func.func @update_fits(%x: tensor<4xf32>, %u: tensor<3xf32>, %i: tensor<i64>) {
  // expected-error @below {{dimension 0: 3 elements 2 apart do not fit into 4}}
  %0 = ember.update_slice %x, %u [%i] strides [2] : tensor<4xf32>, tensor<3xf32>
  return
}

// -----

func.func @pad_dtype(%x: tensor<4xf32>) {
  // expected-error @below {{pad: the operand is 'tensor<4xf32>', the result 'tensor<5xf64>', expected one dtype}}
  %0 = ember.pad %x low [1] high [0] {value = 0.0 : f64} : tensor<4xf32> -> tensor<5xf64>
  return
}

// -----

func.func @pad_borders(%x: tensor<4x8xf32>) {
  // expected-error @below {{pad: expected one border on each side of the 2 dimensions}}
  %0 = ember.pad %x low [1] high [0] {value = 0.0 : f64} : tensor<4x8xf32> -> tensor<5x8xf32>
  return
}

// -----

func.func @pad_negative(%x: tensor<4xf32>) {
  // expected-error @below {{pad: border of dimension 0 is negative}}
  %0 = ember.pad %x low [-1] high [0] {value = 0.0 : f64} : tensor<4xf32> -> tensor<3xf32>
  return
}

// -----

func.func @pad_size(%x: tensor<4xf32>) {
  // expected-error @below {{pad: result dimension 0 is 6, expected 5}}
  %0 = ember.pad %x low [1] high [0] {value = 0.0 : f64} : tensor<4xf32> -> tensor<6xf32>
  return
}

// -----

func.func @concat_axis(%x: tensor<4xf32>) {
  // expected-error @below {{concat: axis is 1, expected one below the rank 1}}
  %0 = ember.concat 1, %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @concat_rank(%x: tensor<4xf32>, %y: tensor<1x4xf32>) {
  // expected-error @below {{concat: operand 1 is 'tensor<1x4xf32>', expected rank and dtype of 'tensor<8xf32>'}}
  %0 = ember.concat 0, %x, %y : (tensor<4xf32>, tensor<1x4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @concat_dim(%x: tensor<4x2xf32>, %y: tensor<4x3xf32>) {
  // expected-error @below {{concat: dimension 1 of operand 1 is 3, expected 2}}
  %0 = ember.concat 0, %x, %y : (tensor<4x2xf32>, tensor<4x3xf32>) -> tensor<8x2xf32>
  return
}

// -----

func.func @concat_total(%x: tensor<4xf32>) {
  // expected-error @below {{concat: the operands have 8 along the axis, the result 9}}
  %0 = ember.concat 0, %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<9xf32>
  return
}

// -----

func.func @conv_rank(%w: tensor<8x3x3x3xf32>, %x: tensor<3x9x9xf32>) {
  // expected-error @below {{expected tensors of rank 4}}
  %0 = ember.conv2d %w, %x stride [1, 1] padding [0, 0] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<3x9x9xf32> -> tensor<8x7x7xf32>
  return
}

// -----

func.func @conv_lists(%w: tensor<8x3x3x3xf32>, %x: tensor<2x3x9x9xf32>) {
  // expected-error @below {{expected two strides, paddings and dilations}}
  %0 = ember.conv2d %w, %x stride [1] padding [0, 0] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x3x9x9xf32> -> tensor<2x8x7x7xf32>
  return
}

// -----

func.func @conv_stride(%w: tensor<8x3x3x3xf32>, %x: tensor<2x3x9x9xf32>) {
  // expected-error @below {{expected strides, dilations and groups of at least 1 and paddings of at least 0}}
  %0 = ember.conv2d %w, %x stride [0, 1] padding [0, 0] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x3x9x9xf32> -> tensor<2x8x7x7xf32>
  return
}

// -----

func.func @conv_out(%w: tensor<8x3x3x3xf32>, %x: tensor<2x3x9x9xf32>) {
  // expected-error @below {{the weight is for 8 output channels, the output has 9 in 1 groups}}
  %0 = ember.conv2d %w, %x stride [1, 1] padding [0, 0] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x3x9x9xf32> -> tensor<2x9x7x7xf32>
  return
}

// -----

func.func @conv_batch(%w: tensor<8x3x3x3xf32>, %x: tensor<2x3x9x9xf32>) {
  // expected-error @below {{the input has batch 2, the output 3}}
  %0 = ember.conv2d %w, %x stride [1, 1] padding [0, 0] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x3x9x9xf32> -> tensor<3x8x7x7xf32>
  return
}

// -----

func.func @take_axis(%x: tensor<4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{take: axis is 1, expected one below the rank 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.take %x, %i axis 1 : tensor<4xf32>, tensor<2xi64> -> tensor<2xf32>
  return
}

// -----

func.func @gather_axis(%x: tensor<4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{gather: axis is 1, expected one below the rank 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.gather %x, %i axis 1 : tensor<4xf32>, tensor<2xi64> -> tensor<2xf32>
  return
}

// -----

func.func @gather_rank(%x: tensor<4x2xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{gather: the indices have rank 1, expected 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = ember.gather %x, %i axis 0 : tensor<4x2xf32>, tensor<2xi64> -> tensor<2xf32>
  return
}

// -----

func.func @scatter_shape(%x: tensor<4xf32>, %i: tensor<2xi64>, %u: tensor<3xf32>) {
  // expected-error @below {{scatter_add: the updates are 'tensor<3xf32>', expected the shape of the indices, 'tensor<2xi64>'}}
  %0 = ember.scatter_add %x, %i, %u axis 0 : tensor<4xf32>, tensor<2xi64>, tensor<3xf32>
  return
}

// -----

func.func @index_axis(%x: tensor<4xf32>, %i: tensor<2xi64>, %u: tensor<2xf32>) {
  // expected-error @below {{index_add: axis is 1, expected one below the rank 1}}
  %0 = ember.index_add %x, %i, %u axis 1 : tensor<4xf32>, tensor<2xi64>, tensor<2xf32>
  return
}

// -----

func.func @index_shape(%x: tensor<4xf32>, %i: tensor<2xi64>, %u: tensor<3xf32>) {
  // expected-error @below {{index_add: the updates are 'tensor<3xf32>', expected the shape that take gives}}
  %0 = ember.index_add %x, %i, %u axis 0 : tensor<4xf32>, tensor<2xi64>, tensor<3xf32>
  return
}

// -----

func.func @index_dtype(%x: tensor<4xf32>, %i: tensor<2xi64>, %u: tensor<2xf64>) {
  // expected-error @below {{index_add: the updates are 'tensor<2xf64>', expected the dtype of 'tensor<4xf32>'}}
  %0 = ember.index_add %x, %i, %u axis 0 : tensor<4xf32>, tensor<2xi64>, tensor<2xf64>
  return
}

// -----

func.func @select_shape(%c: tensor<3xi1>, %x: tensor<4xf32>) {
  // expected-error @below {{select: the condition is 'tensor<3xi1>', expected the shape of 'tensor<4xf32>'}}
  %0 = ember.select %c, %x, %x : tensor<3xi1>, tensor<4xf32>
  return
}

// -----

func.func @iota_axis() {
  // expected-error @below {{iota: axis is 1, expected one below the rank 1}}
  %0 = ember.iota 1 : tensor<4xf32>
  return
}

// -----

func.func @cast_shape(%x: tensor<3xf32>) {
  // expected-error @below {{cast: the operand is 'tensor<3xf32>', expected the shape of 'tensor<4xf64>'}}
  %0 = ember.cast %x : tensor<3xf32> -> tensor<4xf64>
  return
}

// -----

func.func @own_results(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @below {{custom_function: results have types 'tensor<2xf32>', expected those of the outputs, 'tensor<4xf32>'}}
  %y = ember.custom_function (%x : tensor<4xf32>) of (%x : tensor<4xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
