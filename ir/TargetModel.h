// What passes know of a target: which groups of ops one kernel can take, and at what cost.
#pragma once

#include "mlir/IR/Operation.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <utility>

namespace ember::ir {

/// A target's word on a group of ops as one kernel.
struct Verdict {
  std::string generator; // empty: refused
  double nanoseconds = 0;
  int64_t scratchBytes = 0; // per thread
  std::string reason;       // why refused, in one printable line
  bool accepted() const { return !generator.empty(); }
};

class TargetModel {
public:
  virtual ~TargetModel() = default;
  virtual llvm::StringRef name() const = 0;
  /// Can these ops (in order; one block) be one kernel whose results are `outputs`, and at what cost? Builds no IR.
  virtual Verdict consider(llvm::ArrayRef<mlir::Operation *> group, llvm::ArrayRef<mlir::Value> outputs) const = 0;
  /// The pairs (result, operand) of a kernel op whose memory may be shared: every read of the operand is at the
  /// address of the result's write.
  virtual llvm::SmallVector<std::pair<unsigned, unsigned>> inPlacePairs(mlir::Operation *kernel) const = 0;
  /// Whether the kernel reads at indices that may be out of range.
  virtual bool mayFault(mlir::Operation *kernel) const = 0;
  virtual int64_t alignment() const { return 64; }
};

} // namespace ember::ir
