#include "codegen/cpu/MathExpansion.h"

#include "codegen/cpu/LaneMath.h"
#include "codegen/cpu/PiecewisePolynomials.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
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

// What is odd and tends to 1: the polynomial of |x| with the sign of x. The bound keeps NaN.
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;

  // Within 2 ulps.
  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), size = bounded(m, x, kErfEnd), magic = m.real(12582912.0); // rounds, as in exp
    Value shifted = m.fma(size, m.real(1 / kErfPiece), magic), r = m.fma(m.sub(shifted, magic), m.real(-kErfPiece), size);
    rewriter.replaceOp(op, m.copySign(m.pieces(kErf, m.bitsOf(shifted), r), x));
    return success();
  }

  static Value bounded(LaneMath &m, Value x, double end) {
    Value size = m.abs(x), most = m.real(end);
    return m.select(m.less(most, size), most, size);
  }
};

// Within 2 ulps.
struct ExpandTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TanhOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value x = op.getOperand(), size = ExpandErf::bounded(m, x, kTanhEnd), shift = m.real(kTanhShift);
    Value bits = m.bitsOf(m.add(size, shift)), piece = m.andWhole(bits, m.whole(-(1 << kTanhBits)));
    Value middle = m.sub(m.fromBits(m.orWhole(piece, m.whole(1 << (kTanhBits - 1)))), shift);
    Value index = m.shiftRight(bits, m.whole(kTanhBits)), r = m.sub(size, middle);
    rewriter.replaceOp(op, m.copySign(m.pieces(kTanh, index, r), x));
    return success();
  }
};

// sin and cos on f32, in f64: x = n pi + r with pi in two parts, n a whole number (for cos one half less), the sine of r with n's
// sign. That holds for |x| < 2^30; where a lane is larger (or not finite) all go through libm's f64 function, and each lane takes
// its own result. Within 1 ulp.
template <typename Op> struct ExpandSine : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  static constexpr bool kIsSine = std::is_same_v<Op, math::SinOp>;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    ImplicitLocOpBuilder &b = m.b;
    Type f32s = op.getType(), f64s = m.withElement(b.getF64Type());
    Value input = op.getOperand();
    Value isLarge = m.compare(LaneMath::Predicate::UGE, m.abs(input), m.real(0x1p30));
    Value x = arith::ExtFOp::create(b, f64s, m.select(isLarge, m.real(0), input));
    // Added to 1.5 * 2^52, a number is rounded to a whole one, which stands in the last bits.
    Value magic = m.wide(6755399441055744.0), inverse = m.wide(0x1.45f306dc9c883p-2);
    Value shifted = kIsSine ? m.fma(x, inverse, magic) : m.add(m.fma(x, inverse, m.wide(0.5)), magic);
    Value n = m.sub(shifted, magic);
    if (!kIsSine)
      n = m.sub(n, m.wide(0.5));
    Value r = m.fma(n, m.wide(-0x1.921fb54442d18p+1), x);
    r = m.fma(n, m.wide(-0x1.1a62633145c07p-53), r);
    // Minimax of the relative error over |r| <= pi/2: 0.1 units of 2^-24. A product with r comes last, so that -0 stays.
    Value square = m.mul(r, r);
    Value p =
        m.widePolynomial({2.6057806026867983e-06, -0.00019809602883807216, 0.008333066245791132, -0.16666659550413593}, square);
    Value sine = m.mul(r, m.fma(square, p, m.wide(1.0)));
    Value sign = m.shiftLeft(m.wideBitsOf(shifted), m.wideWhole(63));
    sine = m.wideFromBits(arith::XOrIOp::create(b, m.wideBitsOf(sine), sign));
    rewriter.replaceOp(op, withLargeLanes<Op>(m, isLarge, input, arith::TruncFOp::create(b, f32s, sine)));
    return success();
  }
};

// x = 2^exponent * (1 + f), 1 + f between the roots of 1/2 and 2; x positive and normal.
struct Split {
  Value exponentBits, exponent, f; // the first 2^23 times the second, in i32
};
Split split(LaneMath &m, Value x) {
  Value bits = m.bitsOf(x);
  Value exponentBits = m.andWhole(m.subWhole(bits, m.whole(0x3f3504f3)), m.whole(static_cast<int32_t>(0xff800000)));
  Value exponent = arith::ShRSIOp::create(m.b, exponentBits, m.whole(23));
  return {exponentBits, arith::SIToFPOp::create(m.b, m.type, exponent),
          m.sub(m.fromBits(m.subWhole(bits, exponentBits)), m.real(1))};
}

// exponent * ln 2 + f - f^2 / 2 + f^3 times a polynomial.
Value logarithm(LaneMath &m, Value f, Value exponent) {
  // Minimax of the relative error: 0.1 units of 2^-24.
  Value p = m.real(-0.07635750621557236);
  for (double coefficient : {0.12761861085891724, -0.13159683346748352, 0.14201627671718597, -0.1662340760231018,
                             0.20001240074634552, -0.2500081956386566, 0.3333333134651184, -0.5})
    p = m.fma(p, f, m.real(coefficient));
  Value sum = m.fma(m.mul(f, f), p, m.fma(exponent, m.real(1.428606765330187e-6), f));
  return m.fma(exponent, m.real(0.693145751953125), sum);
}

// Within 1 ulp. Below the normal range the logarithm of x * 2^23 is asked for.
struct ExpandLog : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::LogOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value input = op.getOperand(), isSmall = m.less(input, m.real(0x1p-126));
    Split x = split(m, m.select(isSmall, m.mul(input, m.real(0x1p23)), input));
    Value exponent = m.select(isSmall, m.sub(x.exponent, m.real(23)), x.exponent);
    rewriter.replaceOp(op, withPole(m, input, 0, logarithm(m, x.f, exponent)));
    return success();
  }
};

// log(1 + x) by the logarithm of u = 1 + x rounded, with what was lost added to f. Within 2 ulps.
struct ExpandLog1p : OpRewritePattern<math::Log1pOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::Log1pOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value input = op.getOperand(), one = m.real(1), u = m.add(input, one), added = m.sub(u, one);
    Value lost = m.add(m.sub(input, added), m.sub(one, m.sub(u, added))); // without error (Knuth, vol. 2, 4.2.2)
    Split x = split(m, u);
    // 2^-exponent, bounded where it would leave the range: nothing that matters is lost there.
    Value bounded = arith::MinSIOp::create(m.b, x.exponentBits, m.whole(126 << 23));
    Value f = m.fma(lost, m.fromBits(m.subWhole(m.whole(127 << 23), bounded)), x.f);
    rewriter.replaceOp(op, m.copySign(withPole(m, input, -1, logarithm(m, f, x.exponent)), input)); // keeps -0
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
  patterns.add<DivideByOne, ExpandErf, ExpandExp, ExpandExpm1, ExpandLog, ExpandLog1p, ExpandTanh, ExpandSine<math::SinOp>,
               ExpandSine<math::CosOp>>(context);
  populateDoubleExpansion(patterns);
  patterns.add<CallLibm<math::SinOp>>(context, "sin"); // of large arguments
  patterns.add<CallLibm<math::CosOp>>(context, "cos");
  patterns.add<CallLibm<math::PowFOp>>(context, "pow");
}

} // namespace ember::cpu
