#include "codegen/cpu/MathExpansion.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace ember::cpu {

namespace {

// Writes arithmetic on scalars or 1-D vectors of one shape.
struct LaneMath {
  LaneMath(Operation *op, PatternRewriter &rewriter) : b(op->getLoc(), rewriter), type(op->getResult(0).getType()) {}

  Type withElement(Type element) const {
    auto vector = dyn_cast<VectorType>(type);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value splat(Attribute value, Type element) {
    if (auto vector = dyn_cast<VectorType>(withElement(element)))
      value = DenseElementsAttr::get(vector, value);
    return arith::ConstantOp::create(b, cast<TypedAttr>(value));
  }
  Value real(double value) { return splat(b.getF32FloatAttr(value), b.getF32Type()); }
  Value wide(double value) { return splat(b.getF64FloatAttr(value), b.getF64Type()); }
  Value whole(int64_t value) { return splat(b.getI32IntegerAttr(value), b.getI32Type()); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) { return arith::CmpFOp::create(b, predicate, x, y); }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b, c, x, y); }
  Value bitsOf(Value x) { return arith::BitcastOp::create(b, withElement(b.getI32Type()), x); }
  Value fromBits(Value x) { return arith::BitcastOp::create(b, withElement(b.getF32Type()), x); }

  ImplicitLocOpBuilder b;
  Type type;
};

// exp on f32: x = n ln 2 + r, exp(r) by a polynomial of degree 6, times 2^n in two steps, so that results below the normal
// range are rounded and not flushed. Within 1 ulp.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    LaneMath m(op, rewriter);
    Value input = op.getOperand();
    Value high = m.real(89.0), low = m.real(-104.0);
    Value x = m.select(m.compare(arith::CmpFPredicate::OLT, input, high), input, high); // NaN goes to the bound
    x = m.select(m.compare(arith::CmpFPredicate::OGT, x, low), x, low);
    Value n = math::RoundEvenOp::create(m.b, m.mul(x, m.real(1.44269504088896341)));
    Value r = m.fma(n, m.real(-0.693145751953125), x);
    r = m.fma(n, m.real(-1.428606765330187e-6), r);
    // Minimax of the relative error over |r| <= ln 2 / 2: 0.06 units of 2^-24.
    Value p = m.real(0.001382071990519762);
    for (double coefficient : {0.008368674665689468, 0.04166826605796814, 0.1666652113199234, 0.4999999403953552, 1.0, 1.0})
      p = m.fma(p, r, m.real(coefficient));
    Value exponent = arith::FPToSIOp::create(m.b, m.withElement(m.b.getI32Type()), n);
    Value half = arith::ShRSIOp::create(m.b, exponent, m.whole(1));
    Value rest = arith::SubIOp::create(m.b, exponent, half);
    auto power = [&](Value e) {
      return m.fromBits(arith::ShLIOp::create(m.b, arith::AddIOp::create(m.b, e, m.whole(127)), m.whole(23)));
    };
    Value result = m.mul(m.mul(p, power(half)), power(rest));
    rewriter.replaceOp(op, m.select(m.compare(arith::CmpFPredicate::UNO, input, input), input, result));
    return success();
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
    rewriter.replaceOp(op, withLargeLanes(m, isLarge, input, result));
    return success();
  }

  static Value withLargeLanes(LaneMath &m, Value isLarge, Value input, Value result) {
    ImplicitLocOpBuilder &b = m.b;
    Value any = isLarge;
    if (isa<VectorType>(m.type))
      any = vector::ReductionOp::create(b, vector::CombiningKind::OR, isLarge);
    auto branch = scf::IfOp::create(b, TypeRange{m.type}, any, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch.thenBlock());
    Value exact = Op::create(b, arith::ExtFOp::create(b, m.withElement(b.getF64Type()), input));
    Value rounded = arith::TruncFOp::create(b, m.type, exact);
    scf::YieldOp::create(b, ValueRange{m.select(isLarge, rounded, result)});
    b.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(b, ValueRange{result});
    return branch.getResult(0);
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

// A function of libm, element by element: its results do not depend on the vector width either.
template <typename Op> struct CallLibm : OpRewritePattern<Op> {
  CallLibm(MLIRContext *context, StringRef single, StringRef wide) : OpRewritePattern<Op>(context), single(single), wide(wide) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    StringRef name = element.isF64() ? wide : element.isF32() ? single : StringRef();
    if (name.empty())
      return rewriter.notifyMatchFailure(op, "another function computes it");
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

  StringRef single, wide; // empty: not for this type
};

} // namespace

void populateMathExpansion(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ExpandErf, ExpandExp, ExpandExpm1, ExpandTanh, ScaleLog, ExpandSine<math::SinOp>, ExpandSine<math::CosOp>>(
      context, PatternBenefit(4));
  populateMathPolynomialApproximationPatterns(patterns);
  patterns.add<CallLibm<math::ExpOp>>(context, "", "exp");
  patterns.add<CallLibm<math::ExpM1Op>>(context, "", "expm1");
  patterns.add<CallLibm<math::LogOp>>(context, "", "log");
  patterns.add<CallLibm<math::Log1pOp>>(context, "", "log1p");
  patterns.add<CallLibm<math::SinOp>>(context, "", "sin");
  patterns.add<CallLibm<math::CosOp>>(context, "", "cos");
  patterns.add<CallLibm<math::TanhOp>>(context, "", "tanh");
  patterns.add<CallLibm<math::ErfOp>>(context, "", "erf");
  patterns.add<CallLibm<math::PowFOp>>(context, "powf", "pow");
}

} // namespace ember::cpu
