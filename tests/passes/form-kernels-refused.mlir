// RUN: ember-opt %s --ember-form-kernels --verify-diagnostics

// A constant goes into a kernel as one number; a table of them has to be an argument.
func.func @table(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected a constant with one value for all elements, found 'tensor<4xf32>' with several}}
  %c = ember.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = ember.add %x, %c : tensor<4xf32>
  return %0 : tensor<4xf32>
}
