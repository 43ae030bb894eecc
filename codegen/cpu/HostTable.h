// The host program of a planned function: a table of launches for the runtime.
#pragma once

#include "codegen/kernel/Generator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/PlanMemory.h"
#include "runtime/include/ember_rt.h"
#include <deque>
#include <map>
#include <memory>

namespace ember::cpu {

struct LaunchCode {
  kernel::KernelCode code;
  ember_kernel_fn function; // null when the table is written to a file
};

/// An ember_program with the memory that it points into, and its values as size expressions.
struct HostTable {
  ember_program program = {};
  std::vector<ir::SizeExpr> values;
  std::vector<int64_t> staticValues; // when no size is dynamic
  bool isStatic = true;
  std::vector<int64_t> resolve(const std::map<std::string, int64_t> &sizes) const;

  std::vector<ember_launch> launches;
  std::deque<std::vector<ember_buffer_ref>> buffers;
  std::deque<std::vector<uint32_t>> params;
  std::deque<std::string> names;
};

std::unique_ptr<HostTable> buildHostTable(mlir::func::FuncOp function, const passes::MemoryPlan &plan,
                                          llvm::ArrayRef<LaunchCode> code);

} // namespace ember::cpu
