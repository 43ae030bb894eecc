// Memory as the user sees it: storages, views on them, and writes.
#pragma once

#include "record/Recorder.h"

namespace ember::record {

/// What a tensor's contents are now. A write replaces the base by a new value.
struct Storage {
  NodeRef base;
  int64_t version = 0;
  std::shared_ptr<Writes> writes; // since the first
  /// Other contents.
  void replace(NodeRef contents);
};

/// One step from a storage's base to a view.
struct ViewStep {
  enum class Kind {
    Reshape,
    Transpose,
    Slice,
    Expand,
    Detach,
    Leaf,   // the same contents, requiring a gradient: a view on which requires_grad_() was called
    History // the same contents with a gradient of their own: a detached view that was written with one
  };
  Kind kind;
  Shape sizes;                              // of the result
  Shape parameters;                         // Transpose: permutation. Slice: starts, then strides.
  const char *function = "";                // PyTorch's name of it, for printing
  std::shared_ptr<GradSlot> leaf = nullptr; // Leaf: where its gradient is gathered
  NodeRef history = nullptr;                // History: the value whose gradient it has
  bool tracked = gradMode();                // false: made without gradients
};

class TensorImpl {
public:
  std::shared_ptr<Storage> storage;
  std::vector<ViewStep> chain;
  std::shared_ptr<TensorImpl> parent; // a view: what it was taken of
  int64_t versionMade = 0;            // a view: the storage's version then
  bool attached = false;              // a view: made with gradients of what required one
  std::shared_ptr<GradSlot> gradient; // a view, or retain_grad(): where `.grad` is
  std::shared_ptr<HookList> hooks;    // a view that is no leaf: on what it was at this version of the storage
  int64_t hooksVersion = 0;
  NodeRef exposed;          // what data_ptr() gave out the memory of
  bool isParameter = false; // of a module, and printed as such

  Shape sizes() const;
  /// Elements from one to the next along each dimension, as PyTorch would have it in memory.
  Shape strides() const;
  /// Where its first element would be in the storage's memory.
  int64_t offset() const;
  ScalarType dtype() const;
  bool isView() const { return !chain.empty(); }
  /// A view requires a gradient where its base does. Whether it gives one on is another matter.
  bool requiresGrad() const;
  /// Throws as `requireCurrent` does.
  bool isLeaf() const;
  /// A view: its gradient goes on, to what it was taken of. Not so where it was made without gradients, or before its base
  /// required one, until a write with gradients has it made anew.
  bool givesGradientOn() const;
  /// Throws where a view made without gradients would have to be made anew with them: its base was written since.
  void requireCurrent() const;
  /// PyTorch's name of what made it.
  const char *function() const;

  /// Goes on as a view of what it was.
  void become(ViewStep step);

  /// The value that this view was when it was last read; null where that is gone or was written since. Autograd knows a view
  /// by that value, and what was made of it has it as operand. On the thread that made the view alone.
  mlir::Value identity(const Recorder &recorder) const;
  void setIdentity(const Recorder &recorder, mlir::Value value);
  const Recorder *maker = nullptr;

private:
  Recorded *record = nullptr;
  uint64_t number = 0; // of the record: it may have been taken by another value
  int64_t version = 0; // of the storage
};

/// A dimension counted from the end as one from the front. Throws PyTorch's text where there is none.
int64_t wrapDim(int64_t dim, int64_t rank);
std::string shapeText(const Shape &shape);
/// `full` of what the dtype may not have: numbers of arithmetic wrap.
Tensor filled(Shape shape, double value, ScalarType dtype, Here where = Here::current());
/// A tensor of its own storage.
Tensor tensorOf(NodeRef node);
/// A view one step on.
Tensor viewOf(const Tensor &tensor, ViewStep step);
/// Strides of `to` over the memory of a tensor of these sizes and strides; nothing where it cannot be a view of that.
std::optional<Shape> reshapedStrides(const Shape &from, const Shape &strides, const Shape &to);
/// The value of a tensor, for use as an operand.
mlir::Value read(const Tensor &tensor);
/// Whether a view requires a gradient that goes nowhere.
bool goesNowhere(const Tensor &tensor);
/// The node of a tensor's value.
NodeRef nodeOf(const Tensor &tensor);
/// Memory with a tensor's values, row-major, computed now if it must be.
std::shared_ptr<Buffer> contents(const Tensor &tensor);
/// Replaces a tensor's contents, through its views, with the rules for leaves. `function`: PyTorch's name of the write.
void write(const Tensor &tensor, mlir::Value value, const char *function = "");
/// The same of a write over all that was there: what it replaces has a gradient, of zeros.
void overwrite(const Tensor &target, mlir::Value value, const char *function);
/// Writes one tensor's values over another's, broadcast and cast to them.
Tensor &copyOver(Tensor &target, const Tensor &source, Here where, const char *function);
/// The hooks of what a tensor is to autograd now: of a leaf those that stay with it, of others those of the value.
std::shared_ptr<HookList> hooksFor(const Tensor &tensor);
/// PyTorch's name of a tensor type, as its errors have it.
std::string tensorTypeName(ScalarType dtype);
/// Makes sure that a write to the tensor is allowed.
void requireWritable(const Tensor &tensor);

} // namespace ember::record
