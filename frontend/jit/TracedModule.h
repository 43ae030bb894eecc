// What a traced module holds: a program with names and the memory of its weights. Nothing of the recorder.
#pragma once

#include "ember/jit.h"
#include "ir/Signature.h"
#include "ir/SizeBinding.h"
#include "record/Recorder.h"

namespace ember::jit {

struct TracedModule::Impl {
  /// Set where the program does not stand in the recorder's context.
  std::unique_ptr<mlir::MLIRContext> ownContext;
  /// Function `main`: the inputs, then all else (parameters, buffers, constants, states); names and roles are attributes
  /// (ir/Signature.h).
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Memory of each argument after the inputs. Programs that run meanwhile do not write it: it has a holder here. A state (a
  /// result's `updates`) gets its next value with every run; the generator's is the default generator's.
  std::vector<std::shared_ptr<record::Buffer>> weights;
  std::shared_ptr<Executable> executable;

  mlir::func::FuncOp main() const;
  size_t inputCount() const;
  /// The sizes by name of these inputs. Throws where they do not fit the signature.
  ir::SizeValues bind(const std::vector<Tensor> &inputs) const;
  bool hasStates() const;
  /// Runs with the weights after `arguments`; results that are next states go where they belong.
  RunFault runWithStates(std::vector<void *> &arguments, const std::vector<void *> &results, const std::vector<Tensor> &values,
                         const ir::SizeValues &sizes);
  std::mutex mutex; // held by runs that have states
};

} // namespace ember::jit
