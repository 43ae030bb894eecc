// A generator takes a group of ops as one kernel of its family, or says why not.
#pragma once

#include "codegen/kernel/Parts.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace ember::kernel {

/// One compiled function of a kernel and how it is launched over [0, extent).
struct KernelCode {
  std::string symbol;            // the function's name in its module, or the runtime's
  ir::SizeExpr extent;           // units of work
  int64_t grain = 1;             // ranges are multiples of it
  double nanosecondsPerUnit = 1; // an estimate
  ir::SizeExpr scratchBytes;     // per thread
  bool canFault = false;         // loads indices that may be out of range
};

class Generator {
public:
  virtual ~Generator() = default;
  virtual llvm::StringRef name() const = 0;
  /// Why the group cannot be a kernel of this family; empty when it can. Builds no IR.
  virtual std::string refuse(const Group &group) const = 0;
  /// What runs as a kernel of its own, in any order: the whole group, where the generator does not say otherwise.
  virtual std::vector<Part> parts(const Group &group) const { return {wholeOf(group)}; }
  /// Writes the kernel's functions into `module`. The entry has the signature of ember_kernel_fn.
  virtual KernelCode emit(const Group &group, mlir::ModuleOp module, llvm::StringRef symbol, unsigned lanes) const = 0;
};

/// Names of all dynamic sizes in the types of a group, sorted: the kernel's parameters, in this order.
std::vector<std::string> sizeNames(const Group &group);

/// Whether a view of the group reads at indices known only at run time, which may be out of range.
bool loadsIndices(const Group &group);

} // namespace ember::kernel
