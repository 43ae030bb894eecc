// The C header of an artifact with named sizes: names, types, and calls by them; it compiles as C99 and C++.
// RUN: rm -rf %t && mkdir %t
// RUN: ember compile %S/Inputs/pairs.mlir -o %t/pairs.o
// RUN: FileCheck %s < %t/pairs.h
// CHECK: pairs_run
// CHECK-NEXT: input  0  net.x* /: float [2*B + 1, S], row-major
// CHECK-NEXT: input  1  int: float [2*B + 1, S], row-major
// CHECK-NEXT: input  2  net_x__: int64_t [S], row-major
// CHECK-NEXT: output 0  y: float [2*B + 1, S], row-major
// CHECK-NEXT: output 1  1st: int64_t [S], row-major
// CHECK-NEXT: output 2  total: float [], row-major
// CHECK-NEXT: size B: at least 1, at most 8
// CHECK-NEXT: size S: at least 0
// CHECK: int32_t pairs_output_dims(
// CHECK: typedef struct {
// CHECK-NEXT: int64_t B;
// CHECK-NEXT: int64_t S;
// CHECK-NEXT: const float *net_x__; /* [2*B + 1, S] */
// CHECK-NEXT: const float *int_; /* [2*B + 1, S] */
// CHECK-NEXT: const int64_t *net_x___2; /* [S] */
// CHECK-NEXT: } pairs_run_inputs;
// CHECK: float *y; /* [2*B + 1, S] */
// CHECK-NEXT: int64_t *t1st; /* [S] */
// CHECK-NEXT: float *total; /* [] */
// CHECK-NEXT: } pairs_run_outputs;
// CHECK: static inline int32_t pairs_run_typed(ember_model *model, const pairs_run_inputs *inputs, const pairs_run_outputs *outputs) {
// RUN: echo '#include "pairs.h"' > %t/use.c
// RUN: echo 'int main(void) { return pairs_run_typed(0, 0, 0) == -1 && (int)pairs_abi() == PAIRS_ABI ? 0 : 1; }' >> %t/use.c
// RUN: cc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only %t/use.c
// RUN: c++ -x c++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only %t/use.c

// Static sizes have no members.
// RUN: ember compile %S/Inputs/layer.mlir -o %t/layer.o
// RUN: FileCheck %s --check-prefix=STATIC < %t/layer.h
// STATIC: layer_run with named and typed memory. */
// STATIC-NEXT: typedef struct {
// STATIC-NEXT: const float *x; /* [2, 3] */
// STATIC-NEXT: const float *w; /* [3, 2] */
// STATIC-NEXT: } layer_run_inputs;
