// What a flush computes, as a program of its own.
#pragma once

#include "ir/SizeExpr.h"
#include "record/Recorder.h"

namespace ember::record {

/// A program in canonical order: ops from memory to the roots, producers first.
struct Recorder::Cut {
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::SmallVector<mlir::Value> arguments, results;
  llvm::SmallVector<bool> donated;
  ProgramForm form;

  /// As a module. `dims`: each dimension by names, in the order of `form.sizes`; empty: as they are. Null where no op's shape
  /// rule holds for the names.
  mlir::OwningOpRef<mlir::ModuleOp> outline(llvm::ArrayRef<ir::SizeExpr> dims) const;
};

/// Programs know nothing of the user's rules: a function's result is what its forward gave. Null for other values.
mlir::Value outputBehind(mlir::Value result);

/// The ops with these values as arguments and results of a function `main`.
mlir::OwningOpRef<mlir::ModuleOp> outline(llvm::ArrayRef<mlir::Operation *> ops, llvm::ArrayRef<mlir::Value> arguments,
                                          llvm::ArrayRef<mlir::Value> results, llvm::ArrayRef<bool> donated);

} // namespace ember::record
