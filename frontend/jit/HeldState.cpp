#include "jit/HeldState.h"

#include "ir/Signature.h"
#include "record/Storage.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace ember::jit {

std::vector<HeldTensor> stateOf(const nn::Module &module) {
  std::vector<HeldTensor> state;
  for (const auto &[name, tensor] : module.state_dict()) // detached from what the module has
    if (!tensor.impl->parent->isView())
      state.push_back({name, tensor.impl->storage->base});
  return state;
}

// The names of memory that stands at `arguments`, where some has several.
static void nameState(func::FuncOp main, const std::vector<HeldTensor> &state, const std::vector<record::NodeRef> &memory,
                      unsigned inputs) {
  std::vector<ir::StateName> names;
  for (const HeldTensor &own : state)
    names.push_back({own.name, inputs + static_cast<unsigned>(llvm::find(memory, own.memory) - memory.begin())});
  llvm::DenseSet<unsigned> arguments;
  if (!llvm::all_of(names, [&](const ir::StateName &own) { return arguments.insert(own.argument).second; }))
    ir::setStateNames(main, names);
}

void holdState(func::FuncOp main, std::vector<record::NodeRef> &memory, const std::vector<HeldTensor> &state) {
  unsigned inputs = main.getNumArguments() - memory.size(), before = main.getNumArguments();
  std::vector<record::NodeRef> arranged;
  for (const HeldTensor &own : state)
    if (!llvm::is_contained(arranged, own.memory))
      arranged.push_back(own.memory);
  size_t held = arranged.size();
  for (const record::NodeRef &node : memory)
    if (!llvm::is_contained(llvm::ArrayRef(arranged).take_front(held), node))
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
  nameState(main, state, memory, inputs);
}

} // namespace ember::jit
