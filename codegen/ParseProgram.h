// Text of programs: what the compiler's parsers are handed.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>

namespace ember {

/// Throws CompileError, with the place, for text that would bring down the parsers of MLIR and LLVM: they call themselves for
/// each bracket within another, and crash on `array<index`. `name` is the file's.
void checkText(const std::string &text, const std::string &name);

/// A module, or null where the parser has reported why not to the context. Throws as checkText does.
mlir::OwningOpRef<mlir::ModuleOp> parseProgram(const std::string &text, const std::string &name, mlir::MLIRContext &context);

} // namespace ember
