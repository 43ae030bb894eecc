// What is not inside an operand of a contraction is no term of its sums, whatever it would be multiplied by.
#pragma once

#include "codegen/cpu/ContractionShape.h"
#include "codegen/cpu/Packing.h"

namespace ember::cpu {

/// Sums are made with zeros where an operand is not inside (the padding of a convolution), which is the same for ordinary
/// numbers. Times an infinity or NaN a zero makes NaN: such sums, and they alone, are made again, term by term.
class AbsentTerms {
public:
  AbsentTerms(Emitter &emitter, Walker &walker, const ContractionShape &shape);

  /// Whether there can be any.
  bool arePossible() const { return possible; }

  /// Finished sums in memory: `rows` x `columns` of them from (row, column) on, a row every `stride` elements.
  struct Sums {
    mlir::Value memory;
    mlir::Type type;
    mlir::Value offset;
    int64_t stride;
    mlir::Value row, rows, column, columns;
    Walk rowWalk, columnWalk;
  };
  void leaveOut(const Sums &sums) const;

private:
  void correct(const Sums &sums, mlir::Value row, mlir::Value column, mlir::Value place) const;
  mlir::Value sumOfTerms(Walker &own, mlir::Type type) const;

  Emitter &e;
  Walker &w;
  const ContractionShape &shape;
  bool possible = false;
};

} // namespace ember::cpu
