// Recording a function for sizes that have names.
#pragma once

#include "ember/jit.h"
#include "jit/NamedSizes.h"

namespace ember::jit {

/// A graph whose types hold the names of sizes (attributes `ember.size.NAME`: their ranges), and the memory of its arguments
/// after the inputs.
struct NamedTrace {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<record::NodeRef> memory;
};

/// Records what is traced once, for these inputs.
using RecordOnce = llvm::function_ref<Recording(const std::vector<Tensor> &inputs)>;

/// Records at several sizes near the examples' and unifies the recordings; the first is the one whose memory is kept. Throws
/// Error, one line.
NamedTrace traceNamedSizes(RecordOnce record, const std::vector<Tensor> &examples, const TraceOptions &options);

} // namespace ember::jit
