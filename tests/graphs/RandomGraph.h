// Random valid programs: a graph of every kind of op, its loss, and the gradients of that.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <cstdint>
#include <vector>

namespace ember::tests {

struct RandomGraph {
  mlir::OwningOpRef<mlir::ModuleOp> module; // a function `main` of static sizes
  std::vector<int64_t> indexBounds;         // by argument: its elements are indices below this; 0: any number
};

/// The graph of a seed: about `length` forward ops. The same seed gives the same graph.
RandomGraph randomGraph(mlir::MLIRContext &context, uint32_t seed, int length);

} // namespace ember::tests
