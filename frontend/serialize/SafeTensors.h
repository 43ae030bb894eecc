// The safetensors format: named tensors and text, in one file.
#pragma once

#include "ember/tensor.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ember::serialize {

struct TensorFile {
  std::vector<std::pair<std::string, Tensor>> tensors; // in file order
  std::map<std::string, std::string> metadata;
};

/// Writes aside, syncs and renames. Throws with the path and what is wrong.
void writeTensorFile(const std::string &path, const TensorFile &content);

/// Reads a whole file. Every size and offset is checked before memory is taken; data must fill the file without holes or
/// overlaps; the header may be 100 MB at most. Throws with the path and what is wrong. Source: the format's description,
/// safetensors 0.5.
TensorFile readTensorFile(const std::string &path);

} // namespace ember::serialize
