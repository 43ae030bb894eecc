// Compiled programs against the reference interpreter, fused and unfused, with both vector widths.
#include "tests/codegen/CheckProgram.h"

using namespace mlir;
using namespace ember::ir;
using ember::tests::checkProgram;

namespace {

struct Case {
  const char *name, *text;
  double ulps; // of the sum of magnitudes, roughly: scaled by 1 for elementwise
};

const Case kCases[] = {
    {"add", R"(func.func @main(%x: tensor<5x7xf32>, %y: tensor<5x7xf32>) -> tensor<5x7xf32> {
       %0 = ember.add %x, %y : tensor<5x7xf32>  return %0 : tensor<5x7xf32> })",
     0},
    {"bias", R"(func.func @main(%x: tensor<5x37xf32>, %y: tensor<37xf32>) -> tensor<5x37xf32> {
       %b = ember.broadcast %y : tensor<37xf32> -> tensor<5x37xf32>
       %0 = ember.add %x, %b : tensor<5x37xf32> %1 = ember.relu %0 : tensor<5x37xf32> return %1 : tensor<5x37xf32> })",
     0},
    {"softmax", R"(func.func @main(%x: tensor<5x137xf32>) -> tensor<5x137xf32> {
       %m = ember.max %x [1] : tensor<5x137xf32> -> tensor<5xf32>
       %m1 = ember.reshape %m : tensor<5xf32> -> tensor<5x1xf32>
       %mb = ember.broadcast %m1 : tensor<5x1xf32> -> tensor<5x137xf32>
       %d = ember.sub %x, %mb : tensor<5x137xf32> %e = ember.exp %d : tensor<5x137xf32>
       %s = ember.sum %e [1] : tensor<5x137xf32> -> tensor<5xf32>
       %s1 = ember.reshape %s : tensor<5xf32> -> tensor<5x1xf32>
       %sb = ember.broadcast %s1 : tensor<5x1xf32> -> tensor<5x137xf32>
       %y = ember.div %e, %sb : tensor<5x137xf32> return %y : tensor<5x137xf32> })",
     16},
    {"column_sum", R"(func.func @main(%x: tensor<50x37xf32>) -> tensor<37xf32> {
       %0 = ember.sum %x [0] : tensor<50x37xf32> -> tensor<37xf32> return %0 : tensor<37xf32> })",
     60},
    {"channel_sum", R"(func.func @main(%x: tensor<4x3x5x6xf32>) -> tensor<3xf32> {
       %0 = ember.sum %x [0, 2, 3] : tensor<4x3x5x6xf32> -> tensor<3xf32> return %0 : tensor<3xf32> })",
     100},
    {"whole_sum", R"(func.func @main(%x: tensor<4x3x5x6xf32>) -> tensor<f32> {
       %0 = ember.sum %x [0, 1, 2, 3] : tensor<4x3x5x6xf32> -> tensor<f32> return %0 : tensor<f32> })",
     200},
    {"argmax", R"(func.func @main(%x: tensor<9x70xf32>) -> tensor<9xi64> {
       %0 = ember.argmax %x [1] : tensor<9x70xf32> -> tensor<9xi64> return %0 : tensor<9xi64> })",
     0},
    {"transpose", R"(func.func @main(%x: tensor<9x70xf32>) -> tensor<70x9xf32> {
       %0 = ember.transpose %x [1, 0] : tensor<9x70xf32> -> tensor<70x9xf32>
       %1 = ember.neg %0 : tensor<70x9xf32> return %1 : tensor<70x9xf32> })",
     0},
    {"pad_concat", R"(func.func @main(%x: tensor<4x5xf32>, %y: tensor<2x8xf32>) -> tensor<6x8xf32> {
       %0 = ember.pad %x low [0, 1] high [0, 2] {value = 2.5 : f64} : tensor<4x5xf32> -> tensor<4x8xf32>
       %1 = ember.concat 0, %0, %y : (tensor<4x8xf32>, tensor<2x8xf32>) -> tensor<6x8xf32>
       %2 = ember.abs %1 : tensor<6x8xf32> return %2 : tensor<6x8xf32> })",
     0},
    {"matmul", R"(func.func @main(%x: tensor<13x21xf32>, %y: tensor<21x70xf32>) -> tensor<13x70xf32> {
       %0 = ember.matmul %x, %y : tensor<13x21xf32>, tensor<21x70xf32> -> tensor<13x70xf32> return %0 : tensor<13x70xf32> })",
     40},
    {"dot", R"(func.func @main(%x: tensor<1x21xf32>, %y: tensor<21x1xf32>) -> tensor<1x1xf32> {
       %0 = ember.matmul %x, %y : tensor<1x21xf32>, tensor<21x1xf32> -> tensor<1x1xf32> return %0 : tensor<1x1xf32> })",
     40},
    {"vector_right", R"(func.func @main(%x: tensor<5x21xf32>, %y: tensor<21x1xf32>) -> tensor<5x1xf32> {
       %0 = ember.matmul %x, %y : tensor<5x21xf32>, tensor<21x1xf32> -> tensor<5x1xf32> return %0 : tensor<5x1xf32> })",
     40},
    {"column_of_one", R"(func.func @main(%x: tensor<50x1xf32>) -> tensor<1xf32> {
       %0 = ember.sum %x [0] : tensor<50x1xf32> -> tensor<1xf32> return %0 : tensor<1xf32> })",
     60},
    {"linear", R"(func.func @main(%x: tensor<8x21xf32>, %w: tensor<10x21xf32>, %b: tensor<10xf32>) -> tensor<8x10xf32> {
       %t = ember.transpose %w [1, 0] : tensor<10x21xf32> -> tensor<21x10xf32>
       %0 = ember.matmul %x, %t : tensor<8x21xf32>, tensor<21x10xf32> -> tensor<8x10xf32>
       %c = ember.broadcast %b : tensor<10xf32> -> tensor<8x10xf32>
       %1 = ember.add %0, %c : tensor<8x10xf32> %2 = ember.relu %1 : tensor<8x10xf32> return %2 : tensor<8x10xf32> })",
     40},
    {"batched", R"(func.func @main(%x: tensor<2x3x4x5xf64>, %y: tensor<3x5x33xf64>) -> tensor<2x3x4x33xf64> {
       %0 = ember.matmul %x, %y : tensor<2x3x4x5xf64>, tensor<3x5x33xf64> -> tensor<2x3x4x33xf64> return %0 : tensor<2x3x4x33xf64> })",
     40},
    {"conv", R"(func.func @main(%w: tensor<8x3x3x3xf32>, %x: tensor<2x3x9x10xf32>) -> tensor<2x8x5x5xf32> {
       %0 = ember.conv2d %w, %x stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x3x9x10xf32> -> tensor<2x8x5x5xf32>
       return %0 : tensor<2x8x5x5xf32> })",
     60},
    {"conv_input_grad", R"(func.func @main(%w: tensor<8x3x3x3xf32>, %x: tensor<2x8x5x5xf32>) -> tensor<2x3x9x10xf32> {
       %0 = ember.conv2d_input_grad %w, %x stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<2x8x5x5xf32> -> tensor<2x3x9x10xf32>
       return %0 : tensor<2x3x9x10xf32> })",
     60},
    {"conv_weight_grad", R"(func.func @main(%w: tensor<2x8x5x5xf32>, %x: tensor<2x3x9x10xf32>) -> tensor<8x3x3x3xf32> {
       %0 = ember.conv2d_weight_grad %w, %x stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : tensor<2x8x5x5xf32>, tensor<2x3x9x10xf32> -> tensor<8x3x3x3xf32>
       return %0 : tensor<8x3x3x3xf32> })",
     60},
    {"max_pool", R"(func.func @main(%x: tensor<2x3x8x8xf32>) -> tensor<2x3x4x4xf32> {
       %0 = ember.max_pool2d %x kernel [3, 3] stride [2, 2] padding [1, 1] : tensor<2x3x8x8xf32> -> tensor<2x3x4x4xf32> return %0 : tensor<2x3x4x4xf32> })",
     0},
    {"window_sum_grad", R"(func.func @main(%x: tensor<2x3x4x4xf32>) -> tensor<2x3x8x8xf32> {
       %0 = ember.window_sum_grad %x kernel [3, 3] stride [2, 2] padding [1, 1] : tensor<2x3x4x4xf32> -> tensor<2x3x8x8xf32> return %0 : tensor<2x3x8x8xf32> })",
     8},
    {"bf16", R"(func.func @main(%x: tensor<37xbf16>, %y: tensor<37xbf16>) -> tensor<37xbf16> {
       %0 = ember.mul %x, %y : tensor<37xbf16> %1 = ember.add %0, %y : tensor<37xbf16> return %1 : tensor<37xbf16> })",
     0},
    {"f16_cast", R"(func.func @main(%x: tensor<37xf16>) -> tensor<37xf32> {
       %0 = ember.mul %x, %x : tensor<37xf16> %1 = ember.cast %0 : tensor<37xf16> -> tensor<37xf32> return %1 : tensor<37xf32> })",
     0},
    {"compare", R"(func.func @main(%x: tensor<37xf32>, %y: tensor<37xf32>) -> (tensor<37xi1>, tensor<37xf32>) {
       %0 = ember.compare "lt" %x, %y : tensor<37xf32> %1 = ember.select %0, %x, %y : tensor<37xi1>, tensor<37xf32>
       return %0, %1 : tensor<37xi1>, tensor<37xf32> })",
     0},
    {"pad_of_short_rows",
     R"(func.func @main(%x: tensor<2x3x4xf64>, %y: tensor<2x3x4xi64>) -> (tensor<3x4x5xf64>, tensor<3x4x5xi64>) {
       %0 = ember.pad %x low [1, 0, 0] high [0, 1, 1] {value = 0.75 : f64} : tensor<2x3x4xf64> -> tensor<3x4x5xf64>
       %1 = ember.pad %y low [1, 0, 0] high [0, 1, 1] {value = 3.0 : f64} : tensor<2x3x4xi64> -> tensor<3x4x5xi64>
       return %0, %1 : tensor<3x4x5xf64>, tensor<3x4x5xi64> })",
     0},
    {"index_add_of_its_own_base", R"(func.func @main(%x: tensor<6xf32>) -> tensor<6xf32> {
       %b = ember.exp %x : tensor<6xf32>
       %one = ember.constant dense<1> : tensor<i64> %ones = ember.broadcast %one : tensor<i64> -> tensor<5xi64>
       %p = ember.iota 0 : tensor<5xi64> %i = ember.add %p, %ones : tensor<5xi64>
       %zero = ember.constant dense<0> : tensor<i64>
       %u = ember.slice %b[%zero] strides [1] : tensor<6xf32> -> tensor<5xf32>
       %0 = ember.index_add %b, %i, %u axis 0 : tensor<6xf32>, tensor<5xi64>, tensor<5xf32> return %0 : tensor<6xf32> })",
     8},
    {"output_of_some_rows", R"(func.func @main(%x: tensor<8x5x4xf32>) -> (tensor<8x5xf32>, tensor<8x3x2xf32>) {
       %s = ember.sum %x [2] : tensor<8x5x4xf32> -> tensor<8x5xf32>
       %s1 = ember.reshape %s : tensor<8x5xf32> -> tensor<8x5x1xf32>
       %b = ember.broadcast %s1 : tensor<8x5x1xf32> -> tensor<8x5x2xf32>
       %zero = ember.constant dense<0> : tensor<i64>
       %p = ember.slice %b[%zero, %zero, %zero] strides [1, 1, 1] : tensor<8x5x2xf32> -> tensor<8x3x2xf32>
       %0 = ember.neg %p : tensor<8x3x2xf32> return %s, %0 : tensor<8x5xf32>, tensor<8x3x2xf32> })",
     8},
    {"empty_map", R"(func.func @main(%x: tensor<0x3xf32>, %y: tensor<4x0x3xf32>) -> (tensor<0x3xf32>, tensor<4x0x3xf32>) {
       %0 = ember.exp %x : tensor<0x3xf32> %1 = ember.neg %y : tensor<4x0x3xf32>
       return %0, %1 : tensor<0x3xf32>, tensor<4x0x3xf32> })",
     0},
    {"empty_sums", R"(func.func @main(%x: tensor<0x3xf32>, %y: tensor<3x0xf32>)
       -> (tensor<0xf32>, tensor<3xf32>, tensor<3xf32>, tensor<0xf32>, tensor<f32>) {
       %0 = ember.sum %x [1] : tensor<0x3xf32> -> tensor<0xf32> %1 = ember.sum %x [0] : tensor<0x3xf32> -> tensor<3xf32>
       %2 = ember.sum %y [1] : tensor<3x0xf32> -> tensor<3xf32> %3 = ember.sum %y [0] : tensor<3x0xf32> -> tensor<0xf32>
       %4 = ember.sum %x [0, 1] : tensor<0x3xf32> -> tensor<f32>
       return %0, %1, %2, %3, %4 : tensor<0xf32>, tensor<3xf32>, tensor<3xf32>, tensor<0xf32>, tensor<f32> })",
     0},
    {"empty_matmul", R"(func.func @main(%x: tensor<0x5xf32>, %y: tensor<5x7xf32>, %z: tensor<5x0xf32>, %u: tensor<0x7xf32>)
       -> (tensor<0x7xf32>, tensor<0x0xf32>, tensor<5x7xf32>) {
       %0 = ember.matmul %x, %y : tensor<0x5xf32>, tensor<5x7xf32> -> tensor<0x7xf32>
       %1 = ember.matmul %x, %z : tensor<0x5xf32>, tensor<5x0xf32> -> tensor<0x0xf32>
       %2 = ember.matmul %z, %u : tensor<5x0xf32>, tensor<0x7xf32> -> tensor<5x7xf32>
       return %0, %1, %2 : tensor<0x7xf32>, tensor<0x0xf32>, tensor<5x7xf32> })",
     0},
    {"empty_batches", R"(func.func @main(%x: tensor<0x2x4x5xf32>, %y: tensor<0x2x5x3xf32>) -> tensor<0x2x4x3xf32> {
       %0 = ember.matmul %x, %y : tensor<0x2x4x5xf32>, tensor<0x2x5x3xf32> -> tensor<0x2x4x3xf32>
       return %0 : tensor<0x2x4x3xf32> })",
     0},
    {"empty_rows_and_columns_of_batches", R"(func.func @main(%x: tensor<2x0x6xf32>, %y: tensor<2x6x0xf32>, %z: tensor<2x6x9xf32>,
           %u: tensor<2x9x6xf32>) -> (tensor<2x0x0xf32>, tensor<2x0x9xf32>, tensor<2x9x0xf32>, tensor<2x6x6xf32>) {
       %0 = ember.matmul %x, %y : tensor<2x0x6xf32>, tensor<2x6x0xf32> -> tensor<2x0x0xf32>
       %1 = ember.matmul %x, %z : tensor<2x0x6xf32>, tensor<2x6x9xf32> -> tensor<2x0x9xf32>
       %2 = ember.matmul %u, %y : tensor<2x9x6xf32>, tensor<2x6x0xf32> -> tensor<2x9x0xf32>
       %3 = ember.matmul %y, %x : tensor<2x6x0xf32>, tensor<2x0x6xf32> -> tensor<2x6x6xf32>
       return %0, %1, %2, %3 : tensor<2x0x0xf32>, tensor<2x0x9xf32>, tensor<2x9x0xf32>, tensor<2x6x6xf32> })",
     0},
    {"no_large_batch", R"(func.func @main(%x: tensor<0x200x200xf32>) -> tensor<0x200x200xf32> {
       %0 = ember.matmul %x, %x : tensor<0x200x200xf32>, tensor<0x200x200xf32> -> tensor<0x200x200xf32>
       return %0 : tensor<0x200x200xf32> })",
     0},
    {"empty_conv", R"(func.func @main(%w: tensor<8x3x3x3xf32>, %x: tensor<0x3x9x10xf32>, %g: tensor<0x8x5x5xf32>)
       -> (tensor<0x8x5x5xf32>, tensor<8x3x3x3xf32>) {
       %0 = ember.conv2d %w, %x stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : tensor<8x3x3x3xf32>, tensor<0x3x9x10xf32> -> tensor<0x8x5x5xf32>
       %1 = ember.conv2d_weight_grad %g, %x stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : tensor<0x8x5x5xf32>, tensor<0x3x9x10xf32> -> tensor<8x3x3x3xf32>
       return %0, %1 : tensor<0x8x5x5xf32>, tensor<8x3x3x3xf32> })",
     0},
    {"empty_softmax", R"(func.func @main(%x: tensor<0x137xf32>) -> tensor<0x137xf32> {
       %m = ember.max %x [1] : tensor<0x137xf32> -> tensor<0xf32>
       %m1 = ember.reshape %m : tensor<0xf32> -> tensor<0x1xf32>
       %mb = ember.broadcast %m1 : tensor<0x1xf32> -> tensor<0x137xf32>
       %d = ember.sub %x, %mb : tensor<0x137xf32> %e = ember.exp %d : tensor<0x137xf32>
       %s = ember.sum %e [1] : tensor<0x137xf32> -> tensor<0xf32>
       %s1 = ember.reshape %s : tensor<0xf32> -> tensor<0x1xf32>
       %sb = ember.broadcast %s1 : tensor<0x1xf32> -> tensor<0x137xf32>
       %y = ember.div %e, %sb : tensor<0x137xf32> return %y : tensor<0x137xf32> })",
     0},
    {"empty_concat", R"(func.func @main(%x: tensor<0x3xf32>, %y: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<0x6xf32>) {
       %0 = ember.concat 0, %x, %y : (tensor<0x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
       %1 = ember.concat 1, %x, %x : (tensor<0x3xf32>, tensor<0x3xf32>) -> tensor<0x6xf32>
       %2 = ember.neg %0 : tensor<2x3xf32> return %2, %1 : tensor<2x3xf32>, tensor<0x6xf32> })",
     0},
    {"empty_reshape", R"(func.func @main(%x: tensor<0x6xf32>) -> tensor<2x0x3xf32> {
       %0 = ember.exp %x : tensor<0x6xf32> %1 = ember.reshape %0 : tensor<0x6xf32> -> tensor<2x0x3xf32>
       %2 = ember.neg %1 : tensor<2x0x3xf32> return %2 : tensor<2x0x3xf32> })",
     0},
    {"dynamic",
     R"(func.func @main(%x: tensor<?x21xf32, #ember.dims<[B]>>, %w: tensor<21x17xf32>) -> tensor<?x17xf32, #ember.dims<[B]>> {
       %0 = ember.matmul %x, %w : tensor<?x21xf32, #ember.dims<[B]>>, tensor<21x17xf32> -> tensor<?x17xf32, #ember.dims<[B]>>
       %1 = ember.tanh %0 : tensor<?x17xf32, #ember.dims<[B]>>
       return %1 : tensor<?x17xf32, #ember.dims<[B]>> })",
     64},
};

void PrintTo(const Case &own, std::ostream *out) { *out << own.name; }
class Kernels : public testing::TestWithParam<Case> {};

TEST_P(Kernels, MatchReferenceAndEachOther) { checkProgram(GetParam().text, GetParam().ulps); }

INSTANTIATE_TEST_SUITE_P(All, Kernels, testing::ValuesIn(kCases), [](const auto &info) { return info.param.name; });

} // namespace
