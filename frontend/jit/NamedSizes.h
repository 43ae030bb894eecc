// Named sizes of a trace: recordings at several sizes become one graph whose types hold the names.
#pragma once

#include "jit/SizeFit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "record/Recorder.h"

namespace ember::jit {

/// A function recorded at some sizes: a module whose arguments are the inputs, then the memory that it reads. Its results are the
/// outputs, then the next values of as many pieces of memory: the first ones.
struct Recording {
  SizeValues sizes;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<record::NodeRef> memory; // of each argument after the inputs
  mlir::func::FuncOp main() const { return *(*module).getOps<mlir::func::FuncOp>().begin(); }
};

/// One graph for all sizes. Its arguments after the inputs are those of the first recording whose numbers are `kept`.
struct NamedGraph {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<unsigned> kept;
  /// Values that the recordings have as memory or constants, and that follow from sizes: numbers, and tensors of one element.
  llvm::DenseMap<mlir::Value, ir::SizeExpr> numbers;
  llvm::DenseMap<mlir::Value, std::string> fills;
};

/// Unifies recordings at the points of a grid, in its order: the same ops, whose sizes, and whose numbers made of sizes, become
/// polynomials of the names. Throws an Error of one line with the op and its place where they differ in another way.
NamedGraph unify(const std::vector<Recording> &recordings, unsigned inputCount, const SizeGrid &grid);

/// Whether a recording at other sizes (0 and 1, where views may be left out) means what the graph means at these sizes.
bool agrees(const NamedGraph &graph, const std::vector<Recording> &recordings, unsigned inputCount, const Recording &special);

} // namespace ember::jit
