// A traced graph as a module: its ops are recorded again, so it can be differentiated and trained.
#pragma once

#include "ember/nn/module.h"
#include "jit/TracedModule.h"

namespace ember::jit {

class GraphModule : public nn::Module {
public:
  /// Its parameters and buffers start from the trace's values; the trace stays as it is. Throws where the trace has not one input
  /// and one output.
  explicit GraphModule(std::shared_ptr<TracedModule::Impl> trace);
  Tensor forward(const Tensor &input) override;

private:
  void registerState();

  std::shared_ptr<TracedModule::Impl> trace;
  mlir::OwningOpRef<mlir::ModuleOp> copy; // in the recorder's context, where the trace stands in another
  mlir::func::FuncOp main;
  std::vector<Tensor> memory; // of each argument after the input
};

} // namespace ember::jit
