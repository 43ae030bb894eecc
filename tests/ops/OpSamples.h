// One small program an op (some have several): the table that tests over all ops walk. Sizes and dtype are left open.
#pragma once

#include "ir/SizeExpr.h"
#include "ir/interpret/ReferenceTensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include <map>
#include <random>
#include <string>
#include <vector>

namespace ember::tests {

enum class Dtypes { Floats, Numbers, Integers, All, Single }; // Integers: bool too; Single: f32 alone

/// `arguments` and `results` are lists like `%x: <M,2*N>, %i: <3:i64> below M`: `<M,N>` is a tensor of the sample's dtype, `:i64`
/// names another. The first letter of an argument says what it holds: `s` a generator's state, `p` 0.25, `t` a flag, `i` indices
/// below what is stated, `j` those with no two neighbours alike, `c` a start (1, or 0 where a size is 0), `v` positive numbers,
/// others any number. To a result whose name begins with `n` no gradient flows.
struct OpSample {
  std::string op; // without the dialect's name
  std::string arguments, body, results;
  Dtypes dtypes;
  double low = -1.5, high = 1.5; // where arguments lie when its gradient is taken
};

/// Every op of the dialect that a compiled program may hold.
const std::vector<OpSample> &opSamples();

std::vector<std::string> dtypesOf(Dtypes dtypes);

using Sizes = std::map<std::string, int64_t>;

struct SampleArgument {
  std::string name;
  std::vector<ir::SizeExpr> dims;
  std::string dtype;
  ir::SizeExpr bound; // of indices
};

/// A sample of one dtype. `sizes` are M and N, or empty where they stay names. `throughViews`: every argument arrives transposed,
/// with each of its first dimension's elements followed by one that nobody reads.
struct SampleProgram {
  SampleProgram(const OpSample &sample, const std::string &dtype, const Sizes &sizes, bool throughViews = false);
  std::string text; // a function `main`
  std::vector<SampleArgument> arguments, results;

  /// Whether indices can be drawn: there is something below their bound, or there are none.
  bool admits(const Sizes &sizes) const;
};

enum class Numbers { Plain, Special };

/// What an argument holds: plain numbers between low and high, or special ones (NaN, infinities, both zeros, denormals, the
/// largest and, unless `largest` is false, the smallest of integers) in every second place, in every thirtieth where `rare`.
struct Draw {
  Numbers numbers = Numbers::Plain;
  double low = -1.5, high = 1.5;
  bool rare = false, training = true;
};
ir::ReferenceTensor drawArgument(const SampleArgument &argument, mlir::RankedTensorType type, const Sizes &sizes,
                                 const Draw &draw, std::mt19937 &random);

} // namespace ember::tests
