// Typed calls of an artifact's C header: inputs and outputs as members of a struct, with their names and C types.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>

namespace ember {

/// `float`, `int64_t`; of an element that C has not, the integer that holds its bits.
std::string cTypeOf(mlir::Type element);
/// A name as the text of a comment on one line.
std::string commentText(llvm::StringRef name);

/// What a function gives: outputs, or the loss alone.
enum class CallKind { Run, Step };

/// The structs FUNCTION_inputs and FUNCTION_outputs of a program, and FUNCTION_typed, an inline function that calls `function`
/// with them. Named sizes are members, too. Compiles as C99 and C++, whatever the names are.
std::string typedCall(const std::string &function, mlir::func::FuncOp main, CallKind kind);

} // namespace ember
