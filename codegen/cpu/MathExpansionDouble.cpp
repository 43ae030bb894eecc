// Functions of f64, and pow on f32 by way of them. Reduction of the argument as in Cody and Waite, Software Manual for the
// Elementary Functions, 1980, and Muller, Elementary Functions, 2016; logarithms by the series of artanh with what the first
// term leaves out added in the order of Tang, ACM TOMS 16 (1990). Every step is an explicit fma or a rounded operation.
#include "codegen/cpu/LaneMath.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace ember::cpu {

namespace {

constexpr double kMagic = 6755399441055744.0;      // 1.5 * 2^52: added, it rounds to a whole number in the last bits
constexpr int64_t kMagicBits = 0x4338000000000000; // its bits
constexpr double kLog2e = 0x1.71547652b82fep+0;
constexpr double kLn2 = 0x1.62e42fefa39efp-1, kLn2Rest = 0x1.abc9e3b39803fp-56;
constexpr double kLn2Short = 0x1.62e42fee00000p-1, kLn2ShortRest = 0x1.a39ef35793c76p-33; // 33 bits, and what is missing
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// (exp(r) - 1 - r) / r^2, Taylor's series: what is left out is below 2^-57 for |r| <= ln 2 / 2.
constexpr double kExpSeries[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                 1.0 / 5040,       1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      0.5};

bool isDouble(Operation *op) { return getElementTypeOrSelf(op->getResult(0).getType()).isF64(); }

Value isNan(LaneMath &m, Value x) { return m.compare(LaneMath::Predicate::UNO, x, x); }

// 2^e, e in i64 and in the normal range.
Value powerOfTwo(LaneMath &m, Value e) { return m.wideFromBits(m.shiftLeft(m.addWhole(e, m.wideWhole(1023)), m.wideWhole(52))); }

// x within [low, high]; NaN stays.
Value clamped(LaneMath &m, Value x, double low, double high) {
  x = m.select(m.less(m.wide(high), x), m.wide(high), x);
  return m.select(m.less(x, m.wide(low)), m.wide(low), x);
}

// x = exponent * ln 2 + (number times ln 2's rest) …: the whole number and its bits.
struct Whole {
  Value number, exponent;
};
Whole roundedProduct(LaneMath &m, Value x, double factor) {
  Value shifted = m.fma(x, m.wide(factor), m.wide(kMagic));
  return {m.sub(shifted, m.wide(kMagic)), m.subWhole(m.wideBitsOf(shifted), m.wideWhole(kMagicBits))};
}

// Within 1 ulp.
struct WideExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!isDouble(op))
      return rewriter.notifyMatchFailure(op, "not f64");
    LaneMath m(op, rewriter);
    Value x = clamped(m, op.getOperand(), -746, 710);
    Whole n = roundedProduct(m, x, kLog2e);
    Value r = m.fma(n.number, m.wide(-kLn2), x);
    r = m.fma(n.number, m.wide(-kLn2Rest), r);
    Value p = m.add(m.fma(m.mul(r, r), m.widePolynomial(kExpSeries, r), r), m.wide(1));
    // Scaled in two steps, the first of which is exact: results below the normal range are rounded once.
    Value half = m.subWhole(m.shiftRight(m.addWhole(n.exponent, m.wideWhole(4096)), m.wideWhole(1)), m.wideWhole(2048));
    Value rest = m.subWhole(n.exponent, half);
    rewriter.replaceOp(op, m.mul(m.mul(p, powerOfTwo(m, half)), powerOfTwo(m, rest)));
    return success();
  }
};

// exp(x) - 1 = 2 (s r + (s - 1/2) + s (exp(r) - 1 - r)), s = 2^(n - 1). Within 2 ulps.
struct WideExpm1 : OpRewritePattern<math::ExpM1Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpM1Op op, PatternRewriter &rewriter) const override {
    if (!isDouble(op))
      return rewriter.notifyMatchFailure(op, "not f64");
    LaneMath m(op, rewriter);
    Value input = op.getOperand(), x = clamped(m, input, -40, 710);
    Whole n = roundedProduct(m, x, kLog2e);
    Value high = m.fma(n.number, m.wide(-kLn2), x), low = m.mul(n.number, m.wide(kLn2Rest));
    Value r = m.sub(high, low), lost = m.sub(m.sub(high, r), low);
    Value q = m.fma(m.mul(r, r), m.widePolynomial(kExpSeries, r), lost);
    Value s = powerOfTwo(m, m.subWhole(n.exponent, m.wideWhole(1))), offset = m.sub(s, m.wide(0.5));
    Value sum = m.fma(s, r, offset), error = m.fma(s, r, m.sub(offset, sum));
    Value result = m.add(sum, m.fma(s, q, error));
    result = m.add(result, result);
    Value isTiny = m.less(m.abs(input), m.wide(0x1p-54)); // keeps -0
    rewriter.replaceOp(op, m.select(isTiny, input, result));
    return success();
  }
};

// x = 2^exponent * mantissa, the mantissa between the roots of 1/2 and 2; x positive and normal.
struct Split {
  Value exponent, mantissa;
};
Split split(LaneMath &m, Value x) {
  Value bits = m.wideBitsOf(x);
  // Less the root of 1/2, in bits: the exponent's bits then count whole powers.
  Value exponent = m.shiftRight(m.addWhole(bits, m.wideWhole(0x00095f619980c433)), m.wideWhole(52));
  exponent = m.subWhole(exponent, m.wideWhole(1023));
  Value number = m.sub(m.wideFromBits(m.addWhole(exponent, m.wideWhole(kMagicBits))), m.wide(kMagic));
  return {number, m.wideFromBits(m.subWhole(bits, m.shiftLeft(exponent, m.wideWhole(52))))};
}

// log(1 + f) + exponent * ln 2 + correction, 1 + f between the roots of 1/2 and 2. With s = f / (2 + f) the series is
// 2 s (1 + s^2/3 + s^4/5 + …), and 2 s = f - f^2/2 + s f^2/2.
Value logarithm(LaneMath &m, Value f, Value correction, Value exponent) {
  constexpr double series[] = {2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3};
  Value s = m.div(f, m.add(f, m.wide(2))), square = m.mul(s, s);
  Value rest = m.mul(square, m.widePolynomial(series, square)), half = m.mul(m.mul(m.wide(0.5), f), f);
  Value low = m.fma(exponent, m.wide(kLn2ShortRest), correction);
  Value small = m.fma(s, m.add(half, rest), low);
  return m.fma(exponent, m.wide(kLn2Short), m.sub(f, m.sub(half, small)));
}

// Within 1 ulp.
struct WideLog : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::LogOp op, PatternRewriter &rewriter) const override {
    if (!isDouble(op))
      return rewriter.notifyMatchFailure(op, "not f64");
    LaneMath m(op, rewriter);
    Value input = op.getOperand(), isSmall = m.less(input, m.wide(0x1p-1022));
    Split x = split(m, m.select(isSmall, m.mul(input, m.wide(0x1p54)), input));
    Value exponent = m.select(isSmall, m.sub(x.exponent, m.wide(54)), x.exponent);
    Value result = logarithm(m, m.sub(x.mantissa, m.wide(1)), m.wide(0), exponent);
    rewriter.replaceOp(op, withPole(m, input, 0, result));
    return success();
  }
};

// log(1 + x) = log(u) + c / u, u = 1 + x rounded and c what was lost. Within 2 ulps.
struct WideLog1p : OpRewritePattern<math::Log1pOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::Log1pOp op, PatternRewriter &rewriter) const override {
    if (!isDouble(op))
      return rewriter.notifyMatchFailure(op, "not f64");
    LaneMath m(op, rewriter);
    Value input = op.getOperand(), one = m.wide(1), u = m.add(input, one);
    Value lost = m.select(m.less(input, one), m.sub(input, m.sub(u, one)), m.sub(one, m.sub(u, input)));
    Split x = split(m, u);
    // Near 0 the input itself is f.
    Value isNear = m.compare(LaneMath::Predicate::OEQ, x.exponent, m.wide(0));
    Value f = m.select(isNear, input, m.sub(x.mantissa, one));
    Value correction = m.select(isNear, m.wide(0), m.div(lost, u));
    Value result = withPole(m, input, -1, logarithm(m, f, correction, x.exponent));
    Value isTiny = m.less(m.abs(input), m.wide(0x1p-54)); // keeps -0
    rewriter.replaceOp(op, m.select(isTiny, input, result));
    return success();
  }
};

// An odd polynomial near 0, 1 - 2 / (expm1(2|x|) + 2) beyond. Within 2 ulps.
struct WideTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TanhOp op, PatternRewriter &rewriter) const override {
    if (!isDouble(op))
      return rewriter.notifyMatchFailure(op, "not f64");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), size = m.abs(x), square = m.mul(x, x);
    // Near-minimax of (tanh(x) / x - 1) / x^2 over |x| <= 0.625: 2^-59 of the result.
    constexpr double coefficients[] = {6.485163482793113e-06,  -3.12011014257974e-05, 9.257116129556769e-05,
                                       -0.0002375906496055562, 0.0005896606577757043, -0.0014557754120478055,
                                       0.0035921217511549622,  -0.008863235103240878, 0.021869488519008305,
                                       -0.05396825396789699,   0.13333333333333042,   -0.3333333333333333};
    Value near = m.fma(m.mul(x, square), m.widePolynomial(coefficients, square), x);
    Value grown = math::ExpM1Op::create(m.b, m.add(size, size));
    Value far = m.copySign(m.sub(m.wide(1), m.div(m.wide(2), m.add(grown, m.wide(2)))), x);
    Value result = m.select(m.less(size, m.wide(0.625)), near, far);
    rewriter.replaceOp(op, m.select(m.less(size, m.wide(0x1p-28)), x, result)); // keeps -0
    return success();
  }
};

// x + x times a polynomial of x^2 up to 1; beyond, 1 - exp(-x^2) q / (|x| + 2), q a polynomial of (|x| - 2) / (|x| + 2) (the
// variable of Schonfelder, Math. Comp. 32, 1978). Within 2 ulps.
struct WideErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const override {
    if (!isDouble(op))
      return rewriter.notifyMatchFailure(op, "not f64");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), size = m.abs(x);
    // Both near-minimax: 2^-68 and 2^-57 of the result.
    constexpr double nearCoefficients[] = {
        -4.230945824295338e-12, 8.709045129053106e-11,   -1.216456005728345e-09, 1.4792401209404813e-08, -1.6364642158167616e-07,
        1.6462045441468418e-06, -1.4925647567519332e-05, 0.00012055332902888736, -0.000854832702193483,  0.0052239776254232985,
        -0.02686617064512984,   0.1128379167095512,      -0.37612638903183754,   0.1283791670955126};
    constexpr double farCoefficients[] = {
        5.810234707587387e-07, 4.29893547809331e-06,   -6.712973341629326e-07, -1.6411056226469104e-05, -2.1750148531080122e-05,
        3.420031686086242e-05, 0.00014447289517758064, 3.4366741658684746e-05, -0.0006630734409772405,  -0.0008372958287786899,
        0.0030906120516489208, 0.006479185061627524,   -0.021510661889293427,  -0.03644223150680665,    0.27947209255605326,
        -0.6871606844138108,   1.021582705242023};
    Value near = m.fma(x, m.widePolynomial(nearCoefficients, m.mul(x, x)), x);
    Value bounded = m.select(m.less(size, m.wide(6)), size, m.wide(6)); // from there on the result rounds to 1
    Value shifted = m.add(bounded, m.wide(2)), variable = m.div(m.sub(bounded, m.wide(2)), shifted);
    Value bell = math::ExpOp::create(m.b, arith::NegFOp::create(m.b, m.mul(bounded, bounded)));
    Value tail = m.mul(bell, m.div(m.widePolynomial(farCoefficients, variable), shifted));
    Value far = m.copySign(m.sub(m.wide(1), tail), x);
    Value result = m.select(m.less(size, m.wide(1)), near, far);
    rewriter.replaceOp(op, m.select(isNan(m, x), x, result));
    return success();
  }
};

// x = n pi/2 + r with pi/2 in three parts, good for |x| < 2^20 (the first two steps cancel without error); a lane beyond takes
// libm's result. Within 2 ulps.
template <typename Op> struct WideSine : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  static constexpr bool kIsSine = std::is_same_v<Op, math::SinOp>;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!isDouble(op) || op->hasAttr(kLargeArgument))
      return rewriter.notifyMatchFailure(op, "not f64, or large");
    LaneMath m(op, rewriter);
    Value input = op.getOperand(), size = m.abs(input);
    Value isLarge = m.compare(LaneMath::Predicate::UGE, size, m.wide(0x1p20));
    Value x = m.select(isLarge, m.wide(0), input);
    Whole n = roundedProduct(m, x, 0x1.45f306dc9c883p-1);
    Value r = x;
    for (double part : {-0x1.921fb54442d18p+0, -0x1.1a62633145c07p-54, 0x1.f1976b7ed8fbcp-110})
      r = m.fma(n.number, m.wide(part), r);
    Value square = m.mul(r, r), one = m.wide(1);
    // Taylor's series: what is left out is below 2^-56 of the result for |r| <= pi/4.
    constexpr double sineSeries[] = {1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800,
                                     1.0 / 362880,          -1.0 / 5040,          1.0 / 120,        -1.0 / 6};
    constexpr double cosineSeries[] = {-1.0 / 6402373705728000, 1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600,
                                       -1.0 / 3628800,          1.0 / 40320,          -1.0 / 720,         1.0 / 24};
    Value sine = m.fma(m.mul(square, r), m.widePolynomial(sineSeries, square), r);
    Value head = m.fma(m.wide(-0.5), square, one), lost = m.fma(m.wide(-0.5), square, m.sub(one, head));
    Value cosine = m.add(head, m.fma(m.mul(square, square), m.widePolynomial(cosineSeries, square), lost));
    Value quadrant = kIsSine ? n.exponent : m.addWhole(n.exponent, m.wideWhole(1)), zero = m.wideWhole(0);
    Value isOdd = arith::CmpIOp::create(m.b, arith::CmpIPredicate::ne, m.andWhole(quadrant, m.wideWhole(1)), zero);
    Value sign = m.shiftLeft(m.andWhole(quadrant, m.wideWhole(2)), m.wideWhole(62));
    Value bits = m.wideBitsOf(m.select(isOdd, cosine, sine));
    Value result = m.wideFromBits(arith::XOrIOp::create(m.b, bits, sign));
    if (kIsSine) // keeps -0
      result = m.select(m.less(size, m.wide(0x1p-27)), input, result);
    rewriter.replaceOp(op, withLargeLanes<Op>(m, isLarge, input, result));
    return success();
  }
};

// pow on f32 in f64: |x|^y = exp(y log |x|), with the sign and the exceptions of IEEE 754-2019, 9.2.1. Within 1 ulp.
struct SinglePow : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    using Predicate = LaneMath::Predicate;
    Type wide = m.withElement(m.b.getF64Type());
    Value x = op.getLhs(), y = op.getRhs(), size = m.abs(x), one = m.real(1), zero = m.real(0);
    auto widened = [&](Value value) -> Value { return arith::ExtFOp::create(m.b, wide, value); };
    Value exponent = m.mul(widened(y), math::LogOp::create(m.b, widened(size)));
    Value result = arith::TruncFOp::create(m.b, m.type, math::ExpOp::create(m.b, exponent));
    // From 2^24 on every number is even, infinity too.
    Value height = m.abs(y), isEven = m.compare(Predicate::OGE, height, m.real(0x1p24));
    Value small = m.select(m.less(height, m.real(0x1p24)), y, zero);
    Value number = arith::FPToSIOp::create(m.b, m.withElement(m.b.getI32Type()), small);
    Value isWhole = m.compare(Predicate::OEQ, arith::SIToFPOp::create(m.b, m.type, number), small);
    Value lastBit = m.shiftLeft(number, m.whole(31)), sign = m.andWhole(m.bitsOf(x), m.whole(int32_t(0x80000000)));
    // A whole odd power of what is negative, -0 too, is negative.
    sign = m.select(isWhole, m.andWhole(sign, lastBit), m.whole(0));
    result = m.fromBits(arith::XOrIOp::create(m.b, m.bitsOf(result), sign));
    Value isReal = m.orWhole(m.orWhole(isWhole, isEven), m.compare(Predicate::UGE, x, zero));
    isReal = m.orWhole(isReal, m.compare(Predicate::OEQ, size, m.real(kInfinity)));
    result = m.select(isReal, result, m.real(std::numeric_limits<float>::quiet_NaN()));
    Value isOne = m.orWhole(m.compare(Predicate::OEQ, x, one), m.compare(Predicate::OEQ, y, zero));
    Value isUnitToInfinity =
        m.andWhole(m.compare(Predicate::OEQ, size, one), m.compare(Predicate::OEQ, height, m.real(kInfinity)));
    rewriter.replaceOp(op, m.select(m.orWhole(isOne, isUnitToInfinity), one, result));
    return success();
  }
};

} // namespace

void populateDoubleExpansion(RewritePatternSet &patterns) {
  patterns
      .add<WideExp, WideExpm1, WideLog, WideLog1p, WideTanh, WideErf, WideSine<math::SinOp>, WideSine<math::CosOp>, SinglePow>(
          patterns.getContext(), PatternBenefit(4));
}

} // namespace ember::cpu
