// What the memory that a recorded program reads is called.
#pragma once

#include "ember/nn/module.h"
#include "ir/Signature.h"
#include "record/Recorder.h"

namespace ember::jit {

/// Names and roles by node.
using Names = llvm::DenseMap<record::Node *, ir::ArgumentInfo>;

/// Parameters and buffers of a module, by path.
Names namesOf(const nn::Module &module);
/// The name of a node, or one for the number-th piece of memory that no module names: a leaf of autograd is a parameter, all else
/// was a tensor of its own.
ir::ArgumentInfo nameOf(const Names &names, const record::Node &node, size_t number);
/// The same contents as a tensor of its own: an example may also be a weight, or be looked at by others.
Tensor ownInput(const Tensor &example);
/// A C name from a path: the file's stem, where `name` is empty.
std::string artifactName(const std::string &path, const std::string &name);

} // namespace ember::jit
