#include "tests/ops/OpSamples.h"

namespace ember::tests {

namespace {

struct Named {
  const char *name;
  Dtypes dtypes;
  double low = -1.5, high = 1.5;
};

constexpr Named kUnary[] = {
    {"neg", Dtypes::Numbers},          {"abs", Dtypes::Numbers},
    {"sign", Dtypes::Numbers},         {"copy", Dtypes::All},
    {"detach", Dtypes::All},           {"not", Dtypes::Integers},
    {"floor", Dtypes::Floats},         {"ceil", Dtypes::Floats},
    {"round", Dtypes::Floats},         {"trunc", Dtypes::Floats},
    {"relu", Dtypes::Floats},          {"sqrt", Dtypes::Floats, 0.5, 2},
    {"rsqrt", Dtypes::Floats, 0.5, 2}, {"reciprocal", Dtypes::Floats, 0.5, 2},
    {"exp", Dtypes::Floats},           {"expm1", Dtypes::Floats},
    {"log", Dtypes::Floats, 0.5, 2},   {"log1p", Dtypes::Floats, -0.5, 2},
    {"sin", Dtypes::Floats},           {"cos", Dtypes::Floats},
    {"tanh", Dtypes::Floats},          {"erf", Dtypes::Floats},
    {"sigmoid", Dtypes::Floats},
};

constexpr Named kBinary[] = {
    {"add", Dtypes::Numbers},
    {"sub", Dtypes::Numbers},
    {"mul", Dtypes::Numbers},
    {"floor_divide", Dtypes::Numbers, 0.5, 2},
    {"remainder", Dtypes::Numbers, 0.5, 2},
    {"maximum", Dtypes::Numbers},
    {"minimum", Dtypes::Numbers},
    {"div", Dtypes::Floats, 0.5, 2},
    {"pow", Dtypes::Floats, 0.5, 2},
    {"and", Dtypes::Integers},
    {"or", Dtypes::Integers},
    {"xor", Dtypes::Integers},
};

const OpSample kOthers[] = {
    {"with_history", "%x: <M,N>, %y: <M,N>", "%r = ember.with_history %x, %y : <M,N>", "%r: <M,N>", Dtypes::All},
    {"compare", "%x: <M,N>, %y: <M,N>", R"(%a = ember.compare "lt" %x, %y : <M,N>
       %b = ember.compare "le" %x, %y : <M,N>
       %c = ember.compare "gt" %x, %y : <M,N>
       %d = ember.compare "ge" %x, %y : <M,N>
       %e = ember.compare "eq" %x, %y : <M,N>
       %f = ember.compare "ne" %x, %y : <M,N>)",
     "%a: <M,N:i1>, %b: <M,N:i1>, %c: <M,N:i1>, %d: <M,N:i1>, %e: <M,N:i1>, %f: <M,N:i1>", Dtypes::All},
    {"select", "%o: <M,N:i1>, %x: <M,N>, %y: <M,N>", "%r = ember.select %o, %x, %y : <M,N:i1>, <M,N>", "%r: <M,N>", Dtypes::All},
    {"cast", "%x: <M,N>", R"(%a = ember.cast %x : <M,N> -> <M,N:f64>
       %b = ember.cast %x : <M,N> -> <M,N:f32>
       %c = ember.cast %x : <M,N> -> <M,N:bf16>
       %d = ember.cast %x : <M,N> -> <M,N:f16>
       %e = ember.cast %x : <M,N> -> <M,N:i64>
       %f = ember.cast %x : <M,N> -> <M,N:i32>
       %g = ember.cast %x : <M,N> -> <M,N:i16>
       %h = ember.cast %x : <M,N> -> <M,N:i8>
       %i = ember.cast %x : <M,N> -> <M,N:ui64>
       %j = ember.cast %x : <M,N> -> <M,N:ui32>
       %k = ember.cast %x : <M,N> -> <M,N:ui16>
       %l = ember.cast %x : <M,N> -> <M,N:ui8>
       %m = ember.cast %x : <M,N> -> <M,N:i1>)",
     "%a: <M,N:f64>, %b: <M,N:f32>, %c: <M,N:bf16>, %d: <M,N:f16>, %e: <M,N:i64>, %f: <M,N:i32>, %g: <M,N:i16>, %h: <M,N:i8>, "
     "%i: <M,N:ui64>, %j: <M,N:ui32>, %k: <M,N:ui16>, %l: <M,N:ui8>, %m: <M,N:i1>",
     Dtypes::All},
    {"cast", "%x: <M,N:f32>", "%r = ember.cast %x : <M,N:f32> -> <M,N>", "%r: <M,N>", Dtypes::All},
    {"constant", "%x: <M,3>", R"(%k = ember.constant dense<-0.0> : <3>
       %b = ember.broadcast %k : <3> -> <M,3>
       %r = ember.add %x, %b : <M,3>)",
     "%k: <3>, %r: <M,3>", Dtypes::Single},
    {"iota", "%x: <M,N>", R"(%i = ember.iota 0 : <M,N>
       %j = ember.iota 1 : <M,N>)",
     "%i: <M,N>, %j: <M,N>", Dtypes::Numbers},

    {"broadcast", "%x: <N>, %y: <M,1>", R"(%a = ember.broadcast %x : <N> -> <M,N>
       %b = ember.broadcast %y : <M,1> -> <M,N>)",
     "%a: <M,N>, %b: <M,N>", Dtypes::All},
    {"reshape", "%x: <M,N>, %y: <6,N>", R"(%a = ember.reshape %x : <M,N> -> <M*N>
       %b = ember.reshape %y : <6,N> -> <2,1,3*N>)",
     "%a: <M*N>, %b: <2,1,3*N>", Dtypes::All},
    {"transpose", "%x: <M,N,3>", "%r = ember.transpose %x [2, 0, 1] : <M,N,3> -> <3,M,N>", "%r: <3,M,N>", Dtypes::All},
    {"slice", "%x: <M + 1,2*N>, %c: <:i64>", "%r = ember.slice %x [%c, %c] strides [1, 2] : <M + 1,2*N> -> <M,N>", "%r: <M,N>",
     Dtypes::All},
    {"pad", "%x: <M,N>", "%r = ember.pad %x low [1, 0] high [0, 2] {value = 1.0 : f64} : <M,N> -> <M + 1,N + 2>",
     "%r: <M + 1,N + 2>", Dtypes::All},
    {"concat", "%x: <M,N>, %y: <M,2>", R"(%a = ember.concat 0, %x, %x : (<M,N>, <M,N>) -> <2*M,N>
       %b = ember.concat 1, %x, %y, %x : (<M,N>, <M,2>, <M,N>) -> <M,2*N + 2>)",
     "%a: <2*M,N>, %b: <M,2*N + 2>", Dtypes::All},
    {"update_slice", "%x: <M + 1,2*N>, %u: <M,N>, %c: <:i64>",
     "%r = ember.update_slice %x, %u [%c, %c] strides [1, 2] : <M + 1,2*N>, <M,N>", "%r: <M + 1,2*N>", Dtypes::All},

    {"take", "%x: <M,N>, %i: <2,3:i64> below M", "%r = ember.take %x, %i axis 0 : <M,N>, <2,3:i64> -> <2,3,N>", "%r: <2,3,N>",
     Dtypes::All},
    {"take", "%x: <M,N>, %i: <3:i64> below N", "%r = ember.take %x, %i axis 1 : <M,N>, <3:i64> -> <M,3>", "%r: <M,3>",
     Dtypes::All},
    {"gather", "%x: <M,N>, %i: <M,3:i64> below N", "%r = ember.gather %x, %i axis 1 : <M,N>, <M,3:i64> -> <M,3>", "%r: <M,3>",
     Dtypes::All},
    {"scatter_add", "%x: <M,N>, %i: <M,3:i64> below N, %u: <M,3>",
     "%r = ember.scatter_add %x, %i, %u axis 1 : <M,N>, <M,3:i64>, <M,3>", "%r: <M,N>", Dtypes::All},
    {"index_add", "%x: <M,N>, %i: <3:i64> below M, %u: <3,N>", "%r = ember.index_add %x, %i, %u axis 0 : <M,N>, <3:i64>, <3,N>",
     "%r: <M,N>", Dtypes::All},
    {"update_scatter", "%x: <M,N>, %j: <M,3:i64> below N, %u: <M,3>",
     "%r = ember.update_scatter %x, %j, %u axis 1 : <M,N>, <M,3:i64>, <M,3>", "%r: <M,N>", Dtypes::All},

    {"sum", "%x: <M,N>", R"(%a = ember.sum %x [1] : <M,N> -> <M>
       %b = ember.sum %x [0] : <M,N> -> <N>
       %c = ember.sum %x [0, 1] : <M,N> -> <>)",
     "%a: <M>, %b: <N>, %c: <>", Dtypes::Numbers},
    {"max", "%x: <M,N>", R"(%a = ember.max %x [1] : <M,N> -> <M>
       %b = ember.max %x [0] : <M,N> -> <N>
       %c = ember.max %x [0, 1] : <M,N> -> <>)",
     "%a: <M>, %b: <N>, %c: <>", Dtypes::Numbers},
    {"argmax", "%x: <M,N>", R"(%a = ember.argmax %x [1] : <M,N> -> <M:i64>
       %b = ember.argmax %x [0] : <M,N> -> <N:i64>
       %c = ember.argmax %x [0, 1] : <M,N> -> <:i64>)",
     "%a: <M:i64>, %b: <N:i64>, %c: <:i64>", Dtypes::Numbers},

    {"matmul", "%x: <M,N>, %y: <N,7>", "%r = ember.matmul %x, %y : <M,N>, <N,7> -> <M,7>", "%r: <M,7>", Dtypes::Floats},
    {"matmul", "%x: <2,3,N>, %y: <N,M>", "%r = ember.matmul %x, %y : <2,3,N>, <N,M> -> <2,3,M>", "%r: <2,3,M>", Dtypes::Floats},
    {"conv2d", "%w: <4,3,3,2>, %x: <M,3,7,6>",
     "%r = ember.conv2d %w, %x stride [1, 1] padding [1, 0] dilation [1, 1] groups 1 : <4,3,3,2>, <M,3,7,6> -> <M,4,7,5>",
     "%r: <M,4,7,5>", Dtypes::Floats},
    {"conv2d", "%w: <4,1,3,2>, %x: <M,2,9,7>",
     "%r = ember.conv2d %w, %x stride [2, 1] padding [1, 0] dilation [1, 2] groups 2 : <4,1,3,2>, <M,2,9,7> -> <M,4,5,5>",
     "%r: <M,4,5,5>", Dtypes::Floats},
    {"conv2d_input_grad", "%w: <4,3,3,2>, %x: <M,4,7,5>",
     "%r = ember.conv2d_input_grad %w, %x stride [1, 1] padding [1, 0] dilation [1, 1] groups 1 : <4,3,3,2>, <M,4,7,5> -> "
     "<M,3,7,6>",
     "%r: <M,3,7,6>", Dtypes::Floats},
    {"conv2d_input_grad", "%w: <4,1,3,2>, %x: <M,4,5,5>",
     "%r = ember.conv2d_input_grad %w, %x stride [2, 1] padding [1, 0] dilation [1, 2] groups 2 : <4,1,3,2>, <M,4,5,5> -> "
     "<M,2,9,7>",
     "%r: <M,2,9,7>", Dtypes::Floats},
    {"conv2d_weight_grad", "%w: <M,4,7,5>, %x: <M,3,7,6>",
     "%r = ember.conv2d_weight_grad %w, %x stride [1, 1] padding [1, 0] dilation [1, 1] groups 1 : <M,4,7,5>, <M,3,7,6> "
     "-> <4,3,3,2>",
     "%r: <4,3,3,2>", Dtypes::Floats},
    {"conv2d_weight_grad", "%w: <M,4,5,5>, %x: <M,2,9,7>",
     "%r = ember.conv2d_weight_grad %w, %x stride [2, 1] padding [1, 0] dilation [1, 2] groups 2 : <M,4,5,5>, <M,2,9,7> -> "
     "<4,1,3,2>",
     "%r: <4,1,3,2>", Dtypes::Floats},

    {"max_pool2d", "%x: <M,2,7,6>",
     "%r = ember.max_pool2d %x kernel [3, 2] stride [1, 2] padding [1, 0] : <M,2,7,6> -> <M,2,7,3>", "%r: <M,2,7,3>",
     Dtypes::Floats},
    {"max_pool2d", "%x: <M,2,7,6>",
     "%r = ember.max_pool2d %x kernel [3, 2] stride [2, 1] padding [1, 1] dilation [2, 3] : <M,2,7,6> -> <M,2,3,5>",
     "%r: <M,2,3,5>", Dtypes::Floats},
    {"max_pool2d_indices", "%x: <M,2,7,6>", R"(%o = ember.iota 0 : <42:i64>
       %q = ember.reshape %o : <42:i64> -> <7,6:i64>
       %r = ember.max_pool2d_indices %x, %q kernel [3, 2] stride [1, 2] padding [1, 0] : <M,2,7,6>, <7,6:i64> -> <M,2,7,3:i64>)",
     "%r: <M,2,7,3:i64>", Dtypes::Floats},
    {"max_pool2d_grad", "%g: <M,2,7,3>, %x: <M,2,7,6>", R"(%o = ember.iota 0 : <42:i64>
       %q = ember.reshape %o : <42:i64> -> <7,6:i64>
       %k = ember.max_pool2d_indices %x, %q kernel [3, 2] stride [1, 2] padding [1, 0] : <M,2,7,6>, <7,6:i64> -> <M,2,7,3:i64>
       %r = ember.max_pool2d_grad %g, %k, %q kernel [3, 2] stride [1, 2] padding [1, 0] : <M,2,7,3>, <M,2,7,3:i64>, <7,6:i64> -> <M,2,7,6>)",
     "%r: <M,2,7,6>", Dtypes::Floats},
    {"window_sum", "%x: <M,2,7,6>",
     "%r = ember.window_sum %x kernel [3, 2] stride [1, 2] padding [1, 0] : <M,2,7,6> -> <M,2,7,3>", "%r: <M,2,7,3>",
     Dtypes::Floats},
    {"window_sum_grad", "%x: <M,2,7,3>",
     "%r = ember.window_sum_grad %x kernel [3, 2] stride [1, 2] padding [1, 0] : <M,2,7,3> -> <M,2,7,6>", "%r: <M,2,7,6>",
     Dtypes::Floats},

    {"uniform", "%s: <5056:ui8>, %p: <:f64>, %z: <M,N>",
     "%q = ember.constant dense<2.0> : <:f64>\n%r, %next = ember.uniform %s, %p, %q : <M,N>", "%r: <M,N>, %next: <5056:ui8>",
     Dtypes::Floats},
    {"normal", "%s: <5056:ui8>, %p: <:f64>, %z: <M,N>", "%r, %next = ember.normal %s, %p, %p : <M,N>",
     "%r: <M,N>, %next: <5056:ui8>", Dtypes::Floats},
    {"normal", "%s: <5056:ui8>, %p: <:f64>, %z: <M,N>", "%r, %next = ember.normal %s, %p, %p singly : <M,N>",
     "%r: <M,N>, %next: <5056:ui8>", Dtypes::Floats},
    {"randint", "%s: <5056:ui8>, %z: <M,N>",
     "%a = ember.constant dense<-7> : <:i64>\n%b = ember.constant dense<1000000000000> : <:i64>\n%r, %next = ember.randint %s, "
     "%a, %b : <M,N>",
     "%r: <M,N>, %next: <5056:ui8>", Dtypes::All},
    {"bernoulli", "%s: <5056:ui8>, %p: <:f64>, %z: <M,N>", "%r, %next = ember.bernoulli %s, %p : <M,N>",
     "%r: <M,N>, %next: <5056:ui8>", Dtypes::All},
    {"randperm", "%s: <5056:ui8>, %z: <M,N>", "%r, %next = ember.randperm %s : <N:i64>", "%r: <N:i64>, %next: <5056:ui8>",
     Dtypes::Single},
    {"dropout", "%x: <M,N>, %p: <:f64>, %t: <:i1>, %s: <5056:ui8>", "%r, %q, %next = ember.dropout %x, %p, %t, %s : <M,N>",
     "%r: <M,N>, %q: <M,N>, %next: <5056:ui8>", Dtypes::Floats},
    {"batch_norm", "%x: <M,3,N>, %w: <3>, %b: <3>, %m: <3>, %v: <3>, %t: <:i1>, %p: <:f64>, %c: <:i64>",
     "%r, %nm, %nv, %me, %in, %nc = ember.batch_norm %x, %w, %b, %m, %v, %t, %p, %p, %c : <M,3,N>, <3>",
     "%r: <M,3,N>, %nm: <3>, %nv: <3>, %me: <3>, %in: <3>, %nc: <:i64>", Dtypes::Floats},
};

} // namespace

const std::vector<OpSample> &opSamples() {
  static const std::vector<OpSample> all = [] {
    std::vector<OpSample> samples;
    for (const Named &op : kUnary)
      samples.push_back(
          {op.name, "%x: <M,N>", std::string("%r = ember.") + op.name + " %x : <M,N>", "%r: <M,N>", op.dtypes, op.low, op.high});
    for (const Named &op : kBinary)
      samples.push_back({op.name, "%x: <M,N>, %y: <M,N>", std::string("%r = ember.") + op.name + " %x, %y : <M,N>", "%r: <M,N>",
                         op.dtypes, op.low, op.high});
    samples.insert(samples.end(), std::begin(kOthers), std::end(kOthers));
    return samples;
  }();
  return all;
}

std::vector<std::string> dtypesOf(Dtypes dtypes) {
  const std::vector<std::string> floats = {"f64", "f32", "bf16", "f16"},
                                 integers = {"i64", "i32", "i16", "i8", "ui64", "ui32", "ui16", "ui8"};
  std::vector<std::string> all;
  if (dtypes == Dtypes::Single)
    return {"f32"};
  if (dtypes != Dtypes::Integers)
    all = floats;
  if (dtypes != Dtypes::Floats)
    all.insert(all.end(), integers.begin(), integers.end());
  if (dtypes == Dtypes::Integers || dtypes == Dtypes::All)
    all.push_back("i1");
  return all;
}

} // namespace ember::tests
