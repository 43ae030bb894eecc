// Random valid programs: a graph of every kind of op on every dtype, its loss, and the gradients of that.
#pragma once

#include "ir/SizeExpr.h"
#include "ir/interpret/ReferenceTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ember::tests {

struct GraphArgument {
  enum class Holds { Numbers, Positive, Indices, State, Probability, Flag } holds;
  ir::SizeExpr bound; // of indices: each is below it
};

struct RandomGraph {
  mlir::OwningOpRef<mlir::ModuleOp> module; // a function `main`
  std::vector<GraphArgument> arguments;
  std::map<std::string, int64_t> sizes; // of the names in its types

  mlir::func::FuncOp function() const { return module.get().lookupSymbol<mlir::func::FuncOp>("main"); }
};

struct GraphShape {
  int length;                  // about as many forward ops
  int64_t mostElements = 3000; // of a value
};

/// The graph of a seed: equal seeds give equal graphs.
RandomGraph randomGraph(mlir::MLIRContext &context, uint32_t seed, GraphShape shape);

/// The type with its names resolved.
mlir::RankedTensorType resolved(const RandomGraph &graph, mlir::Type type);

/// Arguments of a graph: ordinary numbers, and with `special` every ninth one NaN, an infinity, a zero, a denormal or huge.
std::vector<ir::ReferenceTensor> randomArguments(const RandomGraph &graph, uint32_t seed, bool special);

} // namespace ember::tests
