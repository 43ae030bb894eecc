// What the cpu generators write with: scalars and 1-D vectors on plain pointers.
#pragma once

#include "codegen/kernel/Group.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/DenseMap.h"

namespace ember::cpu {

/// The compute type of an element: f32 for bf16 and f16, signless integers, the dtype else.
mlir::Type computeType(mlir::Type element);

/// Elements so far apart are still read as whole vectors; beyond, each by itself.
constexpr int64_t kMostStride = 4;

/// A generator's output: one function being written, its buffers and what its index variables are bound to.
class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc, ir::Space &space, unsigned lanes)
      : builder(builder), loc(loc), space(space), lanes(lanes) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;
  ir::Space &space;
  /// f32 lanes of the target's registers: 8 or 16. Wider dtypes use several registers, so that results do not depend on it.
  unsigned lanes;

  mlir::Value fault; // pointer to the fault slot

  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b) { return mlir::arith::AddIOp::create(builder, loc, a, b); }
  mlir::Value sub(mlir::Value a, mlir::Value b) { return mlir::arith::SubIOp::create(builder, loc, a, b); }
  mlir::Value mul(mlir::Value a, mlir::Value b) { return mlir::arith::MulIOp::create(builder, loc, a, b); }
  mlir::Value div(mlir::Value a, mlir::Value b) { return mlir::arith::DivUIOp::create(builder, loc, a, b); } // of what is >= 0
  mlir::Value minimum(mlir::Value a, mlir::Value b) { return mlir::arith::MinSIOp::create(builder, loc, a, b); }
  mlir::Value maximum(mlir::Value a, mlir::Value b) { return mlir::arith::MaxSIOp::create(builder, loc, a, b); }
  mlir::Value zero(mlir::Type type) {
    return mlir::arith::ConstantOp::create(builder, loc, mlir::cast<mlir::TypedAttr>(builder.getZeroAttr(type)));
  }
  mlir::Value less(mlir::Value a, mlir::Value b) {
    return mlir::arith::CmpIOp::create(builder, loc, mlir::arith::CmpIPredicate::slt, a, b);
  }
  mlir::Type vectorOf(mlir::Type element) { return mlir::VectorType::get({lanes}, element); }
  mlir::Value broadcast(mlir::Value scalar);
  /// 0, 1, …, lanes - 1 as i64.
  mlir::Value laneNumbers();
  /// The lanes whose number times `stride` plus `offset` is in [0, bound); all i64, the bound below 2^31.
  mlir::Value lanesInside(mlir::Value offset, mlir::Value bound, int64_t stride = 1);
  /// The first `count` lanes (all where there are fewer).
  mlir::Value firstLanes(mlir::Value count);

  /// `for (i = low; i < high; i += step) body(i)`.
  void loop(mlir::Value low, mlir::Value high, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  /// The same with values carried from turn to turn.
  llvm::SmallVector<mlir::Value> loop(mlir::Value low, mlir::Value high, int64_t step, mlir::ValueRange initial,
                                      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);
  /// body(base, active) for vectors of [low, high): once for whole ones, and once, masked, for what is left. `isWhole`: nothing
  /// is.
  void laneLoop(mlir::Value low, mlir::Value high, bool isWhole, llvm::function_ref<void(mlir::Value, mlir::Value)> body);
  void branch(mlir::Value condition, llvm::function_ref<void()> body);

  mlir::Value elementPointer(mlir::Value buffer, mlir::Type element, mlir::Value index);
  /// Reads storage into the compute type. `mask` may be null. Scalar: not read where the mask is false (0 instead).
  mlir::Value load(mlir::Value buffer, mlir::Type element, mlir::Value index, mlir::Value mask = {});
  /// `otherwise`: what lanes that the mask leaves out get (null: 0).
  mlir::Value loadVector(mlir::Value buffer, mlir::Type element, mlir::Value index, mlir::Value mask = {},
                         mlir::Value otherwise = {});
  /// Every `stride`th element from `index` on, 2 <= stride <= kMostStride: whole vectors, of which lanes are picked.
  mlir::Value loadStrided(mlir::Value buffer, mlir::Type element, mlir::Value index, int64_t stride, mlir::Value mask = {});
  mlir::Value gather(mlir::Value buffer, mlir::Type element, mlir::Value indices, mlir::Value mask = {});
  /// Writes a compute value as storage; the walker has rounded it to the dtype already.
  void store(mlir::Value value, mlir::Value buffer, mlir::Type element, mlir::Value index);
  void storeVector(mlir::Value value, mlir::Value buffer, mlir::Type element, mlir::Value index, mlir::Value mask = {});
  /// Writes lane l of value p to element index + l * count + p; from the `limit`th element on none (null: all).
  void storeInterleaved(llvm::ArrayRef<mlir::Value> values, mlir::Value buffer, mlir::Type element, mlir::Value index,
                        mlir::Value limit = {});
  /// Asks for the cache line of an element, which need not exist.
  void prefetch(mlir::Value buffer, mlir::Type element, mlir::Value index, bool toWrite = false);
  void scatter(mlir::Value value, mlir::Value buffer, mlir::Type element, mlir::Value indices, mlir::Value mask = {});

  /// A compute value rounded to what the dtype can hold (bf16, f16), still in the compute type.
  mlir::Value roundTo(mlir::Value value, mlir::Type element);

private:
  mlir::Value maskedLoad(mlir::Value pointer, mlir::Value mask, mlir::Value otherwise, mlir::Type storage);
  mlir::Value fromStorage(mlir::Value stored, mlir::Type element);
  mlir::Value toStorage(mlir::Value value, mlir::Type element);
};

} // namespace ember::cpu
