#include "codegen/cpu/MathExpansion.h"

#include "codegen/cpu/LaneMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace ember::cpu {

namespace {

// exp on f32 (Cody and Waite, Software Manual for the Elementary Functions, 1980): x = n ln 2 + r, exp(r) by a polynomial of
// degree 6, times 2^n rounded once, so that results below the normal range are not flushed. Within 1 ulp.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), high = m.real(89.0), low = m.real(-104.0);
    x = m.select(m.less(high, x), high, x); // NaN stays
    x = m.select(m.less(x, low), low, x);
    // Added to 1.5 * 2^23, a number is rounded to a whole one, which stands in the last bits.
    constexpr int32_t kMagicBits = 0x4b400000;
    Value magic = m.real(12582912.0), shifted = m.fma(x, m.real(1.44269504088896341), magic), n = m.sub(shifted, magic);
    Value r = m.fma(n, m.real(-0.693145751953125), x);
    r = m.fma(n, m.real(-1.428606765330187e-6), r);
    // Minimax of the relative error over |r| <= ln 2 / 2: 0.06 units of 2^-24.
    Value p = m.real(0.001382071990519762);
    for (double coefficient : {0.008368674665689468, 0.04166826605796814, 0.1666652113199234, 0.4999999403953552, 1.0, 1.0})
      p = m.fma(p, r, m.real(coefficient));
    rewriter.replaceOp(op, isFullRegister(op.getType()) ? scaled(m, p, n) : scaledTwice(m, p, m.bitsOf(shifted), kMagicBits));
    return success();
  }

  // Vectors of 16 are AVX-512's, which scales by a power of two in one instruction.
  static bool isFullRegister(Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return vector && vector.getNumElements() == 16;
  }
  static Value scaled(LaneMath &m, Value p, Value n) {
    Value all = LLVM::ConstantOp::create(m.b, m.b.getI16Type(), m.b.getI16IntegerAttr(-1));
    Value rounding = LLVM::ConstantOp::create(m.b, m.b.getI32Type(), m.b.getI32IntegerAttr(4)); // the current one
    return LLVM::CallIntrinsicOp::create(m.b, m.type, m.b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                                         ValueRange{p, n, p, all, rounding})
        .getResult(0);
  }
  // In two steps, the first of which is exact.
  static Value scaledTwice(LaneMath &m, Value p, Value bits, int32_t magicBits) {
    Value exponent = m.subWhole(bits, m.whole(magicBits));
    Value half = arith::ShRSIOp::create(m.b, exponent, m.whole(1)), rest = m.subWhole(exponent, half);
    auto power = [&](Value e) { return m.fromBits(m.shiftLeft(m.addWhole(e, m.whole(127)), m.whole(23))); };
    return m.mul(m.mul(p, power(half)), power(rest));
  }
};

// expm1 on f32: x + x^2 times a polynomial near 0, exp(x) - 1 beyond. Within 2 ulps.
struct ExpandExpm1 : OpRewritePattern<math::ExpM1Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpM1Op op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), size = math::AbsFOp::create(m.b, x);
    // Minimax of the relative error over |x| <= 0.5: 0.08 units of 2^-24.
    Value p = m.real(0.0002008606243180111);
    for (double coefficient :
         {0.0014010835438966751, 0.008332853205502033, 0.041664958000183105, 0.1666666865348816, 0.5000000596046448})
      p = m.fma(p, x, m.real(coefficient));
    Value near = m.fma(m.mul(x, x), p, x);
    Value far = m.sub(math::ExpOp::create(m.b, x), m.real(1));
    Value isNear = m.compare(arith::CmpFPredicate::OLT, size, m.real(0.5));
    Value isTiny = m.compare(arith::CmpFPredicate::OLT, size, m.real(0x1p-25)); // keeps -0
    rewriter.replaceOp(op, m.select(isTiny, x, m.select(isNear, near, far)));
    return success();
  }
};

// erf on f32: x + x times a polynomial of x^2 up to 1, 1 - exp(-x^2) times a polynomial of |x| - 2 beyond. Within 2 ulps.
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), size = math::AbsFOp::create(m.b, x);
    auto polynomial = [&](ArrayRef<double> coefficients, Value at) {
      Value p = m.real(coefficients[0]);
      for (double coefficient : coefficients.drop_front())
        p = m.fma(p, at, m.real(coefficient));
      return p;
    };
    // Both minimax in f32 coefficients: 0.03 and 0.05 units of 2^-24.
    Value near = polynomial({7.813490083208308e-05, -0.0007999538793228567, 0.00518731540068984, -0.026853404939174652,
                             0.11283579468727112, -0.3761262595653534, 0.12837916612625122},
                            m.mul(x, x));
    near = m.fma(near, x, x);
    // From 4 on the result rounds to 1. NaN goes to the bound here and is put back below.
    Value bounded = m.select(m.compare(arith::CmpFPredicate::OLT, size, m.real(4)), size, m.real(4));
    Value bell = math::ExpOp::create(m.b, arith::NegFOp::create(m.b, m.mul(bounded, bounded)));
    Value rest =
        polynomial({0.00010821406613104045, -0.0002004943526117131, 0.0005017585353925824, -0.0018605715595185757,
                    0.005475267767906189, -0.01544198114424944, 0.04180186986923218, -0.10679782181978226, 0.2553955912590027},
                   m.sub(bounded, m.real(2)));
    Value far = math::CopySignOp::create(m.b, m.sub(m.real(1), m.mul(bell, rest)), x);
    Value result = m.select(m.compare(arith::CmpFPredicate::OLT, size, m.real(1)), near, far);
    rewriter.replaceOp(op, m.select(m.compare(arith::CmpFPredicate::UNO, x, x), x, result));
    return success();
  }
};

// tanh on f32: an odd polynomial near 0, 1 - 2 / (exp(2|x|) + 1) beyond. Within 2 ulps.
struct ExpandTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TanhOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), size = math::AbsFOp::create(m.b, x), square = m.mul(x, x);
    // Minimax of the relative error over |x| <= 0.625: 0.08 units of 2^-24.
    Value p = m.real(-0.005700091831386089);
    for (double coefficient : {0.02063411846756935, -0.05373793840408325, 0.13331416249275208, -0.3333328068256378})
      p = m.fma(p, square, m.real(coefficient));
    Value near = m.fma(m.mul(p, square), x, x);
    Value grown = math::ExpOp::create(m.b, m.add(size, size));
    Value far = m.sub(m.real(1), arith::DivFOp::create(m.b, m.real(2), m.add(grown, m.real(1))));
    far = math::CopySignOp::create(m.b, far, x);
    Value isNear = m.compare(arith::CmpFPredicate::OLT, size, m.real(0.625));
    // -0 stays -0, and what is too small to be squared stays itself.
    Value isTiny = m.compare(arith::CmpFPredicate::OLT, size, m.real(0x1p-13));
    rewriter.replaceOp(op, m.select(isTiny, x, m.select(isNear, near, far)));
    return success();
  }
};

// sin and cos on f32, in f64: x = n pi/2 + r with pi/2 in two parts, a polynomial of r. That holds for |x| < 2^30; where a lane
// is larger (or not finite) all go through libm's f64 function, and each lane takes its own result. Within 1 ulp.
template <typename Op> struct ExpandSine : OpRewritePattern<Op> {
  ExpandSine(MLIRContext *context, PatternBenefit benefit) : OpRewritePattern<Op>(context, benefit) {}
  static constexpr bool kIsSine = std::is_same_v<Op, math::SinOp>;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    ImplicitLocOpBuilder &b = m.b;
    Type f32s = op.getType(), f64s = m.withElement(b.getF64Type());
    Value input = op.getOperand(), size = math::AbsFOp::create(b, input);
    Value isLarge = m.compare(arith::CmpFPredicate::UGE, size, m.real(0x1p30));
    Value x = arith::ExtFOp::create(b, f64s, m.select(isLarge, m.real(0), input));
    Value n = math::RoundEvenOp::create(b, m.mul(x, m.wide(0x1.45f306dc9c883p-1)));
    Value r = m.fma(n, m.wide(-0x1.921fb54442d18p+0), x);
    r = m.fma(n, m.wide(-0x1.1a62633145c07p-54), r);
    Value square = m.mul(r, r);
    auto polynomial = [&](ArrayRef<double> coefficients) {
      Value p = m.wide(coefficients[0]);
      for (double coefficient : coefficients.drop_front())
        p = m.fma(p, square, m.wide(coefficient));
      return p;
    };
    // Taylor's series: the first term left out is below 2^-36 of the result for |r| <= pi/4.
    Value sine = m.mul(polynomial({-1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1.0}), r);
    Value cosine = polynomial({1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5, 1.0});
    Value quadrant = arith::FPToSIOp::create(b, m.withElement(b.getI32Type()), n);
    if (!kIsSine)
      quadrant = arith::AddIOp::create(b, quadrant, m.whole(1));
    Value isOdd = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, arith::AndIOp::create(b, quadrant, m.whole(1)), m.whole(0));
    Value result = arith::TruncFOp::create(b, f32s, m.select(isOdd, cosine, sine));
    Value sign = arith::ShLIOp::create(b, arith::AndIOp::create(b, quadrant, m.whole(2)), m.whole(30));
    result = m.fromBits(arith::XOrIOp::create(b, m.bitsOf(result), sign));
    if (kIsSine) // keeps -0
      result = m.select(m.compare(arith::CmpFPredicate::OLT, size, m.real(0x1p-13)), input, result);
    rewriter.replaceOp(op, withLargeLanes<Op>(m, isLarge, input, result));
    return success();
  }
};

// log on f32 below the normal range: the polynomial is asked for x * 2^23, and 23 ln 2 is taken off again.
struct ScaleLog : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;
  static constexpr StringLiteral kScaled = "ember.scaled";

  LogicalResult matchAndRewrite(math::LogOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() || op->hasAttr(kScaled))
      return rewriter.notifyMatchFailure(op, "not f32, or scaled already");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto real = [&](double value) -> Value {
      Attribute attribute = b.getF32FloatAttr(value);
      if (auto vector = dyn_cast<VectorType>(type))
        attribute = DenseElementsAttr::get(vector, attribute);
      return arith::ConstantOp::create(b, cast<TypedAttr>(attribute));
    };
    Value x = op.getOperand();
    Value isSmall = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, real(0x1p-126));
    Value scaled = arith::SelectOp::create(b, isSmall, arith::MulFOp::create(b, x, real(0x1p23)), x);
    auto log = math::LogOp::create(b, scaled);
    log->setAttr(kScaled, b.getUnitAttr());
    Value lowered = arith::SubFOp::create(b, log, real(15.942385152878742));
    rewriter.replaceOp(op, arith::SelectOp::create(b, isSmall, lowered, log));
    return success();
  }
};

// Many numbers divided by one, on f32 with AVX-512, where a division takes as long as a dozen multiplications: q = a y with y =
// 1/b rounded, then twice q + (a - q b) y in fma. The first step leaves q within a unit, the second gives the rounded quotient
// (Markstein, IBM J. Res. Dev. 34, 1990; Cornea, Harrison and Tang, Scientific Computing on Itanium-based Systems, 2002): the
// same bits as division. It needs a and b far from the ends of the range (or a = 0): other vectors are divided.
struct DivideByOne : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  static constexpr StringLiteral kPlain = "ember.plain";

  LogicalResult matchAndRewrite(arith::DivFOp op, PatternRewriter &rewriter) const override {
    auto divisor = op.getRhs().getDefiningOp<vector::BroadcastOp>();
    if (!divisor || isa<VectorType>(divisor.getSource().getType()) || !ExpandExp::isFullRegister(op.getType()) ||
        !getElementTypeOrSelf(op.getType()).isF32() || op->hasAttr(kPlain))
      return rewriter.notifyMatchFailure(op, "not sixteen by one");
    LaneMath m(op, rewriter);
    ImplicitLocOpBuilder &b = m.b;
    Value one = divisor.getSource();
    Value isFar =
        arith::XOrIOp::create(b, isPlain(b, b.getI32Type(), one, false), arith::ConstantOp::create(b, b.getBoolAttr(true)));
    Value lanesFar =
        vector::ReductionOp::create(b, vector::CombiningKind::AND, isPlain(b, m.withElement(b.getI32Type()), op.getLhs(), true));
    Value anyFar = arith::XOrIOp::create(b, lanesFar, arith::ConstantOp::create(b, b.getBoolAttr(true)));
    auto branch = scf::IfOp::create(b, TypeRange{m.type}, arith::OrIOp::create(b, isFar, anyFar), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch.thenBlock());
    auto plain = arith::DivFOp::create(b, op.getLhs(), op.getRhs());
    plain->setAttr(kPlain, b.getUnitAttr());
    scf::YieldOp::create(b, ValueRange{plain});
    b.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(b, ValueRange{quotient(m, op.getLhs(), op.getRhs(), one)});
    rewriter.replaceOp(op, branch.getResult(0));
    return success();
  }

private:
  // Whether a number's size is within 2^-60 and 2^60, or 0 where that is allowed, by its bits.
  static Value isPlain(ImplicitLocOpBuilder &b, Type bitsType, Value x, bool zeroToo) {
    auto number = [&](int64_t bits) -> Value {
      Attribute value = b.getI32IntegerAttr(static_cast<int32_t>(bits));
      if (auto vector = dyn_cast<VectorType>(bitsType))
        value = DenseElementsAttr::get(vector, value);
      return arith::ConstantOp::create(b, cast<TypedAttr>(value));
    };
    Value bits = arith::AndIOp::create(b, arith::BitcastOp::create(b, bitsType, x), number(0x7fffffff));
    constexpr int64_t low = (127 - 60) << 23, high = (127 + 60) << 23;
    Value isBetween =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, arith::SubIOp::create(b, bits, number(low)), number(high - low));
    if (!zeroToo)
      return isBetween;
    return arith::OrIOp::create(b, isBetween, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bits, number(0)));
  }

  static Value quotient(LaneMath &m, Value a, Value divisor, Value one) {
    ImplicitLocOpBuilder &b = m.b;
    Value unit = arith::ConstantOp::create(b, b.getF32FloatAttr(1));
    Value y = vector::BroadcastOp::create(b, m.type, arith::DivFOp::create(b, unit, one));
    Value minus = arith::NegFOp::create(b, divisor), first = m.mul(a, y), q = first;
    for (int turn = 0; turn < 2; ++turn)
      q = m.fma(m.fma(q, minus, a), y, q);
    return math::CopySignOp::create(b, q, first); // the corrections take -0's sign
  }
};

// A function of libm on f64, element by element: its results do not depend on the vector width either.
template <typename Op> struct CallLibm : OpRewritePattern<Op> {
  CallLibm(MLIRContext *context, StringRef name) : OpRewritePattern<Op>(context), name(name) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isF64())
      return rewriter.notifyMatchFailure(op, "not f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    SmallVector<Type> operands(op->getNumOperands(), element);
    auto module = op->template getParentOfType<ModuleOp>();
    if (!module.lookupSymbol(name)) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(module.getBody());
      func::FuncOp::create(rewriter, module.getLoc(), name, rewriter.getFunctionType(operands, {element})).setPrivate();
    }
    auto vector = dyn_cast<VectorType>(op.getType());
    if (!vector) {
      rewriter.replaceOp(op, func::CallOp::create(b, name, TypeRange{element}, op->getOperands()));
      return success();
    }
    Value result = arith::ConstantOp::create(b, b.getZeroAttr(vector));
    for (int64_t lane = 0; lane < vector.getNumElements(); ++lane) {
      SmallVector<Value> args;
      for (Value operand : op->getOperands())
        args.push_back(vector::ExtractOp::create(b, operand, ArrayRef<int64_t>{lane}));
      Value one = func::CallOp::create(b, name, TypeRange{element}, args).getResult(0);
      result = vector::InsertOp::create(b, one, result, ArrayRef<int64_t>{lane});
    }
    rewriter.replaceOp(op, result);
    return success();
  }

  StringRef name;
};

} // namespace

void populateMathExpansion(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<DivideByOne, ExpandErf, ExpandExp, ExpandExpm1, ExpandTanh, ScaleLog, ExpandSine<math::SinOp>,
               ExpandSine<math::CosOp>>(context, PatternBenefit(4));
  populateMathPolynomialApproximationPatterns(patterns);
  populateDoubleExpansion(patterns);
  patterns.add<CallLibm<math::SinOp>>(context, "sin"); // of large arguments
  patterns.add<CallLibm<math::CosOp>>(context, "cos");
  patterns.add<CallLibm<math::PowFOp>>(context, "pow");
}

} // namespace ember::cpu
