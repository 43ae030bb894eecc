// Files of an artifact: whole or not there.
#pragma once

#include "codegen/Compiler.h"
#include "runtime/include/ember_rt.h"
#include "llvm/ADT/StringRef.h"
#include <utility>

namespace ember {

/// A file that is there from `commit` on, whole; without it nothing changes. Throws CompileError for errors of the system.
class NewFile {
public:
  NewFile(const std::string &path, llvm::StringRef bytes, bool isExecutable = false) {
    file = ember_rt_file_create(path.c_str(), error, sizeof error);
    if (!file)
      throw CompileError(error);
    if (isExecutable)
      ember_rt_file_make_executable(file);
    if (ember_rt_file_write(file, bytes.data(), bytes.size()) != 0)
      commit();
  }
  ~NewFile() {
    if (file)
      ember_rt_file_close(file, 0, error, sizeof error);
  }
  NewFile(const NewFile &) = delete;
  void commit() {
    if (ember_rt_file_close(std::exchange(file, nullptr), 1, error, sizeof error) != 0)
      throw CompileError(error);
  }

private:
  ember_file *file;
  char error[512];
};

} // namespace ember
