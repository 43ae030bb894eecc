#include "jit/HeldState.h"

#include "record/Storage.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace ember::jit {

std::vector<record::NodeRef> stateOf(nn::Module &module) {
  std::vector<record::NodeRef> state;
  llvm::DenseSet<record::Node *> seen;
  for (const auto &[path, own] : module.named_modules())
    for (const nn::NamedTensors &named : {own->named_parameters(false), own->named_buffers(false)})
      for (const auto &[name, tensor] : named)
        if (const record::NodeRef &base = tensor.impl->storage->base; !tensor.impl->isView() && seen.insert(base.get()).second)
          state.push_back(base);
  return state;
}

void holdState(func::FuncOp main, std::vector<record::NodeRef> &memory, const std::vector<record::NodeRef> &state) {
  unsigned inputs = main.getNumArguments() - memory.size(), before = main.getNumArguments();
  std::vector<record::NodeRef> arranged = state;
  for (const record::NodeRef &node : memory)
    if (!llvm::is_contained(state, node))
      arranged.push_back(node);
  Location loc = main.getLoc();
  for (auto [number, node] : llvm::enumerate(arranged)) {
    unsigned fresh = before + number;
    LogicalResult inserted = main.insertArgument(fresh, node->type, {}, loc);
    assert(succeeded(inserted) && "a function of ours takes further arguments");
    (void)inserted;
    auto known = llvm::find(memory, node);
    if (known != memory.end())
      main.getArgument(inputs + (known - memory.begin())).replaceAllUsesWith(main.getArgument(fresh));
  }
  llvm::BitVector old(main.getNumArguments());
  old.set(inputs, before);
  LogicalResult erased = main.eraseArguments(old);
  assert(succeeded(erased) && "their uses have been replaced");
  (void)erased;
  memory = std::move(arranged);
}

} // namespace ember::jit
