// What tensor handles hold: memory, or the result of a recorded op, or both.
#pragma once

#include "ember/tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "record/Hooks.h"
#include <memory>
#include <mutex>

namespace ember::record {

class Recorder;
struct Recorded;

/// Row-major memory of one tensor.
struct Buffer {
  explicit Buffer(size_t bytes);
  /// Memory that lives as long as `owner`: a mapped file.
  Buffer(void *data, size_t bytes, std::shared_ptr<const void> owner) : data(data), bytes(bytes), owner(std::move(owner)) {}
  ~Buffer();
  Buffer(const Buffer &) = delete;
  void *data;
  size_t bytes;

private:
  std::shared_ptr<const void> owner; // null: the memory is the buffer's own
};

/// Where the gradient of a leaf is gathered, by any thread.
struct GradSlot {
  Tensor get() const;
  void set(const Tensor &gradient);
  /// Stores `gradient` if `expected` is still there.
  bool replace(const Tensor &expected, const Tensor &gradient);
  /// What gathers here is dropped: nobody can look at it.
  bool isNowhere = false;
  /// Of the leaf.
  HookList hooks;

private:
  mutable std::mutex mutex;
  Tensor gradient;
};

/// A value that something holds. Its op, if any, stands in one recorder and is touched under that recorder's lock alone.
struct Node {
  mlir::RankedTensorType type;
  std::shared_ptr<Buffer> buffer;     // null: not computed yet
  std::shared_ptr<GradSlot> leaf;     // set: autograd stops here and accumulates
  std::shared_ptr<GradSlot> retained; // set by retain_grad(): accumulates, and goes on
  Recorder *recorder = nullptr;       // where it was recorded; null: memory from the start
  Recorded *record = nullptr;         // its op's result; null: no op stands for it now
  const char *function = "";          // PyTorch's name of what made it, for printing
  bool requiresGrad = false;
  bool tapeFreed = false; // a backward has gone through it
};
using NodeRef = std::shared_ptr<Node>;

} // namespace ember::record
