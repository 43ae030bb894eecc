// Which op of a program, and which place in its source, an op came from: what an error at run time names.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>

namespace ember {

/// Writes into each op's location its number in the function and its name. Passes hand locations down to what they make of an op;
/// neither kernels' keys nor their code hold them.
void numberOps(mlir::func::FuncOp function);
/// The number of the op that something with this location was made from; EMBER_UNKNOWN_OP where it was made from none.
int32_t opNumber(mlir::Location location);
/// `model.cpp:41:9: gather`: file without folders, line, column, and the op's name as it was numbered. Without a place in a file
/// the name alone; empty where the op is unknown.
std::string opPlace(mlir::Location location);

} // namespace ember
