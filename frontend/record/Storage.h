// Memory as the user sees it: storages, views on them, and writes.
#pragma once

#include "record/Recorder.h"

namespace ember::record {

/// What a tensor's contents are now. A write replaces the base by a new value.
struct Storage {
  NodeRef base;
  int64_t version = 0;
};

/// One step from a storage's base to a view.
struct ViewStep {
  enum class Kind { Reshape, Transpose, Slice, Expand, Detach };
  Kind kind;
  Shape sizes;      // of the result
  Shape parameters; // Transpose: permutation. Slice: starts, then strides.
};

class TensorImpl {
public:
  std::shared_ptr<Storage> storage;
  std::vector<ViewStep> chain;
  bool viewRequiresGrad = true; // false: a detached view

  Shape sizes() const;
  ScalarType dtype() const;
  bool isView() const { return !chain.empty(); }
};

/// A tensor of its own storage.
Tensor tensorOf(NodeRef node);
/// A view one step on.
Tensor viewOf(const Tensor &tensor, ViewStep step);
/// The value of a tensor, for use as an operand.
mlir::Value read(const Tensor &tensor);
/// The node of a tensor's value.
NodeRef nodeOf(const Tensor &tensor);
/// Memory with a tensor's values, row-major, computed now if it must be.
std::shared_ptr<Buffer> contents(const Tensor &tensor);
/// Replaces a tensor's contents, through its views, with the rules for leaves.
void write(const Tensor &tensor, mlir::Value value);
/// Throws: a value that a gradient needs was the contents of a storage that has been written since.
[[noreturn]] void refuseOverwritten(mlir::Value value);
/// Makes sure that a write to the tensor is allowed.
void requireWritable(const Tensor &tensor);

} // namespace ember::record
