// RUN: ember-opt %s --mlir-disable-threading --ember-plan-memory | FileCheck %s
// RUN: ember-opt %s --mlir-disable-threading --ember-plan-memory=sizes=B:5,S:3 | FileCheck %s --check-prefix=SIZES

// The third value takes the place of the first, whose last reader runs before it is written.
// CHECK-LABEL: // plan of chain
// CHECK-NEXT: kernel 0 "exp_neg": arena 0, 4000 bytes, kernels 0 to 1
// CHECK-NEXT: kernel 1 "sum": arena [[TOP:[0-9]+]], 4 bytes, kernels 1 to 2
// CHECK-NEXT: kernel 2 "add{{.*}}": arena 0, 4000 bytes, kernels 2 to 3
// CHECK-NEXT: kernel 3 "{{(abs_)?max}}": result 0
// CHECK-NEXT: arena: [[BYTES:[0-9]+]] bytes; the largest set of live bytes: [[BYTES]]
func.func @chain(%x: tensor<1000xf32>) -> tensor<f32> {
  %0 = ember.exp %x : tensor<1000xf32>
  %1 = ember.neg %0 : tensor<1000xf32>
  %2 = ember.sum %1 [0] : tensor<1000xf32> -> tensor<f32>
  %3 = ember.broadcast %2 : tensor<f32> -> tensor<1000xf32>
  %4 = ember.add %3, %x : tensor<1000xf32>
  %5 = ember.abs %4 : tensor<1000xf32>
  %6 = ember.max %5 [0] : tensor<1000xf32> -> tensor<f32>
  return %6 : tensor<f32>
}

// Maps in a row are written over each other.
// CHECK-LABEL: // plan of in_place
// CHECK-NEXT: kernel 0 "exp_neg": arena 0, 4000 bytes, kernels 0 to 2
// CHECK-NEXT: kernel 1 "abs_sqrt": arena 0, 4000 bytes, kernels 0 to 2
// CHECK-NEXT: kernel 2 "sum": result 0
// CHECK-NEXT: arena: 4096 bytes; the largest set of live bytes: 4096
func.func @in_place(%x: tensor<1000xf32>) -> tensor<f32> {
  %0 = ember.exp %x : tensor<1000xf32>
  %1 = ember.neg %0 : tensor<1000xf32>
  %2 = ember.abs %1 : tensor<1000xf32>
  %3 = ember.sqrt %2 : tensor<1000xf32>
  %4 = ember.sum %3 [0] : tensor<1000xf32> -> tensor<f32>
  return %4 : tensor<f32>
}

// A result takes over a donated argument of its type that nobody reads later.
// CHECK-LABEL: // plan of donated
// CHECK-NEXT: kernel 0 "sub": result 0 in argument 0
func.func @donated(%w: tensor<8xf32> {ember.donated = -1 : i64}, %g: tensor<8xf32>) -> tensor<8xf32> {
  %0 = ember.sub %w, %g : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// Not where it is read later.
// CHECK-LABEL: // plan of read_later
// CHECK-NEXT: kernel 0 "sub{{.*}}": result 0
// CHECK-NOT: in argument
// CHECK: // arena
func.func @read_later(%w: tensor<8xf32> {ember.donated = -1 : i64}, %g: tensor<8xf32>) -> (tensor<8xf32>, tensor<f32>) {
  %0 = ember.sub %w, %g : tensor<8xf32>
  %1 = ember.sum %0 [0] : tensor<8xf32> -> tensor<f32>
  %2 = ember.broadcast %1 : tensor<f32> -> tensor<8xf32>
  %3 = ember.mul %w, %2 : tensor<8xf32>
  %4 = ember.max %3 [0] : tensor<8xf32> -> tensor<f32>
  return %0, %4 : tensor<8xf32>, tensor<f32>
}

// Not before a kernel that may fault: after a fault the argument is as before.
// CHECK-LABEL: // plan of may_fault
// CHECK-NEXT: kernel 0 "sub{{.*}}": result 0; result 1{{$}}
func.func @may_fault(%w: tensor<8xf32> {ember.donated = -1 : i64}, %g: tensor<8xf32>, %i: tensor<3xi64>)
    -> (tensor<8xf32>, tensor<3xf32>) {
  %0 = ember.sub %w, %g : tensor<8xf32>
  %1 = ember.gather %g, %i axis 0 : tensor<8xf32>, tensor<3xi64> -> tensor<3xf32>
  return %0, %1 : tensor<8xf32>, tensor<3xf32>
}

// Named sizes: lifetimes are known, offsets at entry. For B = 5, S = 3 the first value's place is used again.
// CHECK-LABEL: // plan of named
// CHECK-NEXT: kernel 0 "exp_neg": arena ?, 4*B*S bytes, kernels 0 to 1
// CHECK-NEXT: kernel 1 "sum": arena ?, 4*S bytes, kernels 1 to 2
// CHECK-NEXT: kernel 2 "add{{.*}}": arena ?, 4*B*S bytes, kernels 2 to 3
// CHECK-NEXT: kernel 3 "{{(abs_)?max}}": result 0
// CHECK-NEXT: arena: laid out at entry, when the sizes are known
// SIZES-LABEL: // plan of named
// SIZES-NEXT: kernel 0 "exp_neg": arena 0, 4*B*S bytes
// SIZES-NEXT: kernel 1 "sum": arena 128, 4*S bytes
// SIZES-NEXT: kernel 2 "add{{.*}}": arena 0, 4*B*S bytes
// SIZES-NEXT: kernel 3 "{{(abs_)?max}}": result 0
// SIZES-NEXT: arena: 256 bytes; the largest set of live bytes: 256
func.func @named(%x: tensor<?x?xf32, #ember.dims<[B, S]>>) -> tensor<f32> {
  %0 = ember.exp %x : tensor<?x?xf32, #ember.dims<[B, S]>>
  %1 = ember.neg %0 : tensor<?x?xf32, #ember.dims<[B, S]>>
  %2 = ember.sum %1 [0] : tensor<?x?xf32, #ember.dims<[B, S]>> -> tensor<?xf32, #ember.dims<[S]>>
  %4 = ember.broadcast %2 : tensor<?xf32, #ember.dims<[S]>> -> tensor<?x?xf32, #ember.dims<[B, S]>>
  %5 = ember.add %4, %x : tensor<?x?xf32, #ember.dims<[B, S]>>
  %6 = ember.abs %5 : tensor<?x?xf32, #ember.dims<[B, S]>>
  %7 = ember.max %6 [0, 1] : tensor<?x?xf32, #ember.dims<[B, S]>> -> tensor<f32>
  return %7 : tensor<f32>
}
