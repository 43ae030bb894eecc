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

using TracedFunction = std::function<Tensor(const std::vector<Tensor> &)>;
using RecordOnce = std::function<Recording(const TracedFunction &, const std::vector<Tensor> &)>;

/// Records the function at several sizes and unifies the recordings. Throws Error, one line.
NamedTrace traceNamedSizes(RecordOnce record, const TracedFunction &function, const std::vector<Tensor> &examples,
                           const TraceOptions &options);

} // namespace ember::jit
