#include "codegen/cpu/MathExpansion.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace ember::cpu {

namespace {

// exp on f32: x = n ln 2 + r, exp(r) by a polynomial of degree 6, times 2^n in two steps, so that results below the normal
// range are rounded and not flushed. Largest error 1 ulp.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type integers = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      integers = vector.clone(integers);
    auto splat = [&](Type of, Attribute value) -> Value {
      if (auto vector = dyn_cast<VectorType>(of))
        value = DenseElementsAttr::get(vector, value);
      return arith::ConstantOp::create(b, cast<TypedAttr>(value));
    };
    auto real = [&](double value) { return splat(type, b.getF32FloatAttr(value)); };
    auto whole = [&](int64_t value) { return splat(integers, b.getI32IntegerAttr(value)); };
    auto fma = [&](Value x, Value y, Value z) -> Value { return math::FmaOp::create(b, x, y, z); };
    auto compare = [&](arith::CmpFPredicate predicate, Value x, Value y) -> Value {
      return arith::CmpFOp::create(b, predicate, x, y);
    };
    auto select = [&](Value c, Value x, Value y) -> Value { return arith::SelectOp::create(b, c, x, y); };

    Value input = op.getOperand();
    Value high = real(89.0), low = real(-104.0);
    Value x = select(compare(arith::CmpFPredicate::OLT, input, high), input, high); // NaN goes to the bound
    x = select(compare(arith::CmpFPredicate::OGT, x, low), x, low);
    Value n = math::RoundEvenOp::create(b, arith::MulFOp::create(b, x, real(1.44269504088896341)));
    Value r = fma(n, real(-0.693145751953125), x);
    r = fma(n, real(-1.428606765330187e-6), r);
    Value p = real(1.3981999e-3);
    for (double coefficient : {8.3334519e-3, 4.1665795e-2, 1.6666664e-1, 5.0e-1, 1.0, 1.0})
      p = fma(p, r, real(coefficient));
    Value exponent = arith::FPToSIOp::create(b, integers, n);
    Value half = arith::ShRSIOp::create(b, exponent, whole(1));
    Value rest = arith::SubIOp::create(b, exponent, half);
    auto power = [&](Value e) -> Value {
      Value bits = arith::ShLIOp::create(b, arith::AddIOp::create(b, e, whole(127)), whole(23));
      return arith::BitcastOp::create(b, type, bits);
    };
    Value result = arith::MulFOp::create(b, arith::MulFOp::create(b, p, power(half)), power(rest));
    Value isNan = compare(arith::CmpFPredicate::UNO, input, input);
    rewriter.replaceOp(op, select(isNan, input, result));
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
  patterns.add<ExpandExp, ScaleLog>(context, PatternBenefit(4));
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
