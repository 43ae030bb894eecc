// The innermost loop of contractions, in a function of its own: beside other loops, LLVM keeps their constants in registers and
// puts accumulators on the stack.
#pragma once

#include "codegen/cpu/Emitter.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace ember::cpu {

/// sums[row * sumsStep + column] = (continues ? sums[…] : 0) + sum over k of left[row * leftStep + k] * right[k * rightStep +
/// column] for `rows` rows and `vectors` vectors of columns, one fma chain each in rising k. Packed, left is at [k * rows + row];
/// then `spares` columns more may follow, whose vectors run down the rows (kSpareLanes of them at most), so that a few columns
/// take no vector a row. A step that is not known is an argument.
struct Microkernel {
  mlir::Type compute;
  int64_t rows, vectors, sumsStep;
  std::optional<int64_t> leftStep; // none: packed
  std::optional<int64_t> rightStep;
  bool mayContinue;  // else sums begin at 0
  bool asksAhead;    // for rows of the right operand
  bool isMasked;     // reads only columns below `columnCount` of the right operand
  bool storesMasked; // writes only columns below `columnCount`
  int64_t spares = 0;
  int64_t nextStep = 0; // between rows of the next tile of left, which it asks for where it lies; 0: it does not

  static constexpr unsigned kSpareLanes = 8;

  struct Arguments {
    mlir::Value left, right, rightStep, sums, depth, continues, columnCount, next;
  };
  /// Writes the function into the module, unless it is there, and a call of it.
  void call(Emitter &e, mlir::ModuleOp module, llvm::StringRef prefix, const Arguments &arguments) const;

private:
  void askAhead(Emitter &e, mlir::Value right, mlir::Value k) const;
  void askForNext(Emitter &e, mlir::Value next, mlir::Value k) const;
  std::string nameWith(llvm::StringRef prefix) const;
  void write(Emitter &e, mlir::ModuleOp module, llvm::StringRef name) const;
  mlir::Value spareSum(Emitter &e, mlir::Value sums, mlir::Value continues, int64_t spare) const;
};

} // namespace ember::cpu
