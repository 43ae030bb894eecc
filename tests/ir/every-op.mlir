// Every op of the dialect stands here once at least (tests/ir/package_test.cpp fails when one is missing): text and bytecode keep it.
// The same test sends this file through a package.
// RUN: ember-opt %s > %t.text
// RUN: ember-opt %t.text | diff %t.text -
// RUN: ember-opt %s --emit-bytecode | ember-opt | diff %t.text -

func.func @main(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = ember.neg %x : tensor<4x8xf32>
  %1 = ember.abs %0 : tensor<4x8xf32>
  %2 = ember.sign %1 : tensor<4x8xf32>
  %3 = ember.floor %2 : tensor<4x8xf32>
  %4 = ember.ceil %3 : tensor<4x8xf32>
  %5 = ember.round %4 : tensor<4x8xf32>
  %6 = ember.trunc %5 : tensor<4x8xf32>
  %7 = ember.relu %6 : tensor<4x8xf32>
  %8 = ember.sqrt %7 : tensor<4x8xf32>
  %9 = ember.rsqrt %8 : tensor<4x8xf32>
  %10 = ember.reciprocal %9 : tensor<4x8xf32>
  %11 = ember.exp %10 : tensor<4x8xf32>
  %12 = ember.expm1 %11 : tensor<4x8xf32>
  %13 = ember.log %12 : tensor<4x8xf32>
  %14 = ember.log1p %13 : tensor<4x8xf32>
  %15 = ember.sin %14 : tensor<4x8xf32>
  %16 = ember.cos %15 : tensor<4x8xf32>
  %17 = ember.tanh %16 : tensor<4x8xf32>
  %18 = ember.erf %17 : tensor<4x8xf32>
  %19 = ember.sigmoid %18 : tensor<4x8xf32>
  %20 = ember.copy %19 : tensor<4x8xf32>
  %21 = ember.detach %20 : tensor<4x8xf32>
  %22 = ember.add %21, %y : tensor<4x8xf32>
  %23 = ember.sub %22, %y : tensor<4x8xf32>
  %24 = ember.mul %23, %y : tensor<4x8xf32>
  %25 = ember.div %24, %y : tensor<4x8xf32>
  %26 = ember.floor_divide %25, %y : tensor<4x8xf32>
  %27 = ember.remainder %26, %y : tensor<4x8xf32>
  %28 = ember.maximum %27, %y : tensor<4x8xf32>
  %29 = ember.minimum %28, %y : tensor<4x8xf32>
  %30 = ember.pow %29, %y : tensor<4x8xf32>
  %31 = ember.with_history %30, %y : tensor<4x8xf32>
  return %31 : tensor<4x8xf32>
}

func.func @logic(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xi64> {
  %0 = ember.compare "lt" %x, %y : tensor<4x8xf32>
  %1 = ember.compare "ne" %x, %y : tensor<4x8xf32>
  %2 = ember.and %0, %1 : tensor<4x8xi1>
  %3 = ember.or %2, %1 : tensor<4x8xi1>
  %4 = ember.xor %3, %0 : tensor<4x8xi1>
  %5 = ember.not %4 : tensor<4x8xi1>
  %6 = ember.select %5, %x, %y : tensor<4x8xi1>, tensor<4x8xf32>
  %7 = ember.cast %6 : tensor<4x8xf32> -> tensor<4x8xi64>
  return %7 : tensor<4x8xi64>
}

// Constants of every dtype, splats and none, numbers that text must not round.
func.func @constants() -> tensor<4x8xi64> {
  %0 = ember.constant dense<[0.1, -0.0, 0x7FF8000000000001]> : tensor<3xf64>
  %1 = ember.constant dense<[0.1, 0x7F800000, 0x7FC00001]> : tensor<3xf32>
  %2 = ember.constant dense<[1.0, 0xFF80]> : tensor<2xbf16>
  %3 = ember.constant dense<1.0> : tensor<2x2xf16>
  %4 = ember.constant dense<[-9223372036854775808, 9223372036854775807]> : tensor<2xi64>
  %5 = ember.constant dense<-7> : tensor<i32>
  %6 = ember.constant dense<[1, -1]> : tensor<2xi16>
  %7 = ember.constant dense<-128> : tensor<5xi8>
  %8 = ember.constant dense<[18446744073709551615, 0]> : tensor<2xui64>
  %9 = ember.constant dense<4294967295> : tensor<2xui32>
  %10 = ember.constant dense<[65535, 1]> : tensor<2xui16>
  %11 = ember.constant dense<[255, 1]> : tensor<2xui8>
  %12 = ember.constant dense<[true, false, true, true, true, true, true, true, false]> : tensor<9xi1>
  %13 = ember.constant dense<true> : tensor<9xi1>
  %14 = ember.constant dense<> : tensor<0x3xf32>
  %15 = ember.iota 1 : tensor<4x8xi64>
  return %15 : tensor<4x8xi64>
}

func.func @contractions(%a: tensor<2x4x8xf32>, %b: tensor<8x3xf32>, %w: tensor<8x3x3x3xf32>, %x: tensor<2x3x8x8xf32>)
    -> (tensor<2x4x3xf32>, tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) {
  %0 = ember.matmul %a, %b : tensor<2x4x8xf32>, tensor<8x3xf32> -> tensor<2x4x3xf32>
  %1 = ember.conv2d %w, %x stride [1, 1] padding [1, 1] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x3x8x8xf32> -> tensor<2x8x8x8xf32>
  %2 = ember.conv2d_input_grad %w, %1 stride [1, 1] padding [1, 1] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x8x8x8xf32> -> tensor<2x3x8x8xf32>
  %3 = ember.conv2d_weight_grad %1, %x stride [1, 1] padding [1, 1] dilation [1, 1] groups 1 : tensor<2x8x8x8xf32>, tensor<2x3x8x8xf32> -> tensor<8x3x3x3xf32>
  return %0, %2, %3 : tensor<2x4x3xf32>, tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>
}

func.func @indexing(%x: tensor<10x4xf32>, %i: tensor<3xi64>, %j: tensor<10x2xi64>, %u: tensor<3x4xf32>, %v: tensor<10x2xf32>)
    -> (tensor<3x4xf32>, tensor<10x2xf32>, tensor<10x4xf32>) {
  %0 = ember.take %x, %i axis 0 : tensor<10x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  %1 = ember.gather %x, %j axis 1 : tensor<10x4xf32>, tensor<10x2xi64> -> tensor<10x2xf32>
  %2 = ember.scatter_add %x, %j, %v axis 1 : tensor<10x4xf32>, tensor<10x2xi64>, tensor<10x2xf32>
  %3 = ember.index_add %2, %i, %u axis 0 : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
  %4 = ember.update_scatter %3, %j, %v axis 1 : tensor<10x4xf32>, tensor<10x2xi64>, tensor<10x2xf32>
  return %0, %1, %4 : tensor<3x4xf32>, tensor<10x2xf32>, tensor<10x4xf32>
}

func.func @windows(%x: tensor<1x3x8x8xf32>, %p: tensor<8x8xi64>) -> (tensor<1x3x8x8xf32>, tensor<1x3x8x8xf32>) {
  %d = ember.max_pool2d %x kernel [2, 2] stride [2, 2] padding [1, 1] dilation [3, 2] : tensor<1x3x8x8xf32> -> tensor<1x3x4x4xf32>
  %0 = ember.max_pool2d %x kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32> -> tensor<1x3x4x4xf32>
  %1 = ember.max_pool2d_indices %x, %p kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32>, tensor<8x8xi64> -> tensor<1x3x4x4xi64>
  %2 = ember.max_pool2d_grad %0, %1, %p kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x4x4xf32>, tensor<1x3x4x4xi64>, tensor<8x8xi64> -> tensor<1x3x8x8xf32>
  %3 = ember.window_sum %x kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x8x8xf32> -> tensor<1x3x4x4xf32>
  %4 = ember.window_sum_grad %3 kernel [2, 2] stride [2, 2] padding [0, 0] : tensor<1x3x4x4xf32> -> tensor<1x3x8x8xf32>
  return %2, %4 : tensor<1x3x8x8xf32>, tensor<1x3x8x8xf32>
}

func.func @reductions(%x: tensor<4x8xf32>) -> (tensor<4xf32>, tensor<8xf32>, tensor<i64>) {
  %0 = ember.sum %x [1] : tensor<4x8xf32> -> tensor<4xf32>
  %1 = ember.max %x [0] : tensor<4x8xf32> -> tensor<8xf32>
  %2 = ember.argmax %x [0, 1] : tensor<4x8xf32> -> tensor<i64>
  return %0, %1, %2 : tensor<4xf32>, tensor<8xf32>, tensor<i64>
}

func.func @moves(%x: tensor<4x8xf32>, %a: tensor<i64>, %b: tensor<i64>) -> tensor<8x12xf32> {
  %0 = ember.transpose %x [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
  %1 = ember.reshape %0 : tensor<8x4xf32> -> tensor<1x4x8xf32>
  %2 = ember.broadcast %1 : tensor<1x4x8xf32> -> tensor<3x4x8xf32>
  %3 = ember.reshape %2 : tensor<3x4x8xf32> -> tensor<12x8xf32>
  %4 = ember.slice %3 [%a, %b] strides [1, 2] : tensor<12x8xf32> -> tensor<2x4xf32>
  %5 = ember.update_slice %x, %4 [%a, %b] strides [1, 2] : tensor<4x8xf32>, tensor<2x4xf32>
  %6 = ember.pad %5 low [0, 1] high [0, 3] {value = 1.000000e-01 : f64} : tensor<4x8xf32> -> tensor<4x12xf32>
  %7 = ember.concat 0, %6, %6 : (tensor<4x12xf32>, tensor<4x12xf32>) -> tensor<8x12xf32>
  return %7 : tensor<8x12xf32>
}

func.func @named_sizes(%x: tensor<?x8xf32, #ember.dims<[B]>>, %y: tensor<?x8xf32, #ember.dims<[2*S + 1]>>)
    -> tensor<?xf32, #ember.dims<[8*B]>> {
  %0 = ember.reshape %x : tensor<?x8xf32, #ember.dims<[B]>> -> tensor<?xf32, #ember.dims<[8*B]>>
  return %0 : tensor<?xf32, #ember.dims<[8*B]>>
}

func.func @kernel(%x: tensor<4xf32> {ember.donated = -1 : i64}, %w: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
    attributes {ember.device = "cpu"} {
  %y:2 = ember.kernel "mul_add"(%x, %w) {generator = "map", in_place = array<i64: 0, 1>} : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %0 = ember.mul %a, %b : tensor<4xf32>
    %1 = ember.add %0, %b : tensor<4xf32>
    ember.yield %1, %0 : tensor<4xf32>, tensor<4xf32>
  }
  %z = ember.add %y#0, %x : tensor<4xf32>
  return %z, %y#1 : tensor<4xf32>, tensor<4xf32>
}

func.func @random(%s: tensor<5056xui8>, %a: tensor<f64>, %t: tensor<i1>) -> tensor<5056xui8> {
  %u, %0 = ember.uniform %s, %a, %a : tensor<4x8xf32>
  %v, %1 = ember.normal %0, %a, %a : tensor<?xf64, #ember.dims<[B]>>
  %w, %2 = ember.bernoulli %1, %a : tensor<4xi1>
  %r, %3 = ember.randperm %2 : tensor<10xi64>
  %low = ember.constant dense<-7> : tensor<i64>
  %high = ember.constant dense<9> : tensor<i64>
  %k, %5 = ember.randint %3, %low, %high : tensor<3x5xi32>
  %o, %6 = ember.normal %5, %a, %a singly : tensor<4x8xf32>
  %y, %scale, %4 = ember.dropout %u, %a, %t, %6 : tensor<4x8xf32>
  return %4 : tensor<5056xui8>
}

func.func @batch_norm(%x: tensor<?x3x5xf32, #ember.dims<[B]>>, %w: tensor<3xf32>, %t: tensor<i1>, %e: tensor<f64>, %n: tensor<i64>) -> tensor<?x3x5xf32, #ember.dims<[B]>> {
  %y, %nm, %nv, %m, %i, %nn = ember.batch_norm %x, %w, %w, %w, %w, %t, %e, %e, %n : tensor<?x3x5xf32, #ember.dims<[B]>>, tensor<3xf32>
  return %y : tensor<?x3x5xf32, #ember.dims<[B]>>
}

// While a program is recorded only: a package refuses it.
func.func @recorded() -> tensor<4xf32> {
  %0 = ember.leaf : tensor<4xf32>
  %1 = ember.custom_function (%0 : tensor<4xf32>) of (%0 : tensor<4xf32>) saving (%0 : tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
