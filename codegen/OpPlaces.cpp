#include "codegen/OpPlaces.h"

#include "mlir/IR/Builders.h"
#include "runtime/include/ember_rt.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace ember {

namespace {

struct Origin {
  int32_t number = EMBER_UNKNOWN_OP;
  StringRef name;
};

// The number is metadata around the location as it was: [number, name].
Origin originOf(Location location) {
  Origin origin;
  location->walk([&](Location own) {
    auto fused = dyn_cast<FusedLoc>(own);
    auto metadata = fused ? dyn_cast_or_null<ArrayAttr>(fused.getMetadata()) : ArrayAttr();
    if (!metadata || metadata.size() != 2)
      return WalkResult::advance();
    origin = {static_cast<int32_t>(cast<IntegerAttr>(metadata[0]).getInt()), cast<StringAttr>(metadata[1]).getValue()};
    return WalkResult::interrupt();
  });
  return origin;
}

} // namespace

void numberOps(func::FuncOp function) {
  Builder builder(function.getContext());
  for (auto [number, op] : llvm::enumerate(function.getBody().front().without_terminator())) {
    Attribute metadata[] = {builder.getI32IntegerAttr(static_cast<int32_t>(number)),
                            builder.getStringAttr(op.getName().stripDialect())};
    op.setLoc(FusedLoc::get(builder.getContext(), {op.getLoc()}, builder.getArrayAttr(metadata)));
  }
}

int32_t opNumber(Location location) { return originOf(location).number; }

std::string opPlace(Location location) {
  std::string name = originOf(location).name.str();
  auto file = location->findInstanceOf<FileLineColLoc>();
  if (!file || name.empty())
    return name;
  return llvm::sys::path::filename(file.getFilename()).str() + ":" + std::to_string(file.getLine()) + ":" +
         std::to_string(file.getColumn()) + ": " + name;
}

} // namespace ember
