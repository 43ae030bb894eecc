#include "ir/ops/Splat.h"

#include "ir/interfaces/Interfaces.h"
#include "ir/interpret/Bytes.h"
#include "ir/ops/Constant.h"
#include "ir/ops/View.h"

#include <cstring>

using namespace mlir;

namespace ember::ir {

// Floats by their bits: 0 is not -0, a NaN is itself.
static bool areEqual(Scalar a, Scalar b) {
  if (!a.isReal())
    return !b.isReal() && a.integer() == b.integer();
  double x = a.real(), y = b.real();
  return b.isReal() && std::memcmp(&x, &y, sizeof x) == 0;
}

static std::optional<Scalar> splatOfConstant(ConstantOp constant) {
  auto attribute = dyn_cast<SplatElementsAttr>(constant.getValue());
  if (!attribute)
    return std::nullopt;
  auto scalar = RankedTensorType::get({}, attribute.getElementType());
  return referenceOf(cast<ElementsAttr>(attribute.resizeSplat(scalar))).at(0);
}

std::optional<Scalar> splatOf(Value value) {
  // Without recursion: views may be chains of any length; those of several operands end the search unless all agree.
  std::optional<Scalar> number;
  SmallVector<Value> work{value};
  for (unsigned steps = 0; !work.empty(); ++steps) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (!op || steps > 16)
      return std::nullopt;
    std::optional<Scalar> own;
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      own = splatOfConstant(constant);
      if (!own)
        return std::nullopt;
    } else if (auto view = dyn_cast<ViewOp>(op); view && view.movedOperands() == op->getNumOperands()) { // no index may fault
      own = view.fill();
      llvm::append_range(work, op->getOperands().take_front(view.movedOperands()));
    } else {
      return std::nullopt;
    }
    if (own && number && !areEqual(*own, *number))
      return std::nullopt;
    number = own ? own : number;
  }
  return number;
}

bool isSplat(Value value, double number) {
  std::optional<Scalar> found = splatOf(value);
  return found && areEqual(*found, found->isReal() ? Scalar::real(number) : Scalar::integer(static_cast<int64_t>(number)));
}

Value splatLike(OpBuilder &builder, Location loc, RankedTensorType type, Scalar number) {
  ReferenceTensor scalar = ReferenceTensor::zeros(RankedTensorType::get({}, type.getElementType()));
  scalar.set(0, number);
  Value constant = ConstantOp::create(builder, loc, constantOf(scalar));
  return type.getRank() == 0 ? constant : BroadcastOp::create(builder, loc, type, constant).getResult();
}

} // namespace ember::ir
