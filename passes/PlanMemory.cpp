// Lifetimes follow from the order of kernels; where slots lie, the runtime says (ember_rt_place): here when sizes are numbers, at
// entry when they have names, so that a program packs its arena as tightly for every size.
#include "passes/PlanMemory.h"

#include "ir/EmberDialect.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Kernel.h"
#include "runtime/include/ember_rt.h"
#include <new>

using namespace mlir;
using namespace ember::ir;

namespace ember::passes {

namespace {

using Sizes = std::map<std::string, int64_t>;

SizeExpr bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return elementCount(type) * SizeExpr(byteWidth(type.getElementType()));
}

Certificate place(ArrayRef<Slot> slots, const Sizes &sizes, SmallVectorImpl<int64_t> &offsets) {
  std::vector<ember_lifetime> items;
  for (const Slot &slot : slots) {
    int64_t bytes = slot.bytes.evaluate(sizes);
    if (bytes < 0 || bytes > INT64_MAX / 4)
      throw std::bad_alloc();
    items.push_back({ember_rt_padded_bytes(bytes), slot.first, slot.last, 0});
  }
  ember_arena arena;
  if (ember_rt_place(items.data(), items.size(), &arena) != 0)
    throw std::bad_alloc();
  for (const ember_lifetime &item : items)
    offsets.push_back(item.offset);
  return {arena.bytes, arena.live_bytes};
}

// Slots of the arena, and the pairs of a kernel's result and operand that share one.
struct Layout {
  struct Pair {
    KernelOp kernel;
    int64_t result, operand;
  };
  SmallVector<Slot> slots;
  llvm::DenseMap<Value, unsigned> slotOf;
  SmallVector<Pair> inPlace;
};

class Planner {
public:
  Planner(func::FuncOp function, const TargetModel &target)
      : function(function), target(target), block(function.getBody().front()) {
    for (Operation &op : block.without_terminator())
      kernels.push_back(cast<KernelOp>(op));
    for (auto [number, kernel] : llvm::enumerate(kernels)) {
      order[kernel] = number;
      for (Value input : kernel.getInputs())
        lastUses[input] = number;
    }
    for (Value returned : block.getTerminator()->getOperands())
      lastUses[returned] = kernels.size();
    findDonated();
  }

  MemoryPlan run() {
    for (BlockArgument argument : function.getArguments())
      plan.places[argument] = {Place::Kind::Argument, argument.getArgNumber()};
    placeResults();
    placeArena();
    return std::move(plan);
  }

private:
  int64_t lastUse(Value value) const {
    auto known = lastUses.find(value);
    return known == lastUses.end() ? -1 : known->second;
  }

  void findDonated() {
    for (BlockArgument argument : function.getArguments())
      if (auto preferred = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), "ember.donated")) {
        if (preferred.getInt() >= 0)
          donatedTo[preferred.getInt()].push_back(argument);
        else
          donatedToAny[argument.getType()].push_back(argument);
      }
  }

  void placeResults() {
    OperandRange returned = block.getTerminator()->getOperands();
    plan.resultAlias.assign(returned.size(), -1);
    int64_t lastFault = -1;
    for (auto [number, kernel] : llvm::enumerate(kernels))
      if (target.mayFault(kernel))
        lastFault = number;
    for (auto [number, value] : llvm::enumerate(returned)) {
      assert(value.getDefiningOp() && !plan.places.count(value) && "results are distinct values of kernels");
      plan.places[value] = {Place::Kind::Result, static_cast<unsigned>(number)};
      takeOver(number, value, lastFault);
    }
  }

  // A donated argument whose last read is not after the kernel that writes the result, and in it only at the written address.
  void takeOver(unsigned number, Value value, int64_t lastFault) {
    auto kernel = cast<KernelOp>(value.getDefiningOp());
    int64_t written = order.lookup(kernel);
    if (written <= lastFault)
      return;
    for (SmallVector<BlockArgument> *offered : {&donatedTo[number], &donatedToAny[value.getType()]})
      for (BlockArgument argument : *offered) {
        int64_t read = lastUse(argument);
        if (argument.getType() != value.getType() || read > written)
          continue;
        if (read == written) {
          std::optional<unsigned> operand = sharedOperand(kernel, value, argument);
          if (!operand)
            continue;
          markInPlace({kernel, cast<OpResult>(value).getResultNumber(), *operand});
        }
        llvm::erase(*offered, argument);
        plan.resultAlias[number] = argument.getArgNumber();
        return;
      }
  }

  // The number of the operand that a kernel's result may be written over.
  std::optional<unsigned> sharedOperand(KernelOp kernel, Value result, Value operand) {
    unsigned number = cast<OpResult>(result).getResultNumber();
    for (auto [pairResult, pairOperand] : inPlacePairs(kernel))
      if (pairResult == number && kernel.getInputs()[pairOperand] == operand)
        return pairOperand;
    return std::nullopt;
  }

  ArrayRef<std::pair<unsigned, unsigned>> inPlacePairs(KernelOp kernel) {
    auto [known, isNew] = pairs.try_emplace(kernel);
    if (isNew)
      known->second = target.inPlacePairs(kernel);
    return known->second;
  }

  static void markInPlace(Layout::Pair pair) {
    SmallVector<int64_t> all;
    if (auto known = pair.kernel.getInPlace())
      llvm::append_range(all, *known);
    all.append({pair.result, pair.operand});
    pair.kernel.setInPlace(all);
  }

  // Sharing is taken up where it pays: a kernel that writes over an operand cannot say that its buffers are apart.
  void placeArena() {
    Layout apart = layOut(false), shared = layOut(true);
    Sizes sizes = typicalSizes(apart);
    SmallVector<int64_t> offsets, sharedOffsets;
    int64_t apartBytes = place(apart.slots, sizes, offsets).arenaBytes;
    bool shares = !shared.inPlace.empty() && place(shared.slots, sizes, sharedOffsets).arenaBytes <= apartBytes - apartBytes / 8;
    Layout &chosen = shares ? shared : apart;
    llvm::for_each(chosen.inPlace, markInPlace);
    for (auto [value, slot] : chosen.slotOf)
      plan.places[value] = {Place::Kind::Arena, slot};
    plan.slots = std::move(chosen.slots);
    plan.isStatic = sizes.empty();
    if (!plan.isStatic)
      return;
    offsets.clear();
    plan.certificate = place(plan.slots, {}, offsets);
    for (auto [slot, offset] : llvm::zip_equal(plan.slots, offsets))
      slot.offset = offset;
  }

  // Every name in the function, with a size to weigh layouts by.
  Sizes typicalSizes(const Layout &layout) {
    Sizes sizes;
    for (const Slot &slot : layout.slots)
      for (const auto &[names, coefficient] : slot.bytes.terms())
        for (const std::string &name : names)
          sizes[name] = 64;
    return sizes;
  }

  Layout layOut(bool shares) {
    Layout layout;
    for (auto [number, kernel] : llvm::enumerate(kernels)) {
      llvm::DenseSet<unsigned> claimed;
      for (Value result : kernel.getOutputs()) {
        if (plan.places.count(result))
          continue;
        int64_t first = number, last = std::max(first, lastUse(result));
        if (shares && shareOperand(layout, kernel, result, claimed, last))
          continue;
        layout.slotOf[result] = layout.slots.size();
        layout.slots.push_back({bytesOf(result), first, last});
      }
    }
    return layout;
  }

  bool shareOperand(Layout &layout, KernelOp kernel, Value result, llvm::DenseSet<unsigned> &claimed, int64_t last) {
    for (Value operand : kernel.getInputs()) {
      auto slot = layout.slotOf.find(operand);
      if (slot == layout.slotOf.end() || operand.getType() != result.getType() || lastUse(operand) != order.lookup(kernel))
        continue;
      std::optional<unsigned> number = sharedOperand(kernel, result, operand);
      if (!number || !claimed.insert(slot->second).second)
        continue;
      unsigned own = slot->second;
      layout.slots[own].last = last;
      layout.slotOf[result] = own;
      layout.inPlace.push_back({kernel, cast<OpResult>(result).getResultNumber(), *number});
      return true;
    }
    return false;
  }

  func::FuncOp function;
  const TargetModel &target;
  Block &block;
  SmallVector<KernelOp> kernels;
  llvm::DenseMap<Operation *, int64_t> order;
  llvm::DenseMap<Value, int64_t> lastUses;
  llvm::DenseMap<unsigned, SmallVector<BlockArgument>> donatedTo; // a result by number
  llvm::DenseMap<Type, SmallVector<BlockArgument>> donatedToAny;
  llvm::DenseMap<Operation *, SmallVector<std::pair<unsigned, unsigned>>> pairs;
  MemoryPlan plan;
};

} // namespace

MemoryPlan planMemory(func::FuncOp function, const TargetModel &target) { return Planner(function, target).run(); }

Certificate MemoryPlan::offsetsFor(const Sizes &sizes, SmallVectorImpl<int64_t> &offsets) const {
  return place(slots, sizes, offsets);
}

static std::string placeText(const MemoryPlan &plan, Value value, ArrayRef<int64_t> offsets) {
  const Place &place = plan.places.find(value)->second;
  if (place.kind == Place::Kind::Argument)
    return "argument " + std::to_string(place.number);
  if (place.kind == Place::Kind::Result) {
    int64_t alias = plan.resultAlias[place.number];
    return "result " + std::to_string(place.number) + (alias < 0 ? "" : " in argument " + std::to_string(alias));
  }
  const Slot &slot = plan.slots[place.number];
  std::string offset = place.number < offsets.size() ? std::to_string(offsets[place.number]) : "?";
  return "arena " + offset + ", " + slot.bytes.str() + " bytes, kernels " + std::to_string(slot.first) + " to " +
         std::to_string(slot.last);
}

std::string describePlan(func::FuncOp function, const MemoryPlan &plan, const Sizes &sizes) {
  std::string text;
  llvm::raw_string_ostream out(text);
  SmallVector<int64_t> offsets;
  Certificate certificate;
  bool isKnown = plan.isStatic || !sizes.empty();
  if (isKnown)
    certificate = plan.offsetsFor(sizes, offsets);
  for (auto [number, kernel] : llvm::enumerate(function.getBody().front().getOps<KernelOp>())) {
    out << "// kernel " << number << " \"" << kernel.getLabel() << "\":";
    llvm::interleave(kernel.getOutputs(), out, [&](Value output) { out << " " << placeText(plan, output, offsets); }, ";");
    out << "\n";
  }
  if (isKnown)
    out << "// arena: " << certificate.arenaBytes << " bytes; the largest set of live bytes: " << certificate.liveBytes << "\n";
  else
    out << "// arena: laid out at entry, when the sizes are known\n";
  return text;
}

} // namespace ember::passes
