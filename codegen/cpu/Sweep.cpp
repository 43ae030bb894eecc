// The sweep generator: each part is a kernel of its own, called for its share of the whole's units. A unit is one grain of a
// part, so that ranges end where a part lets them; parts of equal text share their code.
#include "codegen/cpu/Sweep.h"

#include "codegen/kernel/Parts.h"
#include "ir/EmberDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace ember::ir;
using namespace ember::kernel;

namespace ember::cpu {

std::string Sweep::refuse(const Group &group) const {
  if (!sizeNames(group).empty())
    return "a sweep is of static sizes";
  if (loadsIndices(group))
    return "a sweep loads no indices";
  std::vector<Part> parts = independentParts(group);
  if (parts.size() < 2)
    return "everything in it hangs together";
  for (const Part &part : parts)
    if (std::string reason = each.refuse(part.group); !reason.empty())
      return "a part: " + reason;
  return "";
}

namespace {

struct Share {
  KernelCode code;
  int64_t extent, first, units; // of the part's own work; of the whole's
};

// Calls the parts for what [begin, end) holds of each.
class Entry {
public:
  Entry(ModuleOp module, StringRef symbol, size_t buffers)
      : b(UnknownLoc::get(module.getContext()), module.getContext()), pointer(LLVM::LLVMPointerType::get(module.getContext())) {
    b.setInsertionPointToEnd(module.getBody());
    Type number = b.getI64Type();
    entry = func::FuncOp::create(b, symbol, b.getFunctionType({pointer, pointer, pointer, pointer, number, number}, {}));
    b.setInsertionPointToStart(entry.addEntryBlock());
    array = LLVM::AllocaOp::create(b, pointer, pointer, constant(buffers));
  }

  void call(const Part &part, const Share &share) {
    Value begin = within(entry.getArgument(4), share), end = within(entry.getArgument(5), share);
    Value isAny = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, begin, end);
    auto branch = scf::IfOp::create(b, isAny, false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    for (auto [own, whole] : llvm::enumerate(part.buffers))
      LLVM::StoreOp::create(b, LLVM::LoadOp::create(b, pointer, slot(entry.getArgument(0), whole)), slot(array, own));
    Value grain = constant(share.code.grain);
    Value last = arith::MinSIOp::create(b, arith::MulIOp::create(b, end, grain), constant(share.extent));
    func::CallOp::create(b, share.code.symbol, TypeRange{},
                         ValueRange{array, entry.getArgument(1), entry.getArgument(2), entry.getArgument(3),
                                    arith::MulIOp::create(b, begin, grain), last});
  }

  void finish() { func::ReturnOp::create(b); }

private:
  Value constant(int64_t value) { return arith::ConstantOp::create(b, b.getI64IntegerAttr(value)); }
  Value slot(Value base, int32_t number) {
    return LLVM::GEPOp::create(b, pointer, pointer, base, ArrayRef<LLVM::GEPArg>{number});
  }
  Value within(Value unit, const Share &share) {
    Value own = arith::SubIOp::create(b, unit, constant(share.first));
    return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, own, constant(0)), constant(share.units));
  }

  ImplicitLocOpBuilder b;
  Type pointer;
  func::FuncOp entry;
  Value array;
};

} // namespace

KernelCode Sweep::emit(const Group &group, ModuleOp module, StringRef symbol, unsigned lanes) const {
  std::vector<Part> parts = independentParts(group);
  std::map<std::string, KernelCode> known;
  std::vector<Share> shares;
  int64_t units = 0, scratch = 0;
  double nanoseconds = 0;
  size_t buffers = 0;
  for (const Part &part : parts) {
    auto [place, isNew] = known.try_emplace(textOf(part.group));
    if (isNew)
      place->second = each.emit(part.group, module, (symbol + "_part" + Twine(known.size())).str(), lanes);
    const KernelCode &code = place->second;
    int64_t extent = *code.extent.constant();
    shares.push_back({code, extent, units, (extent + code.grain - 1) / code.grain});
    units += shares.back().units;
    nanoseconds += extent * code.nanosecondsPerUnit;
    scratch = std::max(scratch, code.scratchBytes.constant().value_or(0));
    buffers = std::max(buffers, part.buffers.size());
  }
  Entry entry(module, symbol, buffers);
  for (auto [part, share] : llvm::zip_equal(parts, shares))
    entry.call(part, share);
  entry.finish();
  KernelCode code;
  code.symbol = symbol.str();
  code.extent = SizeExpr(units);
  code.nanosecondsPerUnit = nanoseconds / std::max<int64_t>(units, 1);
  code.scratchBytes = SizeExpr(scratch);
  return code;
}

} // namespace ember::cpu
