#include "codegen/kernel/Parts.h"

#include "passes/OpGroup.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace ember::ir;

namespace ember::kernel {

// The ops of the group that a value comes from.
static void collect(const Group &group, Value value, llvm::SetVector<Operation *> &ops) {
  SmallVector<Value> work{value};
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (group.contains(op) && ops.insert(op))
      llvm::append_range(work, op->getOperands());
  }
}

static Part makePart(const Group &whole, const llvm::SetVector<Operation *> &members, ArrayRef<unsigned> outputs) {
  SmallVector<Operation *> ops;
  for (Operation *op : whole.ops)
    if (members.contains(op))
      ops.push_back(op);
  SmallVector<Value> values;
  for (unsigned number : outputs)
    values.push_back(whole.outputs[number]);
  Part part{Group::of(ops, values), {}};
  part.group.sharesMemory = whole.sharesMemory;
  for (Value input : part.group.inputs)
    part.buffers.push_back(llvm::find(whole.inputs, input) - whole.inputs.begin());
  for (unsigned number : outputs)
    part.buffers.push_back(whole.inputs.size() + number);
  return part;
}

Part wholeOf(const Group &group) {
  return {group, llvm::to_vector(llvm::seq<unsigned>(0, group.inputs.size() + group.outputs.size()))};
}

std::vector<Part> independentParts(const Group &group) {
  std::vector<llvm::SetVector<Operation *>> slices(group.outputs.size());
  llvm::EquivalenceClasses<unsigned> classes;
  llvm::DenseMap<Operation *, unsigned> owner;
  for (unsigned number = 0; number < group.outputs.size(); ++number) {
    classes.insert(number);
    collect(group, group.outputs[number], slices[number]);
    for (Operation *op : slices[number]) {
      if (passes::isFree(op))
        continue;
      auto [known, isNew] = owner.try_emplace(op, number);
      if (!isNew)
        classes.unionSets(known->second, number);
    }
  }
  std::vector<Part> parts;
  for (unsigned number = 0; number < group.outputs.size(); ++number) {
    SmallVector<unsigned> outputs;
    llvm::SetVector<Operation *> members;
    for (unsigned other = 0; other < group.outputs.size(); ++other)
      if (classes.isEquivalent(number, other)) {
        outputs.push_back(other);
        members.insert(slices[other].begin(), slices[other].end());
      }
    if (outputs.front() == number) // once a class
      parts.push_back(makePart(group, members, outputs));
  }
  return parts;
}

std::string textOf(const Group &group) {
  llvm::DenseMap<Value, unsigned> numbers;
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto number = [&](Value value) { stream << ' ' << numbers.try_emplace(value, numbers.size()).first->second; };
  for (Value input : group.inputs) {
    number(input);
    stream << input.getType();
  }
  for (Operation *op : group.ops) {
    stream << '\n' << op->getName() << op->getAttrDictionary();
    llvm::for_each(op->getOperands(), number);
    for (Value result : op->getResults()) {
      number(result);
      stream << result.getType();
    }
  }
  stream << '\n';
  llvm::for_each(group.outputs, number);
  return text;
}

} // namespace ember::kernel
