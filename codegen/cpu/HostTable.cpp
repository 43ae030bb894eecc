#include "codegen/cpu/HostTable.h"

#include "ir/ops/Kernel.h"

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
    size_t number = 0;
    int64_t scratch = 0;
    SizeExpr dynamicScratch;
    for (KernelOp kernel : block.getOps<KernelOp>()) {
      const LaunchCode &own = code[number++];
      if (own.code.canFault)
        table->program.fault_launches = number;
      if (std::optional<int64_t> bytes = own.code.scratchBytes.constant())
        scratch = std::max(scratch, (*bytes + 63) / 64 * 64);
      else // dynamic ones add up: a bound, not the largest
        dynamicScratch = dynamicScratch + own.code.scratchBytes * SizeExpr(64);
      addLaunch(kernel, own);
    }
    ember_program &program = table->program;
    program.abi = EMBER_RT_ABI;
    program.argument_count = function.getNumArguments();
    program.result_count = block.getTerminator()->getNumOperands();
    program.launch_count = table->launches.size();
    program.launches = table->launches.data();
    program.arena_bytes = value(plan.arenaBytes);
    program.scratch_bytes = value(SizeExpr(scratch) + dynamicScratch);
    program.value_count = table->values.size();
    for (const SizeExpr &size : table->values) {
      table->isStatic &= size.isConstant();
      table->staticValues.push_back(size.constant().value_or(0));
    }
    program.static_values = table->staticValues.data();
    return std::move(table);
  }

private:
  uint32_t value(const SizeExpr &size) {
    auto [place, isNew] = known.emplace(size, table->values.size());
    if (isNew)
      table->values.push_back(size);
    return place->second;
  }

  ember_buffer_ref refOf(Value operand) {
    const passes::Place &place = plan.places.find(operand)->second;
    if (place.kind == passes::Place::Kind::Arena)
      return {EMBER_ARENA, value(place.offset)};
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
  std::map<SizeExpr, uint32_t> known;
};

} // namespace

std::vector<int64_t> HostTable::resolve(const std::map<std::string, int64_t> &sizes) const {
  std::vector<int64_t> numbers;
  for (const SizeExpr &size : values)
    numbers.push_back(size.evaluate(sizes));
  return numbers;
}

std::unique_ptr<HostTable> buildHostTable(func::FuncOp function, const passes::MemoryPlan &plan, ArrayRef<LaunchCode> code) {
  return Builder(function, plan, code).build();
}

} // namespace ember::cpu
