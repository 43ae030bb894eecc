#include "codegen/cpu/HostTable.h"

#include "codegen/OpPlaces.h"
#include "ir/EmberDialect.h"
#include "ir/ops/Kernel.h"
#include <map>

using namespace mlir;
using namespace ember::ir;

namespace ember::cpu {

namespace {

class Builder {
public:
  Builder(func::FuncOp function, const passes::MemoryPlan &plan, ArrayRef<LaunchCode> code)
      : function(function), plan(plan), code(code), table(std::make_unique<HostTable>()) {}

  std::unique_ptr<HostTable> build() {
    Block &block = function.getBody().front();
    table->sizeNames = sizeNamesOf(function.getArgumentTypes());
    size_t number = 0;
    int64_t scratch = 0;
    for (KernelOp kernel : block.getOps<KernelOp>()) {
      const LaunchCode &own = code[number++];
      if (own.code.canFault)
        table->program.fault_launches = number;
      scratch = std::max(scratch, own.code.scratchBytes.constant().value_or(0));
      addLaunch(kernel, own);
    }
    ember_program &program = table->program;
    program.abi = EMBER_RT_ABI;
    program.argument_count = function.getNumArguments();
    program.result_count = block.getTerminator()->getNumOperands();
    program.launch_count = table->launches.size();
    program.launches = table->launches.data();
    program.arena_bytes = newValue(plan.certificate.arenaBytes);
    program.scratch_bytes = newValue((scratch + 63) / 64 * 64);
    writePlaces();
    writeValues();
    return std::move(table);
  }

private:
  uint32_t newValue(const SizeExpr &size) {
    values.push_back(size);
    return values.size() - 1;
  }
  uint32_t value(const SizeExpr &size) {
    auto [place, isNew] = known.try_emplace(size, 0);
    if (isNew)
      place->second = newValue(size);
    return place->second;
  }

  // What every op of a kernel that can fault was in the program as it was recorded.
  std::vector<int32_t> opsOf(KernelOp kernel) {
    std::vector<int32_t> numbers;
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      numbers.push_back(opNumber(op.getLoc()));
      std::string place = opPlace(op.getLoc());
      if (!place.empty())
        places.try_emplace(numbers.back(), place);
    }
    return numbers;
  }

  void writePlaces() {
    for (const auto &[op, text] : places)
      table->opPlaces.push_back({op, table->placeTexts.emplace_back(text).c_str()});
    table->program.op_places = table->opPlaces.data();
    table->program.op_place_count = table->opPlaces.size();
  }

  // Numbers, or code that computes them and the arena's layout at entry.
  void writeValues() {
    ember_program &program = table->program;
    program.value_count = values.size();
    if (table->isStatic()) {
      for (const SizeExpr &size : values)
        table->staticValues.push_back(*size.constant());
      program.static_values = table->staticValues.data();
      return;
    }
    for (const SizeExpr &size : values)
      appendSizeCode(size, table->sizeNames, table->valueCode);
    for (const std::string &name : table->sizeNames)
      table->sizeNamePointers.push_back(name.c_str());
    program.value_code = table->valueCode.data();
    program.size_names = table->sizeNamePointers.data();
    program.size_count = table->sizeNames.size();
    program.arena_values = table->arenaValues.data();
    program.arena_value_count = table->arenaValues.size();
  }

  // Where a slot of the arena lies; with named sizes the runtime fills the value in.
  uint32_t offsetOf(unsigned slot) {
    const passes::Slot &own = plan.slots[slot];
    if (table->isStatic())
      return value(own.offset);
    auto [place, isNew] = offsets.try_emplace(slot, 0);
    if (isNew) {
      place->second = newValue(0);
      table->arenaValues.push_back(
          {place->second, value(own.bytes), static_cast<int32_t>(own.first), static_cast<int32_t>(own.last)});
    }
    return place->second;
  }

  ember_buffer_ref refOf(Value operand) {
    const passes::Place &place = plan.places.find(operand)->second;
    if (place.kind == passes::Place::Kind::Arena)
      return {EMBER_ARENA, offsetOf(place.number)};
    return {static_cast<uint32_t>(place.kind == passes::Place::Kind::Argument ? EMBER_ARGUMENT : EMBER_RESULT), place.number};
  }

  void addLaunch(KernelOp kernel, const LaunchCode &own) {
    std::vector<ember_buffer_ref> &buffers = table->buffers.emplace_back();
    for (Value input : kernel.getInputs())
      buffers.push_back(refOf(input));
    for (Value output : kernel.getOutputs())
      buffers.push_back(refOf(output));
    std::vector<uint32_t> &params = table->params.emplace_back();
    for (const std::string &name : kernel::sizeNames(kernel::Group::of(kernel)))
      params.push_back(value(SizeExpr::name(name)));
    ember_launch launch = {};
    launch.name = table->names.emplace_back(kernel.getLabel().str()).c_str();
    launch.kernel = own.function;
    launch.buffers = buffers.data();
    launch.params = params.data();
    std::vector<int32_t> &ops = table->ops.emplace_back();
    if (own.code.canFault)
      ops = opsOf(kernel);
    launch.ops = ops.empty() ? nullptr : ops.data();
    launch.buffer_count = buffers.size();
    launch.param_count = params.size();
    launch.extent = value(own.code.extent);
    launch.scratch = value(own.code.scratchBytes);
    launch.grain = own.code.grain;
    launch.nanoseconds_per_unit = own.code.nanosecondsPerUnit;
    table->launches.push_back(launch);
  }

  func::FuncOp function;
  const passes::MemoryPlan &plan;
  ArrayRef<LaunchCode> code;
  std::unique_ptr<HostTable> table;
  std::vector<SizeExpr> values;
  std::map<SizeExpr, uint32_t> known;
  std::map<unsigned, uint32_t> offsets;
  std::map<int32_t, std::string> places; // by op
};

} // namespace

void appendSizeCode(const SizeExpr &size, ArrayRef<std::string> sizeNames, std::vector<int64_t> &code) {
  code.push_back(size.terms().size());
  for (const auto &[factors, coefficient] : size.terms()) {
    code.push_back(coefficient);
    code.push_back(factors.size());
    for (const std::string &factor : factors)
      code.push_back(llvm::lower_bound(sizeNames, factor) - sizeNames.begin());
  }
}

std::unique_ptr<HostTable> buildHostTable(func::FuncOp function, const passes::MemoryPlan &plan, ArrayRef<LaunchCode> code) {
  return Builder(function, plan, code).build();
}

} // namespace ember::cpu
