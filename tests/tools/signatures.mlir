// What attributes may not say of arguments and results, and types of sizes: one line with the place.
// RUN: echo 'func.func @main(%%x: tensor<2xf32> {ember.name = "a"}, %%y: tensor<2xf32> {ember.name = "a"}) -> tensor<2xf32> { return %%x : tensor<2xf32> }' > %t.twice.mlir
// RUN: not ember inspect %t.twice.mlir 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: {{^}}ember: {{.*}}.twice.mlir:1:1: two arguments are named 'a'{{$}}
// RUN: echo 'func.func @main(%%x: tensor<2xf32> {ember.name = "a\0Ab"}) -> tensor<2xf32> { return %%x : tensor<2xf32> }' > %t.name.mlir
// RUN: not ember inspect %t.name.mlir 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: {{^}}ember: {{.*}}.name.mlir:1:1: argument 0: ember.name: expected a text of 1 to 1024 printable bytes without spaces, quotes and backslashes{{$}}
// RUN: echo 'func.func @main(%%x: tensor<2xf32>) -> (tensor<2xf32> {ember.name = 5}) { return %%x : tensor<2xf32> }' > %t.result.mlir
// RUN: not ember inspect %t.result.mlir 2>&1 | FileCheck %s --check-prefix=RESULT
// RESULT: {{^}}ember: {{.*}}.result.mlir:1:1: result 0: ember.name: expected a text of 1 to 1024 printable bytes
// RUN: echo 'func.func @main(%%x: tensor<2xf32> {ember.role = "frob"}) -> tensor<2xf32> { return %%x : tensor<2xf32> }' > %t.role.mlir
// RUN: not ember inspect %t.role.mlir 2>&1 | FileCheck %s --check-prefix=ROLE
// ROLE: {{^}}ember: {{.*}}.role.mlir:1:1: argument 0: ember.role: expected one of input, parameter, buffer, constant, generator, hyper, optimizer{{$}}
// RUN: echo 'func.func @main(%%x: tensor<2xf32> {ember.role = "generator"}) -> tensor<2xf32> { return %%x : tensor<2xf32> }' > %t.state.mlir
// RUN: not ember run %t.state.mlir %t.none.npy --seed 3 2>&1 | FileCheck %s --check-prefix=STATE
// STATE: {{^}}ember: {{.*}}.state.mlir:1:1: argument 0: expected the type tensor<5056xui8> of a generator{{$}}
// RUN: echo 'func.func @main(%%x: tensor<2xf32>) -> (tensor<2xf32> {ember.updates = 7 : i64}) { return %%x : tensor<2xf32> }' > %t.updates.mlir
// RUN: not ember inspect %t.updates.mlir 2>&1 | FileCheck %s --check-prefix=UPDATES
// RUN: echo 'func.func @main(%%x: tensor<2xf32>, %%y: tensor<3xf32>) -> (tensor<2xf32> {ember.updates = 1 : i64}) { return %%x : tensor<2xf32> }' > %t.updates.mlir
// RUN: not ember inspect %t.updates.mlir 2>&1 | FileCheck %s --check-prefix=UPDATES
// RUN: echo 'func.func @main(%%x: tensor<2xf32>) -> (tensor<2xf32> {ember.updates = "x"}) { return %%x : tensor<2xf32> }' > %t.updates.mlir
// RUN: not ember inspect %t.updates.mlir 2>&1 | FileCheck %s --check-prefix=UPDATES
// UPDATES: {{^}}ember: {{.*}}.updates.mlir:1:1: result 0: ember.updates: expected the number of an argument of its type{{$}}
// RUN: sed 's/) {$/) attributes {ember.size.B = array<i64: 5, 2>} {/' %S/Inputs/named.mlir > %t.range.mlir
// RUN: not ember inspect %t.range.mlir 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: {{^}}ember: {{.*}}.range.mlir:{{[0-9]+}}:{{[0-9]+}}: ember.size.B: expected array<i64: LEAST, MOST>{{$}}
// RUN: echo 'func.func @main(%%x: tensor<?xf32, #ember.dims<[B, C]>>) -> tensor<?xf32, #ember.dims<[B, C]>> { return %%x : tensor<?xf32, #ember.dims<[B, C]>> }' > %t.dims.mlir
// RUN: not ember inspect %t.dims.mlir 2>&1 | FileCheck %s --check-prefix=DIMS
// DIMS: {{^}}ember: {{.*}}.dims.mlir:1:{{[0-9]+}}: expected a name for each dynamic size (#ember.dims), found tensor<?xf32, #ember.dims<[B, C]>>{{$}}
// RUN: echo 'func.func @main(%%x: tensor<?xf32, #ember.dims<[-5]>>) -> tensor<?xf32, #ember.dims<[-5]>> { return %%x : tensor<?xf32, #ember.dims<[-5]>> }' > %t.least.mlir
// RUN: not ember inspect %t.least.mlir 2>&1 | FileCheck %s --check-prefix=LEAST
// LEAST: {{^}}ember: {{.*}}.least.mlir:1:{{[0-9]+}}: expected sizes of at least 0, found tensor<?xf32, #ember.dims<[-5]>>{{$}}
// RUN: echo 'func.func @main(%%x: tensor<2xf32, "dense">) -> tensor<2xf32, "dense"> { return %%x : tensor<2xf32, "dense"> }' > %t.encoding.mlir
// RUN: not ember inspect %t.encoding.mlir 2>&1 | FileCheck %s --check-prefix=ENCODING
// ENCODING: {{^}}ember: {{.*}}.encoding.mlir:1:{{[0-9]+}}: expected no encoding but #ember.dims, found tensor<2xf32, "dense">{{$}}
