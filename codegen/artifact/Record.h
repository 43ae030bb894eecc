// What an artifact says of itself: lines of text in a note section, read without running anything of it.
#pragma once

#include "codegen/artifact/Tables.h"

namespace ember {

/// Signatures, sizes by name, hyper-parameters, weights, memory and instruction levels; the same in any folder.
std::string recordText(const ArtifactRequest &request, const CompiledProgram &predict, const CompiledProgram *step);

/// Adds the record as an ELF note, `.note.ember`.
void addRecord(llvm::Module &module, const std::string &text);

/// Whether these are the first bytes of a file that may hold records: an object, library, executable or archive.
bool isNative(llvm::StringRef bytes);
/// The records of the artifacts in a native file's bytes. Throws CompileError, with `path` and what is wrong, where the file is
/// damaged or there is none.
std::vector<std::string> readRecords(llvm::StringRef bytes, const std::string &path);

} // namespace ember
