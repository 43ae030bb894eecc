// The host program of a planned function: a table of launches for the runtime.
#pragma once

#include "codegen/kernel/Generator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/PlanMemory.h"
#include "runtime/include/ember_rt.h"
#include <deque>
#include <memory>

namespace ember::cpu {

struct LaunchCode {
  kernel::KernelCode code;
  ember_kernel_fn function; // null when the table is written to a file
};

/// An ember_program with the memory that it points into.
struct HostTable {
  ember_program program = {};
  std::vector<int64_t> staticValues, valueCode; // the first where no size has a name, else the second
  std::vector<std::string> sizeNames;           // sorted
  bool isStatic() const { return sizeNames.empty(); }

  std::vector<ember_launch> launches;
  std::vector<ember_arena_value> arenaValues;
  std::vector<ember_op_place> opPlaces; // by op
  std::vector<const char *> sizeNamePointers;
  std::deque<std::vector<ember_buffer_ref>> buffers;
  std::deque<std::vector<uint32_t>> params;
  std::deque<std::vector<int32_t>> ops; // by launch; empty where it cannot fault
  std::deque<std::string> names, placeTexts;
};

/// A size as the runtime reads it (ember_program.value_code), appended.
void appendSizeCode(const ir::SizeExpr &size, llvm::ArrayRef<std::string> sizeNames, std::vector<int64_t> &code);
std::unique_ptr<HostTable> buildHostTable(mlir::func::FuncOp function, const passes::MemoryPlan &plan,
                                          llvm::ArrayRef<LaunchCode> code);

} // namespace ember::cpu
