#include "ir/Signature.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace ember::ir {

static constexpr llvm::StringLiteral kRoles[] = {"input", "parameter", "buffer", "constant", "generator", "hyper", "optimizer"};

StringRef roleName(Role role) { return kRoles[static_cast<int>(role)]; }

std::optional<Role> roleOf(StringRef name) {
  for (auto [number, own] : llvm::enumerate(kRoles))
    if (name == own)
      return static_cast<Role>(number);
  return std::nullopt;
}

ArgumentInfo argumentInfo(func::FuncOp function, unsigned number) {
  ArgumentInfo info{"input" + std::to_string(number)};
  if (auto name = function.getArgAttrOfType<StringAttr>(number, "ember.name"))
    info.name = name.str();
  if (auto role = function.getArgAttrOfType<StringAttr>(number, "ember.role"))
    info.role = roleOf(role).value_or(Role::Input);
  info.trainable = function.getArgAttr(number, "ember.trainable") != nullptr;
  if (auto formula = function.getArgAttrOfType<StringAttr>(number, "ember.formula"))
    info.formula = formula.str();
  return info;
}

void setArgumentInfo(func::FuncOp function, unsigned number, const ArgumentInfo &info) {
  Builder builder(function.getContext());
  function.setArgAttr(number, "ember.name", builder.getStringAttr(info.name));
  function.setArgAttr(number, "ember.role", builder.getStringAttr(roleName(info.role)));
  if (info.trainable)
    function.setArgAttr(number, "ember.trainable", builder.getUnitAttr());
  else
    function.removeArgAttr(number, "ember.trainable");
  if (!info.formula.empty())
    function.setArgAttr(number, "ember.formula", builder.getStringAttr(info.formula));
  else
    function.removeArgAttr(number, "ember.formula");
}

ResultInfo resultInfo(func::FuncOp function, unsigned number) {
  ResultInfo info{"output" + std::to_string(number)};
  if (auto name = function.getResultAttrOfType<StringAttr>(number, "ember.name"))
    info.name = name.str();
  if (auto updates = function.getResultAttrOfType<IntegerAttr>(number, "ember.updates"))
    info.updates = updates.getInt();
  return info;
}

void setResultInfo(func::FuncOp function, unsigned number, const ResultInfo &info) {
  Builder builder(function.getContext());
  function.setResultAttr(number, "ember.name", builder.getStringAttr(info.name));
  if (info.updates >= 0)
    function.setResultAttr(number, "ember.updates", builder.getI64IntegerAttr(info.updates));
  else
    function.removeResultAttr(number, builder.getStringAttr("ember.updates"));
}

} // namespace ember::ir
