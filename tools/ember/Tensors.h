// A model's arguments and results in memory: from .npy files, random, printed.
#pragma once

#include "tools/ember/Model.h"

namespace ember::tool {

struct FreeMemory {
  void operator()(void *memory) const { ember_rt_free(memory); }
};
using OwnedMemory = std::unique_ptr<void, FreeMemory>;

/// The memory of one run. Results may stand in an argument's memory.
class Tensors {
public:
  /// Inputs from files, one each; or random ones where there are no files: floats from a normal distribution, integers and bools
  /// 0 or 1. Throws Mistake where a file does not fit, or a size is not known.
  Tensors(const Model &model, const std::vector<std::string> &files, std::map<std::string, int64_t> givenSizes, uint64_t seed);

  /// The model's generator starts from this seed. Throws Mistake for a model that has none.
  void seedGenerator(uint64_t seed);
  std::vector<void *> arguments() const;
  /// Memory for results, and their pointers for a program with these aliases (Executable::resultAlias).
  std::vector<void *> results(const std::vector<int64_t> &aliases);
  const std::map<std::string, int64_t> &sizes() const { return known; }
  /// A type with numbers for its named sizes.
  mlir::RankedTensorType resolved(mlir::Type type) const;
  mlir::RankedTensorType resultType(unsigned number) const;
  const void *result(unsigned number) const { return resultPointers[number]; }

private:
  void readFiles(const std::vector<std::string> &files);
  void makeRandom(uint64_t seed);
  void checkShape(const std::string &file, unsigned argument, const ember_array &array) const;
  OwnedMemory allocate(mlir::RankedTensorType type) const;

  const Model &model;
  std::map<std::string, int64_t> known;
  std::vector<OwnedMemory> owned, ownedResults; // by argument (null: the model's), by result (null: an argument's)
  std::vector<void *> resultPointers;
};

/// A tensor as PyTorch prints it.
std::string printed(mlir::RankedTensorType type, const void *memory);
/// Writes a .npy file. Throws Mistake for a dtype that .npy has not, and for errors of the system.
void writeNpy(const std::string &path, mlir::RankedTensorType type, const void *memory);
/// The number of a dtype at the C interface; nothing where it has none.
std::optional<uint32_t> dtypeNumber(mlir::Type element);

} // namespace ember::tool
