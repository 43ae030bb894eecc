// A shared library that ember compiled: its signature, as its record says, and its functions.
#pragma once

#include "tools/ember/Model.h"

namespace ember::tool {

/// A program of an artifact: what it takes and gives, as a model without ops, and its work (`kernel::Cost`, all kernels).
struct NativeProgram {
  std::string function; // `net_run`, `net_step`, `net_predict`
  Model signature;
  ir::SizeExpr flops, bytes;
};

class NativeLibrary {
public:
  /// Reads the record, then loads the library. Throws Mistake where the file is no shared library of ember's, of another version,
  /// or cannot be loaded.
  NativeLibrary(const std::string &path, unsigned threads, Session &session);
  ~NativeLibrary();
  NativeLibrary(const NativeLibrary &) = delete;

  /// The step first, where it trains.
  const std::vector<NativeProgram> &programs() const { return all; }
  /// Calls a program. `outputs`: memory for each; the loss of a step is not kept. Throws Mistake with the library's own line.
  void call(const NativeProgram &program, const std::vector<ember_tensor> &inputs, std::vector<ember_tensor> &outputs);

private:
  template <typename Function> Function *symbol(const std::string &own) const;
  void read(const std::string &record, Session &session);

  std::string path, name;
  std::vector<NativeProgram> all;
  void *handle = nullptr;
  ember_model *model = nullptr;
};

} // namespace ember::tool
