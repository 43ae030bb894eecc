// The kernels that a model is compiled to, for tables.
#pragma once

#include "codegen/kernel/Cost.h"
#include "passes/PlanMemory.h"
#include "tools/ember/Model.h"

namespace ember::tool {

struct KernelFacts {
  std::string generator, ops, types; // `conv2d add relu`; `(f32[4, 8]) -> (f32[4])`
  kernel::Cost cost;
};

struct KernelList {
  std::vector<KernelFacts> kernels; // in order of their launches
  bool isLaidOut = false;           // no size has a name, or all names have numbers
  passes::Certificate certificate;  // where laid out
};
/// The kernels of a model, and its arena for these sizes.
KernelList listKernels(const Model &model, const CompileOptions &options, const std::map<std::string, int64_t> &sizes);

} // namespace ember::tool
