// Checkpoints: model, optimizer, generator and scheduler in one file.
#pragma once

#include "ember/nn/module.h"
#include "ember/optim.h"

namespace ember {

/// What a checkpoint holds; parts that are null are left out.
struct Checkpoint {
  nn::Module *model = nullptr;
  optim::Optimizer *optimizer = nullptr;
  Generator *generator = nullptr;
  optim::LRScheduler *scheduler = nullptr;
};

/// Writes a safetensors file: tensors by name (`model.0.weight`, `optimizer.0.exp_avg`, `generator`), options and the scheduler
/// in its metadata. A tensor that the model has under several names stands under the first. The old or the new file is there at
/// any moment, never a part. Throws with the path and what is wrong.
void save(const Checkpoint &checkpoint, const std::string &path, Here where = Here::current());
/// Reads what `save` wrote into these parts, in place. Nothing is changed when the file is not whole or does not fit.
void load(const Checkpoint &checkpoint, const std::string &path, Here where = Here::current());

} // namespace ember
